"""Listing users: how often each refusal is asked again, what is remembered of the pages, and how politely it asks."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

from orgcal.entra.session import new_session
from tests.scripted_graph import GivenTokens, Reply, ScriptedGraph, Seen, serving
from verify.classification import ReadingStats
from verify.models import MailboxClass, Pace, Target, Verdict
from verify.reading import Reading
from verify.verdicts import users_verdict

PACE = Pace(budget_s=20.0, attempts=4, first_pause_s=0.002)


@pytest.fixture
def graph() -> Iterator[ScriptedGraph]:
    with serving(ScriptedGraph()) as graph:
        yield graph


def read(graph: ScriptedGraph, tokens: GivenTokens | None = None) -> ReadingStats:
    with new_session(graph.endpoints, pool_size=70) as session:
        return Reading(Target("contoso"), graph.endpoints, tokens or GivenTokens(), session, pace=PACE).run()


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
