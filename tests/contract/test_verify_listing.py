"""Listing users: how often each refusal is asked again, what is remembered of the pages, and how politely it asks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from orgcal.errors import GraphError, Unreachable
from tests.scripted_graph import GivenTokens, Reply, ScriptedGraph, Seen, serving
from tests.support import reading
from verify.classification import ReadingStats
from verify.models import MailboxClass, Pace, Verdict
from verify.verdicts import users_verdict

PACE = Pace(budget_s=20.0, attempts=4, first_pause_s=0.002)
OK = MailboxClass.OK
OK = MailboxClass.OK


@pytest.fixture
def graph() -> Iterator[ScriptedGraph]:
    with serving(ScriptedGraph()) as graph:
        yield graph


def read(graph: ScriptedGraph, tokens: GivenTokens | None = None, pace: Pace = PACE, **options: Any) -> ReadingStats:
    return reading.read(graph, tokens, pace=pace, **options)


@pytest.mark.parametrize(
    ("status", "code", "requests", "tokens", "verdict"),
    [
        (401, "InvalidAuthenticationToken", 2, 2, Verdict.FAIL),
        (403, "Authorization_RequestDenied", 1, 1, Verdict.FAIL),
        (429, "TooManyRequests", PACE.attempts, 1, Verdict.ERROR),
        (503, "serviceNotAvailable", PACE.attempts, 1, Verdict.ERROR),
    ],
)
def test_listing_that_stays_refused_is_asked_for_as_often_as_its_status_allows(
    graph: ScriptedGraph, status: int, code: str, requests: int, tokens: int, verdict: Verdict
) -> None:
    """Source: https://learn.microsoft.com/en-us/graph/errors (401: renew the token; 429, 503: wait; 403: neither)."""
    refused = Reply(status, {"error": {"code": code, "message": "no"}})
    graph.intercept = lambda seen: refused if "/users?" in seen.path else None
    given = GivenTokens()

    outcome = read(graph, given)

    assert len([seen for seen in graph.seen if "/users?" in seen.path]) == requests
    assert given.number == tokens
    assert users_verdict(outcome).verdict is verdict


@pytest.mark.parametrize("later", [1, 2, 3])
def test_user_whom_one_of_the_next_three_pages_repeats_is_listed_once(graph: ScriptedGraph, later: int) -> None:
    """Eight pages: with few of them the page that is kept to find circles would hide what is forgotten."""
    graph.users = ScriptedGraph(8 * 4).users

    def page(seen: Seen) -> Reply | None:
        if "/users?" not in seen.path:
            return None
        number = int(parse_qs(urlsplit(seen.path).query).get("$skiptoken", ["0"])[0])
        ids = graph.users[4 * number : 4 * number + 4]
        if number >= later:
            ids.append(graph.users[4 * (number - later)])
        link = {"@odata.nextLink": f"{graph.url}/v1.0/users?$skiptoken={number + 1}"} if number < 7 else {}
        return Reply(body={"value": [{"id": user} for user in ids], **link})

    graph.intercept = page
    outcome = read(graph)

    assert (outcome.listed, outcome.tally.counts[MailboxClass.OK], outcome.repeated) == (32, 32, 8 - later)


def test_every_request_of_a_reading_may_be_shed_before_the_customers_own(graph: ScriptedGraph) -> None:
    """Source: https://learn.microsoft.com/en-us/graph/throttling-limits (`x-ms-throttle-priority`)."""
    graph.users = ScriptedGraph(3).users

    read(graph)

    asked = {urlsplit(seen.path).path: seen.headers.get("x-ms-throttle-priority") for seen in graph.seen}
    assert asked == dict.fromkeys(["/v1.0/users", "/v1.0/users/$count", "/v1.0/$batch"], "Low")


def users(count: int) -> list[str]:
    return ScriptedGraph(count).users


def test_listing_that_is_refused_is_told_with_its_status(graph: ScriptedGraph) -> None:
    graph.intercept = lambda seen: Reply(
        403, {"error": {"code": "Authorization_RequestDenied", "message": "no"}}, {"request-id": "r1"}
    )

    outcome = read(graph)

    assert isinstance(outcome.listing_error, GraphError)
    assert (outcome.listing_error.status, outcome.listing_error.request_id) == (403, "r1")


def page(graph: ScriptedGraph, ids: list[str], link: str = "") -> Reply:
    return Reply(body={"value": [{"id": user} for user in ids], **({"@odata.nextLink": link} if link else {})})


def test_listing_whose_link_leads_to_another_host_never_sends_the_token_there(graph: ScriptedGraph) -> None:
    with serving(ScriptedGraph()) as stranger:
        graph.intercept = lambda seen: (
            page(graph, users(5), f"{stranger.url}/v1.0/users?$skiptoken=2") if "/users?" in seen.path else None
        )
        outcome = read(graph)

        assert stranger.seen == []
    assert isinstance(outcome.listing_error, Unreachable)
    assert outcome.tally.counts[OK] == 5


def test_listing_that_loops_ends(graph: ScriptedGraph) -> None:
    graph.intercept = lambda seen: (
        page(graph, users(5), f"{graph.url}/v1.0/users?$skiptoken=again") if "/users?" in seen.path else None
    )

    outcome = read(graph)

    assert isinstance(outcome.listing_error, Unreachable)
    assert "circle" in outcome.listing_error.what
    assert (outcome.listed, outcome.repeated) == (5, 5)


@pytest.mark.parametrize("pages_of_the_circle", [2, 3, 7, 20])
def test_listing_that_loops_under_links_that_are_new_each_time_ends(
    graph: ScriptedGraph, pages_of_the_circle: int
) -> None:
    graph.users = users(5 + 4 * pages_of_the_circle)
    asked: list[int] = []

    def intercept(seen: Seen) -> Reply | None:
        if "/users?" not in seen.path:
            return None
        asked.append(1)
        number = len(asked) - 2
        first = 0 if number < 0 else 5 + 4 * (number % pages_of_the_circle)
        ids = graph.users[first : 5 if number < 0 else first + 4]
        return page(graph, ids, f"{graph.url}/v1.0/users?$skiptoken={len(asked)}")

    graph.intercept = intercept
    outcome = read(graph)

    assert isinstance(outcome.listing_error, Unreachable)
    assert "circle" in outcome.listing_error.what
    assert len(asked) <= 4 * pages_of_the_circle + 8


def test_listing_of_empty_pages_without_end_ends(graph: ScriptedGraph) -> None:
    asked: list[int] = []

    def intercept(seen: Seen) -> Reply | None:
        if "/users?" not in seen.path:
            return None
        asked.append(1)
        ids = users(30)[len(asked) - 1 : len(asked)] if len(asked) <= 30 and len(asked) % 10 == 1 else []
        return page(graph, ids, f"{graph.url}/v1.0/users?$skiptoken={len(asked)}")

    graph.intercept = intercept
    outcome = read(graph)

    assert isinstance(outcome.listing_error, Unreachable)
    assert outcome.tally.counts[OK] == 3, "empty pages between full ones are no reason to end"
    assert len(asked) in (21 + 50, 21 + 50 + 1), "the page after the last may have been asked for ahead"


@pytest.mark.parametrize(
    ("status", "headers"), [(200, {"x-ms-throttle-limit-percentage": "0.93"}), (429, {"Retry-After": "0"})]
)
def test_listing_that_meets_a_limit_halves_the_batches_in_flight(
    graph: ScriptedGraph, status: int, headers: dict[str, str]
) -> None:
    graph.users = users(2000)
    plain = graph._page
    sent: list[int] = []

    def intercept(seen: Seen) -> Reply | None:
        if "/users?" not in seen.path or sent:
            return None
        sent.append(1)
        return replace(plain(0), headers=headers) if status == 200 else Reply(status, {"error": {}}, headers)

    graph.intercept = intercept
    outcome = read(graph)

    assert outcome.tally.counts[OK] == 2000
    assert outcome.throttles == 1
    assert outcome.concurrency < 64, "after a throttle the window grows by one and does not double"


def test_listing_that_repeats_users_reads_them_once(graph: ScriptedGraph) -> None:
    graph.users = users(30)
    graph.page_size = 10
    plain = graph._page

    def _page(start: int) -> Reply:
        reply = plain(max(0, start - 2))
        reply.body.pop("@odata.nextLink", None)
        if start + 10 < 32:
            reply.body["@odata.nextLink"] = f"{graph.url}/v1.0/users?$skiptoken={start + 10}"
        return reply

    graph._page = _page  # type: ignore[method-assign]
    outcome = read(graph)

    assert outcome.listed == outcome.tally.counts[OK] == 30
    assert outcome.repeated == 2


def test_listing_that_is_throttled_waits(graph: ScriptedGraph) -> None:
    graph.users = users(10)
    sent: list[float] = []

    def intercept(seen: Seen) -> Reply | None:
        if "/users?" in seen.path:
            sent.append(seen.at)
            if len(sent) == 1:
                return Reply(503, {"error": {"code": "UnknownError"}}, {"Retry-After": "1"})
        return None

    graph.intercept = intercept
    outcome = read(graph)

    assert outcome.tally.counts[OK] == 10
    assert sent[1] - sent[0] >= 1.0
