"""Reading calendars: what counts as one attempt too many, and what ends a run; each beside what must not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.scripted_graph import GivenTokens, ScriptedGraph, calendars, graph_error, serving
from tests.support import reading
from tests.support.reading import number
from verify import classification
from verify.answers import Place, rule_of
from verify.classification import ReadingStats
from verify.models import MailboxClass, Pace
from verify.report.base import Report

PACE = Pace(budget_s=20.0, attempts=3, first_pause_s=0.002)
OK, FAILED, RESTRICTED = MailboxClass.OK, MailboxClass.FAILED, MailboxClass.RESTRICTED


@pytest.fixture
def graph() -> Iterator[ScriptedGraph]:
    with serving(ScriptedGraph()) as graph:
        yield graph


def read(graph: ScriptedGraph, tokens: GivenTokens | None = None, pace: Pace = PACE, **options: Any) -> ReadingStats:
    return reading.read(graph, tokens, pace=pace, **options)


def test_page_of_calendars_has_as_many_attempts_as_the_page_before(graph: ScriptedGraph) -> None:
    graph.users = ScriptedGraph(2).users

    def entry(path: str, before: int) -> dict[str, Any]:
        if before < PACE.attempts - 1:
            return graph_error(502, "UnknownError", "")
        found = calendars(2)
        if "skip" not in path:
            found["body"]["@odata.nextLink"] = f"{graph.url}/v1.0{path}&$skip=2"
        return found

    graph.entry = entry
    outcome = read(graph)

    assert (outcome.tally.counts[OK], outcome.tally.calendars) == (2, 8)


def test_page_of_calendars_that_leads_to_itself_is_not_asked_for_again(graph: ScriptedGraph) -> None:
    graph.users = ScriptedGraph(1).users

    def entry(path: str, before: int) -> dict[str, Any]:
        found = calendars()
        found["body"]["@odata.nextLink"] = f"{graph.url}/v1.0{path}"
        return found

    graph.entry = entry
    outcome = read(graph)

    assert outcome.tally.counts[FAILED] == 1
    assert list(graph.asked.values()) == [1]


class Follower(Report):
    """Wants each mailbox, so that each is told."""

    wants_mailboxes = True


@pytest.mark.parametrize("listener", [None, Follower()], ids=["counted", "told"])
@pytest.mark.parametrize("between", [calendars(), graph_error(403, "ErrorAccessDenied")], ids=["read", "denied"])
def test_failures_with_an_answer_between_them_never_end_a_run(
    graph: ScriptedGraph, monkeypatch: pytest.MonkeyPatch, between: dict[str, Any], listener: Report | None
) -> None:
    monkeypatch.setattr(classification, "MAX_UNDECIDED_IN_A_ROW", 3)
    graph.users = ScriptedGraph(60).users
    graph.entry = lambda path, before: graph_error(502, "UnknownError", "") if number(path) % 3 == 1 else between

    outcome = read(graph, pace=replace(PACE, attempts=1, fixed=1), listener=listener)

    assert outcome.reading_error is None
    assert outcome.tally.counts[FAILED] == 20
    assert outcome.tally.counts[OK] + outcome.tally.counts[RESTRICTED] == 40


@pytest.mark.parametrize("status", [400, 401, 404, 409, 412, 500, 503])
def test_denial_by_exchange_is_one_with_its_status_only(status: int) -> None:
    """Source: https://learn.microsoft.com/en-us/graph/auth-limit-mailbox-access (`403`, `ErrorAccessDenied`)."""
    for words in ("", "Access to OData is disabled: [RAOP]"):
        assert rule_of(Place.ENTRY, status, "ErrorAccessDenied", words).mailbox_class is FAILED
        assert rule_of(Place.ENTRY, 403, "ErrorAccessDenied", words).mailbox_class is RESTRICTED
