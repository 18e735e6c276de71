"""The check of organisations, without Entra ID: what a probe changes, what is lost, and what is only noted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orgcal.consent.check import CheckedTenant, RememberedCredential, check_tenants, lost_permissions, write_down
from orgcal.consent.links import checked_redirect_uri, message
from orgcal.consent.recording import Declared
from orgcal.consent.service import ConsentService
from orgcal.entra.credentials import ClientSecret
from orgcal.entra.probe import TenantAccess
from orgcal.errors import UsageError
from orgcal.platforms.testing_server import FakeTime
from orgcal.tenants.model import State, Tenant
from orgcal.tenants.registry import Registry
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


def service_of(registry: Registry, *answers: TenantAccess) -> Any:
    prober = ScriptedProber(*answers)
    known = SimpleNamespace(registry=registry, outputs=OUTPUTS, credential=lambda: ClientSecret("s"), prober=prober)
    known.new_prober = lambda credential: prober
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


# Links -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "says", "repair"),
    [
        ({"consent_redirect_uri": ""}, "the stack has no consent callback of ours", "set orgcal:consent.public_url to"),
        ({"redirect_uris": ()}, "is not among the application's redirect URIs", "pulumi up"),
        (
            {"consent_redirect_uri": "http://acme.example/cb", "redirect_uris": ("http://acme.example/cb",)},
            "is not https",
            "put a proxy that speaks https",
        ),
    ],
)
def test_callback_that_could_not_be_used_is_refused(changed: dict[str, Any], says: str, repair: str) -> None:
    with pytest.raises(UsageError, match=says) as refused:
        checked_redirect_uri(OUTPUTS.model_copy(update=changed))

    assert refused.value.where == "orgcal:consent.public_url"
    assert refused.value.repair.startswith(repair)


def test_callback_of_the_emulator_needs_no_https() -> None:
    uri = "http://localhost:8400/consent/callback"
    named = {"consent_redirect_uri": uri, "redirect_uris": (uri,)}

    assert checked_redirect_uri(OUTPUTS.model_copy(update={**named, "cloud": "emulator"})) == uri
    assert checked_redirect_uri(OUTPUTS) == "https://acme.example/consent/callback"


def test_message_lists_each_permission_in_a_line_and_names_no_unknown_publisher() -> None:
    text = message(
        organisation="Contoso",
        application="Sync",
        publisher="",
        url="https://x",
        expires_at=NOW,
        permissions=["A", "B"],
    )

    assert "\n  - A\n  - B\n" in text
    assert "published by" not in text
    assert "\n  https://x\n" in text
