"""Every request of the stand-in stays on this machine, whatever names, redirects and the surroundings say."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from orgcal.entra.credentials import FederatedToken
from orgcal.errors import CloudMismatch
from orgcal.platforms.testing_server import Reply, StrictServer
from orgcal.provider.azuread.guard import guarded_session
from orgcal.provider.azuread.settings import read_settings


@pytest.fixture
def server() -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    """A server on this machine: its address, and what it was asked for with the Authorization of each request."""
    seen: list[tuple[str, str | None]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # name of http.server
            seen.append((self.path, self.headers.get("Authorization")))
            self.send_response(302 if self.path == "/moved" else 200)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
            pass

    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{running.server_address[1]}", seen
    running.shutdown()
    running.server_close()
    thread.join()


def answered_by(addresses: list[str], name: str = "localhost") -> Any:
    """A name service of this machine that gives these addresses for a name, and knows no other one."""

    def answer(host: str, port: object, *rest: Any, **options: Any) -> list[Any]:
        if host != name:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [(socket.AF_INET, 0, 0, "", (address, 0)) for address in addresses]

    return answer


def test_name_that_leads_to_another_machine_is_refused_before_it_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", answered_by(["127.0.0.1", "10.0.0.1"]))
    with guarded_session() as session, pytest.raises(CloudMismatch) as caught:
        session.get("http://localhost:1/", timeout=1)
    assert str(caught.value) == (
        "the azuread stand-in speaks to the local emulator only, and this machine's name service for 'localhost' names "
        "'10.0.0.1'\n  repair: use the real azuread plugin (AZUREAD_PLUGIN=real)"
    )


def test_name_is_asked_for_again_with_each_request(
    server: tuple[str, list[tuple[str, str | None]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may lead elsewhere by then."""
    address, seen = server
    with guarded_session() as session:
        assert session.get(f"{address}/first", timeout=30).status_code == 200
        monkeypatch.setattr(socket, "getaddrinfo", answered_by(["10.0.0.1"], "127.0.0.1"))
        with pytest.raises(CloudMismatch):
            session.get(f"{address}/second", timeout=30)
    assert [path for path, _ in seen] == ["/first"]


@pytest.mark.parametrize("scoped", ["fe80::1%lo0"])
def test_address_of_the_loopback_device_of_macos_is_this_machine(scoped: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", answered_by([scoped]))
    with guarded_session() as session, pytest.raises(requests.ConnectionError):
        session.get("http://localhost:1/", timeout=1)


def test_name_that_nobody_knows_fails_as_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*arguments: Any, **options: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with guarded_session() as session, pytest.raises(requests.ConnectionError):
        session.get("http://localhost:1/", timeout=1)


def test_redirect_is_not_followed(server: tuple[str, list[tuple[str, str | None]]]) -> None:
    address, seen = server
    with guarded_session() as session, pytest.raises(requests.TooManyRedirects):
        session.get(f"{address}/moved", timeout=30)
    assert [path for path, _ in seen] == ["/moved"]


def test_surroundings_add_no_login_and_no_proxy(
    server: tuple[str, list[tuple[str, str | None]]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    address, seen = server
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password hush\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    with guarded_session() as session:
        session.get(f"{address}/", timeout=30, proxies={"http": "http://127.0.0.1:1"})
    assert seen == [("/", None)]


@pytest.mark.parametrize("url", ["https://graph.microsoft.com/v1.0/me", "http://10.0.0.1/"])
def test_other_machine_is_refused_whatever_the_scheme(url: str) -> None:
    with guarded_session() as session, pytest.raises(CloudMismatch, match="an address it was told to call names"):
        session.get(url, timeout=1)


def test_issuer_on_this_machine_is_asked_for_each_token() -> None:
    """Source: https://docs.github.com/en/actions/reference/security/oidc, how a job asks for its token."""
    values = iter(["first", "second"])
    with StrictServer(lambda _: Reply(200, {"value": next(values)})).running() as server:
        variables = {"ARM_TENANT_ID": "t", "ARM_CLIENT_ID": "c", "ARM_METADATA_HOSTNAME": "localhost:1"}
        issuer = {"ARM_OIDC_REQUEST_URL": f"{server.base_url}/token", "ARM_OIDC_REQUEST_TOKEN": "key"}
        settings = read_settings({"useOidc": "true"}, {**variables, **issuer})
        assert settings is not None
        assert isinstance(settings.credential, FederatedToken)
        assert [settings.credential.read(), settings.credential.read()] == ["first", "second"]

    for request in server.seen:
        assert (request.method, request.path) == ("GET", "/token")
        assert request.query == {"audience": "api://AzureADTokenExchange"}
        assert request.headers["authorization"] == "Bearer key"
