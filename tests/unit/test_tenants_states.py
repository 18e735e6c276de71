"""The state machine of an organisation: who may move it from where to where."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import product

import pytest

from orgcal.entra.probe import Access, TenantAccess
from orgcal.tenants.model import ACTIVE, State, Tenant
from orgcal.tenants.states import (
    MOVES,
    Cause,
    after_consent,
    after_failed_verification,
    after_probe,
    after_refused_consent,
    may_move,
)

NOW = datetime(2026, 11, 28, tzinfo=UTC)
ACCESSES: tuple[Access, ...] = ("granted", "partial", "none", "no tenant", "credential refused", "unknown")

KNOWN = [state for state in State if state is not State.REMOVED]


def organisation(state: State) -> Tenant:
    return Tenant("22222222-2222-2222-2222-222222222222", "Contoso", "", state, "why", added_at=NOW, changed_at=NOW)


@pytest.mark.parametrize("cause", list(Cause))
def test_removed_organisation_is_left_by_add_alone(cause: Cause) -> None:
    left = {after for after in State if may_move(cause, State.REMOVED, after)}

    assert left == ({State.INVITED, State.REMOVED} if cause is Cause.ADD else set())


def test_only_a_removal_or_code_of_the_operators_own_removes() -> None:
    removers = {cause for cause in Cause for before in State if may_move(cause, before, State.REMOVED)} - {Cause.ADD}

    assert removers == {Cause.REMOVE, Cause.SET}


@pytest.mark.parametrize(("before", "access"), list(product(KNOWN, ACCESSES)))
def test_state_that_follows_from_a_probe_is_one_that_the_machine_allows(before: State, access: Access) -> None:
    tenant = organisation(before)
    for readable in (None, False, True):
        probe = TenantAccess(access, "a sentence", users_readable=readable)
        assert may_move(Cause.CHECK, before, after_probe(tenant, probe)[0])
        assert may_move(Cause.CONSENT, before, after_consent(tenant, probe)[0])
    assert may_move(Cause.CONSENT, before, after_refused_consent(tenant, "an error")[0])


@pytest.mark.parametrize(("before", "access"), list(product(KNOWN, ACCESSES[4:])))
def test_probe_that_decides_nothing_leaves_every_state(before: State, access: Access) -> None:
    tenant, probe = organisation(before), TenantAccess(access, "nobody can tell")

    assert after_probe(tenant, probe) == after_consent(tenant, probe) == (before, "why")


@pytest.mark.parametrize(("before", "found"), list(product(State, [*State, None])))
def test_failed_verification_leaves_what_it_could_only_make_better(before: State, found: State | None) -> None:
    state, reason = after_failed_verification(organisation(before), found, "it failed")

    assert (state, reason) in ((before, "why"), (found, "it failed"))
    if found in ACTIVE - {State.VERIFIED} and before not in ACTIVE:
        assert state is before


def test_every_cause_has_its_row() -> None:
    assert set(MOVES) == set(Cause)
