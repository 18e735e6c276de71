"""The consent server's port and thread: where it listens, what it goes on with, and that nothing stays behind."""

from __future__ import annotations

import errno
import logging
import os
import socket
import threading
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import urlsplit

import pytest

from orgcal.consent import server
from orgcal.consent.server import serve_here, serving
from orgcal.consent.service import ConsentService
from orgcal.errors import UsageError
from tests.support.consent_server import CALLBACK, FakeService

TAKEN = os.strerror(errno.EADDRINUSE)


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    caplog.set_level(logging.INFO, "orgcal.consent")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "orgcal.consent"]


def service_of(**fields: Any) -> ConsentService:
    return cast(ConsentService, FakeService(**fields))


def refusal_of_taken(port: int) -> tuple[str, str, str]:
    what = f"port {port} cannot be used ({TAKEN})"
    return what, "orgcal consent serve", "end what uses it, or choose another with --port"


def told(refused: pytest.ExceptionInfo[UsageError]) -> tuple[str, str, str]:
    return refused.value.what, refused.value.where, refused.value.repair


def consent_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "consent"]


def test_server_without_a_port_says_how_to_name_one() -> None:
    with pytest.raises(UsageError) as refused:
        serve_here(service_of(), None, trusted_proxies=(), on_listening=print)

    assert told(refused) == (
        "the redirect URI names no port to listen on",
        f"https://acme.example{CALLBACK}",
        "--port 8400, and let the proxy that serves the redirect URI pass requests on to it",
    )


@pytest.mark.parametrize(("resumed", "lines"), [(3, ["going on with 3 proofs"]), (0, [])])
def test_server_listens_on_its_port_and_tells_what_it_goes_on_with(
    monkeypatch: pytest.MonkeyPatch, logged: Callable[[], list[str]], resumed: int, lines: list[str]
) -> None:
    served: list[tuple[str, int]] = []
    listening: list[str] = []

    class Server:
        def __init__(self, config: Any) -> None:
            assert config.forwarded_allow_ips == ["10.0.0.1"]

        def run(self, *, sockets: list[Any]) -> None:
            assert len(listening) == 1, "whoever is told of it may connect at once"
            served.append(sockets[0].getsockname())

    monkeypatch.setattr("uvicorn.Server", Server)

    serve_here(service_of(resumed=resumed), 0, trusted_proxies=("10.0.0.1",), on_listening=listening.append)

    [(host, port)] = served
    assert host == "127.0.0.1"
    assert listening == [f"http://127.0.0.1:{port}, for https://acme.example{CALLBACK}"]
    assert logged() == lines
    socket.create_server((host, port)).close()


def test_server_whose_port_is_taken_serves_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("uvicorn.Server", lambda _: pytest.fail("requests would be passed on to another port"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        service = service_of(redirect_uri=f"http://localhost:{port}/cb")
        with pytest.raises(UsageError) as refused:
            serve_here(service, None, trusted_proxies=(), on_listening=print)

    assert told(refused) == refusal_of_taken(port)


def test_port_that_is_taken_is_refused_and_that_of_localhost_may_be_another() -> None:
    with serving(service_of(redirect_uri="http://localhost/consent/callback")) as first:
        port = urlsplit(first.redirect_uri).port or 0
        assert port >= 1024, "a free one"
        same = FakeService(redirect_uri=f"http://localhost:{port}/consent/callback")
        with serving(cast(ConsentService, same)) as second:
            other = urlsplit(second.redirect_uri)
            assert (other.hostname, other.port != port, other.path) == ("localhost", True, "/consent/callback")
            assert (other.port or 0) >= 1024
        assert same.redirect_uri == f"http://localhost:{port}/consent/callback", "as before"
        for uri, given in ((f"http://localhost:{port}/cb", port), (f"http://127.0.0.1:{port}/cb", None)):
            with pytest.raises(UsageError) as refused, serving(service_of(redirect_uri=uri), given):
                pytest.fail("two servers on one port")
            assert told(refused) == refusal_of_taken(port)


def test_computer_without_any_port_to_listen_on_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[object] = []

    def refuse(address: object) -> None:
        tried.append(address)
        assert len(tried) < 9, "it is tried again and again"
        raise OSError(errno.EACCES, "no")

    monkeypatch.setattr(socket, "create_server", refuse)

    with pytest.raises(UsageError) as refused, serving(service_of(redirect_uri="http://localhost:8400/cb")):
        pytest.fail("nobody receives callbacks")

    assert refused.value.what == f"port 0 cannot be used ({os.strerror(errno.EACCES)})"
    assert tried == [("127.0.0.1", 8400), ("127.0.0.1", 0)]


def test_callback_of_another_host_is_served_on_its_port_and_keeps_its_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    service = FakeService(redirect_uri=f"http://127.0.0.1:{port}/cb")

    with serving(cast(ConsentService, service)) as served:
        assert served.redirect_uri == f"http://127.0.0.1:{port}/cb"
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(b"GET /cb HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 400 ")


def test_server_goes_on_with_proofs_and_leaves_neither_thread_nor_port() -> None:
    service = FakeService(redirect_uri="http://localhost/consent/callback")

    with serving(cast(ConsentService, service)):
        port = urlsplit(service.redirect_uri).port or 0
        assert service.resumes == 1
        assert [thread.daemon for thread in consent_threads()] == [True], "a command that dies is not kept alive"

    assert consent_threads() == []
    socket.create_server(("127.0.0.1", port)).close()


def test_server_that_does_not_start_is_told_and_its_port_is_free_again(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    class NeverReady:
        should_exit = False

        def __init__(self, _: object) -> None:
            self.ready = self

        def wait(self, seconds: float) -> bool:
            waits.append(seconds)
            return False

        def run(self, *, sockets: list[socket.socket]) -> None:
            """It ends at once."""

    monkeypatch.setattr(server, "_Server", NeverReady)
    service = FakeService(redirect_uri="http://localhost/consent/callback")

    with pytest.raises(UsageError) as refused, serving(cast(ConsentService, service)):
        pytest.fail("nobody receives callbacks")

    what, where, repair = told(refused)
    port = urlsplit(where).port or 0
    assert (what, where, repair) == (
        "the consent callback could not be started",
        f"http://localhost:{port}/consent/callback",
        "",
    )
    assert (waits, service.resumes) == ([10.0], 0)
    assert service.redirect_uri == "http://localhost/consent/callback"
    socket.create_server(("127.0.0.1", port)).close()
