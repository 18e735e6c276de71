"""The state machine of an organisation: who may move it from where to where."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from orgcal.entra.probe import Access, TenantAccess
from orgcal.tenants.model import ACTIVE, State, Tenant
from orgcal.tenants.model import Access as Profile
from orgcal.tenants.scope import MailboxSeen, ScopedAccess
from orgcal.tenants.states import (
    Cause,
    Move,
    after_consent,
    after_failed_verification,
    after_probe,
    after_profile,
    after_refused_consent,
    after_scope,
    may_move,
)

NOW = datetime(2026, 11, 28, tzinfo=UTC)
ACCESSES: tuple[Access, ...] = ("granted", "partial", "none", "no tenant", "credential refused", "unknown")

KNOWN = [state for state in State if state is not State.REMOVED]
WITH_ACCESS = "consented verified reconsent-needed waiting-for-exchange too-much-access too-little-access"
ALL = f"invited {WITH_ACCESS} revoked failed"

ALLOWED: Mapping[Cause, Mapping[str, str]] = {
    Cause.ADD: {
        "invited": "removed",
        "too-much-access": WITH_ACCESS,
        "waiting-for-exchange": WITH_ACCESS,
        "reconsent-needed": WITH_ACCESS,
    },
    Cause.CONSENT: {
        "consented": ALL,
        "verified": ALL,
        "reconsent-needed": f"{WITH_ACCESS} revoked",
        "too-much-access": ALL,
        "revoked": WITH_ACCESS,
        "failed": ALL,
    },
    Cause.CHECK: {
        "consented": ALL.replace("verified ", ""),
        "verified": ALL,
        "reconsent-needed": f"{WITH_ACCESS} revoked",
        "waiting-for-exchange": ALL,
        "too-much-access": ALL,
        "too-little-access": ALL,
        "revoked": WITH_ACCESS,
        "failed": ALL,
    },
    Cause.VERIFY: {
        "consented": "verified",
        "verified": ALL,
        "reconsent-needed": "verified consented",
        "waiting-for-exchange": WITH_ACCESS,
        "too-much-access": WITH_ACCESS,
        "too-little-access": WITH_ACCESS,
        "revoked": WITH_ACCESS,
        "failed": f"invited {WITH_ACCESS}",
    },
    Cause.REMOVE: {"removed": ALL},
    Cause.SET: dict.fromkeys([*ALL.split(), "removed"], ALL),
}
"""What moves an organisation -> to which state -> from which others, as docs/consent.md (The registry) tells it."""


def organisation(state: State, access: Profile = "all", *, awaited_since: datetime | None = None) -> Tenant:
    return Tenant(
        "22222222-2222-2222-2222-222222222222", "Contoso", "", state, "why",
        added_at=NOW, changed_at=NOW, access=access, awaited_since=awaited_since,
    )  # fmt: skip


@pytest.mark.parametrize(("cause", "after"), list(product(Cause, State)))
def test_organisation_is_moved_from_these_states_alone(cause: Cause, after: State) -> None:
    left = {before.value for before in State if before is not after and may_move(cause, before, after)}

    assert left == set(ALLOWED[cause].get(after, "").split()) - {after}
    assert may_move(cause, after, after) is (after is not State.REMOVED or cause is Cause.ADD)


def test_move_without_further_fields_has_a_mapping_of_its_own() -> None:
    assert Move(State.REVOKED) == Move(State.REVOKED, "", {})


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


SURPLUS = TenantAccess("granted", "more than declared", surplus=("X",))


@pytest.mark.parametrize(
    ("before", "probe", "after"),
    [
        ("invited", TenantAccess("granted", "all is well"), ("consented", "")),
        ("verified", TenantAccess("granted", "all is well"), ("verified", "")),
        ("revoked", SURPLUS, ("consented", "more than declared")),
        ("verified", SURPLUS, ("verified", "more than declared")),
        ("verified", TenantAccess("no tenant", "no such tenant"), ("failed", "no such tenant")),
        ("invited", TenantAccess("no tenant", "no such tenant"), ("failed", "no such tenant")),
        ("invited", TenantAccess("partial", "X is missing"), ("invited", "why")),
        ("failed", TenantAccess("partial", "X is missing"), ("failed", "why")),
        ("invited", TenantAccess("none", "nothing is granted"), ("invited", "why")),
        ("failed", TenantAccess("none", "nothing is granted"), ("failed", "why")),
        ("removed", TenantAccess("none", "nothing is granted"), ("removed", "why")),
        *(
            (each, TenantAccess("partial", "X"), ("reconsent-needed", "X"))
            for each in (*WITH_ACCESS.split(), "revoked")
        ),
        *((each, TenantAccess("none", "gone"), ("revoked", "gone")) for each in (*WITH_ACCESS.split(), "revoked")),
    ],
)
def test_probe_leads_to_one_state_with_its_reason(before: str, probe: TenantAccess, after: tuple[str, str]) -> None:
    assert after_probe(organisation(State(before)), probe) == after


READABLE = TenantAccess("granted", "all is well", users_readable=True)


@pytest.mark.parametrize(
    ("before", "profile", "probe", "after"),
    [
        ("invited", "all", READABLE, ("verified", "")),
        ("invited", "all", TenantAccess("granted", "all is well", users_readable=False), ("consented", "")),
        ("verified", "all", TenantAccess("granted", "all is well"), ("consented", "")),
        ("failed", "all", SURPLUS, ("consented", "more than declared")),
        (
            "invited",
            "scoped",
            READABLE,
            ("too-much-access", "the consent page granted everything, and this organisation limits the connector"),
        ),
        ("invited", "all", TenantAccess("partial", "X is missing"), ("failed", "X is missing")),
        ("failed", "all", TenantAccess("none", "nothing is granted"), ("failed", "nothing is granted")),
        ("invited", "scoped", TenantAccess("none", "nothing is granted"), ("failed", "nothing is granted")),
        ("invited", "all", TenantAccess("unknown", "nobody can tell"), ("invited", "why")),
        ("consented", "all", TenantAccess("partial", "X is missing"), ("reconsent-needed", "X is missing")),
        ("verified", "all", TenantAccess("none", "nothing is granted"), ("revoked", "nothing is granted")),
        ("consented", "all", TenantAccess("no tenant", "no such tenant"), ("failed", "no such tenant")),
    ],
)
def test_proof_after_an_answer_leads_to_one_state(
    before: str, profile: Profile, probe: TenantAccess, after: tuple[str, str]
) -> None:
    assert after_consent(organisation(State(before), profile), probe) == after


@pytest.mark.parametrize("before", KNOWN)
def test_error_that_nobody_chose_is_the_reason_where_there_was_no_access(before: State) -> None:
    failed = before in (State.INVITED, State.FAILED)

    assert after_refused_consent(organisation(before), "an error") == (
        (State.FAILED, "an error") if failed else (before, "why")
    )


READ, REFUSED = MailboxSeen("in", "read"), MailboxSeen("in", "refused")
OUTSIDE = MailboxSeen("out", "refused")
GRANTED = TenantAccess("granted", "all is well")
LAG = "the mailboxes are not open yet; changes in Exchange take 30 minutes to 2 hours"
NOT_REACHED = "the mailbox of in, inside of the scope, is refused: no role assignment reaches it"


@pytest.mark.parametrize(
    ("before", "seen", "after"),
    [
        ("waiting-for-exchange", ScopedAccess(GRANTED, inside=READ, outside=OUTSIDE), ("verified", "")),
        ("waiting-for-exchange", ScopedAccess(GRANTED, inside=REFUSED, outside=OUTSIDE), ("waiting-for-exchange", LAG)),
        (
            "too-little-access",
            ScopedAccess(GRANTED, inside=REFUSED, outside=OUTSIDE),
            ("too-little-access", NOT_REACHED),
        ),
        # Nothing tells of a mailbox: who had access stays, the others wait.
        (
            "invited",
            ScopedAccess(GRANTED, inside=READ),
            ("waiting-for-exchange", "no mailbox outside of the scope is known to compare with: name --outside"),
        ),
        (
            "revoked",
            ScopedAccess(GRANTED),
            ("waiting-for-exchange", "no mailbox inside of the scope is known: name a group, or --inside"),
        ),
        (
            "verified",
            ScopedAccess(GRANTED),
            ("verified", "no mailbox inside of the scope is known: name a group, or --inside"),
        ),
        (
            "too-much-access",
            ScopedAccess(GRANTED),
            ("too-much-access", "no mailbox inside of the scope is known: name a group, or --inside"),
        ),
        # The token alone decides.
        ("invited", ScopedAccess(TenantAccess("partial", "X is missing")), ("invited", "why")),
        ("failed", ScopedAccess(TenantAccess("partial", "X is missing")), ("failed", "why")),
        ("verified", ScopedAccess(TenantAccess("partial", "X is missing")), ("reconsent-needed", "X is missing")),
        ("revoked", ScopedAccess(TenantAccess("partial", "X is missing")), ("reconsent-needed", "X is missing")),
        ("invited", ScopedAccess(TenantAccess("no tenant", "no such tenant")), ("failed", "no such tenant")),
        (
            "verified",
            ScopedAccess(TenantAccess("none", "nothing is granted"), inside=READ, outside=OUTSIDE),
            ("revoked", "nothing is granted"),
        ),
        # A permission that reaches every mailbox is too much, whatever else is missing.
        (
            "invited",
            ScopedAccess(TenantAccess("partial", "X is missing"), ("Calendars.Read", "Mail.Read")),
            ("too-much-access", "the grant in Entra still reaches every mailbox: Calendars.Read, Mail.Read"),
        ),
    ],
)
def test_limited_organisation_is_led_to_one_state(before: str, seen: ScopedAccess, after: tuple[str, str]) -> None:
    tenant = organisation(State(before), "scoped", awaited_since=NOW)

    assert after_scope(tenant, seen, NOW + timedelta(minutes=5)) == after


def test_limited_organisation_that_waited_for_two_hours_has_too_little() -> None:
    tenant, seen = organisation(State.WAITING, "scoped", awaited_since=NOW), ScopedAccess(GRANTED, inside=REFUSED)

    assert after_scope(tenant, seen, NOW + timedelta(hours=2)) == (State.TOO_LITTLE, NOT_REACHED)
    assert after_scope(tenant, seen, NOW + timedelta(hours=2, seconds=-1)) == (State.WAITING, LAG)


@pytest.mark.parametrize("before", KNOWN)
@pytest.mark.parametrize(
    ("known", "said", "after"),
    [
        ("all", "all", None),
        ("scoped", "scoped", None),
        (
            "all",
            "scoped",
            ("too-much-access", "it had consented for all mailboxes, and that grant is to be removed in Entra"),
        ),
        (
            "scoped",
            "all",
            ("reconsent-needed", "it limited the connector until now, and has to consent for all mailboxes"),
        ),
    ],
)
def test_other_profile_of_an_organisation_with_access_leads_to_one_state(
    before: State, known: Profile, said: Profile, after: tuple[str, str] | None
) -> None:
    led = after_profile(organisation(before, known), said)

    assert led == (after if after and before in WITH_ACCESS.split() else (before, "why"))


@pytest.mark.parametrize(
    ("before", "found", "after"),
    [
        ("verified", "revoked", ("revoked", "it failed")),
        ("verified", "consented", ("consented", "it failed")),
        ("consented", "verified", ("consented", "why")),
        ("verified", "verified", ("verified", "why")),
        ("revoked", "revoked", ("revoked", "why")),
        ("revoked", "failed", ("revoked", "why")),
        ("invited", "failed", ("failed", "it failed")),
        ("consented", None, ("consented", "why")),
        ("removed", "failed", ("removed", "why")),
    ],
)
def test_failed_verification_leads_to_what_is_less(before: str, found: str | None, after: tuple[str, str]) -> None:
    state = None if found is None else State(found)

    assert after_failed_verification(organisation(State(before)), state, "it failed") == after
