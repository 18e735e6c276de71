"""All checks of one organisation, in order."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from orgcal.errors import GraphError, Unreachable
from orgcal.tenants.scope import GroupReading, MailboxScope
from tests.scripted_graph import GivenTokens
from tests.support.stack_record import outputs
from verify import organisation, scoped_organisation
from verify.access import Access
from verify.classification import ReadingStats
from verify.models import (
    Baseline,
    CheckResult,
    Connector,
    Mailbox,
    MailboxClass,
    Options,
    Pace,
    SecretReference,
    Target,
    Verdict,
)
from verify.organisation import checks_with, interrupted, read_mailboxes, unforeseen, verify_organisation
from verify.report.base import Report

READS = ("Calendars.Read", "Directory.Read.All")
CONNECTOR = Connector("public", "client", READS, SecretReference("file", "f"))
CONTOSO = Target("t0", "Contoso")
TOKENS = GivenTokens()
ACCESS = Access((CheckResult("token", Verdict.PASS, "given"),), TOKENS, frozenset(READS), "token")


class Heard(Report):
    def __init__(self) -> None:
        self.told: list[tuple[str, Target]] = []

    def started(self, target: Target, total: int | None) -> None:
        assert total is None
        self.told.append(("started", target))

    def finished(self, target: Target) -> None:
        self.told.append(("finished", target))


def context(**options: Any) -> Any:
    counted: list[int] = []
    return SimpleNamespace(
        options=Options(options.pop("connector", CONNECTOR), **options),
        endpoints="endpoints",
        session="session",
        entered=counted.append,
        counted=counted,
    )


@pytest.fixture
def stats(monkeypatch: pytest.MonkeyPatch) -> ReadingStats:
    """Of one mailbox that was read, of a user that was listed; each reading gives these."""
    found = ReadingStats(listed=1, listing_complete=True, complete=True)
    found.tally.add(Mailbox("u0", MailboxClass.OK, 1))

    def read(target: Target, context: Any, tokens: Any) -> ReadingStats:
        assert (target.tenant_id, context.endpoints, tokens) == ("t0", "endpoints", TOKENS)
        return found

    monkeypatch.setattr(organisation, "read_mailboxes", read)
    return found


def verdicts(results: list[CheckResult]) -> dict[str, Verdict]:
    return {result.check: result.verdict for result in results}


PASS, SKIP, WARN = Verdict.PASS, Verdict.SKIP, Verdict.WARN


def test_organisation_is_verified_check_by_check(stats: ReadingStats) -> None:
    results = checks_with(ACCESS, CONTOSO, context())

    assert results[0] == ACCESS.results[0]
    assert [(result.check, result.sentence) for result in results[1:]] == [
        ("roles", "effective: Calendars.Read, Directory.Read.All"),
        ("users", "1 user listed"),
        ("calendars", "1 calendar of 1 mailbox read"),
    ]


def test_organisation_without_a_token_is_not_read() -> None:
    refused = (CheckResult("tenant", PASS, "exists"), CheckResult("token", Verdict.FAIL, "refused"))

    assert checks_with(Access(refused), CONTOSO, context()) == [
        *refused,
        *(CheckResult(check, SKIP, "there is no token to read with") for check in ("roles", "users", "calendars")),
    ]


def test_organisation_whose_roles_are_missing_is_told_the_command_for_its_tenant(stats: ReadingStats) -> None:
    stats.tally.counts[MailboxClass.OK] = 0
    results = checks_with(replace(ACCESS, roles=frozenset()), CONTOSO, context())

    assert results[1].repair == ("send the organisation's administrator a new consent link: orgcal consent link t0")


def test_calendars_are_judged_by_where_the_connector_has_them_from(stats: ReadingStats) -> None:
    about_others = replace(CONNECTOR, outputs=outputs(calendars="none"))

    assert verdicts(checks_with(ACCESS, CONTOSO, context(connector=about_others)))["calendars"] is SKIP


BEFORE = Baseline(1)


@pytest.mark.parametrize(
    ("baseline", "complete", "sample", "compared"),
    [(BEFORE, True, 0, True), (BEFORE, False, 0, False), (BEFORE, True, 5, False), (None, True, 0, False)],
)
def test_whole_reading_is_compared_with_its_measure(
    stats: ReadingStats, baseline: Baseline | None, complete: bool, sample: int, compared: bool
) -> None:
    stats.complete = complete

    results = checks_with(ACCESS, replace(CONTOSO, baseline=baseline), context(sample=sample))

    assert ("baseline" in verdicts(results)) is compared


@pytest.mark.parametrize(("target", "named"), [(CONTOSO, "Contoso"), (Target("t0"), "t0")])
def test_organisation_that_lost_mailboxes_is_told_how_to_accept_that(
    stats: ReadingStats, target: Target, named: str
) -> None:
    found = checks_with(ACCESS, replace(target, baseline=Baseline(9)), context())[-1]

    assert found.verdict is WARN
    assert found.repair.endswith(f"orgcal verify --accept --tenant {named}")


def test_probe_of_events_is_run_where_it_is_asked_for(stats: ReadingStats, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    told = CheckResult("events", PASS, "read")

    def probe(*given: Any, scoped: bool) -> CheckResult:
        asked.append((*given, scoped))
        return told

    monkeypatch.setattr("verify.probes.probe_events", probe)
    shared = context(probes=frozenset({"events"}))

    assert checks_with(ACCESS, CONTOSO, shared)[-1] == told
    assert asked == [(shared, ACCESS, stats, False)]


def test_invited_organisation_is_skipped_with_what_helps() -> None:
    invited = replace(CONTOSO, invited=True)
    repairs = [
        verify_organisation(target, context(connector=connector))
        for connector in (CONNECTOR, replace(CONNECTOR, outputs=outputs(stack="prod")))
        for target in (
            invited,
            replace(invited, organisation=""),
            replace(invited, consent_link="https://x"),
            replace(invited, scope=MailboxScope()),
        )
    ]

    assert repairs[0] == [
        CheckResult("token", SKIP, "invited, and has not consented yet", "orgcal consent link Contoso", "t0", "Contoso")
    ]
    assert repairs[1][0].organisation == "t0"
    assert [(found.sentence, found.repair) for (found,) in repairs[1:4]] == [
        ("invited, and has not consented yet", "orgcal consent link t0"),
        ("invited, and has not consented yet", "send this link to its administrator: https://x"),
        ("invited, and limits the connector", "orgcal consent script Contoso"),
    ]
    assert repairs[7][0].repair == "orgcal consent script Contoso --stack prod"


@pytest.mark.parametrize(
    ("target", "strict"),
    [(CONTOSO, False), (replace(CONTOSO, invited=True, named=True), False), (replace(CONTOSO, invited=True), True)],
)
def test_organisation_that_is_verified_counts_while_it_is_and_is_told_as_finished(
    monkeypatch: pytest.MonkeyPatch, target: Target, strict: bool
) -> None:
    results = [CheckResult("token", PASS, "given"), CheckResult("calendars", PASS, "read")]
    asked: list[Any] = []

    def checks_with(*given: Any) -> list[CheckResult]:
        asked.extend(given)
        return results

    monkeypatch.setattr(organisation, "gain_access", lambda *given: ("access", *given))
    monkeypatch.setattr(organisation, "checks_with", checks_with)
    times = iter([5.0, 7.5])
    monkeypatch.setattr("verify.organisation.time.perf_counter", lambda: next(times))
    heard = Heard()
    shared = context(listener=heard, strict=strict)

    found = verify_organisation(target, shared)

    assert found == [
        CheckResult("token", PASS, "given", "", "t0", "Contoso"),
        CheckResult("calendars", PASS, "read", "", "t0", "Contoso", duration_s=2.5),
    ]
    assert asked == [("access", target, shared), target, shared]
    assert (shared.counted, heard.told) == ([1, -1], [("finished", target)])


def test_organisation_whose_checks_break_no_longer_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(organisation, "_checks", lambda *_: 1 / 0)
    heard = Heard()
    shared = context(listener=heard)

    with pytest.raises(ZeroDivisionError):
        verify_organisation(CONTOSO, shared)

    assert (shared.counted, heard.told) == ([1, -1], [("finished", CONTOSO)])


@pytest.mark.parametrize(
    ("options", "sample", "shares"),
    [
        ({"sample": 5, "seed": 7, "show_users": True}, 5, True),
        ({"pace": Pace(fixed=2)}, 0, False),
        ({"sample": 5, "connector": replace(CONNECTOR, outputs=outputs(calendars="none"))}, 1, True),
    ],
)
def test_reading_is_given_what_the_options_say(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], sample: int, shares: bool
) -> None:
    given: list[Any] = []
    stats = ReadingStats()

    def reading(*positional: Any, **named: Any) -> Any:
        given.append((positional, named))
        return SimpleNamespace(run=lambda: stats)

    monkeypatch.setattr(organisation, "Reading", reading)
    heard = Heard()
    shared = context(listener=heard, **options)

    assert read_mailboxes(CONTOSO, shared, TOKENS, print) is stats

    [(positional, named)] = given
    assert positional == (CONTOSO, "endpoints", TOKENS, "session")
    wanted = shared.options
    assert named == {
        "pace": wanted.pace,
        "sample": sample,
        "seed": wanted.seed,
        "with_names": wanted.show_users,
        "stopped": wanted.stop,
        "listener": heard,
        "connections": shared if shares else None,
        "on_mailbox": print,
    }
    assert heard.told == [("started", CONTOSO)]


def test_organisation_that_broke_or_was_left_behind_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ORGCAL_DEBUG", raising=False)

    assert unforeseen(Target("t0"), Unreachable("cut", repair="again")) == CheckResult(
        "calendars", Verdict.ERROR, "cut", "again", "t0", "t0"
    )
    assert unforeseen(CONTOSO, KeyError("x")).sentence == "internal error, KeyError"
    assert interrupted(CONTOSO) == CheckResult(
        "calendars", Verdict.ERROR, "the run ended before its worker had answered", "", "t0", "Contoso"
    )


# --- organisations that limit the connector ---


GROUP = GroupReading("g", "Pilot", frozenset({"u0", "u1"}))
LIMITED = replace(CONTOSO, scope=MailboxScope("Pilot", outside="out"))
IN_ENTRA = replace(ACCESS, roles=frozenset({"Directory.Read.All"}))


@pytest.fixture
def group(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was asked of the directory about the group, which has two members."""
    asked: list[Any] = []

    def client(*given: Any, budget_s: float) -> str:
        asked.append((*given, budget_s))
        return "graph"

    def read_group(graph: Any, name: str) -> GroupReading:
        asked.append((graph, name))
        return GROUP

    monkeypatch.setattr(scoped_organisation, "GraphClient", client)
    monkeypatch.setattr(scoped_organisation, "read_group", read_group)
    return asked


@pytest.fixture
def scoped_stats(monkeypatch: pytest.MonkeyPatch) -> ReadingStats:
    """Each reading finds one mailbox read, one of the group refused, and one outside refused."""
    found = ReadingStats(listed=3, listing_complete=True, complete=True)

    def read(target: Target, context: Any, tokens: Any, on_mailbox: Any) -> ReadingStats:
        assert (target.tenant_id, tokens) == ("t0", TOKENS)
        for user, kind in (("u0", MailboxClass.OK), ("u1", MailboxClass.RESTRICTED), ("x", MailboxClass.RESTRICTED)):
            mailbox = Mailbox(user, kind, 1 if kind is MailboxClass.OK else 0)
            found.tally.add(mailbox)
            on_mailbox(mailbox)
        return found

    monkeypatch.setattr(organisation, "read_mailboxes", read)
    return found


def test_limited_organisation_is_judged_by_its_scope(group: list[Any], scoped_stats: ReadingStats) -> None:
    shared = context(pace=Pace(budget_s=12.0))

    results = checks_with(IN_ENTRA, replace(LIMITED, baseline=Baseline(1, members=9)), shared)

    assert [(result.check, result.verdict) for result in results[1:]] == [
        ("roles", PASS),
        ("users", PASS),
        ("calendars", PASS),
        ("scope", WARN),
        ("baseline", WARN),
    ]
    assert results[4].evidence["inside"] == {"read": 1, "refused": 1, "by_policy": 0, "without_mailbox": 0}
    assert results[4].repair == "orgcal consent script Contoso"
    assert results[5].sentence == "the group has 2 members, and had 9 before"
    assert group == [("endpoints", TOKENS, "session", 12.0), ("graph", "Pilot")]


def test_limited_organisation_without_a_name_is_told_the_script_for_its_tenant(
    group: list[Any], scoped_stats: ReadingStats
) -> None:
    scope = MailboxScope("Pilot", "g1")
    results = checks_with(IN_ENTRA, Target("t0", scope=scope), context())

    assert results[-1].repair == "orgcal consent script t0"
    assert group[-1] == ("graph", "g1")


def test_group_that_cannot_be_read_is_an_error_of_the_scope_alone(
    group: list[Any], scoped_stats: ReadingStats, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = GraphError("no", status=403, repair="ask")
    monkeypatch.setattr(scoped_organisation, "read_group", lambda *_: (_ for _ in ()).throw(refused))

    results = checks_with(IN_ENTRA, replace(LIMITED, baseline=Baseline(1)), context())

    assert results[4] == CheckResult("scope", Verdict.ERROR, "the group cannot be read: no", "ask")
    assert results[5].verdict is PASS


def test_group_with_a_problem_counts_as_no_group(
    group: list[Any], scoped_stats: ReadingStats, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = GroupReading("g", "Pilot", problem="the organisation has no group Pilot")
    monkeypatch.setattr(scoped_organisation, "read_group", lambda *_: problem)

    results = checks_with(IN_ENTRA, replace(LIMITED, baseline=Baseline(1, members=9)), context())

    assert (results[4].verdict, results[4].sentence) == (Verdict.FAIL, problem.problem)
    assert results[4].evidence["members"] is None
    assert results[5].verdict is PASS


def test_scope_without_a_group_asks_nobody(group: list[Any], scoped_stats: ReadingStats) -> None:
    results = checks_with(IN_ENTRA, replace(CONTOSO, scope=MailboxScope()), context())

    assert (group, results[4].verdict) == ([], PASS)
    assert results[4].evidence["outside"] == {"read": 0, "refused": 2, "examples": []}


def test_calendars_of_a_limited_connector_about_something_else_are_skipped(
    group: list[Any], scoped_stats: ReadingStats
) -> None:
    connector = replace(CONNECTOR, outputs=outputs(calendars="none"))

    assert verdicts(checks_with(IN_ENTRA, LIMITED, context(connector=connector)))["calendars"] is SKIP
