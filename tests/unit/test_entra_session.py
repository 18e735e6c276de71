"""What a session lets out and takes in: servers, trust, proxies, times, lengths, and refusals without secrets."""

from __future__ import annotations

import io
import os
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme
import urllib3

from orgcal import __version__
from orgcal.entra.clouds import CloudEndpoints, EmulatorEndpoints, load_endpoints
from orgcal.entra.session import RedactingAdapter, _Adapter, _start_of, _whole, new_session, wire
from orgcal.errors import Unreachable
from tests.scripted_graph import Reply, ScriptedGraph, serving
from tests.support.answered_tokens import TENANT

PUBLIC = load_endpoints("public", {})
MIB = 1024 * 1024


def adapter_of(session: requests.Session) -> _Adapter:
    adapter = session.get_adapter("https://x")
    assert isinstance(adapter, _Adapter)
    return adapter


def unreachable(what: str, where: str, repair: str) -> dict[str, Any]:
    return {"what": what, "where": where, "repair": repair, "retry_after_s": None}


# --- servers ---

CHANGED = "something between here and that server changes its answers, or it belongs to another cloud"


@pytest.mark.parametrize(
    ("servers", "url", "there", "whose"),
    [
        ((), "https://evil.example/x?token=1", "https://evil.example:443", "a server of the public cloud"),
        ((), "http://graph.microsoft.com/", "http://graph.microsoft.com:80", "a server of the public cloud"),
        ((), "https:///v1.0", "no server", "a server of the public cloud"),
        (
            ("https://own.example/api", "no address"),
            "https://graph.microsoft.com/",
            "https://graph.microsoft.com:443",
            "the server that this request is for",
        ),
        (("https://own.example/api", "no address"), "no address", "no server", "the server that this request is for"),
    ],
)
def test_session_sends_to_no_other_server(servers: tuple[str, ...], url: str, there: str, whose: str) -> None:
    known = (
        "https://own.example:443"
        if servers
        else "https://graph.microsoft.com:443 or " + ("https://login.microsoftonline.com:443")
    )
    with new_session(PUBLIC, servers=servers) as session:
        asks: list[Callable[[str], object]] = [adapter_of(session).check]
        if there != "no server":
            asks.append(lambda url: wire(session, url, {}))
        for ask in asks:
            with pytest.raises(Unreachable) as refused:
                ask(url)
            what = f"an answer leads to {there}, which is not {whose}; nothing was sent there"
            assert vars(refused.value) == unreachable(what, known, CHANGED)


@pytest.mark.parametrize("url", ["https://graph.microsoft.com/v1.0", "https://LOGIN.microsoftonline.com:443/x?y"])
def test_session_sends_to_entra_and_graph_of_its_cloud(url: str) -> None:
    with new_session(PUBLIC) as session:
        adapter_of(session).check(url)


def test_both_schemes_go_the_same_way() -> None:
    with new_session(PUBLIC) as session:
        assert session.get_adapter("http://x") is session.get_adapter("https://x") is adapter_of(session)


# --- trust, and what is read of the surroundings ---


@pytest.mark.parametrize(
    ("environ", "verify"),
    [
        ({}, True),
        ({"REQUESTS_CA_BUNDLE": "/a.pem"}, "/a.pem"),
        ({"CURL_CA_BUNDLE": "/b.pem"}, "/b.pem"),
        ({"REQUESTS_CA_BUNDLE": "/a.pem", "CURL_CA_BUNDLE": "/b.pem"}, "/a.pem"),
        ({"REQUESTS_CA_BUNDLE": ""}, True),
    ],
)
def test_company_may_add_its_authority_in_a_real_cloud(environ: Mapping[str, str], verify: bool | str) -> None:
    with new_session(PUBLIC, environ=environ) as session:
        assert session.verify == verify


def test_authority_is_read_from_the_process_unless_variables_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "REQUESTS_CA_BUNDLE", "/a.pem")
    with new_session(PUBLIC) as of_process, new_session(PUBLIC, environ={}) as of_nothing:
        assert (of_process.verify, of_nothing.verify) == ("/a.pem", True)


def test_emulators_own_authority_is_the_only_one() -> None:
    file = Path("/e/ca.pem")
    emulated = EmulatorEndpoints("d", file, TENANT, "c", file, file, "u", file, "u", file)
    with new_session(replace(PUBLIC, emulated=emulated), environ={"REQUESTS_CA_BUNDLE": "/a.pem"}) as session:
        assert session.verify == "/e/ca.pem"


def test_session_reads_nothing_per_request_and_follows_nothing() -> None:
    with new_session(PUBLIC) as session:
        assert (session.trust_env, session.max_redirects) == (False, 0)
        assert session.headers["User-Agent"] == f"orgcal/{__version__}"


def test_authorities_of_a_session_are_read_once(tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    for verify, count in ((str(tmp_path / "ca.pem"), 1), (str(tmp_path), 0)):
        with new_session(PUBLIC) as session:
            trust = adapter_of(session).trust(verify)
            assert isinstance(trust, ssl.SSLContext)
            assert trust.verify_mode == ssl.CERT_REQUIRED
            assert trust.cert_store_stats()["x509_ca"] == count, "a folder's are read when they are needed"
            assert adapter_of(session).trust(verify) is trust
    for public in (True, None):
        with new_session(PUBLIC) as session:
            assert adapter_of(session).trust(public).cert_store_stats()["x509_ca"] > 50


def test_proxies_are_those_of_the_surroundings_but_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "all_proxy", "ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "login.microsoftonline.com")
    with new_session(PUBLIC) as session:
        adapter = adapter_of(session)
        for _ in range(2):
            assert adapter.proxies_to("https://graph.microsoft.com/v1.0")["https"] == "http://proxy.example:3128"
            assert "https" not in adapter.proxies_to("https://login.microsoftonline.com/x")
            assert adapter.proxies_to("https://localhost:8443/x") == adapter.proxies_to("https://127.0.0.9/x") == {}
        monkeypatch.delenv("https_proxy")
        assert "https" in adapter.proxies_to("https://graph.microsoft.com/other"), "they are read once for each host"


# --- requests ---


@pytest.fixture(scope="module")
def graph() -> Iterator[ScriptedGraph]:
    with serving(ScriptedGraph(3)) as graph:
        yield graph


@pytest.mark.parametrize(("asked", "waits"), [({}, (10.0, 60.0)), ({"timeout": (1.0, 2.0)}, (1.0, 2.0))])
def test_request_waits_ten_seconds_to_connect_and_sixty_in_silence(
    monkeypatch: pytest.MonkeyPatch, asked: dict[str, Any], waits: tuple[float, float]
) -> None:
    class Pool:
        def urlopen(self, *, timeout: urllib3.Timeout, **_: Any) -> urllib3.HTTPResponse:
            assert (timeout.connect_timeout, timeout.read_timeout) == waits
            return urllib3.HTTPResponse(io.BytesIO(b"{}"), status=200, preload_content=False)

    with new_session(PUBLIC) as session:
        monkeypatch.setattr(adapter_of(session), "get_connection_with_tls_context", lambda *_, **__: Pool())
        assert session.get("https://graph.microsoft.com/v1.0/me", **asked).json() == {}


def test_wire_waits_as_long_and_says_who_asks(graph: ScriptedGraph) -> None:
    graph.intercept = lambda seen: Reply(200, {"a": 1})
    with new_session(graph.endpoints) as session:
        sender = wire(session, f"{graph.url}/v1.0/x?y=z", {"X-Own": "1"})
        assert sender.post("t", b"").content == b'{"a": 1}'
        pool: Any = sender._pool
        connection = pool._get_conn()
        assert (connection.timeout, connection.sock.gettimeout()) == (10.0, 60.0)
        pool._put_conn(connection)

    seen = graph.seen[-1]
    assert (seen.method, seen.path, seen.token) == ("POST", "/v1.0/x?y=z", "t")
    assert (seen.headers["user-agent"], seen.headers["x-own"]) == (f"orgcal/{__version__}", "1")


def test_wire_trusts_what_its_session_trusts_over_tls_alone() -> None:
    with new_session(PUBLIC, environ={}) as session:
        assert wire(session, "https://graph.microsoft.com/v1.0", {})._trust is adapter_of(session).trust(True)
    plain = CloudEndpoints("public", "http://a.example", "http://b.example", "public")
    with new_session(plain, environ={}) as session:
        assert wire(session, "http://a.example/", {})._trust is None


SECRET = "secret-token-value"


@pytest.mark.parametrize("status", [299, 300, 404, 500])
def test_secret_that_a_refusal_quotes_is_taken_out_of_all_of_it(graph: ScriptedGraph, status: int) -> None:
    graph.intercept = lambda seen: Reply(status, {"said": f"no {SECRET}"}, {"X-Echo": f"a {SECRET}"})
    with new_session(graph.endpoints) as session:
        answer = session.post(f"{graph.url}/x", data={"client_secret": SECRET})

    shown = "***" if status >= 300 else SECRET
    assert (answer.json(), answer.headers["X-Echo"]) == ({"said": f"no {shown}"}, f"a {shown}")
    assert b"".join(answer.iter_content(7)) == answer.content


def test_words_of_a_refusals_first_line_are_kept_without_secrets(graph: ScriptedGraph) -> None:
    graph.intercept = lambda seen: Reply(404)
    with new_session(graph.endpoints) as session:
        answer = session.get(f"{graph.url}/x", headers={"Authorization": "Bearer Not Found"})

    assert (answer.reason, answer.content) == ("***", b"")


# --- lengths ---


class Parts:
    """An answer that comes in parts."""

    url = "https://graph.example/v1.0/users?token=1"

    def __init__(self, *sizes: int) -> None:
        self.sizes = list(sizes)
        self.closed = False

    def iter_content(self, most: int) -> Iterator[bytes]:
        assert most <= 64 * 1024
        while self.sizes:
            yield b"x" * self.sizes.pop(0)

    def close(self) -> None:
        self.closed = True


def test_answer_of_16_mib_is_taken_and_a_longer_one_given_up() -> None:
    parts: Any = Parts(10 * MIB, 6 * MIB)
    assert (len(_whole(parts)), parts.closed) == (16 * MIB, False)

    parts = Parts(16 * MIB, 1, MIB)
    with pytest.raises(Unreachable) as refused:
        _whole(parts)

    assert vars(refused.value) == unreachable(
        "the answer has more than 16 MiB",
        "https://graph.example/v1.0/users",
        "check the server's address, and what stands between here and it",
    )
    assert (parts.closed, parts.sizes) == (True, [MIB])


@pytest.mark.parametrize(
    ("sizes", "kept", "left"),
    [([65536], 65536, []), ([65536, 5], 65541, []), ([65537, 5], 65537, [5]), ([1, 2, 3], 6, [])],
)
def test_refusal_is_read_up_to_64_kib_and_a_part(sizes: list[int], kept: int, left: list[int]) -> None:
    parts: Any = Parts(*sizes)

    assert (len(_start_of(parts)), parts.sizes, parts.closed) == (kept, left, kept > 65536)


def test_adapter_of_other_programs_redacts_alike(graph: ScriptedGraph) -> None:
    graph.intercept = lambda seen: Reply(400, SECRET.encode())
    with requests.Session() as session:
        session.mount("http://", RedactingAdapter())
        assert session.get(f"{graph.url}/x", headers={"X-Api-Key": SECRET}).text == "***"
