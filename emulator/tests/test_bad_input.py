"""Whatever is sent, the answer is an error of the right shape, never a 500, never a trace, and nothing changes."""

from __future__ import annotations

import asyncio
import json
import random
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from emulator_testing.made_up_requests import HEADERS, KNOWN, METHODS, OTHER_PATHS, TYPES, MadeUp
from emulator_testing.raw_exchange import raw_exchange
from orgcal_emulator.graph.permissions import APPLICATION_PERMISSIONS
from orgcal_emulator.server import Keys, RunningEmulator

GENERATED = 10_000
"""Generated requests in all, shared by the tests below."""

Answer = tuple[int, bytes]


class Direct:
    """Sends requests straight into the ASGI application: no TLS, thousands a second."""

    def __init__(self, emulator: RunningEmulator) -> None:
        self.emulator = emulator
        self._loop = asyncio.new_event_loop()
        self.host = f"localhost:{emulator.ready['port']}"
        names = [each.name for each in APPLICATION_PERMISSIONS]
        client = emulator.add_client("contoso.example", *names)
        self.client_id, self.secret = client.client_id, client.secret
        form = {
            "grant_type": "client_credentials", "client_id": client.client_id, "client_secret": client.secret,
            "scope": "https://graph.microsoft.com/.default",
        }  # fmt: skip
        base_url = emulator.ready["base_url"]
        token = emulator.cloud.tokens.issue(client.tenant_id, form, base_url)["access_token"]
        self.headers = {"host": self.host, "authorization": f"Bearer {token}"}
        self.keys = [emulator.ready["control"]["token_file"], emulator.ready["platform"]["api_key_file"]]

    def send(self, method: str, target: str, body: bytes = b"", **headers: str) -> Answer:
        path, _, query = target.partition("?")
        all_headers = {**self.headers, **headers}
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "https",
            "path": path, "raw_path": quote(path, safe="/%$()'=@:,;+~!*&").encode(), "root_path": "",
            "query_string": quote(query, safe="/%$()'=@:,;+~!*&?").encode(), "server": ("localhost", 1),
            "client": ("127.0.0.1", 1),
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in all_headers.items()],
        }  # fmt: skip
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def collect(message: Any) -> None:
            sent.append(message)

        self._loop.run_until_complete(self.emulator.app(scope, receive, collect))
        raw = b"".join(each.get("body", b"") for each in sent if each["type"] == "http.response.body")
        return int(sent[0]["status"]), raw

    def close(self) -> None:
        self._loop.close()

    def state(self) -> dict[str, Any]:
        return self.emulator.cloud.export()


@pytest.fixture(scope="module")
def direct(emulator_keys: Keys) -> Iterator[Direct]:
    emulator = RunningEmulator(keys=emulator_keys)
    with emulator:
        made = Direct(emulator)
        body = json.dumps({"displayName": "present", "uniqueName": "present"}).encode()
        assert made.send("POST", "/v1.0/applications", body, **{"content-type": "application/json"})[0] == 201
        yield made
        made.close()


def exchange(
    direct: Direct, method: str, target: str, body: bytes, headers: dict[str, str], before: dict[str, Any]
) -> dict[str, Any]:
    """Send a request and judge its answer; the state after it, where a refusal must have left the one `before`."""
    status, raw = direct.send(method, target, body, **headers)
    named = {name: value for name, value in headers.items() if name != "authorization"}
    shown = f"{method} {target!r} {named} {body[:300]!r} -> {status} {raw[:300]!r}"
    assert status < 500 or status == 501, shown
    assert b"Traceback" not in raw, shown
    assert b'File "' not in raw, shown
    after = direct.state()
    if status >= 400:
        assert after == before, f"state changed: {shown}"
        if method != "HEAD" and not raw.startswith(b"<!doctype html>"):
            error = json.loads(raw)["error"]
            assert error["code"] if isinstance(error, dict) else error, shown
    return after


def seed() -> int:
    """Another one in each run; where pytest-randomly runs, `--randomly-seed` of that run makes it up again."""
    return random.getrandbits(64)


@pytest.mark.timeout(300)
def test_generated_graph_requests_never_break_it(direct: Direct) -> None:
    made_up, before = MadeUp(seed()), direct.state()
    for _ in range(GENERATED * 3 // 5):
        method, target, body = made_up.one_of(METHODS), made_up.target("/v1.0"), made_up.body()
        headers = {"content-type": made_up.one_of(TYPES), **made_up.one_of(HEADERS)}
        before = exchange(direct, method, target, body, headers, before)


@pytest.mark.timeout(300)
def test_generated_bodies_for_known_routes_never_break_it(direct: Direct) -> None:
    made_up, before = MadeUp(seed()), direct.state()
    for _ in range(GENERATED // 4):
        method, path = made_up.one_of(KNOWN)
        target, headers = made_up.target("", path=path), {"content-type": "application/json", **made_up.one_of(HEADERS)}
        before = exchange(direct, method, target, made_up.body(), headers, before)


@pytest.mark.timeout(300)
def test_generated_requests_outside_of_graph_never_break_it(direct: Direct) -> None:
    made_up, before = MadeUp(seed()), direct.state()
    for _ in range(GENERATED // 5):
        method, path, headers = (
            made_up.one_of(METHODS),
            made_up.one_of(OTHER_PATHS),
            {"content-type": made_up.one_of(TYPES)},
        )
        if made_up.one_of((True, False)):
            key = direct.keys[0] if path.startswith("/_emulator") else direct.keys[1]
            headers["authorization"] = f"Bearer {Path(key).read_text()}"
        body = made_up.one_of((made_up.form, made_up.body))()
        before = exchange(direct, method, path, body, headers, before)


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"{}", "text/plain", 400),
        (b"{}", "", 400),
        (b"x" * (4 * 1024 * 1024 + 1), "application/json", 413),
        (b"", "application/json", 400),
        (b"null", "application/json", 400),
    ],
)
def test_bad_bodies_answer_in_graphs_shape(direct: Direct, body: bytes, kind: str, status: int) -> None:
    before = direct.state()
    answer = direct.send("POST", "/v1.0/applications", body, **{"content-type": kind})
    assert answer[0] == status
    assert set(json.loads(answer[1])["error"]) == {"code", "message", "innerError"}
    assert direct.state() == before


@pytest.mark.parametrize(
    "line",
    [
        b"GET /v1.0/../_emulator/journal HTTP/1.1",
        b"GET /v1.0/..%2f..%2f_emulator/journal HTTP/1.1",
        b"GET /v1.0//users HTTP/1.1",
        b"GET /_emulator/../v1.0/users HTTP/1.1",
        b"GET /v1.0/users%00 HTTP/1.1",
    ],
)
def test_path_tricks_reach_nothing(emulator: RunningEmulator, line: bytes) -> None:
    host = f"Host: localhost:{emulator.ready['port']}".encode()
    answer = raw_exchange(emulator, line + b"\r\n" + host + b"\r\n\r\n")
    assert answer.split(b" ")[1] in (b"401", b"501", b"400", b"404")


def test_header_injection_through_the_request_id_adds_no_header(emulator: RunningEmulator) -> None:
    host = f"Host: localhost:{emulator.ready['port']}".encode()
    head = b"GET /v1.0/users HTTP/1.1\r\n" + host + b"\r\nclient-request-id: a\tb\x80\r\n\r\n"
    answer = raw_exchange(emulator, head)
    assert b"a\tb" not in answer


def test_client_request_id_comes_back(operator: Any) -> None:
    answer = operator.get("applications", **{"client-request-id": "my-id"})
    assert answer.headers["client-request-id"] == "my-id"
    assert set(answer.headers["request-id"]) <= set(string.hexdigits + "-")


def test_unknown_hosts_are_not_answered(emulator: RunningEmulator) -> None:
    answer = raw_exchange(emulator, b"GET /v1.0/users HTTP/1.1\r\nHost: evil.example\r\n\r\n")
    assert b" 421 " in answer.split(b"\r\n")[0]
