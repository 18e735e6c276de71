"""Organisations that limit the connector: what an operator says of them, and how long Exchange is waited for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orgcal.errors import UsageError
from orgcal.tenants.model import State, Tenant
from orgcal.tenants.scope import (
    AccessProfile,
    GroupReading,
    MailboxScope,
    MailboxSeen,
    ScopeVerdict,
    awaited_since,
    is_waiting,
)
from tests.support.consent_probes import CONTOSO, Time
from tests.support.registry import empty_registry

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
TWO_HOURS, SECOND = timedelta(hours=2), timedelta(seconds=1)
INSIDE, OUTSIDE = "aaaaaaaa-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
GROUP_ID = "33333333-3333-4333-8333-333333333333"
LIMITED = Tenant(
    "t", "Contoso", "", State.WAITING, added_at=NOW, changed_at=NOW, access="scoped", awaited_since=NOW,
    scope_group="Pilot", group_id=GROUP_ID, inside=INSIDE, outside=OUTSIDE,
)  # fmt: skip

# What an operator says ---------------------------------------------------------------------------------------------

ALL_WITH_MORE = {
    "kind": "usage",
    "what": "a group or a test mailbox is named, and only organisations with --access scoped have those",
    "where": "orgcal tenants add",
    "repair": "--access scoped, or leave them out",
}
USER_ID = "give the user's Object ID of the Microsoft Entra admin center; addresses are not kept"


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"access": "all", "group": "Pilot"}, ALL_WITH_MORE),
        ({"access": "all", "inside": INSIDE}, ALL_WITH_MORE),
        ({"access": "all", "outside": OUTSIDE}, ALL_WITH_MORE),
        (
            {"access": "scoped", "inside": f"megan@{'x' * 60}"},
            {"what": f"'megan@{'x' * 34}' is no object id", "where": "--inside", "repair": USER_ID},
        ),
        (
            {"access": "scoped", "inside": INSIDE, "outside": "x"},
            {"what": "'x' is no object id", "where": "--outside", "repair": USER_ID},
        ),
        (
            {"access": "scoped", "inside": INSIDE, "outside": INSIDE.upper()},
            {
                "what": "the same mailbox cannot be inside and outside",
                "where": "--inside, --outside",
                "repair": "name two users",
            },
        ),
        (
            {"access": "scoped", "group": "x" * 257},
            {
                "what": "the group's name has 257 characters, and 256 are kept",
                "where": f"{'x' * 40}…",
                "repair": "give a shorter one",
            },
        ),
        (
            {"access": "scoped", "group": "a\nb"},
            {
                "what": "the group's name holds U+000A, which cannot be shown",
                "where": "a\\u000ab",
                "repair": "leave out control characters, line breaks and marks of direction",
            },
        ),
    ],
)
def test_wrong_profile_is_refused_in_one_sentence(given: dict[str, Any], error: dict[str, str]) -> None:
    with pytest.raises(UsageError) as refused:
        AccessProfile(**given)

    assert refused.value.as_json() == {"kind": "usage", **error}


def test_profile_may_name_a_group_and_either_mailbox() -> None:
    assert AccessProfile("scoped") == AccessProfile("scoped", "", "", "")
    assert AccessProfile("all").group == ""
    for given in ({"group": "x" * 256}, {"group": GROUP_ID}, {"inside": INSIDE}, {"outside": OUTSIDE}):
        AccessProfile("scoped", **given)
    AccessProfile("scoped", "Pilot", INSIDE, OUTSIDE)


# Waiting for Exchange ----------------------------------------------------------------------------------------------


def test_scope_of_a_limited_organisation_is_what_the_registry_knows() -> None:
    assert MailboxScope.of(LIMITED, NOW) == MailboxScope("Pilot", GROUP_ID, INSIDE, OUTSIDE, waiting=True)
    assert MailboxScope.of(LIMITED, NOW + TWO_HOURS) == MailboxScope("Pilot", GROUP_ID, INSIDE, OUTSIDE)
    assert MailboxScope.of(replace(LIMITED, access="all"), NOW) is None
    assert MailboxScope() == MailboxScope("", "", "", "", waiting=False)
    assert GroupReading() == GroupReading("", "", frozenset(), 0, dynamic=False, problem="")
    assert (MailboxSeen("u", "read").sentence, ScopeVerdict(None).sentence) == ("", "")


@pytest.mark.parametrize("state", list(State))
def test_exchange_is_waited_for_two_hours_unless_something_was_proved(state: State) -> None:
    """Source: https://learn.microsoft.com/en-us/exchange/permissions-exo/application-rbac (30 minutes to 2 hours)."""
    proved = state in (State.VERIFIED, State.TOO_LITTLE)
    tenant = replace(LIMITED, state=state)

    assert is_waiting(tenant, NOW + TWO_HOURS - SECOND) is not proved
    assert is_waiting(tenant, NOW + TWO_HOURS) is False
    assert is_waiting(replace(tenant, awaited_since=None), NOW + 2 * TWO_HOURS) is not proved


def test_waiting_begins_with_the_state_and_goes_on_in_it() -> None:
    later = NOW + SECOND

    assert awaited_since(LIMITED, State.WAITING, later) == NOW
    assert awaited_since(replace(LIMITED, awaited_since=None), State.WAITING, later) == later
    assert awaited_since(replace(LIMITED, state=State.TOO_LITTLE), State.WAITING, later) == later
    assert awaited_since(LIMITED, State.VERIFIED, later) is None


# What becomes of a known organisation ------------------------------------------------------------------------------

OF_ALL = {"access": "all", "scope_group": "", "group_id": "", "inside": "", "outside": "", "awaited_since": None}
LIMITS = "it had consented for all mailboxes, and that grant is to be removed in Entra"
LIMITED_BEFORE = "it limited the connector until now, and has to consent for all mailboxes"
OTHER_GROUP = "another group was named, whose mailboxes are not open yet"
KNOWN = {"access": "scoped", "scope_group": "Pilot", "group_id": GROUP_ID, "inside": INSIDE, "outside": OUTSIDE}
ANOTHER = {"scope_group": "Other", "group_id": "", "inside": "", "outside": ""}
LATER = NOW + SECOND


@pytest.mark.parametrize(
    ("state", "before", "profile", "after"),
    [
        ("verified", {}, AccessProfile("all"), {}),
        (
            "invited",
            {},
            AccessProfile("scoped", "Pilot", INSIDE),
            {"access": "scoped", "scope_group": "Pilot", "inside": INSIDE},
        ),
        (
            "consented",
            {},
            AccessProfile("scoped", "Pilot"),
            {"access": "scoped", "scope_group": "Pilot", "state": State.TOO_MUCH, "reason": LIMITS},
        ),
        ("verified", KNOWN, AccessProfile("scoped"), {}),
        ("verified", KNOWN, AccessProfile("scoped", "Pilot"), {}),
        (
            "verified",
            KNOWN,
            AccessProfile("scoped", outside=INSIDE.replace("1", "4")),
            {"outside": INSIDE.replace("1", "4")},
        ),
        (
            "verified",
            KNOWN,
            AccessProfile("scoped", inside=OUTSIDE.replace("2", "4")),
            {"inside": OUTSIDE.replace("2", "4")},
        ),
        (
            "verified",
            KNOWN,
            AccessProfile("scoped", "Other"),
            {**ANOTHER, "state": State.WAITING, "reason": OTHER_GROUP, "awaited_since": LATER},
        ),
        ("revoked", KNOWN, AccessProfile("scoped", "Other", INSIDE), {**ANOTHER, "inside": INSIDE}),
        (
            "too-little-access",
            KNOWN,
            AccessProfile("all"),
            {**OF_ALL, "state": State.RECONSENT_NEEDED, "reason": LIMITED_BEFORE},
        ),
        ("invited", {**KNOWN, "awaited_since": NOW}, AccessProfile("all"), OF_ALL),
    ],
)
def test_known_organisation_is_changed_as_its_profile_says(
    tmp_path: Path, state: str, before: dict[str, Any], profile: AccessProfile, after: dict[str, Any]
) -> None:
    time = Time()
    with empty_registry(tmp_path, time) as registry:
        registry.add(CONTOSO, "Contoso", domain="contoso.example")
        known = registry.set_state(CONTOSO, State(state), reason="why", **before)
        time.now = LATER

        changed = registry.add(CONTOSO, profile=profile)

        assert changed == replace(known, **{"changed_at": LATER, **after})
        assert registry.wanted(CONTOSO) == changed
        last = registry.last("add", CONTOSO)
        assert last is not None
        limited = {"access": "scoped"} if changed.access == "scoped" else {}
        assert last.detail == {"name": "Contoso", "domain": "contoso.example", **limited}


def test_new_organisation_is_taken_in_with_its_profile(tmp_path: Path) -> None:
    with empty_registry(tmp_path, Time()) as registry:
        added = registry.add(CONTOSO, profile=AccessProfile("scoped", "Pilot", INSIDE, OUTSIDE))

        assert added == Tenant(
            CONTOSO, CONTOSO, "", State.INVITED, added_at=NOW, changed_at=NOW,
            access="scoped", scope_group="Pilot", inside=INSIDE, outside=OUTSIDE,
        )  # fmt: skip
        assert registry.wanted(CONTOSO) == added
