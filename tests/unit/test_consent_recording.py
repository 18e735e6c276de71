"""What is recorded of a consent: the organisation's state and dates, and what its platform is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest

from orgcal.consent import recording
from orgcal.consent.recording import Declared, record, register
from orgcal.entra.probe import TenantAccess
from orgcal.errors import PlatformError
from orgcal.tenants import links
from orgcal.tenants.model import State
from orgcal.tenants.registry import Registry
from tests.support.consent_probes import (
    CONTOSO,
    GRANTED,
    NOW,
    FakePlatform,
    Time,
    memory_registry,
    outputs_with,
    used_link,
)

OUTPUTS = outputs_with("Calendars.Read", "Directory.Read.All")


@pytest.fixture
def moment() -> Time:
    return Time()


@pytest.fixture
def registry(moment: Time) -> Iterator[Registry]:
    with closing(memory_registry(moment)) as registry:
        yield registry


def test_record_of_a_grant_dates_it_and_a_listed_user_verifies_it(registry: Registry, moment: Time) -> None:
    link, later = used_link(registry), NOW + timedelta(minutes=1)
    moment.now = later

    tenant = record(registry, link, Declared.of(OUTPUTS), TenantAccess("granted", "", users_readable=False))

    assert tenant is not None
    assert tenant.state is State.CONSENTED
    assert (tenant.consented_at, tenant.checked_at, tenant.verified_at) == (later, later, None)
    assert tenant.permissions == ("Calendars.Read", "Directory.Read.All")
    assert tenant.permission_hash == OUTPUTS.permission_hash
    verified = record(registry, link, Declared.of(OUTPUTS), GRANTED)
    assert verified is not None
    assert verified.verified_at == later


def test_record_of_what_changes_nothing_writes_nothing(registry: Registry) -> None:
    link = used_link(registry)
    unknown = TenantAccess("unknown", "nobody could tell")

    tenant = record(registry, link, Declared.of(OUTPUTS), unknown)

    assert tenant is not None
    assert (tenant.state, tenant.checked_at) == (State.INVITED, None)


def test_record_of_a_refusal_says_why_and_keeps_what_was_known(registry: Registry, moment: Time) -> None:
    link = used_link(registry)
    moment.now = NOW + timedelta(minutes=1)

    tenant = record(registry, link, Declared.of(OUTPUTS), TenantAccess("partial", "not effective: A", missing=("A",)))

    assert tenant is not None
    assert (tenant.state, tenant.reason, tenant.checked_at) == (State.FAILED, "not effective: A", moment.now)
    assert (tenant.permissions, tenant.consented_at, tenant.verified_at) == ((), None, None)


def test_record_after_the_proof_has_ended_writes_nothing(registry: Registry) -> None:
    link = used_link(registry)
    links.finish(registry, link, "done")

    assert record(registry, link, Declared.of(OUTPUTS), GRANTED) is None
    assert registry.wanted("Contoso").state is State.INVITED


def test_proof_asks_for_what_the_link_names_or_else_the_stack(registry: Registry) -> None:
    named = used_link(registry, "User.Read.All", "Calendars.Read")

    assert Declared.of_link(named, OUTPUTS) == Declared(("Calendars.Read", "User.Read.All"), "hash of the link")
    assert Declared.of_link(used_link(registry), OUTPUTS) == Declared.of(OUTPUTS)
    unsorted = outputs_with("User.Read.All", "Calendars.Read")
    assert Declared.of(unsorted) == Declared(("Calendars.Read", "User.Read.All"), unsorted.permission_hash)


def test_fault_of_ours_while_a_platform_is_told_is_not_hidden(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(settings: object, environ: object) -> None:
        raise ValueError("unforeseen")

    monkeypatch.setattr(recording, "open_platform", broken)

    with pytest.raises(ValueError, match="unforeseen"):
        register(registry, OUTPUTS, {}, CONTOSO)


@pytest.mark.parametrize(
    ("platform_of", "registered", "row"),
    [
        (FakePlatform(), [("outlook", CONTOSO)], ("registered", {})),
        (FakePlatform("own flow"), [], None),
        (
            FakePlatform(refusal=PlatformError("the key is wrong", where="x")),
            [],
            ("refused", {"detail": "the key is wrong"}),
        ),
    ],
    ids=["takes connections", "has its own flow", "refuses"],
)
def test_platform_that_keeps_organisations_is_told_and_its_answer_is_in_the_log(
    registry: Registry,
    monkeypatch: pytest.MonkeyPatch,
    platform_of: FakePlatform,
    registered: list[tuple[str, str]],
    row: tuple[str, dict[str, str]] | None,
) -> None:
    monkeypatch.setattr(recording, "open_platform", lambda settings, environ: platform_of)

    register(registry, OUTPUTS, {}, CONTOSO)

    assert platform_of.registered == registered
    last = registry.last("platform", CONTOSO)
    assert (None if last is None else (last.result, last.detail)) == row
