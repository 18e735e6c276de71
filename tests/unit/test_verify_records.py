"""What a verification leaves in a registry, whole: rows of the history, states of limited organisations, measures."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orgcal import __version__
from orgcal.tenants.history import Run, add_runs, runs
from orgcal.tenants.model import State
from orgcal.tenants.registry import Registry
from orgcal.tenants.scope import AccessProfile, MailboxScope
from verify.baseline import baseline_of, baseline_verdict, remember
from verify.classification import ReadingStats
from verify.models import Baseline, CheckResult, Mailbox, MailboxClass, Target, Verdict
from verify.recording import note_since, record, registered_targets
from verify.summary import Summary

CONTOSO = "22222222-2222-2222-2222-222222222222"
FABRIKAM = "33333333-3333-3333-3333-333333333333"
GROUP = "44444444-4444-4444-8444-444444444444"
NOW = datetime(2026, 11, 23, tzinfo=UTC)
DECLARED = ["Calendars.Read", "Directory.Read.All"]
ROLES: dict[str, Any] = {"declared": DECLARED, "effective": DECLARED, "missing": []}
PASS, WARN, FAIL, ERROR = Verdict.PASS, Verdict.WARN, Verdict.FAIL, Verdict.ERROR


class Clock:
    now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry that knows Contoso: to make one takes longer than a test."""
    path = tmp_path_factory.mktemp("registry") / "registry.db"
    registry = Registry(f"sqlite:///{path}", connector="orgcal/dev", operator="ada", now=Clock())
    registry.add(CONTOSO, "Contoso")
    registry.close()
    return path


@pytest.fixture
def registry(database: Path, tmp_path: Path, clock: Clock) -> Iterator[Registry]:
    path = shutil.copy(database, tmp_path / "registry.db")
    registry = Registry(f"sqlite:///{path}", connector="orgcal/dev", operator="ada", now=clock)
    yield registry
    registry.close()


def result(check: str, verdict: Verdict = PASS, **evidence: Any) -> CheckResult:
    sentence, duration_s = f"{check} {verdict.value}", 1.0005 if check == "calendars" else 0.5
    return CheckResult(check, verdict, sentence, "", CONTOSO, "Contoso", evidence, duration_s)  # type: ignore[arg-type]


def summary(*results: CheckResult) -> Summary:
    found = Summary()
    for each in results:
        found.add(each)
    return found


MAILBOXES = {"ok": 1, "no_mailbox": 2, "restricted": 3, "deleted": 4, "failed": 5, "not_read": 6}


def test_row_of_the_history_has_every_number_of_the_verification(registry: Registry) -> None:
    calendars = result("calendars", FAIL, calendars=9, mailboxes=MAILBOXES, requests=77, waited_s=1.5)
    record(registry, summary(result("roles", WARN, **ROLES), result("users", listed=21), calendars))

    [row] = runs(registry, CONTOSO)

    assert row == Run(
        at=NOW,
        tenant_id=CONTOSO,
        kind="verify",
        version=__version__,
        verdict="fail",
        state=State.INVITED,
        users=21,
        calendars=9,
        readable=1,
        no_mailbox=2,
        restricted=3,
        deleted=4,
        failed=5,
        not_read=6,
        roles=tuple(DECLARED),
        checks={"roles": "warn", "calendars": "fail"},
        duration_s=2.0,
        requests=77,
        throttled_s=1.5,
        cause="calendars fail",
    )


def test_row_of_the_history_leaves_out_what_nobody_looked_at(registry: Registry) -> None:
    record(registry, summary(result("token", ERROR), result("calendars", Verdict.SKIP)))

    [row] = runs(registry, CONTOSO)

    assert row == Run(
        at=NOW,
        tenant_id=CONTOSO,
        kind="verify",
        version=__version__,
        verdict="error",
        state=State.INVITED,
        checks={"token": "error", "calendars": "skip"},
        duration_s=1.5,
        cause="token error",
    )


def test_row_of_what_passed_has_no_cause(registry: Registry) -> None:
    record(registry, summary(result("roles", **ROLES), result("users", listed=1)))

    assert [(row.verdict, row.cause, row.checks) for row in runs(registry, CONTOSO)] == [("pass", "", {})]


def test_history_is_kept_as_long_as_the_caller_says(registry: Registry, clock: Clock) -> None:
    add_runs(registry, [Run(at=NOW, tenant_id=CONTOSO, kind="verify", version="1", verdict="pass", state=State.FAILED)])
    clock.now = NOW + timedelta(days=8)

    record(registry, summary(result("users", listed=1)), keep=timedelta(days=9))
    assert len(list(runs(registry, CONTOSO))) == 2
    record(registry, summary(result("users", listed=1)), keep=timedelta(days=7))

    assert [row.at for row in runs(registry, CONTOSO)] == [clock.now, clock.now]


def test_permissions_of_a_token_that_nobody_could_read_stay_as_they_were(registry: Registry) -> None:
    record(registry, summary(result("roles", **ROLES)))
    record(registry, summary(result("roles", WARN, declared=["Mail.Read"])))

    assert registry.wanted(CONTOSO).permissions == tuple(DECLARED)


@pytest.mark.parametrize(
    ("results", "state", "reason"),
    [
        ([result("tenant", FAIL), result("token", FAIL)], State.FAILED, "tenant fail"),
        ([result("token", FAIL, aadsts=700016), result("users", FAIL)], State.REVOKED, "token fail"),
        ([result("token", FAIL, error="unauthorized_client")], State.VERIFIED, ""),
        ([result("users", FAIL), result("roles", FAIL, **{**ROLES, "missing": DECLARED})], State.RECONSENT_NEEDED,
         "roles fail"),
        ([result("users", FAIL), result("roles", FAIL, declared=DECLARED, effective=[])], State.REVOKED, "roles fail"),
        ([result("roles", **ROLES), result("users", FAIL)], State.CONSENTED, "users fail"),
        ([result("roles", WARN, **{**ROLES, "missing": DECLARED[:1]}), result("users", FAIL)], State.VERIFIED, ""),
        ([result("roles", WARN, declared=DECLARED), result("users", FAIL)], State.VERIFIED, ""),
        ([result("users", FAIL)], State.VERIFIED, ""),
        ([result("roles", **ROLES), result("users", ERROR)], State.VERIFIED, ""),
    ],
)  # fmt: skip
def test_failure_is_written_as_the_state_that_it_proves_with_its_sentence(
    registry: Registry, results: list[CheckResult], state: State, reason: str
) -> None:
    registry.set_state(CONTOSO, State.VERIFIED)

    record(registry, summary(*results))

    found = registry.wanted(CONTOSO)
    assert (found.state, found.reason) == (state, reason)


def scope_result(verdict: Verdict, state: State | None = None) -> CheckResult:
    return result("scope", verdict, group_id=GROUP, **({"state": state.value} if state else {}))


@pytest.fixture
def limited(registry: Registry) -> Registry:
    """Contoso limits the connector, and has consented."""
    registry.add(CONTOSO, "Contoso", profile=AccessProfile("scoped", "Pilot"))
    registry.set_state(CONTOSO, State.CONSENTED)
    return registry


def test_limited_organisation_waits_since_it_was_first_found_so(limited: Registry, clock: Clock) -> None:
    record(limited, summary(result("roles", **ROLES), scope_result(WARN, State.WAITING)))
    clock.now = NOW + timedelta(hours=1)
    record(limited, summary(result("roles", **ROLES), scope_result(WARN, State.WAITING)))

    found = limited.wanted(CONTOSO)
    assert (found.state, found.reason, found.group_id) == (State.WAITING, "scope warn", GROUP)
    assert (found.awaited_since, found.checked_at, found.verified_at) == (NOW, clock.now, None)
    assert (found.verdict, found.permissions) == ("warn", ())


@pytest.mark.parametrize("verdict", [PASS, WARN])
def test_limited_organisation_whose_scope_is_proved_is_verified_and_waits_no_longer(
    limited: Registry, verdict: Verdict
) -> None:
    record(limited, summary(scope_result(WARN, State.WAITING)))

    record(limited, summary(result("roles", **ROLES), scope_result(verdict, State.VERIFIED)))

    found = limited.wanted(CONTOSO)
    assert (found.state, found.reason, found.awaited_since) == (State.VERIFIED, "", None)
    assert (found.group_id, found.verified_at, found.permissions) == (GROUP, NOW, tuple(DECLARED))


def test_token_that_reaches_every_mailbox_is_told_before_the_scope(limited: Registry) -> None:
    roles = result("roles", FAIL, **ROLES, state="too-much-access")

    record(limited, summary(roles, scope_result(FAIL, State.TOO_LITTLE)))

    found = limited.wanted(CONTOSO)
    assert (found.state, found.reason, found.group_id) == (State.TOO_MUCH, "roles fail", GROUP)


def test_limited_organisation_without_a_state_in_its_checks_is_judged_as_others_are(limited: Registry) -> None:
    limited.set_state(CONTOSO, State.VERIFIED)

    record(limited, summary(result("roles", **ROLES), result("users", FAIL), scope_result(ERROR)))

    found = limited.wanted(CONTOSO)
    assert (found.state, found.reason, found.group_id) == (State.CONSENTED, "users fail", "")


def test_state_of_a_scope_says_nothing_of_an_organisation_that_limits_nothing(registry: Registry) -> None:
    record(registry, summary(result("roles", **ROLES), scope_result(WARN, State.TOO_MUCH)))

    found = registry.wanted(CONTOSO)
    assert (found.state, found.group_id) == (State.VERIFIED, "")


def test_targets_of_a_registry_bring_measure_and_scope(limited: Registry) -> None:
    limited.add(FABRIKAM, "Fabrikam")
    limited.note("measure", FABRIKAM, "7 mailboxes", readable=7, refusals=["no mailbox"], members=3)

    contoso, fabrikam = registered_targets(limited)

    assert contoso == Target(CONTOSO, "Contoso", scope=MailboxScope("Pilot", waiting=True))
    assert fabrikam == Target(FABRIKAM, "Fabrikam", True, baseline=Baseline(7, frozenset({"no mailbox"}), NOW, 3))
    assert fabrikam.baseline is not None
    assert fabrikam.baseline.at == NOW


@pytest.mark.parametrize(("verdict", "told"), [(PASS, NOW), (WARN, NOW), (FAIL, NOW), (ERROR, None)])
def test_report_is_told_that_an_organisation_has_just_changed(
    registry: Registry, verdict: Verdict, told: datetime | None
) -> None:
    found = summary(result("users", verdict))

    note_since(registry, found)

    assert found.organisations[CONTOSO].since == told


# --- measures ---


def reading(ok: int, **refusals: int) -> ReadingStats:
    stats = ReadingStats()
    stats.tally.counts[MailboxClass.OK] = ok
    stats.tally.refusals.update({name.replace("_", " "): count for name, count in refusals.items()})
    return stats


BEFORE = Baseline(1000, frozenset({"no mailbox"}), NOW, 100)


@pytest.mark.parametrize(
    ("ok", "members", "refusals", "sentence", "new"),
    [
        (900, 90, {"no_mailbox": 3, "deleted": 1}, "900 mailboxes were read, and 1,000 on 2026-11-23", []),
        (899, None, {}, "899 mailboxes were read, and 1,000 on 2026-11-23", []),
        (1200, 89, {}, "the group has 89 members, and had 100 on 2026-11-23", []),
        (1200, None, {"throttled": 1200, "deleted": 5, "no_answer": 2},
         "a refusal that nobody met on 2026-11-23: no answer (2 users); a refusal that nobody met on 2026-11-23: "
         "throttled (1,200 users)", ["no answer", "throttled"]),
        (899, 0, {}, "899 mailboxes were read, and 1,000 on 2026-11-23; the group has 0 members, and had 100 on "
         "2026-11-23", []),
    ],
)  # fmt: skip
def test_reading_is_compared_with_the_measure_by_a_tenth(
    ok: int, members: int | None, refusals: dict[str, int], sentence: str, new: list[str]
) -> None:
    well = ok == 900
    repair = "" if well else "ask the organisation whether that is on purpose; if it is: accept it"
    before = {"readable": 1000, "refusals": ["no mailbox"], "at": "2026-11-23T00:00:00Z", "members": 100}

    assert baseline_verdict(reading(ok, **refusals), BEFORE, "accept it", members) == CheckResult(
        "baseline",
        PASS if well else WARN,
        sentence,
        repair,
        evidence={"before": before, "readable": ok, "new_refusals": new},
    )


def test_measure_without_a_day_or_a_group_is_compared_all_the_same() -> None:
    found = baseline_verdict(reading(1200), Baseline(1200), "accept it", 0)

    assert (found.verdict, found.sentence) == (PASS, "1,200 mailboxes were read, and 1,200 before")
    before = {"readable": 1200, "refusals": [], "at": None, "members": None}
    assert found.evidence == {"before": before, "readable": 1200, "new_refusals": []}


def measured(ok: int, *, not_read: int = 0, members: int | None = None, verdict: Verdict = PASS) -> list[CheckResult]:
    mailboxes = {**dict.fromkeys(MAILBOXES, 0), "ok": ok, "not_read": not_read}
    calendars = result("calendars", verdict, mailboxes=mailboxes, refusals={"no mailbox": 2, "deleted": 1})
    return [calendars, result("scope", members=members)]


def remembered(registry: Registry, *nights: list[CheckResult], accepted: bool = False) -> list[tuple[int, int | None]]:
    for night in nights:
        remember(registry, summary(*night), accepted=accepted)
    rows = [entry for entry in registry.log(CONTOSO) if entry.action == "measure"]
    assert all(entry.result == f"{entry.detail['readable']} mailboxes" for entry in rows)
    assert all(entry.detail["refusals"] == ["no mailbox"] for entry in rows)
    return [(entry.detail["readable"], entry.detail.get("members")) for entry in rows]


def test_measure_grows_and_is_written_where_it_changes(registry: Registry) -> None:
    nights = [measured(5), measured(5), measured(4), measured(7, members=2), measured(6, members=1), measured(7)]

    assert remembered(registry, *nights) == [(5, None), (7, 2), (7, None)]
    assert baseline_of(registry, CONTOSO) == Baseline(7, frozenset({"no mailbox"}))


def test_measure_that_is_accepted_may_be_smaller(registry: Registry) -> None:
    remembered(registry, measured(7, members=4))

    assert remembered(registry, measured(5, members=3), accepted=True) == [(7, 4), (5, 3)]


@pytest.mark.parametrize(
    "night",
    [
        measured(9, not_read=1),
        measured(9, verdict=WARN),
        measured(9, verdict=FAIL),
        [*measured(9), result("baseline", WARN)],
        [result("users", listed=9)],
    ],
)
def test_reading_that_proves_no_number_is_no_measure(registry: Registry, night: list[CheckResult]) -> None:
    assert remembered(registry, night) == []
    assert baseline_of(registry, CONTOSO) is None


def test_reading_with_a_warning_of_the_comparison_is_one_once_accepted(registry: Registry) -> None:
    warned = [*measured(9), result("baseline", WARN)]
    compared = [*measured(10), result("baseline", PASS)]

    assert remembered(registry, warned, accepted=True) == [(9, None)]
    assert remembered(registry, compared) == [(9, None), (10, None)]


def test_organisation_that_the_registry_does_not_know_leaves_no_measure(registry: Registry) -> None:
    strangers = [CheckResult(**{**each.as_json(), "tenant_id": FABRIKAM, "verdict": PASS}) for each in measured(3)]

    remember(registry, summary(*strangers), accepted=True)
    record(registry, summary(*strangers))

    assert list(registry.log(FABRIKAM)) == []
    assert list(runs(registry, FABRIKAM)) == []


def test_mailboxes_of_a_tally_are_counted_by_reason_up_to_fifty_and_by_request() -> None:
    tally = ReadingStats().tally
    for number in range(52):
        tally.add(Mailbox(f"u{number}", MailboxClass.FAILED, 0, f"reason {number}", f"r{number}", "", number < 3))
    tally.add(Mailbox("again", MailboxClass.FAILED, 0, "reason 0", "other"))
    tally.add(Mailbox("no reason", MailboxClass.RESTRICTED, refusal="denied by Exchange"))
    for number in range(5):
        tally.add(Mailbox(f"read{number}", MailboxClass.OK, 2))
    tally.add_read("another", 3)

    assert tally.counts == {**dict.fromkeys(MailboxClass, 0), MailboxClass.FAILED: 53, MailboxClass.RESTRICTED: 1,
                            MailboxClass.OK: 6}  # fmt: skip
    assert (tally.total, tally.calendars, tally.undecided) == (60, 13, 3)
    assert tally.reasons == {**{f"reason {n}": 1 for n in range(50)}, "reason 0": 2, "other reasons": 3}
    assert tally.request_ids == {**{f"reason {n}": f"r{n}" for n in range(50)}, "other reasons": "r50"}
    assert tally.refusals == {"denied by Exchange": 1}
    assert tally.readable == ["read0", "read1", "read2"]
    assert tally.examples[0] == {"user_id": "u0", "reason": "reason 0", "request_id": "r0"}
    assert len(tally.examples) == 53
