"""Ids of tenants are GUIDs, or domains where that is documented, wherever they enter; addresses are made of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from orgcal.consent.links import consent_url
from orgcal.entra.auth import TokenSource
from orgcal.entra.clouds import load_endpoints, read_emulator_file
from orgcal.entra.credentials import ClientSecret
from orgcal.entra.discovery import resolve_tenant
from orgcal.entra.operator import operator_credential
from orgcal.entra.session import new_session
from orgcal.entra.tenant_ids import checked_tenant, is_domain, is_guid
from orgcal.errors import OrgcalError, UsageError
from orgcal.platforms import check_settings
from orgcal.settings.sections import EntraSettings
from orgcal.tenants.registry import Registry
from tests.support.registry import new_database
from verify.sources import from_file, from_variables

TENANT = "8F0C8A0E-0000-4000-8000-000000000001"
BAD = ["common", "organizations", "../../evil?x=", "a/b#", "contoso.com/x", TENANT[:-1], f"{TENANT}/", "{" + TENANT]
PUBLIC = load_endpoints("public", {})


def of_token(name: str, _: Path) -> None:
    with new_session(PUBLIC) as session:
        TokenSource(PUBLIC, name, "client", ClientSecret("hush"), session).token()


def of_operator(name: str, _: Path) -> None:
    environ = {"ARM_CLIENT_ID": "client", "ARM_CLIENT_SECRET": "hush"}
    with new_session(PUBLIC) as session:
        operator_credential(PUBLIC, environ, name, session)


def of_argument(name: str, _: Path) -> None:
    with new_session(PUBLIC) as session:
        resolve_tenant(PUBLIC, name, session)


def of_link(name: str, _: Path) -> None:
    consent_url(PUBLIC, tenant_id=name, client_id="client", redirect_uri="https://app.example.com", state="s")


def of_registry(name: str, folder: Path) -> None:
    registry = Registry(new_database(folder), connector="orgcal/prod", operator="ada")
    try:
        registry.add(name, "Contoso")
    finally:
        registry.close()


def of_connector_file(name: str, folder: Path) -> None:
    path = folder / "connector.json"
    described = {"client_id": TENANT, "client_secret_file": "secret", "scopes": ["Calendars.Read"]}
    path.write_text(json.dumps({**described, "tenants": [{"tenant_id": name}]}))
    from_file(path)


def of_variable(name: str, _: Path) -> None:
    variables = {"ORGCAL_CLIENT_ID": TENANT, "ORGCAL_SCOPES": "Calendars.Read", "ORGCAL_CLIENT_SECRET_FILE": "secret"}
    from_variables({**variables, "ORGCAL_TENANTS": f"contoso.com,{name}"})


def of_emulator(name: str, folder: Path) -> None:
    path = folder / "ready.json"
    files = {"client_secret_file": "s", "client_certificate_file": "c"}
    ready = {
        "port": 1,
        "base_url": "https://localhost:1",
        "directory_id": "d",
        "ca_file": "c",
        "operator": {"tenant_id": name, "client_id": "c", **files},
        "platform": {"url": "u", "api_key_file": "k"},
        "control": {"url": "u", "token_file": "t"},
    }
    path.write_text(json.dumps(ready))
    read_emulator_file(path)


def of_settings(name: str, _: Path) -> None:
    EntraSettings(cloud="public", tenant_id=name)


def of_key_vault(name: str, _: Path) -> None:
    settings = {"kind": "azure-key-vault", "vault_url": "https://acme.vault.azure.net", "tenant_id": name}
    if problems := check_settings({**settings, "callback_url": "https://app.example.com/callback"}):
        raise UsageError("; ".join(problems))


Entrance = Callable[[str, Path], None]
DOMAINS_TOO: list[Entrance] = [of_operator, of_connector_file, of_variable]
IDS_ALONE: list[Entrance] = [of_link, of_registry, of_emulator, of_settings, of_key_vault]
ASKING: list[Entrance] = [of_token, of_argument]
"""Let a domain through too, and then ask Entra ID."""


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("enter", [*DOMAINS_TOO, *IDS_ALONE, *ASKING])
def test_what_names_no_single_tenant_is_refused(tmp_path: Path, enter: Entrance, name: str) -> None:
    with pytest.raises((OrgcalError, ValidationError)) as caught:
        enter(name, tmp_path)

    assert "tenant" in str(caught.value)
    assert "hush" not in str(caught.value)
    assert not isinstance(caught.value, OrgcalError) or caught.value.exit_code == 2


@pytest.mark.parametrize("enter", [*DOMAINS_TOO, *IDS_ALONE])
def test_tenant_id_is_taken_in_any_case(tmp_path: Path, enter: Entrance) -> None:
    enter(TENANT, tmp_path)
    enter(TENANT.lower(), tmp_path)


@pytest.mark.parametrize("enter", IDS_ALONE)
def test_domain_is_no_tenant_id(tmp_path: Path, enter: Entrance) -> None:
    with pytest.raises((OrgcalError, ValidationError), match="tenant"):
        enter("contoso.com", tmp_path)


@pytest.mark.parametrize("enter", DOMAINS_TOO)
def test_domain_is_taken_where_it_is_documented(tmp_path: Path, enter: Entrance) -> None:
    enter("contoso.com", tmp_path)


def test_checked_tenant_gives_what_an_address_takes() -> None:
    assert checked_tenant(f" {TENANT} ", where="x") == TENANT.lower()
    assert checked_tenant("Contoso.COM", where="x") == "contoso.com"


def test_refusal_of_a_long_name_shows_its_beginning() -> None:
    with pytest.raises(UsageError) as caught:
        checked_tenant("x" * 5000, where="line 3", domains=False)

    assert str(caught.value) == (
        f"line 3: '{'x' * 60}' is not a tenant id (a GUID)\n"
        "  repair: name one, such as 00000000-1111-2222-3333-444444444444"
    )


def test_refusal_of_what_is_neither_names_both() -> None:
    with pytest.raises(UsageError) as caught:
        checked_tenant("common", where="TENANT")

    assert str(caught.value) == (
        "TENANT: 'common' is neither a tenant id nor a domain\n"
        "  repair: name one, such as contoso.com or 00000000-1111-2222-3333-444444444444"
    )


LABEL = "a" * 63
DOMAINS = {
    "contoso.com": True, "Contoso.COM": True, "a.co": True, "1.co": True, "a-b.co": True, "xn--bcher-kva.example": True,
    "contoso.onmicrosoft.com": True, f"{LABEL}.com": True, f"a.{LABEL}": True,
    ".".join([LABEL] * 3) + "." + "a" * 61: True, ".".join([LABEL] * 3) + "." + "a" * 62: False,
    "contoso": False, "a.c": False, ".com": False, "a..com": False, "-a.com": False, "a-.com": False, "a_b.com": False,
    f"{LABEL}a.com": False, f"a.{LABEL}a": False, "a.com ": False, "a.com\n": False, "": False, "\u00fc.com": False,
}  # fmt: skip
"""Texts, and whether they could be a domain: labels of 1 to 63 letters, digits and dashes, 253 characters in all.

Source: RFC 1035, section 2.3, and RFC 1123, section 2.1.
"""


@pytest.mark.parametrize("text", DOMAINS)
def test_domain_is_what_the_domain_name_system_has(text: str) -> None:
    assert is_domain(text) is DOMAINS[text]


@pytest.mark.parametrize(
    ("text", "is_one"),
    [(TENANT, True), (TENANT.lower(), True), (TENANT.replace("-", ""), False), (TENANT[1:], False),
     (TENANT + "0", False), (TENANT.replace("8F", "GG"), False), (TENANT + "\n", False),
     (TENANT[:-1] + "\u0661", False)],
)  # fmt: skip
def test_guid_is_told_in_any_case_and_by_its_whole_text(text: str, is_one: bool) -> None:
    assert is_guid(text) is is_one
