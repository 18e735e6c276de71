"""What follows from what was seen of an organisation that limits the connector."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orgcal.consent.scoped import probe_scope
from orgcal.entra.probe import TenantAccess
from orgcal.errors import UsageError
from orgcal.tenants.model import State, Tenant
from orgcal.tenants.scope import AccessProfile, GroupReading, MailboxScope, MailboxSeen, ScopedAccess, Seen, judge_scope
from verify.models import Mailbox, MailboxClass
from verify.scope import ScopeTally

NOW = datetime(2026, 11, 29, tzinfo=UTC)
GRANTED = TenantAccess("granted", "")
GROUP = GroupReading("g", "Pilot", frozenset({"a", "b"}))
INSIDE, OUTSIDE = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"


def seen(
    inside: Seen | None = "read", outside: Seen | None = "refused", *, group: GroupReading = GROUP
) -> ScopedAccess:
    """What was seen with these answers of two mailboxes."""
    found = [
        None if each is None else MailboxSeen(name, each, each) for name, each in (("in", inside), ("out", outside))
    ]
    return ScopedAccess(GRANTED, (), group, *found)


@pytest.mark.parametrize(
    ("inside", "outside", "waiting", "state"),
    [
        ("read", "refused", False, State.VERIFIED),
        ("read", "policy", False, State.VERIFIED),
        ("read", "read", False, State.TOO_MUCH),
        ("refused", "read", True, State.TOO_MUCH),
        ("refused", "refused", True, State.WAITING),
        ("refused", "refused", False, State.TOO_LITTLE),
        ("policy", "refused", True, State.TOO_LITTLE),
        ("unknown", "refused", True, None),
        ("read", "unknown", False, None),
        ("no user", "refused", False, None),
        ("read", "no user", False, None),
        ("no mailbox", "refused", False, None),
        ("read", "no mailbox", False, None),
        ("read", None, False, None),
        (None, "refused", False, None),
    ],
)
def test_state_follows_from_a_mailbox_inside_and_one_outside(
    inside: Seen | None, outside: Seen | None, waiting: bool, state: State | None
) -> None:
    verdict = judge_scope(seen(inside, outside), waiting=waiting)

    assert verdict.state is state
    assert bool(verdict.sentence) == (state is not State.VERIFIED)


def test_group_that_is_nested_or_dynamic_is_a_warning_and_an_empty_one_a_fault() -> None:
    nested = GroupReading("g", "Pilot", frozenset({"a"}), nested=2)
    dynamic = GroupReading("g", "Pilot", frozenset({"a"}), dynamic=True)
    empty = GroupReading("g", "Pilot", problem="the group Pilot has no direct members")

    assert (
        "holds 2 groups, whose members Exchange does not count"
        in judge_scope(seen(group=nested), waiting=False).warnings[0]
    )
    assert "is dynamic" in judge_scope(seen(group=dynamic), waiting=False).warnings[0]
    assert judge_scope(seen(group=empty), waiting=True).state is State.TOO_LITTLE


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"access": "all", "group": "Pilot"}, "only organisations with --access scoped have those"),
        ({"access": "scoped", "inside": "megan@contoso.example"}, "is no object id"),
        ({"access": "scoped", "inside": INSIDE, "outside": INSIDE}, "cannot be inside and outside"),
        ({"access": "scoped", "group": "x" * 257}, "has 257 characters"),
        ({"access": "scoped", "group": "a\nb"}, "cannot be shown"),
    ],
)
def test_wrong_profile_is_refused_in_one_sentence(given: dict[str, str], what: str) -> None:
    with pytest.raises(UsageError, match=what):
        AccessProfile(**given)  # type: ignore[arg-type]


def mailbox(user_id: str, kind: MailboxClass, refusal: str = "") -> Mailbox:
    return Mailbox(user_id, kind, refusal=refusal)


def test_tally_counts_by_the_side_that_a_mailbox_is_on() -> None:
    tally = ScopeTally(frozenset({"a", "b", "c", "d"}))
    for user_id, kind, refusal in (
        ("A", MailboxClass.OK, ""),
        ("b", MailboxClass.RESTRICTED, "denied by Exchange"),
        ("c", MailboxClass.RESTRICTED, "application access policy"),
        ("d", MailboxClass.NO_MAILBOX, ""),
        ("x", MailboxClass.OK, ""),
        ("y", MailboxClass.RESTRICTED, "denied by Exchange"),
        ("z", MailboxClass.NO_MAILBOX, ""),
    ):
        tally.add(mailbox(user_id, kind, refusal))

    assert tally.as_json() == {
        "members": 4,
        "inside": {"read": 1, "refused": 2, "by_policy": 1, "without_mailbox": 1},
        "outside": {"read": 1, "refused": 1, "examples": ["x"]},
    }


def test_tally_without_a_group_takes_those_that_answered_as_inside_but_for_the_one_named_outside() -> None:
    tally = ScopeTally(None, OUTSIDE)
    for user_id, kind in ((INSIDE, MailboxClass.OK), (OUTSIDE, MailboxClass.OK), ("x", MailboxClass.RESTRICTED)):
        tally.add(mailbox(user_id, kind))

    assert (tally.read, tally.outside_read, tally.refused, tally.outside_refused) == (1, 1, 0, 1)


def test_probe_that_breaks_is_this_organisations_and_not_the_runs_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(*_: object) -> None:
        raise ZeroDivisionError("nobody foresaw it")

    monkeypatch.delenv("ORGCAL_DEBUG", raising=False)
    monkeypatch.setattr("orgcal.consent.scoped._probe", break_down)
    tenant = Tenant("t", "Contoso", "", State.CONSENTED, access="scoped", added_at=NOW, changed_at=NOW)

    seen = probe_scope(cast(Any, SimpleNamespace(declared=frozenset())), tenant, MailboxScope())

    assert (seen.access.access, seen.access.sentence) == ("unknown", "internal error, ZeroDivisionError")
