"""The probe of events against a Graph that keeps, or breaks, what the scopes promise."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orgcal.entra.session import new_session
from tests.scripted_graph import GivenTokens, Reply, ScriptedGraph, Seen, serving
from verify.access import Access
from verify.classification import ReadingStats
from verify.context import RunContext
from verify.models import CheckResult, Connector, Options, Pace, SecretReference, Verdict
from verify.probes import probe_events

PROMISED, BASIC = "Calendars.Read", "Calendars.ReadBasic.All"
WITH_BODY = Reply(body={"value": [{"id": "e", "subject": "s", "body": {"content": "x"}}]})
WITHOUT_BODY = Reply(body={"value": [{"id": "e", "subject": "s"}]})
NONE = Reply(body={"value": []})


def refused(status: int, code: str) -> Reply:
    return Reply(status, {"error": {"code": code, "message": "no"}}, {"request-id": "r1"})


@pytest.fixture
def graph() -> Iterator[ScriptedGraph]:
    with serving(ScriptedGraph()) as graph:
        yield graph


def probe(graph: ScriptedGraph, permission: str, reply: Reply) -> CheckResult:
    def intercept(seen: Seen) -> Reply | None:
        return reply if "/events" in seen.path else None

    graph.intercept = intercept
    connector = Connector("public", "client", (permission,), SecretReference("file", "unused"))
    options = Options(connector, pace=Pace(budget_s=0.5))
    outcome = ReadingStats()
    outcome.tally.add_read("u1", 1)
    with new_session(graph.endpoints) as session:
        shared: Any = SimpleNamespace(endpoints=graph.endpoints, session=session, options=options)
        return probe_events(cast("RunContext", shared), Access((), GivenTokens()), outcome)


@pytest.mark.parametrize(
    ("permission", "reply", "verdict", "says"),
    [
        (PROMISED, WITH_BODY, Verdict.PASS, "with its body"),
        (PROMISED, NONE, Verdict.PASS, "hold none"),
        (PROMISED, refused(403, "ErrorAccessDenied"), Verdict.FAIL, "cannot be read"),
        (PROMISED, refused(500, "generalException"), Verdict.ERROR, "cannot be read"),
        (PROMISED, Reply(200, b"<html>", content_type="text/html"), Verdict.ERROR, "web page"),
        (BASIC, WITHOUT_BODY, Verdict.PASS, "without their bodies"),
        (BASIC, refused(403, "ErrorAccessDenied"), Verdict.PASS, "refused, as the scopes say"),
        (BASIC, refused(403, "Authorization_RequestDenied"), Verdict.FAIL, "cannot be read"),
        (BASIC, WITH_BODY, Verdict.FAIL, "which the scopes do not promise"),
        ("Directory.Read.All", WITH_BODY, Verdict.SKIP, "no scope"),
    ],
)
def test_probe_of_events_holds_graph_to_what_the_scopes_say(
    graph: ScriptedGraph, permission: str, reply: Reply, verdict: Verdict, says: str
) -> None:
    result = probe(graph, permission, reply)

    assert (result.verdict, says in result.sentence) == (verdict, True), result.sentence
    if reply.headers:
        assert result.evidence["request_id"] == "r1"


def test_probe_waits_no_longer_than_the_budget_that_the_user_gave(graph: ScriptedGraph) -> None:
    busy = Reply(503, {"error": {"code": "serviceNotAvailable", "message": "no"}}, {"Retry-After": "2"})

    result = probe(graph, PROMISED, busy)  # its budget is half a second

    assert result.verdict is Verdict.ERROR
    assert len([seen for seen in graph.seen if "/events" in seen.path]) == 1
