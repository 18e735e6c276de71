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
