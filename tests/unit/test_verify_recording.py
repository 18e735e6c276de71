"""What a verification writes into the registry: what it proved, and never more."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orgcal.tenants.history import runs
from orgcal.tenants.model import ACTIVE, OF_SCOPED, State
from orgcal.tenants.registry import Registry
from orgcal.tenants.states import MOVES, Cause
from tests.support.registry import new_database
from verify.models import CheckResult, Verdict
from verify.recording import note_since, record
from verify.summary import Summary

CONTOSO = "22222222-2222-2222-2222-222222222222"
FABRIKAM = "33333333-3333-3333-3333-333333333333"
NOW = datetime(2026, 11, 23, tzinfo=UTC)
DECLARED = ["Calendars.Read", "Directory.Read.All"]
EVERY_ROLE = {"declared": DECLARED, "effective": DECLARED, "missing": []}
ONE_ROLE = {"declared": DECLARED, "effective": DECLARED[1:], "missing": DECLARED[:1]}
NO_ROLE = {"declared": DECLARED, "effective": [], "missing": DECLARED}
NOT_KNOWN = {"aadsts": 700016, "error": "unauthorized_client"}
WRONG_SECRET = {"aadsts": 7000215, "error": "invalid_client"}


class Clock:
    now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def registry(tmp_path: Path, clock: Clock) -> Iterator[Registry]:
    registry = Registry(new_database(tmp_path), connector="orgcal/dev", operator="ada", now=clock)
    registry.add(CONTOSO, "Contoso")
    yield registry
    registry.close()


def verified(registry: Registry, *results: tuple[Any, Verdict, dict[str, Any]]) -> None:
    summary = Summary()
    for check, verdict, evidence in results:
        sentence = f"{check} ended as {verdict}"
        summary.add(CheckResult(check, verdict, sentence, "", CONTOSO, "Contoso", evidence))
    record(registry, summary)


Results = tuple[tuple[Any, Verdict, dict[str, Any]], ...]
PASSED: Results = (("token", Verdict.PASS, {}), ("roles", Verdict.PASS, EVERY_ROLE), ("users", Verdict.PASS, {}))
UNREADABLE: Results = (*PASSED, ("calendars", Verdict.FAIL, {}))


@pytest.mark.parametrize(
    "before", [State.INVITED, State.CONSENTED, State.RECONSENT_NEEDED, State.REVOKED, State.FAILED]
)
def test_verification_that_passes_proves_every_state_better(registry: Registry, before: State) -> None:
    registry.set_state(CONTOSO, before, reason="before")

    verified(registry, *PASSED)

    found = registry.wanted("Contoso")
    assert (found.state, found.reason, found.verdict) == (State.VERIFIED, "", "pass")
    assert found.verified_at == found.checked_at == found.consented_at == NOW
    assert found.permissions == tuple(DECLARED)


@pytest.mark.parametrize(
    ("results", "found"),
    [
        ((("tenant", Verdict.FAIL, {}), ("token", Verdict.SKIP, {})), State.FAILED),
        ((("token", Verdict.FAIL, NOT_KNOWN),), State.REVOKED),
        ((("token", Verdict.PASS, {}), ("roles", Verdict.FAIL, NO_ROLE)), State.REVOKED),
        ((("token", Verdict.PASS, {}), ("roles", Verdict.FAIL, ONE_ROLE)), State.RECONSENT_NEEDED),
        (UNREADABLE, State.CONSENTED),
        ((("token", Verdict.FAIL, WRONG_SECRET),), State.VERIFIED),
        ((("token", Verdict.ERROR, {}),), State.VERIFIED),
    ],
    ids=["no tenant", "not consented", "no role", "a role", "unreadable", "our secret", "nobody could tell"],
)
def test_verification_that_fails_writes_the_state_that_it_found(
    registry: Registry, clock: Clock, results: tuple[Any, ...], found: State
) -> None:
    verified(registry, *PASSED)
    clock.now = NOW + timedelta(days=1)

    verified(registry, *results)

    contoso = registry.wanted("Contoso")
    assert contoso.state is found
    assert (contoso.verified_at, contoso.checked_at) == (NOW, clock.now), "the last success, and the last try"
    assert contoso.verdict in ("fail", "error")
    assert bool(contoso.reason) == (found is not State.VERIFIED)
    entry = list(registry.log(CONTOSO))[-1]
    assert (entry.action, entry.result, entry.detail["before"]) == ("verify", found.value, "verified")


ORDER = (State.VERIFIED, State.CONSENTED, State.RECONSENT_NEEDED, State.REVOKED, State.FAILED, State.INVITED)


@pytest.mark.parametrize("before", ORDER)
@pytest.mark.parametrize(
    "results",
    [
        (("tenant", Verdict.FAIL, {}),),
        (("token", Verdict.FAIL, NOT_KNOWN),),
        (("token", Verdict.FAIL, WRONG_SECRET),),
        (("token", Verdict.PASS, {}), ("roles", Verdict.FAIL, ONE_ROLE)),
        UNREADABLE,
        (("token", Verdict.ERROR, {}),),
    ],
)
def test_verification_that_does_not_pass_never_writes_a_better_state(
    registry: Registry, before: State, results: tuple[Any, ...]
) -> None:
    registry.set_state(CONTOSO, before)

    verified(registry, *results)

    after = registry.wanted("Contoso")
    had_access = before not in (State.INVITED, State.FAILED)
    assert not had_access or ORDER.index(after.state) >= ORDER.index(before)
    assert had_access or after.state in (before, State.FAILED)
    assert after.verified_at is None


def test_verification_that_left_an_organisation_out_writes_nothing(registry: Registry) -> None:
    before = registry.wanted("Contoso")

    verified(registry, ("token", Verdict.SKIP, {}))

    assert registry.wanted("Contoso") == before


def test_verification_does_not_bring_a_removed_organisation_back(registry: Registry) -> None:
    registry.remove(CONTOSO, reason="over")

    verified(registry, *PASSED)

    assert registry.wanted("Contoso").state is State.REMOVED
    assert [entry.action for entry in registry.log(CONTOSO)] == ["add", "remove"]


def test_customer_who_limits_calendars_in_exchange_has_consented_to_the_rest(registry: Registry) -> None:
    verified(registry, ("token", Verdict.PASS, {}), ("roles", Verdict.WARN, ONE_ROLE), ("users", Verdict.PASS, {}))

    assert registry.wanted("Contoso").permissions == ("Directory.Read.All",)


def test_only_a_success_lifts_an_organisation_and_only_to_verified() -> None:
    for after, befores in MOVES[Cause.VERIFY].items():
        if after in OF_SCOPED:
            assert befores == ACTIVE, "who has no access gets none by a failure"
        elif after not in (State.VERIFIED, State.FAILED):
            assert all(ORDER.index(before) < ORDER.index(after) for before in befores - OF_SCOPED)


def test_report_is_told_since_when_an_organisation_is_well_or_not(registry: Registry, clock: Clock) -> None:
    refused: Results = (("token", Verdict.FAIL, NOT_KNOWN),)
    unknown: Results = (("token", Verdict.ERROR, {}),)
    nights = [PASSED, refused, unknown, PASSED, PASSED, refused, unknown, refused]
    told = []
    for night, results in enumerate(nights):
        clock.now = NOW + timedelta(days=night)
        summary = Summary()
        for check, verdict, evidence in results:
            summary.add(CheckResult(check, verdict, "as it was", "", CONTOSO, "Contoso", evidence))
        summary.add(CheckResult("token", Verdict.PASS, "as it was", "", FABRIKAM, "not in the registry", {}))
        note_since(registry, summary)
        since = summary.organisations[CONTOSO].since
        told.append(None if since is None else (since - NOW).days)
        assert summary.organisations[FABRIKAM].since is None
        record(registry, summary)

    assert told == [0, 1, None, 3, 3, 5, None, 5]


def test_history_has_the_permissions_that_were_effective(registry: Registry) -> None:
    verified(registry, ("token", Verdict.PASS, {}), ("roles", Verdict.WARN, ONE_ROLE), ("users", Verdict.PASS, {}))
    verified(registry, ("token", Verdict.FAIL, NOT_KNOWN))

    assert sorted(run.roles for run in runs(registry, CONTOSO)) == [(), ("Directory.Read.All",)]
