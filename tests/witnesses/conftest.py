"""Emulators for clients that are programs of their own, and Azure CLI and CLI for Microsoft 365 logged in there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from orgcal_emulator.server import Keys

from tests.support.client_commands import ClientCommand, NamedEmulator, named_emulator
from tests.support.client_installs import azure_cli, node, node_packages
from tests.support.parity_page import routes_not_asked_for

RIGHTS = ("Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All", "User.Read.All", "Calendars.Read",
          "Directory.Read.All", "Directory.ReadWrite.All", "RoleManagement.ReadWrite.Exchange")  # fmt: skip
"""What an operator who registers a connector, grants it its permissions and looks at calendars may do."""


@dataclass(frozen=True)
class Login:
    """An application with `RIGHTS` in a tenant.

    Attributes:
        secret_file: holds its client secret, so that no argument list shows it.
    """

    tenant_id: str
    client_id: str
    secret_file: Path


@pytest.fixture(autouse=True)
def rows_of_parity_are_true(request: pytest.FixtureRequest) -> Iterator[None]:
    """Rows of docs/parity.md that name the test for a route are true: it asked for that route."""
    name = "hosts" if "hosts" in request.fixturenames else "emulator"
    if name not in request.fixturenames:
        yield
        return
    found = request.getfixturevalue(name)
    emulator = found.emulator if isinstance(found, NamedEmulator) else found
    before = len(emulator.journal())
    yield
    requests = [(each["method"], each["path"]) for each in emulator.journal()[before:]]
    witness = request.node.nodeid.partition("[")[0]
    assert routes_not_asked_for(witness, requests) == []


@pytest.fixture(scope="module")
def hosts(emulator_keys: Keys) -> Iterator[NamedEmulator]:
    """One emulator for the tests of a module, under its own name and Microsoft's."""
    with named_emulator(emulator_keys) as running:
        yield running


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What clients take for the user's home folder, for the tests of a module."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def login(hosts: NamedEmulator, home: Path) -> Login:
    """An operator in the tenant Contoso."""
    client = hosts.emulator.add_client("contoso.example", *RIGHTS)
    secret_file = home / "secret"
    secret_file.write_text(client.secret, encoding="ascii")
    return Login(client.tenant_id, client.client_id, secret_file)


@pytest.fixture(scope="module")
def az(hosts: NamedEmulator, home: Path) -> ClientCommand:
    """Azure CLI as it is; nobody has logged in."""
    environ = hosts.environ(home) | {
        "AZURE_CONFIG_DIR": str(home / "azure"),
        "AZURE_CORE_COLLECT_TELEMETRY": "no",
        "AZURE_CORE_ONLY_SHOW_ERRORS": "yes",
        "AZURE_CORE_OUTPUT": "json",
    }
    return ClientCommand(azure_cli(), environ, home)


@pytest.fixture(scope="module")
def m365(hosts: NamedEmulator, home: Path) -> ClientCommand:
    """CLI for Microsoft 365 as it is; nobody has logged in."""
    program = node_packages("m365") / "node_modules" / "@pnp" / "cli-microsoft365" / "dist" / "index.js"
    environ = hosts.environ(home) | {"CLIMICROSOFT365_NOUPDATE": "1"}
    return ClientCommand([str(node()), str(program)], environ, home)
