"""What stands before a real tenant: naming it, twice. An emulator plays the real tenant here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from orgcal_emulator.server import RunningEmulator

from tests.support.witness_tenant import VARIABLES, LiveRefused, check_domain, emulated_tenant, live_tenant


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n", encoding="utf-8")
    return {
        "ORGCAL_LIVE_TENANT_ID": "22222222-2222-2222-2222-222222222222",
        "ORGCAL_LIVE_DOMAIN": "contoso.example",
        "ORGCAL_LIVE_CLIENT_ID": "aaaaaaaa-0000-4000-8000-000000000001",
        "ORGCAL_LIVE_CLIENT_SECRET_FILE": str(secret),
        "ORGCAL_LIVE_MAILBOX": "admin@contoso.example",
    }


def test_live_tenant_without_any_variable_is_refused_by_naming_all_of_them() -> None:
    with pytest.raises(LiveRefused, match="no real tenant is named, so none is touched") as caught:
        live_tenant({})
    assert all(name in str(caught.value) for name in VARIABLES)


@pytest.mark.parametrize("name", VARIABLES)
def test_live_tenant_with_one_variable_missing_is_refused(environ: dict[str, str], name: str) -> None:
    with pytest.raises(LiveRefused, match=f"set {name} "):
        live_tenant({**environ, name: ""})


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("ORGCAL_LIVE_TENANT_ID", "common", "ORGCAL_LIVE_TENANT_ID must be a GUID, not 'common'"),
        ("ORGCAL_LIVE_CLIENT_ID", "x", "ORGCAL_LIVE_CLIENT_ID must be a GUID"),
        ("ORGCAL_LIVE_CLIENT_SECRET_FILE", "/no/such/file", "cannot be read: No such file"),
    ],
)
def test_live_tenant_with_a_wrong_variable_is_refused(
    environ: dict[str, str], name: str, value: str, said: str
) -> None:
    with pytest.raises(LiveRefused, match=said):
        live_tenant({**environ, name: value})


def test_live_tenant_speaks_to_microsoft_and_keeps_its_secret_to_itself(environ: dict[str, str]) -> None:
    tenant = live_tenant(environ)
    assert tenant.is_live
    assert urlsplit(tenant.login_url).hostname == "login.microsoftonline.com"
    assert urlsplit(tenant.graph_url).hostname == "graph.microsoft.com"
    assert tenant.secret == "s3cret"
    assert "s3cret" not in repr(tenant)


def requests_of(emulator: RunningEmulator) -> list[tuple[str, str]]:
    return [(each["method"], each["path"].partition("?")[0]) for each in emulator.journal()]


def test_domain_that_the_tenant_has_verified_passes_and_nothing_was_written(emulator: RunningEmulator) -> None:
    tenant = emulated_tenant(emulator)
    check_domain(tenant, "Contoso.example")
    assert requests_of(emulator) == [
        ("POST", f"/{tenant.tenant_id}/oauth2/v2.0/token"),
        ("GET", "/v1.0/organization"),
    ]


def test_domain_of_another_tenant_is_refused_before_anything_is_written(emulator: RunningEmulator) -> None:
    tenant = emulated_tenant(emulator)
    with pytest.raises(LiveRefused, match=r"fabrikam\.example is no verified .* has contoso\.example; nothing was"):
        check_domain(tenant, "fabrikam.example")
    assert ("POST", "/v1.0/applications") not in requests_of(emulator)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"secret": "wrong"}, "answered 401: AADSTS7000215"),
        ({"tenant_id": "99999999-9999-4999-8999-999999999999"}, "answered 400: AADSTS90002"),
        ({"graph_url": "https://localhost:1"}, "cannot be asked: ConnectionError"),
    ],
)
def test_tenant_that_cannot_be_asked_is_refused_in_one_sentence(
    emulator: RunningEmulator, changed: dict[str, Any], said: str
) -> None:
    tenant = replace(emulated_tenant(emulator), **changed)
    with pytest.raises(LiveRefused, match=said) as caught:
        check_domain(tenant, "contoso.example")
    assert tenant.secret not in str(caught.value)


def test_tenant_without_the_right_to_read_its_record_is_refused(
    emulator: RunningEmulator, log_in_to: Callable[..., Any]
) -> None:
    poor = log_in_to("contoso.example", "Calendars.Read")
    tenant = replace(emulated_tenant(emulator), client_id=poor.client_id, secret=poor._secret)
    with pytest.raises(LiveRefused, match="/organization answered 403: Insufficient privileges"):
        check_domain(tenant, "contoso.example")
