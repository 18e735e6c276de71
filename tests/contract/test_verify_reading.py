"""The reading engine against a Graph whose answers are bent: everything is classified, bounded and counted once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from orgcal.errors import GraphError, Unreachable
from tests.scripted_graph import GivenTokens, Reply, ScriptedGraph, Seen, calendars, graph_error, serving
from tests.support import reading
from tests.support.reading import number
from verify.answers import Fault, Place, error_rule
from verify.classification import ReadingStats
from verify.models import Mailbox, MailboxClass, Pace, Target
from verify.report.base import Report

OK, NO_MAILBOX, RESTRICTED = MailboxClass.OK, MailboxClass.NO_MAILBOX, MailboxClass.RESTRICTED
DELETED, FAILED, NOT_READ = MailboxClass.DELETED, MailboxClass.FAILED, MailboxClass.NOT_READ
PACE = Pace(budget_s=20.0, first_pause_s=0.01)


@pytest.fixture
def graph() -> Iterator[ScriptedGraph]:
    with serving(ScriptedGraph()) as graph:
        yield graph


def read(graph: ScriptedGraph, tokens: GivenTokens | None = None, pace: Pace = PACE, **options: Any) -> ReadingStats:
    return reading.read(graph, tokens, pace=pace, **options)


def users(count: int) -> list[str]:
    return ScriptedGraph(count).users


def test_reading_of_many_pages_keeps_to_the_request_goal(graph: ScriptedGraph) -> None:
    graph.users = users(2500)

    outcome = read(graph)

    assert outcome.tally.counts[OK] == 2500
    assert outcome.complete
    assert outcome.expected == 2500
    assert len(graph.seen) <= 2500 / 20 * 1.02 + 3 + 1  # the two requests for tokens are not made here
    assert outcome.requests == len(graph.seen)
    assert {len(seen.entries) for seen in graph.batches()} == {20}
    assert graph.connections <= 64 + 2


@pytest.mark.parametrize("page_size", [1, 3, 19])
def test_reading_of_pages_shorter_than_a_batch_fills_batches_all_the_same(graph: ScriptedGraph, page_size: int) -> None:
    graph.users = users(101)
    graph.page_size = page_size

    outcome = read(graph)

    assert outcome.tally.counts[OK] == 101
    assert sorted(len(seen.entries) for seen in graph.batches()) == [1] + [20] * 5


def test_reading_asks_politely_and_for_ids_only(graph: ScriptedGraph) -> None:
    graph.users = users(3)
    read(graph)

    assert {seen.path.split("?")[0] for seen in graph.seen} == {"/v1.0/users", "/v1.0/users/$count", "/v1.0/$batch"}
    assert all("$select=id&" in entry for seen in graph.batches() for entry in seen.entries)
    assert any("$select=id&$top=999" in seen.path for seen in graph.seen)


def test_reading_puts_each_user_into_one_class(graph: ScriptedGraph) -> None:
    graph.users = users(6)
    answers = [
        calendars(3),
        graph_error(404, "MailboxNotEnabledForRESTAPI"),
        graph_error(403, "ErrorAccessDenied"),
        graph_error(404, "Request_ResourceNotFound"),
        graph_error(409, "generalException"),
        graph_error(404, "ErrorInvalidUser"),
    ]
    graph.entry = lambda path, before: answers[number(path)]

    outcome = read(graph)

    assert outcome.tally.counts == {OK: 1, NO_MAILBOX: 2, RESTRICTED: 1, DELETED: 1, FAILED: 1, NOT_READ: 0}
    assert outcome.tally.calendars == 3
    assert outcome.tally.examples == [{"user_id": graph.users[4], "reason": "409 generalException", "request_id": ""}]


def test_reading_follows_further_pages_of_calendars_in_later_batches(graph: ScriptedGraph) -> None:
    graph.users = users(25)

    def entry(path: str, before: int) -> dict[str, Any]:
        found = calendars(2)
        if number(path) == 3 and "skip" not in path:
            found["body"]["@odata.nextLink"] = f"{graph.url}/v1.0{path}&$skip=2"
        return found

    graph.entry = entry
    outcome = read(graph)

    assert outcome.tally.calendars == 25 * 2 + 2
    assert outcome.tally.counts[OK] == 25


@pytest.mark.parametrize(
    "link", ["https://elsewhere.example/v1.0/users/x/calendars?$skip=1", "{url}/v1.0/me", "{same}"]
)
def test_reading_with_a_bad_link_to_more_calendars_fails_that_user_only(graph: ScriptedGraph, link: str) -> None:
    graph.users = users(3)

    def entry(path: str, before: int) -> dict[str, Any]:
        found = calendars(1)
        if number(path) == 1:
            found["body"]["@odata.nextLink"] = link.format(url=graph.url, same=f"{graph.url}/v1.0{path}")
        return found

    graph.entry = entry
    outcome = read(graph)

    assert (outcome.tally.counts[OK], outcome.tally.counts[FAILED]) == (2, 1)


def test_reading_with_throttled_entries_waits_and_repeats_only_those(graph: ScriptedGraph) -> None:
    graph.users = users(60)

    def entry(path: str, before: int) -> dict[str, Any]:
        if number(path) % 20 == 7 and not before:
            return {**graph_error(429, "TooManyRequests"), "headers": {"Retry-After": "1"}}
        return calendars()

    graph.entry = entry
    outcome = read(graph)

    assert outcome.tally.counts[OK] == 60
    assert outcome.retries == 3
    assert [len(seen.entries) for seen in graph.batches()] == [20, 20, 20, 3]
    first, last = graph.batches()[0], graph.batches()[-1]
    assert last.at - first.at >= 1.0
    assert outcome.throttles > 0


def test_reading_that_is_throttled_as_a_whole_sends_nothing_before_the_wait_is_over(graph: ScriptedGraph) -> None:
    graph.users = users(200)
    refused_at: list[float] = []

    def intercept(seen: Seen) -> Reply | None:
        if seen.path.endswith("/$batch") and not refused_at:
            refused_at.append(time.monotonic())
            return Reply(429, {"error": {"code": "TooManyRequests", "message": "wait"}}, {"Retry-After": "1"})
        return None

    graph.intercept = intercept
    outcome = read(graph, pace=replace(PACE, fixed=1))

    assert outcome.tally.counts[OK] == 200
    after = [seen.at for seen in graph.batches()[1:]]
    assert min(after) - refused_at[0] >= 1.0


def test_reading_whose_wait_exceeds_the_budget_ends_and_says_so(graph: ScriptedGraph) -> None:
    graph.users = users(100)
    graph.entry = lambda path, before: {**graph_error(429, "TooManyRequests"), "headers": {"Retry-After": "86400"}}

    outcome = read(graph)

    assert isinstance(outcome.reading_error, Unreachable)
    assert not outcome.complete
    assert outcome.tally.counts[NOT_READ] == 100


@pytest.mark.parametrize("value", ["Wed, 21 Oct 2015 07:28:00 GMT", "-5", "soon", "nan", "0"])
def test_reading_with_an_odd_retry_after_goes_on(graph: ScriptedGraph, value: str) -> None:
    graph.users = users(20)
    graph.entry = lambda path, before: (
        calendars() if before else {**graph_error(503, "serviceNotAvailable"), "headers": {"Retry-After": value}}
    )

    assert read(graph).tally.counts[OK] == 20


def test_reading_of_users_who_always_fail_is_bounded(graph: ScriptedGraph) -> None:
    graph.users = users(10_000)
    graph.entry = lambda path, before: graph_error(409, f"code{number(path)}")

    outcome = read(graph)

    assert outcome.tally.counts[FAILED] == 10_000
    assert len(outcome.tally.examples) == 100
    assert len(outcome.tally.reasons) <= 51
    assert sum(outcome.tally.reasons.values()) == 10_000


def test_reading_where_retries_do_not_help_counts_the_users_as_undecided(graph: ScriptedGraph) -> None:
    graph.users = users(5)
    graph.entry = lambda path, before: {**graph_error(504, "gatewayTimeout"), "headers": {"Retry-After": "0"}}

    outcome = read(graph, pace=replace(PACE, attempts=3))

    assert outcome.tally.counts[FAILED] == outcome.tally.undecided == 5


def test_reading_of_a_graph_that_answers_nobody_ends_before_it_has_tried_everybody(graph: ScriptedGraph) -> None:
    graph.users = users(10_000)
    graph.entry = lambda path, before: {**graph_error(503, "serviceNotAvailable"), "headers": {"Retry-After": "0"}}

    outcome = read(graph, pace=replace(PACE, attempts=2))

    assert isinstance(outcome.reading_error, Unreachable)
    assert "503 serviceNotAvailable" in outcome.reading_error.what
    assert outcome.tally.counts[FAILED] < 3000
    assert len(graph.batches()) < 300


def test_reading_where_only_the_last_mailbox_is_permitted_finds_it(graph: ScriptedGraph) -> None:
    graph.users = users(3000)
    graph.entry = lambda path, before: calendars() if number(path) == 2999 else graph_error(403, "ErrorAccessDenied")

    outcome = read(graph)

    assert (outcome.tally.counts[RESTRICTED], outcome.tally.counts[OK]) == (2999, 1)
    assert len(graph.batches()) == 150


def mangled(graph: ScriptedGraph, mangle: str) -> None:
    """Bend every first batch."""

    def bend(responses: list[dict[str, Any]]) -> list[dict[str, Any]]:
        first = len(graph.batches()) == 1
        if not first:
            return responses
        bent: dict[str, list[Any]] = {
            "missing": responses[:-3],
            "doubled": [*responses, *responses[:4]],
            "unknown": [*responses, {"id": "99", "status": 200, "body": {"value": []}}, {"id": "x", "status": 200}],
            "shuffled": responses[::-1],
            "no object": [*responses, 7],
        }
        return bent[mangle]

    graph.bend = bend


@pytest.mark.parametrize(
    ("mangle", "unusable"), [("missing", 0), ("doubled", 4), ("unknown", 2), ("shuffled", 0), ("no object", 1)]
)
def test_reading_with_mangled_batches_counts_each_user_once(graph: ScriptedGraph, mangle: str, unusable: int) -> None:
    graph.users = users(40)
    mangled(graph, mangle)

    outcome = read(graph, pace=replace(PACE, fixed=1))

    assert outcome.tally.counts[OK] == 40
    assert outcome.unusable == unusable


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, b"{ not json"),
        Reply(200, b"<html>log in</html>", content_type="text/html"),
        Reply(200, []),
        Reply(200, {"responses": {}}),
        Reply(200, {"responses": []}, cut=3),
        Reply(502, b"<html>bad gateway</html>", content_type="text/html"),
    ],
    ids=["broken", "web page", "array", "no list", "cut off", "bad gateway"],
)
def test_reading_with_an_unusable_answer_asks_again(graph: ScriptedGraph, reply: Reply) -> None:
    graph.users = users(20)
    sent: list[int] = []

    def intercept(seen: Seen) -> Reply | None:
        if seen.path.endswith("/$batch") and not sent:
            sent.append(1)
            return reply
        return None

    graph.intercept = intercept
    outcome = read(graph)

    assert outcome.tally.counts[OK] == 20


def test_reading_behind_a_proxy_that_answers_everything_itself_ends(graph: ScriptedGraph) -> None:
    graph.intercept = lambda seen: Reply(200, b"<html>please log in</html>", content_type="text/html")

    outcome = read(graph, pace=replace(PACE, attempts=2))

    assert isinstance(outcome.listing_error, Unreachable)
    assert "web page" in outcome.listing_error.what
    assert outcome.listed == 0


def test_reading_with_a_refused_token_renews_it_once(graph: ScriptedGraph) -> None:
    graph.users = users(100)
    tokens = GivenTokens()
    graph.intercept = lambda seen: (
        Reply(401, {"error": {"code": "InvalidAuthenticationToken", "message": "expired"}})
        if seen.token == "t1" and seen.path.endswith("/$batch")
        else None
    )

    outcome = read(graph, tokens)

    assert outcome.tally.counts[OK] == 100
    assert tokens.number == 2


def test_reading_whose_renewed_token_is_refused_too_ends(graph: ScriptedGraph) -> None:
    graph.users = users(100)
    graph.intercept = lambda seen: Reply(401, {"error": {"code": "x"}}) if seen.path.endswith("/$batch") else None

    outcome = read(graph)

    assert isinstance(outcome.reading_error, GraphError)
    assert error_rule(Place.BATCH, outcome.reading_error).fault is Fault.CONNECTOR
    assert outcome.tally.counts[NOT_READ] == 100


def test_reading_of_nobody_is_complete_and_empty(graph: ScriptedGraph) -> None:
    outcome = read(graph)

    assert (outcome.listed, outcome.complete, graph.batches()) == (0, True, [])


def test_reading_of_an_organisation_without_a_count_goes_on(graph: ScriptedGraph) -> None:
    graph.users = users(3)
    graph.intercept = lambda seen: Reply(400, {"error": {"code": "BadRequest"}}) if "$count" in seen.path else None

    outcome = read(graph)

    assert (outcome.expected, outcome.tally.counts[OK]) == (None, 3)


def test_reading_of_a_sample_is_reproducible_and_leaves_nobody_out_of_the_count(graph: ScriptedGraph) -> None:
    graph.users = users(3000)

    def chosen(seed: int) -> set[str]:
        graph.seen.clear()
        outcome = read(graph, sample=45, seed=seed)
        assert (outcome.tally.counts[OK], outcome.tally.counts[NOT_READ]) == (45, 2955)
        assert outcome.complete
        return {entry for seen in graph.batches() for entry in seen.entries}

    first = chosen(1)
    assert len(first) == 45
    assert chosen(1) == first
    assert chosen(2) != first


def test_reading_that_is_stopped_counts_the_rest_as_not_read(graph: ScriptedGraph) -> None:
    graph.users = users(2000)
    stopping: list[int] = []
    told: list[Mailbox] = []

    class Follower(Report):
        wants_mailboxes = True

        def mailbox(self, target: Target, mailbox: Mailbox) -> None:
            told.append(mailbox)
            if len(told) == 40:
                stopping.append(1)

    outcome = read(graph, stopped=lambda: bool(stopping), listener=Follower(), pace=replace(PACE, fixed=2))

    assert not outcome.complete
    assert outcome.tally.counts[OK] < 2000
    assert len(told) == outcome.listed


def test_reading_with_strange_user_ids_asks_for_exactly_those(graph: ScriptedGraph) -> None:
    graph.users = ['a/b?c"d\\', "ü@x#y"]
    read(graph)

    assert sorted(entry.split("/")[2] for entry in graph.batches()[0].entries) == ["%C3%BC%40x%23y", "a%2Fb%3Fc%22d%5C"]


def test_reading_at_a_fixed_pace_never_has_more_in_flight(graph: ScriptedGraph) -> None:
    graph.users = users(400)
    outcome = read(graph, pace=replace(PACE, fixed=3))

    assert outcome.concurrency == 3
    assert graph.connections <= 3 + 2
