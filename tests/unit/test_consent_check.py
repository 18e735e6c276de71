"""The check of organisations, without Entra ID: what a probe changes, what is lost, and what is only noted."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orgcal import __version__
from orgcal.consent import check
from orgcal.consent.check import CheckedTenant, RememberedCredential, check_tenants, lost_permissions, write_down
from orgcal.consent.recording import Declared
from orgcal.consent.service import ConsentService
from orgcal.entra.credentials import ClientSecret
from orgcal.entra.probe import TenantAccess
from orgcal.platforms.testing_server import FakeTime
from orgcal.tenants.history import Run, runs
from orgcal.tenants.model import State, Tenant
from orgcal.tenants.registry import Registry
from orgcal.tenants.scope import AccessProfile, MailboxScope, MailboxSeen, ScopedAccess
from tests.support.command_schema import mistakes_in
from tests.support.consent_probes import (
    CONTOSO,
    NOW,
    ScriptedProber,
    Time,
    memory_registry,
    outputs_with,
)

FABRIKAM = "33333333-3333-3333-3333-333333333333"
OUTPUTS = outputs_with("Calendars.Read", "Directory.Read.All")
DECLARED = Declared.of(OUTPUTS)
BOTH = frozenset({"Calendars.Read", "Directory.Read.All"})
GRANTED = TenantAccess("granted", "all is effective", effective=BOTH, source="token")
PARTIAL = TenantAccess("partial", "not effective: Calendars.Read", "orgcal consent link TENANT", ("Calendars.Read",))
NONE = TenantAccess("none", "it is not known there")
UNKNOWN = TenantAccess("unknown", "no answer")


@pytest.fixture
def moment() -> Time:
    return Time()


@pytest.fixture
def registry(moment: Time) -> Iterator[Registry]:
    with closing(memory_registry(moment)) as registry:
        yield registry


def service_of(registry: Registry, *answers: Any) -> Any:
    prober = ScriptedProber(*answers)
    known = SimpleNamespace(registry=registry, outputs=OUTPUTS, credential=lambda: ClientSecret("s"), prober=prober)
    known.credentials = []

    def new_prober(credential: Any) -> ScriptedProber:
        known.credentials.append(credential())
        return prober

    known.new_prober = new_prober
    return known


def down(registry: Registry, probe: TenantAccess) -> CheckedTenant:
    return write_down(cast(ConsentService, service_of(registry)), registry.wanted("Contoso"), probe)


def test_check_that_finds_a_grant_records_what_was_proved_and_when(registry: Registry, moment: Time) -> None:
    first = moment.now = NOW + timedelta(hours=1)
    checked = down(registry, GRANTED)
    assert (checked.before, checked.tenant.state) == (State.INVITED, State.CONSENTED)
    assert (checked.tenant.consented_at, checked.tenant.checked_at) == (first, first)
    assert checked.tenant.permissions == ("Calendars.Read", "Directory.Read.All")

    moment.now = NOW + timedelta(days=1)
    again = down(registry, GRANTED)

    known = registry.wanted("Contoso")
    assert again.tenant == known
    assert (known.consented_at, known.checked_at) == (first, first), "the caller notes the looks that change nothing"
    assert [entry.action for entry in registry.log(CONTOSO)] == ["add", "check"]


def test_check_of_an_organisation_that_consented_to_other_permissions_records_the_new_ones(registry: Registry) -> None:
    down(registry, GRANTED)
    older = registry.set_state(CONTOSO, State.CONSENTED, permission_hash="older", permissions=("Calendars.Read",))
    assert older.permissions == ("Calendars.Read",)

    assert down(registry, GRANTED).tenant.permission_hash == OUTPUTS.permission_hash


def test_check_that_finds_less_writes_the_reason_and_names_what_was_lost(registry: Registry, moment: Time) -> None:
    down(registry, GRANTED)
    moment.now = NOW + timedelta(days=1)

    checked = down(registry, PARTIAL)

    known = registry.wanted("Contoso")
    assert (known.state, known.reason, known.checked_at) == (State.RECONSENT_NEEDED, PARTIAL.sentence, moment.now)
    assert known.permissions == ("Calendars.Read", "Directory.Read.All"), "what was consented to stays known"
    assert checked.lost == ("Calendars.Read",)


def test_check_as_json_has_the_probe_and_the_repair_for_this_organisation(registry: Registry) -> None:
    down(registry, GRANTED)
    assert down(registry, replace(PARTIAL, surplus=("X",), effective=frozenset({"B", "A"}))).as_json() == {
        "before": "consented",
        "token_access": "partial",
        "effective": ["A", "B"],
        "missing": ["Calendars.Read"],
        "surplus": ["X"],
        "lost": ["Calendars.Read"],
        "sentence": "not effective: Calendars.Read",
        "repair": f"orgcal consent link {CONTOSO}",
    }
    assert down(registry, UNKNOWN).as_json()["effective"] is None


@pytest.mark.parametrize("probe", [GRANTED, PARTIAL, UNKNOWN])
def test_line_of_a_check_has_the_shape_of_the_schema(registry: Registry, probe: TenantAccess) -> None:
    checked = down(registry, probe)
    line = json.loads(json.dumps({"schema_version": 1, "ok": True, **checked.tenant.as_json(), **checked.as_json()}))

    assert mistakes_in("consent check", line) == []
    assert mistakes_in("consent check", {**line, "invented": 1})
    assert mistakes_in("consent check", {name: value for name, value in line.items() if name != "access"})


def tenant(state: State, permissions: tuple[str, ...] = (), permission_hash: str = "") -> Tenant:
    return Tenant(
        CONTOSO,
        "Contoso",
        "",
        state,
        permission_hash=permission_hash,
        permissions=permissions,
        added_at=NOW,
        changed_at=NOW,
    )


@pytest.mark.parametrize(
    ("known", "probe", "lost"),
    [
        (tenant(State.VERIFIED, ("Calendars.Read",)), GRANTED, ()),
        (tenant(State.VERIFIED, ("Calendars.Read",)), UNKNOWN, ()),
        (tenant(State.VERIFIED, ("Calendars.Read",)), PARTIAL, ("Calendars.Read",)),
        (tenant(State.VERIFIED, ("Calendars.ReadWrite",)), PARTIAL, ("Calendars.Read",)),
        (tenant(State.VERIFIED, ("User.Read.All",)), PARTIAL, ()),
        (tenant(State.VERIFIED, ("B", "A")), NONE, ("A", "B")),
        (tenant(State.VERIFIED, ("A",)), TenantAccess("no tenant", ""), ("A",)),
        (tenant(State.VERIFIED), NONE, ("Calendars.Read", "Directory.Read.All")),
        (tenant(State.REVOKED), NONE, ("Calendars.Read", "Directory.Read.All")),
        (tenant(State.INVITED), NONE, ()),
        (tenant(State.FAILED), NONE, ()),
        (tenant(State.VERIFIED), PARTIAL, ("Calendars.Read",)),
        (tenant(State.VERIFIED, (), OUTPUTS.permission_hash), PARTIAL, ("Calendars.Read",)),
        (tenant(State.VERIFIED, (), "of others"), PARTIAL, ()),
        (tenant(State.VERIFIED, (), "of others"), NONE, ("Calendars.Read", "Directory.Read.All")),
    ],
)
def test_lost_is_what_was_consented_to_and_is_declared_and_not_effective(
    known: Tenant, probe: TenantAccess, lost: tuple[str, ...]
) -> None:
    assert lost_permissions(known, probe, DECLARED) == lost


def test_check_of_many_yields_each_and_notes_those_that_did_not_change(registry: Registry, moment: Time) -> None:
    registry.add(FABRIKAM, "Fabrikam")
    moment.now = NOW + timedelta(hours=1)
    service = service_of(registry, UNKNOWN)

    checked = list(check_tenants(cast(ConsentService, service), registry.tenants()))

    assert sorted(each.tenant.name for each in checked) == ["Contoso", "Fabrikam"]
    assert sorted(asked[0] for asked in service.prober.asked) == [CONTOSO, FABRIKAM]
    assert {each.checked_at for each in registry.tenants()} == {moment.now}
    assert [entry.action for entry in registry.log()] == ["add", "add"]


def test_check_that_is_left_early_notes_whom_it_has_looked_at(registry: Registry, moment: Time) -> None:
    moment.now = NOW + timedelta(hours=1)
    checking = check_tenants(cast(ConsentService, service_of(registry, UNKNOWN)), registry.tenants())

    next(checking)
    cast(Any, checking).close()

    assert registry.wanted("Contoso").checked_at == moment.now


# The history -------------------------------------------------------------------------------------------------------


def noted(registry: Registry, *answers: TenantAccess, **more: Any) -> list[Run]:
    """The rows that checks with these answers add for Contoso, one after the other."""
    before = len(list(runs(registry)))
    for answer in answers:
        list(check_tenants(cast(ConsentService, service_of(registry, answer)), [registry.wanted(CONTOSO)], **more))
    return list(runs(registry))[before:]


def row(moment: Time, verdict: str, state: State, **more: Any) -> Run:
    return Run(moment.now, CONTOSO, "check", __version__, verdict, state, **more)


def test_check_of_an_organisation_with_access_adds_a_row(registry: Registry, moment: Time) -> None:
    surplus = TenantAccess("granted", "more than declared: X", surplus=("X",), effective=BOTH | {"X"})

    assert noted(registry, GRANTED, surplus) == [
        row(moment, "pass", State.CONSENTED, roles=("Calendars.Read", "Directory.Read.All")),
        row(moment, "pass", State.CONSENTED, roles=("Calendars.Read", "Directory.Read.All", "X")),
    ]


def test_check_that_finds_less_or_nothing_adds_a_row_that_says_why(registry: Registry, moment: Time) -> None:
    partial = replace(PARTIAL, effective=frozenset({"Directory.Read.All"}))

    assert noted(registry, GRANTED, partial, UNKNOWN, NONE)[1:] == [
        row(
            moment,
            "fail",
            State.RECONSENT_NEEDED,
            roles=("Directory.Read.All",),
            checks={"roles": "fail"},
            cause="not effective: Calendars.Read",
        ),
        row(moment, "error", State.RECONSENT_NEEDED, checks={"token": "error"}, cause="no answer"),
        row(moment, "fail", State.REVOKED, checks={"token": "fail"}, cause="it is not known there"),
    ]


def test_organisation_that_was_never_there_or_is_gone_has_no_history(registry: Registry) -> None:
    assert noted(registry, NONE, UNKNOWN) == []
    known = registry.wanted(CONTOSO)
    registry.remove(CONTOSO, reason="over")

    assert list(check_tenants(cast(ConsentService, service_of(registry, GRANTED)), [known]))
    assert list(runs(registry)) == []


def test_history_is_kept_as_long_as_is_asked_for(registry: Registry, moment: Time) -> None:
    noted(registry, GRANTED)
    moment.now = NOW + timedelta(days=2)
    assert len([*runs(registry), *noted(registry, GRANTED, keep=timedelta(days=3))]) == 2
    noted(registry, GRANTED, keep=timedelta(days=1))

    assert [each.at for each in runs(registry)] == [moment.now, moment.now]


MAILBOXES = (MailboxSeen("in", "read"), MailboxSeen("out", "refused"))
CLOSED = (MailboxSeen("in", "refused"), MailboxSeen("out", "refused"))


@pytest.mark.parametrize(
    ("found", "verdict", "state", "more"),
    [
        (ScopedAccess(GRANTED, (), None, *MAILBOXES), "pass", State.VERIFIED, {}),
        (
            ScopedAccess(GRANTED, (), None, *CLOSED),
            "warn",
            State.WAITING,
            {"cause": "the mailboxes are not open yet; changes in Exchange take 30 minutes to 2 hours"},
        ),
        (
            ScopedAccess(GRANTED, ("Calendars.Read",), None, *MAILBOXES),
            "fail",
            State.TOO_MUCH,
            {
                "checks": {"roles": "fail"},
                "cause": "the grant in Entra still reaches every mailbox: Calendars.Read",
            },
        ),
        (
            ScopedAccess(GRANTED, (), None, MailboxSeen("in", "no user"), None),
            "fail",
            State.WAITING,
            {"checks": {"roles": "fail"}, "cause": "in is no user of this organisation"},
        ),
    ],
)
def test_check_of_an_organisation_that_limits_the_connector_adds_what_follows(
    registry: Registry,
    moment: Time,
    monkeypatch: pytest.MonkeyPatch,
    found: ScopedAccess,
    verdict: str,
    state: State,
    more: dict[str, Any],
) -> None:
    looks: list[Any] = []

    def look(prober: Any, tenant: Tenant, scope: Any) -> ScopedAccess:
        looks.append((tenant.tenant_id, scope))
        return found

    monkeypatch.setattr(check, "probe_scope", look)
    registry.add(CONTOSO, profile=AccessProfile("scoped", "Pilot"))
    service = service_of(registry, UNKNOWN)
    service.register = lambda tenant_id: None

    [checked] = check_tenants(cast(ConsentService, service), [registry.wanted(CONTOSO)])

    assert looks == [(CONTOSO, MailboxScope("Pilot", waiting=True))]
    assert service.prober.asked == []
    assert checked.tenant.state is state
    roles = ("Calendars.Read", "Directory.Read.All")
    assert list(runs(registry)) == [row(moment, verdict, state, roles=roles, **more)]


# Many at once ------------------------------------------------------------------------------------------------------


class Many:
    """Probes of many organisations, on threads."""

    def __init__(self, together: int = 1) -> None:
        self.meeting = threading.Barrier(together)
        self.threads: set[str] = set()

    def probe(self, tenant_id: str) -> TenantAccess:
        self.threads.add(threading.current_thread().name)
        self.meeting.wait(20)
        return UNKNOWN


def organisations(registry: Registry, count: int) -> list[Tenant]:
    return [registry.add(f"44444444-4444-4444-4444-{number:012d}", f"Organisation {number}") for number in range(count)]


def test_organisations_are_probed_together_and_few_are_read_ahead(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "AT_ONCE", 2)
    known, taken = organisations(registry, 8), list[Tenant]()
    service, many = service_of(registry, UNKNOWN), Many(together=2)
    service.new_prober = lambda credential: many

    def read() -> Iterator[Tenant]:
        for each in known:
            taken.append(each)
            yield each

    checking = check_tenants(cast(ConsentService, service), read())
    next(checking)

    assert len(taken) == 4
    assert len(list(checking)) == 7
    assert len(many.threads) == 2
    assert {name.rpartition("_")[0] for name in many.threads} == {"check"}


def test_check_reads_the_credential_and_notes_its_end(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    noted_of: list[Any] = []
    monkeypatch.setattr(check, "note_credentials", lambda *given: noted_of.append(given))
    service = service_of(registry, UNKNOWN)

    list(check_tenants(cast(ConsentService, service), registry.tenants()))

    assert service.credentials == [ClientSecret("s")]
    assert noted_of == [(registry, OUTPUTS)]


def test_check_of_nobody_asks_and_writes_nothing(registry: Registry) -> None:
    service = service_of(registry, GRANTED)

    assert list(check_tenants(cast(ConsentService, service), [])) == []
    assert service.prober.asked == []


def test_credential_is_remembered_for_a_while_and_no_longer() -> None:
    time, read = FakeTime(), list[int]()

    def credential() -> ClientSecret:
        read.append(1)
        return ClientSecret(f"s-{len(read)}")

    remembered = RememberedCredential(credential, time.clock())
    assert remembered() == remembered() == ClientSecret("s-1")
    time.now_s += 9.9
    assert remembered() == ClientSecret("s-1")
    time.now_s += 0.1
    assert remembered() == ClientSecret("s-2")
    assert remembered() == ClientSecret("s-2")
