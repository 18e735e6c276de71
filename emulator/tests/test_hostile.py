"""Requests that other clients send, or nobody should: each refused in the shape its path has, and nothing changes."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from emulator_testing.raw_exchange import raw_exchange
from orgcal_emulator.app import EmulatorApp
from orgcal_emulator.entra.issuers import IssuerKeys
from orgcal_emulator.request_body import LARGEST_BODY
from orgcal_emulator.server import RunningEmulator

ISV = "11111111-1111-1111-1111-111111111111"


def head(operator: Any, line: str, **headers: str) -> bytes:
    """A request's head with the operator's token."""
    host = operator.base_url.removeprefix("https://")
    lines = [line, f"Host: {host}", f"Authorization: Bearer {operator.token()}", "Content-Type: application/json"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


# Bodies --------------------------------------------------------------------------------------------------------------


def send_and_leave(app: EmulatorApp, host: str, token: str, part: bytes) -> list[Any]:
    """What is answered to a client that goes away after a part of its body."""
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": part, "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    headers = {"host": host, "authorization": f"Bearer {token}", "content-type": "application/json"}
    scope = {
        "type": "http", "method": "POST", "path": "/v1.0/applications", "raw_path": b"/v1.0/applications",
        "query_string": b"", "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }  # fmt: skip
    asyncio.run(app(scope, receive, send))
    return sent


def test_client_that_leaves_within_its_body_creates_nothing(emulator: RunningEmulator, operator: Any) -> None:
    before = emulator.cloud.export()
    host = operator.base_url.removeprefix("https://")
    assert send_and_leave(emulator.app, host, operator.token(), b'{"displayName": "half"}') == []
    assert emulator.cloud.export() == before


def test_packed_body_is_unpacked_as_the_sdk_for_go_sends_it(operator: Any) -> None:
    packed = gzip.compress(b'{"displayName": "packed"}')
    answer = operator.session.post(
        f"{operator.base_url}/v1.0/applications",
        packed,
        headers={
            "Authorization": f"Bearer {operator.token()}", "Content-Type": "application/json",
            "Content-Encoding": "gzip",
        },
    )  # fmt: skip
    assert answer.json()["displayName"] == "packed"


@pytest.mark.parametrize(
    ("encoding", "body", "status"),
    [
        ("gzip", b'{"displayName": "x"}', 400),
        ("gzip", gzip.compress(b'{"displayName": "x"}', mtime=0)[:-4], 400),
        ("gzip", gzip.compress(b'{"displayName": "x"}', mtime=0) + b"more", 400),
        ("gzip", gzip.compress(b" " * (LARGEST_BODY + 1), 1, mtime=0), 413),
        ("br", b"x", 415),
    ],
)
def test_packed_body_that_cannot_be_read_answers_in_graphs_shape(
    emulator: RunningEmulator, operator: Any, encoding: str, body: bytes, status: int
) -> None:
    operator.token()
    before = emulator.cloud.export()
    answer = operator.session.post(
        f"{operator.base_url}/v1.0/applications",
        body,
        headers={
            "Authorization": f"Bearer {operator.token()}", "Content-Type": "application/json",
            "Content-Encoding": encoding,
        },
    )  # fmt: skip
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"code", "message", "innerError"}
    assert emulator.cloud.export() == before


def test_packed_form_is_refused_in_entras_shape(operator: Any) -> None:
    answer = operator.session.post(
        f"{operator.base_url}/{ISV}/oauth2/v2.0/token", b"x", headers={"Content-Encoding": "gzip"}
    )
    assert (answer.status_code, answer.json()["error"]) == (415, "UnsupportedMediaType")


@pytest.mark.parametrize(
    "body", [b'{"displayName": "a", "displayName": "b"}', b'{"displayName": "a", "web": {"redirectUris": NaN}}']
)
def test_body_that_odata_cannot_read_is_refused(emulator: RunningEmulator, operator: Any, body: bytes) -> None:
    answer = raw_exchange(
        emulator, head(operator, "POST /v1.0/applications HTTP/1.1", Content_Length=str(len(body))) + body
    )
    assert b" 400 " in answer.split(b"\r\n")[0]
    assert b"Unable to read JSON request payload" in answer


@pytest.mark.parametrize("name", ["keyCredentials", "appRoles", "requiredResourceAccess", "tags"])
def test_null_within_a_list_is_refused(operator: Any, name: str) -> None:
    answer = operator.post("applications", {"displayName": "x", name: [None]})
    assert answer.status_code == 400


def test_body_inside_a_batch_must_be_called_json_as_outside(operator: Any) -> None:
    entry = {"id": "1", "method": "POST", "url": "/applications", "body": {"displayName": "x"}}
    answer = operator.post("$batch", {"requests": [{**entry, "headers": {"Content-Type": "application/xml"}}]})
    assert answer.json()["responses"][0]["status"] == 400


# HTTP ----------------------------------------------------------------------------------------------------------------


def test_absolute_address_of_this_emulator_is_taken(emulator: RunningEmulator, operator: Any) -> None:
    line = f"GET {operator.base_url}/v1.0/applications?$top=1 HTTP/1.1"
    assert b" 200 " in raw_exchange(emulator, head(operator, line)).split(b"\r\n")[0]


@pytest.mark.parametrize("address", ["https://evil.example/v1.0/applications", "http://localhost/v1.0/applications"])
def test_absolute_address_of_another_host_is_not_taken(emulator: RunningEmulator, operator: Any, address: str) -> None:
    assert b" 501 " in raw_exchange(emulator, head(operator, f"GET {address} HTTP/1.1")).split(b"\r\n")[0]


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"no HTTP at all\r\n\r\n",
        b"GET /v1.0/users HTTP/1.1\r\n\r\n",
        b"GET /v1.0/users HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
        b"GET /v1.0/users HTTP/1.1\r\nHost: localhost\r\nHost : localhost\r\n\r\n",
        b"GET /v1.0/users HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /v1.0/applications HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
        # Without an end, as a longer head that comes whole in one read is let pass.
        b"GET /v1.0/users HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 66_000,
    ],
)
def test_what_is_no_http_is_refused_in_graphs_shape(emulator: RunningEmulator, request_bytes: bytes) -> None:
    lines, _, body = raw_exchange(emulator, request_bytes).partition(b"\r\n\r\n")
    assert lines.startswith(b"HTTP/1.1 400 Bad Request")
    assert set(json.loads(body)["error"]) == {"code", "message"}


def test_fault_of_the_emulators_own_outside_of_graph_answers_503(
    emulator: RunningEmulator, operator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_given: Any) -> None:
        raise AssertionError("secret detail")

    monkeypatch.setattr(emulator.cloud.tokens, "issue", fail)
    answer = operator.log_in()
    assert (answer.status_code, answer.json()["error"]) == (503, "serviceNotAvailable")
    assert "secret detail" not in answer.text


# Queries -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["displayName eq 5", "displayName eq true", "displayName ne 5"])
def test_filter_that_compares_unlike_types_is_refused(operator: Any, text: str) -> None:
    answer = operator.get(f"applications?$count=true&$filter={text}", ConsistencyLevel="eventual")
    assert answer.status_code == 400
    assert "incompatible types" in answer.json()["error"]["message"]


def test_filter_by_a_flag_takes_true_and_no_text(log_in_to: Callable[..., Any]) -> None:
    client = log_in_to("contoso.example", "User.Read.All")
    assert client.get("users?$filter=accountEnabled eq true&$top=1").status_code == 200
    assert client.get("users?$filter=accountEnabled eq 'true'&$top=1").status_code == 400


@pytest.mark.parametrize("query", ["$filter=tags/$count eq 0", "$format=xml"])
def test_query_that_is_not_modelled_is_named(operator: Any, query: str) -> None:
    answer = operator.get(f"applications?{query}")
    assert answer.status_code == 501
    assert answer.json()["error"]["code"].startswith("NotEmulated.")


# Entra ---------------------------------------------------------------------------------------------------------------


def test_resource_of_microsofts_that_is_not_modelled_is_named(operator: Any) -> None:
    answer = operator.log_in(scope="https://storage.azure.com/.default")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_resource")
    assert answer.json()["error_description"].startswith("NotEmulated.resource https://storage.azure.com")


@contextmanager
def issuer_that_answers(status: int, **headers: str) -> Iterator[tuple[str, list[str]]]:
    """The address of a server on this machine, and the paths that were asked for so far."""
    asked: list[str] = []

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Nothing is logged."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


def test_issuer_on_this_machine_cannot_send_the_emulator_elsewhere() -> None:
    with issuer_that_answers(200) as (elsewhere, seen), issuer_that_answers(302, Location=elsewhere) as (issuer, asked):
        assert IssuerKeys()(issuer) is None
    assert (len(asked), seen) == (1, [])


def test_issuer_whose_name_is_no_address_has_no_keys() -> None:
    assert IssuerKeys()("http://[") is None


# Control routes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("limits", '{"global_s": NaN}'),
        ("limits", '{"global_s": 1e999}'),
        ("limits", '{"mailbox_requests": 1' + "0" * 400 + "}"),
        ("faults", '{"path": "x", "message": "\\ud800"}'),
        ("faults", '{"path": "x", "headers": {"Content-Length": "3"}}'),
        ("clock", '{"advance_s": 1e999}'),
    ],
)
def test_control_value_that_cannot_be_kept_is_refused(
    emulator: RunningEmulator, operator: Any, route: str, body: str
) -> None:
    control = emulator.ready["control"]
    headers = {"Authorization": "Bearer " + Path(control["token_file"]).read_text()}
    before = operator.session.get(f"{control['url']}/{route}", headers=headers).json()
    answer = operator.session.post(f"{control['url']}/{route}", body, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_body")
    after = operator.session.get(f"{control['url']}/{route}", headers=headers).json()
    assert {**after, "now": ""} == {**before, "now": ""}


def test_clock_cannot_be_moved_beyond_what_dates_can_say(emulator: RunningEmulator, operator: Any) -> None:
    for _ in range(20):
        emulator.move_clock(1e10)
    with pytest.raises(ValueError, match="seconds ahead"):
        emulator.move_clock(1e10)
    assert operator.log_in().status_code == 401  # its secret has expired by then
    assert operator.session.get(f"{operator.base_url}/v1.0/users").status_code == 401


@pytest.mark.parametrize("offset_s", [-1.0, 1e308, float("inf")])
def test_import_with_an_impossible_time_changes_nothing(emulator: RunningEmulator, offset_s: float) -> None:
    before = emulator.cloud.export()
    with pytest.raises(ValueError, match="seconds ahead"):
        emulator.cloud.import_state({**before, "clock_offset_s": offset_s})
    assert emulator.cloud.export() == before


def test_import_that_does_not_hold_together_changes_nothing(emulator: RunningEmulator, operator: Any) -> None:
    made = operator.post("applications", {"displayName": "kept"}).json()
    before = emulator.cloud.export()
    broken = json.loads(json.dumps(before))
    broken["objects"]["application"][made["id"]]["client_id"] = []
    with pytest.raises(ValueError, match="does not hold together"):
        emulator.cloud.import_state(broken)
    assert emulator.cloud.export() == before
    assert operator.get(f"applications/{made['id']}").json()["displayName"] == "kept"
