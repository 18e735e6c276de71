"""The check of an organisation that limits the connector, without Entra ID: what is asked, and what follows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from orgcal.consent import scoped
from orgcal.consent.check import CheckedTenant, write_down
from orgcal.consent.proof import ConsentProber
from orgcal.consent.scoped import probe_scope, scope_move, scope_repair, verdict_of
from orgcal.consent.service import ConsentService
from orgcal.entra.clouds import load_endpoints
from orgcal.entra.credentials import ClientSecret
from orgcal.entra.probe import TenantAccess
from orgcal.errors import Unforeseen, Unreachable
from orgcal.tenants.model import State, Tenant
from orgcal.tenants.registry import Registry
from orgcal.tenants.scope import (
    AccessProfile,
    GroupReading,
    MailboxScope,
    MailboxSeen,
    ScopedAccess,
    ScopeVerdict,
    Seen,
)
from orgcal.tenants.states import Move
from tests.support.consent_probes import CONTOSO, NOW, Time, memory_registry, outputs_with

INSIDE, OUTSIDE = "11111111-1111-4111-8111-111111111111", "AAAAAAAA-2222-4222-8222-222222222222"
GROUP_ID = "99999999-0000-4000-8000-000000000009"
GROUP = GroupReading(GROUP_ID, "Pilot", frozenset({INSIDE, "b"}))
GRANTED = TenantAccess("granted", "all", effective=frozenset({"Place.Read.All", "Directory.Read.All"}))
NONE = TenantAccess("none", "it is not known there")
LATER = NOW + timedelta(hours=1)


def organisation(state: State = State.WAITING, **fields: Any) -> Tenant:
    known = {"access": "scoped", "scope_group": "Pilot", **fields}
    return Tenant(CONTOSO, "Contoso", "contoso.example", state, added_at=NOW, changed_at=NOW, **known)


def seen(
    inside: Seen | None = "read", outside: Seen | None = "refused", access: TenantAccess = GRANTED, **more: Any
) -> ScopedAccess:
    mailboxes = [
        None if each is None else MailboxSeen(user_id, each, f"it is {each}")
        for user_id, each in ((INSIDE, inside), (OUTSIDE, outside))
    ]
    return ScopedAccess(access, more.get("reaching", ()), more.get("group", GROUP), *mailboxes)


# Where the organisation goes ---------------------------------------------------------------------------------------

FOUND = {"group_id": GROUP_ID, "inside": INSIDE, "outside": OUTSIDE.lower()}
PROVED = {**FOUND, "awaited_since": None, "permissions": ["Directory.Read.All", "Place.Read.All"]}


def test_scope_that_is_proved_verifies_and_keeps_what_was_found() -> None:
    move = scope_move(organisation(), seen(), LATER)

    expected = {**PROVED, "consented_at": LATER, "verified_at": LATER, "checked_at": LATER}
    assert move == Move(State.VERIFIED, "", expected)


def test_dates_of_the_first_proof_stay() -> None:
    before = organisation(State.TOO_LITTLE, consented_at=NOW, verified_at=NOW)

    assert scope_move(before, seen(), LATER) == Move(State.VERIFIED, "", {**PROVED, "checked_at": LATER})


def test_scope_that_is_as_it_was_moves_nothing() -> None:
    known = organisation(
        State.VERIFIED,
        group_id=GROUP_ID,
        inside=INSIDE,
        outside=OUTSIDE.lower(),
        permissions=("Directory.Read.All", "Place.Read.All"),
        consented_at=NOW,
        verified_at=NOW,
    )

    assert scope_move(known, seen(), LATER) is None
    for changed in ({"group_id": "other"}, {"permissions": ("Directory.Read.All",)}, {"reason": "before"}):
        assert scope_move(replace(known, **cast(Any, changed)), seen(), LATER) is not None


@pytest.mark.parametrize(("inside", "outside"), [("no mailbox", "no user"), ("policy", "unknown"), (None, None)])
def test_mailbox_that_tells_nothing_is_no_test_mailbox(inside: Seen | None, outside: Seen | None) -> None:
    move = scope_move(organisation(State.INVITED), seen(inside, outside), LATER)

    assert move is not None
    assert {name: value for name, value in move.changed.items() if name in ("inside", "outside")} == {}
    assert move.changed["group_id"] == GROUP_ID


@pytest.mark.parametrize("kind", ["read", "refused"])
def test_mailbox_that_tells_on_which_side_it_is_is_remembered(kind: Seen) -> None:
    move = scope_move(organisation(State.INVITED), seen(kind, kind), LATER)

    assert move is not None
    assert (move.changed["inside"], move.changed["outside"]) == (INSIDE, OUTSIDE.lower())


def test_mailboxes_tell_nothing_while_a_grant_reaches_all_of_them() -> None:
    move = scope_move(organisation(), seen("read", "read", reaching=("Calendars.Read",)), LATER)

    why = "the grant in Entra still reaches every mailbox: Calendars.Read"
    changed = {"awaited_since": None, "group_id": GROUP_ID, "checked_at": LATER}
    assert move == Move(State.TOO_MUCH, why, changed)


@pytest.mark.parametrize("group", [None, GroupReading(problem="the organisation has no group Pilot")])
def test_group_that_was_not_found_has_no_id(group: GroupReading | None) -> None:
    move = scope_move(organisation(State.INVITED), seen(None, None, group=group), LATER)

    assert move is not None
    assert "group_id" not in move.changed


def test_waiting_begins_once_and_its_begin_stays() -> None:
    refused = seen("refused", "refused")
    first = scope_move(organisation(State.INVITED), refused, LATER)
    assert first is not None
    assert (first.state, first.changed["awaited_since"]) == (State.WAITING, LATER)

    again = scope_move(organisation(awaited_since=NOW), refused, LATER)
    assert again is not None
    assert (again.state, again.changed["awaited_since"]) == (State.WAITING, NOW)


@pytest.mark.parametrize("access", ["unknown", "credential refused"])
def test_what_nobody_could_tell_moves_nothing(access: Any) -> None:
    assert scope_move(organisation(), seen(access=TenantAccess(access, "no answer")), LATER) is None


def test_organisation_that_lost_access_is_revoked() -> None:
    lost = ScopedAccess(NONE)

    assert scope_move(organisation(State.VERIFIED), lost, LATER) == Move(
        State.REVOKED, "it is not known there", {"awaited_since": None, "checked_at": LATER}
    )


# What is said of it ------------------------------------------------------------------------------------------------


def test_verdict_is_that_of_the_token_where_there_is_no_access() -> None:
    known = organisation()

    assert verdict_of(known, ScopedAccess(NONE), LATER) == ScopeVerdict(None, "it is not known there")
    reaching = ScopedAccess(NONE, ("Calendars.Read",))
    assert verdict_of(known, reaching, LATER).state is State.TOO_MUCH
    assert verdict_of(known, seen(), LATER) == ScopeVerdict(State.VERIFIED)


@pytest.mark.parametrize(("awaited", "state"), [(NOW, State.WAITING), (NOW - timedelta(hours=2), State.TOO_LITTLE)])
def test_verdict_on_a_closed_mailbox_follows_from_how_long_it_is_waited_for(awaited: Any, state: State) -> None:
    assert verdict_of(organisation(awaited_since=awaited), seen("refused"), LATER).state is state


def test_repair_removes_the_grant_or_shows_the_steps() -> None:
    known = organisation()

    assert scope_repair(known, seen(), "client", "prod") == f"orgcal consent script {CONTOSO} --stack prod"
    assert scope_repair(known, seen(reaching=("Calendars.Read",)), "client", "prod") == (
        "their Privileged Role Administrator removes the grant: m365 entra approleassignment remove "
        "--appId client --resource 'Microsoft Graph' --scopes 'Calendars.Read' --force"
    )


# How it is looked at -----------------------------------------------------------------------------------------------


class Asked:
    """The makers of tokens, clients and looks; `access` is what the token says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, access: TenantAccess | Exception) -> None:
        self.calls: list[Any] = []
        self.access = access
        for name in ("TokenSource", "probe_tenant", "GraphClient", "see_scope"):
            monkeypatch.setattr(scoped, name, getattr(self, name))

    def TokenSource(self, *given: Any) -> str:  # noqa: N802 - as it is called
        self.calls.append(given)
        return "tokens"

    def probe_tenant(self, *given: Any) -> TenantAccess:
        self.calls.append(given)
        if isinstance(self.access, Exception):
            raise self.access
        return self.access

    def GraphClient(self, *given: Any, budget_s: float) -> str:  # noqa: N802
        self.calls.append((*given, budget_s))
        return "graph"

    def see_scope(self, *given: Any) -> Any:
        self.calls.append(given)
        return GROUP, MailboxSeen(INSIDE, "read"), None


ENDPOINTS = load_endpoints("public", {})
SCOPE = MailboxScope("Pilot")


def prober() -> ConsentProber:
    declared = frozenset({"Calendars.Read", "Directory.Read.All", "Place.Read.All"})
    return ConsentProber(ENDPOINTS, "client", declared, lambda: ClientSecret("s"), cast(Any, "session"))


def test_organisation_is_asked_for_what_entra_grants_and_then_for_its_mailboxes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    surplus = replace(GRANTED, effective=frozenset({"Calendars.Read", "X"}), surplus=("Calendars.Read", "X"))
    asked = Asked(monkeypatch, surplus)

    found = probe_scope(prober(), organisation(), SCOPE)

    assert asked.calls == [
        (ENDPOINTS, CONTOSO, "client", ClientSecret("s"), "session"),
        (ENDPOINTS, "tokens", "session", "client", frozenset({"Directory.Read.All", "Place.Read.All"})),
        (ENDPOINTS, "tokens", "session", 30.0),
        ("graph", SCOPE),
    ]
    access = replace(surplus, surplus=("X",))
    assert found == ScopedAccess(access, ("Calendars.Read",), GROUP, MailboxSeen(INSIDE, "read"), None)


@pytest.mark.parametrize("effective", [None, frozenset[str]()])
def test_organisation_without_access_is_not_looked_at(
    monkeypatch: pytest.MonkeyPatch, effective: frozenset[str] | None
) -> None:
    access = replace(NONE, effective=effective)
    asked = Asked(monkeypatch, access)

    assert probe_scope(prober(), organisation(), SCOPE) == ScopedAccess(access)
    assert len(asked.calls) == 2


def test_whatever_breaks_is_this_organisations_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    away = Unreachable("no answer", repair="later")
    Asked(monkeypatch, away)
    found = probe_scope(prober(), organisation(), SCOPE)
    assert found == ScopedAccess(TenantAccess("unknown", "no answer", "later", error=away))

    Asked(monkeypatch, ValueError("unforeseen"))
    assert isinstance(probe_scope(prober(), organisation(), SCOPE).access.error, Unforeseen)


# What is written down ----------------------------------------------------------------------------------------------


@pytest.fixture
def moment() -> Time:
    return Time()


@pytest.fixture
def registry(moment: Time) -> Iterator[Registry]:
    with closing(memory_registry(moment)) as registry:
        registry.add(CONTOSO, "Contoso", profile=AccessProfile("scoped", "Pilot"))
        yield registry


class Service:
    """What `write_down` needs of a service; remembers whom the platform is told of."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.outputs = outputs_with("Calendars.Read", "Directory.Read.All")
        self.registered: list[str] = []
        self.register = self.registered.append

    def down(self, found: ScopedAccess) -> CheckedTenant:
        return write_down(cast(ConsentService, self), self.registry.wanted(CONTOSO), found)


def test_platform_is_told_once_of_a_scope_that_was_proved(registry: Registry, moment: Time) -> None:
    service = Service(registry)
    moment.now = LATER

    waiting = service.down(seen("refused", "refused"))
    assert (waiting.tenant.state, waiting.before, service.registered) == (State.WAITING, State.INVITED, [])
    first = service.down(seen())
    assert (first.tenant, service.registered) == (registry.wanted(CONTOSO), [CONTOSO])
    assert (first.before, first.tenant.state, first.tenant.verified_at) == (State.WAITING, State.VERIFIED, LATER)
    assert first == CheckedTenant(first.tenant, State.WAITING, GRANTED, (), seen(), ScopeVerdict(State.VERIFIED))
    again = service.down(seen())
    assert service.registered == [CONTOSO]
    assert [entry.action for entry in registry.log(CONTOSO)] == ["add", "add", "check", "check"]
    assert again.tenant == first.tenant


@pytest.mark.parametrize("access", ["none", "no tenant"])
def test_organisation_without_access_has_lost_what_it_had(registry: Registry, access: Any) -> None:
    service = Service(registry)
    service.down(seen())

    found = service.down(ScopedAccess(TenantAccess(access, "gone")))

    assert found.lost == ("Directory.Read.All", "Place.Read.All")
    assert found.failed
    assert service.down(ScopedAccess(TenantAccess("unknown", "no answer"))).lost == ()


def test_organisation_that_limits_nothing_any_more_is_not_moved(registry: Registry) -> None:
    service = Service(registry)
    before = registry.wanted(CONTOSO)
    registry.add(CONTOSO, profile=AccessProfile("all"))

    after = write_down(cast(ConsentService, service), before, seen())

    assert after.tenant.state is State.INVITED
    assert registry.wanted(CONTOSO).group_id == ""
    assert service.registered == []


# What it counts as -------------------------------------------------------------------------------------------------


def checked(verdict: ScopeVerdict | None, probe: TenantAccess = GRANTED, **more: Any) -> CheckedTenant:
    tenant = organisation(more.get("state", State.VERIFIED))
    return CheckedTenant(tenant, State.INVITED, probe, more.get("lost", ()), more.get("scope"), verdict)


@pytest.mark.parametrize(
    ("found", "failed"),
    [
        (checked(None), False),
        (checked(ScopeVerdict(State.VERIFIED)), False),
        (checked(ScopeVerdict(State.WAITING)), False),
        (checked(ScopeVerdict(State.TOO_MUCH)), True),
        (checked(ScopeVerdict(State.TOO_LITTLE)), True),
        (checked(ScopeVerdict(None)), True),
        (checked(ScopeVerdict(None), NONE), False),
        (checked(None, lost=("A",)), True),
        (checked(None, TenantAccess("unknown", "")), True),
        (checked(None, TenantAccess("credential refused", "")), True),
        (checked(None, NONE, state=State.REVOKED), True),
        (checked(None, NONE, state=State.INVITED), False),
    ],
)
def test_check_has_failed_where_access_is_lost_wrong_or_unknown(found: CheckedTenant, failed: bool) -> None:
    assert found.failed is failed


def test_check_of_a_scope_as_json_tells_group_mailboxes_and_doubts() -> None:
    nested = replace(GROUP, nested=1)
    verdict = ScopeVerdict(State.WAITING, "not yet", ("the group Pilot holds 1 group",))
    found = seen("refused", "unknown", group=nested, reaching=("Calendars.Read",))

    assert checked(verdict, scope=found).as_json()["scope"] == {
        "reaching": ["Calendars.Read"],
        "members": 2,
        "inside": "refused",
        "outside": "unknown",
        "sentence": "not yet",
        "warnings": ["the group Pilot holds 1 group"],
    }
    assert checked(None, scope=ScopedAccess(NONE)).as_json()["scope"] == {
        "reaching": [],
        "members": None,
        "inside": None,
        "outside": None,
        "sentence": "",
        "warnings": [],
    }
    assert "scope" not in checked(None).as_json()
