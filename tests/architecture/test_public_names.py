"""What others may import: these names change only on purpose."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys

import pytest

ENTRA = {
    "aadsts": {"Kind", "Meaning", "meaning_of", "number_in"},
    "auth": {"TokenSource", "Tokens", "claims_of", "names_principal", "refusal_in", "roles_of"},
    "clouds": {
        "CloudEndpoints",
        "EmulatorEndpoints",
        "is_loopback",
        "load_endpoints",
        "origin_of",
        "read_emulator_file",
    },
    "credentials": {
        "ClientCertificate",
        "ClientSecret",
        "FederatedToken",
        "fields_of",
        "from_fields",
        "msal_credential",
    },
    "discovery": {"resolve_tenant"},
    "graph": {"GraphClient", "checked_next_link", "unless_refused"},
    "permissions": {
        "AppRole",
        "application_permissions",
        "lookup",
        "names_of",
        "nearest_permission",
        "permission_hash",
        "published_roles",
    },
    "probe": {"TenantAccess", "granted_roles", "probe_tenant", "token_refusal"},
    "session": {"RedactingAdapter", "new_session", "wire"},
    "tenant_ids": {"checked_tenant", "is_domain", "is_guid"},
}
VERIFY = {
    "CheckResult", "Connector", "Listener", "Mailbox", "MailboxClass", "Options", "Pace", "Proof", "SecretReference",
    "Summary", "Target", "Verdict", "exit_code", "run", "run_on",
}  # fmt: skip
HEAVY = {"pulumi", "typer", "sqlalchemy", "jinja2", "msal", "azure", "uvicorn"}


def defined_in(module: str) -> set[str]:
    """Functions and classes that a module defines for others."""
    loaded = importlib.import_module(module)
    members = {name: item for name, item in vars(loaded).items() if inspect.isclass(item) or inspect.isfunction(item)}
    return {name for name, item in members.items() if item.__module__ == module and not name.startswith("_")}


def test_public_modules_of_entra_are_these() -> None:
    assert set(importlib.import_module("orgcal.entra").__all__) == set(ENTRA)


@pytest.mark.parametrize("module", ENTRA)
def test_public_names_of_entra_are_these(module: str) -> None:
    assert defined_in(f"orgcal.entra.{module}") == ENTRA[module]


@pytest.mark.parametrize(
    ("package", "names"), [("verify", VERIFY), ("orgcal_emulator", {"CannotServeError", "Keys", "RunningEmulator"})]
)
def test_public_names_of_packages_are_these(package: str, names: set[str]) -> None:
    loaded = importlib.import_module(package)

    assert set(loaded.__all__) == names
    assert all(hasattr(loaded, name) for name in names)


@pytest.mark.parametrize("package", ["verify", *(f"orgcal.entra.{module}" for module in ENTRA)])
def test_import_of_a_library_loads_nothing_of_the_command_line(package: str) -> None:
    script = f"import {package}, sys; print(*{{name.split('.')[0] for name in sys.modules}})"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()

    assert HEAVY & set(loaded) == set()
