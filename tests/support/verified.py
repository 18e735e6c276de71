"""Lists, reads and judges with the engine of verification, against a scripted Graph."""

from __future__ import annotations

from dataclasses import dataclass, field

from orgcal.entra.session import new_session
from tests.scripted_graph import GivenTokens, ScriptedGraph, graph_error
from verify.access import Access
from verify.classification import ReadingStats
from verify.models import CheckResult, Pace, Target
from verify.reading import Reading
from verify.verdicts import calendars_verdict, roles_verdict, users_verdict

REQUIRED = frozenset({"Calendars.Read", "Directory.Read.All"})
RAOP = "Access to OData is disabled: [RAOP] : Blocked by tenant configured AppOnly AccessPolicy settings."
"""Reported by several in 2026; Microsoft's page has the first half (microsoft-graph-docs-contrib,
concepts/auth-limit-mailbox-access.md at 028b8e354879f1054adbd96bfa8d16fff4330811)."""
POLICY = graph_error(403, "ErrorAccessDenied", RAOP)


def fresh(graph: ScriptedGraph, users: int = 30) -> ScriptedGraph:
    """The same server with a new script."""
    url = graph.url
    graph.__init__(users, page_size=10)  # type: ignore[misc]
    graph.url = url
    return graph


@dataclass
class Found:
    """What the engine came to."""

    stats: ReadingStats
    results: dict[str, CheckResult] = field(default_factory=dict)

    @property
    def users(self) -> CheckResult:
        return self.results["users"]

    @property
    def calendars(self) -> CheckResult:
        return self.results["calendars"]


def verified(graph: ScriptedGraph, pace: Pace, tokens: GivenTokens | None = None) -> Found:
    """List and read with the engine of verification, and judge."""
    with new_session(graph.endpoints, pool_size=70) as session:
        stats = Reading(Target("contoso"), graph.endpoints, tokens or GivenTokens(), session, pace=pace).run()
    assert stats.tally.total == stats.listed, "the classes add up to the users listed, whatever happened"
    access = Access((), GivenTokens(), REQUIRED, "token")
    results = [roles_verdict("link", access, REQUIRED, stats), users_verdict(stats), calendars_verdict(stats, REQUIRED)]
    return Found(stats, {result.check: result for result in results})
