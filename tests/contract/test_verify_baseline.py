"""The comparison with earlier runs: who loses mailboxes is told, with both numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orgcal.tenants.model import State
from orgcal.tenants.registry import Registry
from tests.scripted_graph import GivenTokens, ScriptedGraph, calendars, graph_error, serving
from tests.support.registry import new_database
from tests.support.verified import POLICY
from verify import CheckResult, Connector, Options, Pace, SecretReference, Summary, Target, Verdict
from verify.access import Access
from verify.baseline import baseline_of, remember
from verify.context import RunContext
from verify.models import Baseline
from verify.organisation import checks_with

TENANT = "22222222-2222-2222-2222-222222222222"
YESTERDAY = datetime(2026, 11, 27, 2, 0, tzinfo=UTC)
REQUIRED = ("Calendars.Read", "Directory.Read.All")


@pytest.fixture
def graph() -> Iterator[ScriptedGraph]:
    with serving(ScriptedGraph(40)) as graph:
        yield graph


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    registry = Registry(new_database(tmp_path), connector="p/dev", operator="t", now=lambda: YESTERDAY)
    registry.add(TENANT, "Contoso")
    registry.set_state(TENANT, State.VERIFIED)
    yield registry
    registry.close()


@pytest.fixture
def verified(
    graph: ScriptedGraph, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., dict[str, CheckResult]]:
    """Verify with the measure of the registry, and write down what follows."""
    monkeypatch.setattr("verify.context.load_endpoints", lambda *_: graph.endpoints)
    connector = Connector("public", "client", REQUIRED, SecretReference("given", "x"))

    def verified(*, accepted: bool = False, sample: int = 0) -> dict[str, CheckResult]:
        options = Options(connector, pace=Pace(first_pause_s=0.01), sample=sample)
        target = Target(TENANT, "Contoso", baseline=baseline_of(registry, TENANT))
        context, summary = RunContext(options), Summary()
        for result in checks_with(Access((), GivenTokens(), frozenset(REQUIRED), "token"), target, context):
            summary.add(CheckResult(**{**result.as_json(), "tenant_id": TENANT, "verdict": result.verdict}))
        context.close()
        remember(registry, summary, accepted=accepted)
        return summary.organisations[TENANT].results

    return verified


def refused(graph: ScriptedGraph, count: int, answer: dict[str, object]) -> None:
    """The first `count` mailboxes are answered so."""
    graph.entry = lambda path, before: answer if int(path.split("/")[2][-12:]) < count else calendars()


def test_first_run_that_passes_is_the_measure(
    registry: Registry, verified: Callable[..., dict[str, CheckResult]]
) -> None:
    first, second = verified(), verified()

    assert "baseline" not in first
    assert second["baseline"].verdict is Verdict.PASS
    assert baseline_of(registry, TENANT) == Baseline(40)
    assert [entry.result for entry in registry.log(TENANT) if entry.action == "measure"] == ["40 mailboxes"]


def test_organisation_that_loses_more_than_a_tenth_warns_with_both_numbers_until_somebody_accepts(
    graph: ScriptedGraph, registry: Registry, verified: Callable[..., dict[str, CheckResult]]
) -> None:
    verified()
    refused(graph, 13, graph_error(404, "ErrorInvalidUser"))

    nights = [verified()["baseline"], verified()["baseline"]]
    accepted = verified(accepted=True)["baseline"]
    after = verified()["baseline"]

    assert [night.verdict for night in [*nights, accepted, after]] == [Verdict.WARN] * 3 + [Verdict.PASS]
    assert "27 mailboxes were read, and 40 on 2026-11-27" in nights[1].sentence
    assert "orgcal verify --accept --tenant Contoso" in nights[1].repair
    assert baseline_of(registry, TENANT) == Baseline(27, frozenset({"no mailbox"}))


def test_refusal_of_a_kind_that_is_new_warns_and_names_it(
    graph: ScriptedGraph, verified: Callable[..., dict[str, CheckResult]]
) -> None:
    verified()
    refused(graph, 1, POLICY)

    found = verified()

    assert found["calendars"].verdict is Verdict.PASS
    assert found["baseline"].verdict is Verdict.WARN
    assert "application access policy (1 users)" in found["baseline"].sentence


def test_users_who_leave_are_no_news(graph: ScriptedGraph, verified: Callable[..., dict[str, CheckResult]]) -> None:
    verified()
    refused(graph, 2, graph_error(404, "Request_ResourceNotFound"))

    assert verified()["baseline"].verdict is Verdict.PASS


def test_organisation_that_shrinks_a_little_each_night_is_told_in_the_end(
    graph: ScriptedGraph, verified: Callable[..., dict[str, CheckResult]]
) -> None:
    refused(graph, 1, graph_error(403, "ErrorAccessDenied"))
    verified()
    verdicts = []
    for count in (2, 3, 4, 5, 6):
        refused(graph, count, graph_error(403, "ErrorAccessDenied"))
        verdicts.append(verified()["baseline"].verdict)

    assert verdicts == [Verdict.PASS] * 3 + [Verdict.WARN] * 2


@pytest.mark.parametrize("count", [0, 40])
def test_sample_and_a_run_that_failed_are_no_measure(
    graph: ScriptedGraph, registry: Registry, verified: Callable[..., dict[str, CheckResult]], count: int
) -> None:
    refused(graph, count, graph_error(403, "ErrorAccessDenied"))

    verified(sample=0 if count else 5)

    assert baseline_of(registry, TENANT) is None
