"""One answer for each read of a batch, or why not; what an answer says about limits, of entries and of the whole."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from typing import Any

import pytest

from orgcal.entra.batch import BatchAnswer, BatchResponse, BatchSender, limit_share
from orgcal.entra.session import new_session
from tests.scripted_graph import Reply, ScriptedGraph, serving

TOKEN = "secret-token-value"
WEB_PAGE = "the answer is a web page where JSON was expected; something between here and the server answered"
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def graph() -> Iterator[ScriptedGraph]:
    with serving(ScriptedGraph()) as graph:
        yield graph


def sent(graph: ScriptedGraph, reply: Reply, reads: int = 2, headers: Mapping[str, str] | None = None) -> BatchAnswer:
    """What becomes of a batch that is answered so; its time is checked and left out."""
    graph.intercept = lambda seen: reply
    with new_session(graph.endpoints) as session:
        found = BatchSender(session, f"{graph.url}/v1.0", headers or {}).send(TOKEN, [f"/u{n}" for n in range(reads)])
    assert 0.0 < found.elapsed_s < 60.0
    return replace(found, elapsed_s=0.0)


def entry(position: Any, status: Any = 200, body: Any = None, **headers: str) -> dict[str, Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {"id": position, "status": status, "headers": named, "body": {"n": 1} if body is None else body}


def read(*entries: Any, reads: int = 2, headers: Mapping[str, str] | None = None, graph: ScriptedGraph) -> BatchAnswer:
    return sent(graph, Reply(200, {"responses": list(entries)}, dict(headers or {})), reads)


def told(found: BatchAnswer) -> dict[str, Any]:
    return {each.name: getattr(found, each.name) for each in fields(found)}


def whole(status: int, entries: list[BatchResponse | None] | None = None, **others: Any) -> dict[str, Any]:
    """Every field of an answer, with what it has where nothing is told."""
    rest = {"reason": "", "code": "", "request_id": "", "throttled": False, "limited": False, "retry_after_s": None}
    return {
        "status": status,
        "entries": entries or [],
        **rest,
        "limit_share": 0.0,
        "unusable": 0,
        "elapsed_s": 0.0,
        **others,
    }


FOUND = BatchResponse(200, {}, {"n": 1})


def test_batch_is_one_request_with_all_reads(graph: ScriptedGraph) -> None:
    bodies: list[bytes] = []
    handle = graph.handle
    graph.handle = lambda seen, body: bodies.append(body) or handle(seen, body)  # type: ignore[method-assign,func-returns-value]
    try:
        graph.intercept = lambda seen: Reply(200, {"responses": []})
        with new_session(graph.endpoints) as session:
            BatchSender(session, f"{graph.url}/v1.0", {"X-Own": "1"}).send("t", ["/a?$select=id", '/b/"\u00e9'])
    finally:
        graph.handle = handle  # type: ignore[method-assign]

    seen = graph.seen[-1]
    assert (seen.method, seen.path, seen.token) == ("POST", "/v1.0/$batch", "t")
    assert {name: seen.headers[name] for name in ("content-type", "x-own")} == {
        "content-type": "application/json",
        "x-own": "1",
    }
    assert json.loads(bodies[0]) == {
        "requests": [
            {"id": "0", "method": "GET", "url": "/a?$select=id"},
            {"id": "1", "method": "GET", "url": '/b/"\u00e9'},
        ]
    }


# --- entries ---


def test_entries_are_placed_by_their_ids_in_any_order(graph: ScriptedGraph) -> None:
    found = read(entry("1", 404, {"error": {}}), entry(0), reads=3, graph=graph)

    assert told(found) == whole(200, [FOUND, BatchResponse(404, {}, {"error": {}}), None])


def test_entries_that_are_doubled_unknown_or_unreadable_are_counted(graph: ScriptedGraph) -> None:
    odd = [entry("2"), entry("-1"), entry("x"), entry("1", "soon"), {"status": 200}, {"id": "1"}, "no object", None]

    found = read(entry("0"), entry("0", 500), *odd, graph=graph)

    assert told(found) == whole(200, [FOUND, None], unusable=9)


@pytest.mark.parametrize(
    ("item", "placed"),
    [
        ({"id": "0", "status": 204}, BatchResponse(204, {}, None)),
        ({"id": "0", "status": "200", "headers": [], "body": []}, BatchResponse(200, {}, None)),
        ({"id": "0", "status": 200, "body": "text"}, BatchResponse(200, {}, None)),
        (
            {"id": "0", "status": 200, "headers": {"A": TOKEN}, "body": {"b": TOKEN}},
            BatchResponse(200, {"A": TOKEN}, {"b": TOKEN}),
        ),
        (
            {"id": "0", "status": 299, "headers": {"A": TOKEN}, "body": {"b": TOKEN}},
            BatchResponse(299, {"A": TOKEN}, {"b": TOKEN}),
        ),
        (
            {"id": "0", "status": 300, "headers": {"A": TOKEN}, "body": {"b": [TOKEN]}},
            BatchResponse(300, {"A": "***"}, {"b": ["***"]}),
        ),
        (
            {"id": "0", "status": 403, "headers": {"A": "x"}, "body": {"b": f"no {TOKEN}"}},
            BatchResponse(403, {"A": "x"}, {"b": "no ***"}),
        ),
    ],
)
def test_entry_is_kept_as_it_is_and_a_refusal_without_the_token(
    graph: ScriptedGraph, item: dict[str, Any], placed: BatchResponse
) -> None:
    assert read(item, graph=graph).entries == [placed, None]


def test_answer_tells_its_id_and_the_share_of_a_limit_that_is_used_up(graph: ScriptedGraph) -> None:
    share = {"x-ms-throttle-limit-percentage": "0.85", "request-id": "r" * 65}
    plain = {"Content_Type": "application/json"}

    found = read(
        entry("0", **plain, X_ms_Throttle_Limit_Percentage="0.9"), entry("1", **plain), headers=share, graph=graph
    )
    assert (found.request_id, found.limit_share) == (f"{'r' * 63}…", 0.9)

    found = read(entry("0", **plain, x_ms_throttle_limit_percentage="0.8"), headers=share, graph=graph)
    assert found.limit_share == 0.85
    assert not found.throttled

    found = read(entry("0", x="1", x_ms_throttle_limit_percentage="0.8"), graph=graph)
    assert (found.request_id, found.limit_share) == ("", 0.8)


@pytest.mark.parametrize(
    ("statuses", "throttled", "limited", "retry_after_s"),
    [
        ((200, 428, 404, 200), False, False, None),
        ((429, 200, 200, 200), True, True, 1.0),
        ((200, 429, 429, 200), True, True, 3.0),
        ((430, 499, 200, 200), False, False, None),
        ((503, 200, 200, 200), False, False, None),
        ((503, 500, 200, 200), False, False, None),
        ((503, 500, 599, 200), True, False, 3.0),
        ((499, 499, 499, 499), False, False, None),
        ((429, 503, 503, 200), True, True, 1.0),
        ((429, 503, 503, 503), True, True, 4.0),
    ],
)
def test_entries_say_together_whether_more_requests_would_be_refused(
    graph: ScriptedGraph, statuses: tuple[int, ...], throttled: bool, limited: bool, retry_after_s: float | None
) -> None:
    """A limit by one entry, trouble of the service by more than half of them; waits of the others do not count."""
    entries = [entry(str(n), status, Retry_After=str(n + 1)) for n, status in enumerate(statuses)]

    found = read(*entries, reads=4, graph=graph)

    assert (found.throttled, found.limited, found.retry_after_s) == (throttled, limited, retry_after_s)


@pytest.mark.parametrize(("reads", "throttled"), [(1, False), (2, True), (3, True), (4, False)])
def test_service_is_in_trouble_where_two_or_more_are_most_of_the_batch(
    graph: ScriptedGraph, reads: int, throttled: bool
) -> None:
    """One mailbox whose server is down is no news of the others."""
    found = read(*(entry(str(n), 500) for n in range(min(2, reads))), reads=reads, graph=graph)

    assert (found.throttled, found.limited, found.retry_after_s) == (throttled, False, None)


# --- the whole ---


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        (Reply(200, {"responses": {}}), "the batch's answer holds no responses"),
        (Reply(200, {}), "the batch's answer holds no responses"),
        (Reply(200, []), "the answer is a JSON list, not an object"),
        (Reply(200, b"please log in", content_type="text/html"), WEB_PAGE),
        (Reply(200, b"{"), "the answer is not JSON, or was cut off"),
        (Reply(302, b"please log in", content_type="text/html"), WEB_PAGE),
        (Reply(399, b"{"), "the answer is not JSON, or was cut off"),
    ],
)
def test_batch_without_entries_says_why_and_calls_for_a_pause(graph: ScriptedGraph, reply: Reply, found: str) -> None:
    assert told(sent(graph, reply)) == whole(0, reason=found, throttled=True)


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        (
            Reply(429, {"error": {"code": "TooMany", "message": "wait"}}, {"Retry-After": "7", "request-id": "r"}),
            whole(
                429,
                reason="Microsoft Graph answered 429 TooMany: wait",
                code="TooMany",
                request_id="r",
                throttled=True,
                limited=True,
                retry_after_s=7.0,
            ),
        ),
        (Reply(430, {}), whole(430, reason="Microsoft Graph answered 430")),
        (Reply(499, {}), whole(499, reason="Microsoft Graph answered 499")),
        (Reply(500, {}), whole(500, reason="Microsoft Graph answered 500", throttled=True)),
        (Reply(201, {"responses": []}), whole(201, reason="Microsoft Graph answered 201")),
        (Reply(400, b"<html>"), whole(400, reason="Microsoft Graph answered 400")),
        (
            Reply(401, {"error": {"code": "No", "message": f"{TOKEN} is wrong"}}, {"request-id": TOKEN}),
            whole(401, reason="Microsoft Graph answered 401 No: *** is wrong", code="No", request_id="***"),
        ),
        (
            Reply(403, b'{"error": {"code": "No", "filler": "' + b" " * (65536 - 39) + b'"}}'),
            whole(403, reason="Microsoft Graph answered 403 No", code="No"),
        ),
        (
            Reply(403, b'{"error": {"code": "No", "filler": "' + b" " * (65536 - 38) + b'"}}'),
            whole(403, reason="Microsoft Graph answered 403"),
        ),
    ],
)
def test_batch_that_is_refused_as_a_whole_says_what_graph_says(
    graph: ScriptedGraph, reply: Reply, found: dict[str, Any]
) -> None:
    """Of a refusal 64 KiB are read, and it is told without the token."""
    assert told(sent(graph, reply)) == found


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(200, {"responses": []}, cut=3), "IncompleteRead"),
        (Reply(200, b"no gzip", {"Content-Encoding": "gzip"}), "error"),
        (Reply(200, b"", {"Content-Encoding": "br"}), "HTTPException"),
        (Reply(200, b"", {"Transfer-Encoding": "chunked"}, cut=0), "RemoteDisconnected"),
    ],
)
def test_connection_that_breaks_is_told_by_the_kind_of_failure(graph: ScriptedGraph, reply: Reply, kind: str) -> None:
    assert told(sent(graph, reply)) == whole(0, reason=f"connection lost ({kind})", throttled=True)


def test_server_that_is_not_there_and_token_that_cannot_be_sent_are_lost_connections(graph: ScriptedGraph) -> None:
    nowhere = replace(graph.endpoints, graph_url="http://127.0.0.1:9")
    with new_session(nowhere) as session:
        found = BatchSender(session, nowhere.graph_url, {}).send("t", ["/a"])
        assert (found.status, found.reason) == (0, "connection lost (NewConnectionError)")
        assert 0.0 < found.elapsed_s < 60.0
        assert BatchSender(session, nowhere.graph_url, {}).send("t\n", ["/a"]).reason == "connection lost (ValueError)"


@pytest.mark.parametrize(
    ("value", "share"), [("0.8", 0.8), (1.2, 1.2), ("", 0.0), ("1,2", 0.0), (None, 0.0), (10**400, 0.0)]
)
def test_share_of_a_limit_is_read_whatever_the_case_of_its_header(value: Any, share: float) -> None:
    assert limit_share({"a": "5", "X-MS-Throttle-Limit-Percentage": value}) == share
    assert limit_share({"x-ms-throttle-limit": "0.9"}) == 0.0
