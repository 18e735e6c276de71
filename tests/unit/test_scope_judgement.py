"""What follows from what was seen of an organisation that limits the connector."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orgcal.consent.scoped import probe_scope
from orgcal.entra.probe import TenantAccess
from orgcal.tenants.model import State, Tenant
from orgcal.tenants.scope import (
    GroupReading,
    MailboxScope,
    MailboxSeen,
    ScopedAccess,
    ScopeVerdict,
    Seen,
    judge_scope,
)
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
        None if each is None else MailboxSeen(name, each, f"Graph said nothing of {name}")
        for name, each in (("in", inside), ("out", outside))
    ]
    return ScopedAccess(GRANTED, (), group, *found)


NO_OUTSIDE = "no mailbox outside of the scope is known to compare with: name --outside"
FURTHER = "the mailbox of out, outside of the scope, can be read: a role assignment reaches further"
NOT_REACHED = "the mailbox of in, inside of the scope, is refused: no role assignment reaches it"
NOT_YET = "the mailboxes are not open yet; changes in Exchange take 30 minutes to 2 hours"
POLICY = "an application access policy keeps the connector off the mailbox of in"


@pytest.mark.parametrize(
    ("inside", "outside", "waiting", "state", "sentence"),
    [
        ("read", "refused", False, State.VERIFIED, ""),
        ("read", "policy", True, State.VERIFIED, ""),
        ("read", "read", False, State.TOO_MUCH, FURTHER),
        ("refused", "read", True, State.TOO_MUCH, FURTHER),
        (None, "read", True, State.TOO_MUCH, FURTHER),
        ("refused", "refused", True, State.WAITING, NOT_YET),
        ("refused", "refused", False, State.TOO_LITTLE, NOT_REACHED),
        ("refused", None, False, State.TOO_LITTLE, NOT_REACHED),
        ("policy", "refused", True, State.TOO_LITTLE, POLICY),
        ("unknown", "refused", True, None, "Graph said nothing of in"),
        ("read", "unknown", False, None, "Graph said nothing of out"),
        ("no user", "refused", False, None, "in is no user of this organisation"),
        ("read", "no user", False, None, "out is no user of this organisation"),
        ("no mailbox", "refused", False, None, "in, named as inside of the scope, has no mailbox"),
        ("read", "no mailbox", False, None, NO_OUTSIDE),
        ("read", None, False, None, NO_OUTSIDE),
        (None, "refused", False, None, "no mailbox inside of the scope is known: name a group, or --inside"),
    ],
)
def test_state_follows_from_a_mailbox_inside_and_one_outside(
    inside: Seen | None, outside: Seen | None, waiting: bool, state: State | None, sentence: str
) -> None:
    assert judge_scope(seen(inside, outside), waiting=waiting) == ScopeVerdict(state, sentence)


def test_permission_that_reaches_every_mailbox_is_too_much_before_all_else() -> None:
    found = ScopedAccess(GRANTED, ("Calendars.Read", "Mail.Read"), GroupReading("g", "Pilot", problem="it is empty"))

    assert judge_scope(found, waiting=True) == ScopeVerdict(
        State.TOO_MUCH, "the grant in Entra still reaches every mailbox: Calendars.Read, Mail.Read"
    )


NESTED = "the group Pilot holds {}, whose members Exchange does not count"
DYNAMIC = "the group Pilot is dynamic: give Exchange a group whose members are assigned"


@pytest.mark.parametrize(
    ("group", "warnings"),
    [
        (GroupReading("g", "Pilot"), ()),
        (GroupReading("g", "Pilot", nested=1), (NESTED.format("1 group"),)),
        (GroupReading("g", "Pilot", nested=2, dynamic=True), (NESTED.format("2 groups"), DYNAMIC)),
        (GroupReading("g", "Pilot", dynamic=True), (DYNAMIC,)),
    ],
)
def test_group_that_is_nested_or_dynamic_is_a_warning(group: GroupReading, warnings: tuple[str, ...]) -> None:
    assert group.warnings() == list(warnings)
    assert judge_scope(seen(group=group), waiting=False) == ScopeVerdict(State.VERIFIED, "", warnings)


def test_group_with_a_problem_is_too_little_with_its_warnings() -> None:
    empty = GroupReading("g", "Pilot", dynamic=True, problem="the group Pilot has no direct members")

    assert judge_scope(seen(group=empty), waiting=True) == ScopeVerdict(
        State.TOO_LITTLE, "the group Pilot has no direct members", (DYNAMIC,)
    )
    assert judge_scope(seen(outside="read", group=empty), waiting=True).state is State.TOO_MUCH


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
