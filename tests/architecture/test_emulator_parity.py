"""docs/parity.md: every row names a test that exists, and every Graph route a client of the locked version."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

from orgcal_emulator.calendars.models import Users
from orgcal_emulator.clock import Clock
from orgcal_emulator.directory.models import Directory
from orgcal_emulator.exchange.models import ExchangeRights
from orgcal_emulator.graph.routing import Route
from orgcal_emulator.graph_routes import graph_routes
from orgcal_emulator.store import Database

from tests.support.parity_page import client_rows

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "parity.md").read_text(encoding="utf-8")
WITNESS = re.compile(r"`((?:(?:emulator/)?tests/[\w/]+|orgcal/platforms/testing)\.py)::(test_\w+)`")


def rows() -> list[list[str]]:
    """Cells of every row, without headings."""
    lines = [line for line in PAGE.splitlines() if line.startswith("|") and not line.startswith("|---")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return [each for each in cells if each[0] not in ("feature", "route")]


def locked_versions() -> dict[str, str]:
    """Versions of the clients by the names that the table of routes gives them."""
    clients = ROOT / "tests" / "support" / "clients"
    node = {
        name: json.loads((clients / name / "package.json").read_text(encoding="utf-8"))["dependencies"]
        for name in ("m365", "graph_js")
    }
    go = re.search(
        r"authentication-library-for-go v(\S+)", (clients / "msal_go" / "go.mod").read_text(encoding="utf-8")
    )
    azure_cli = re.search(r"^azure-cli==(\S+)", (clients / "azure-cli.lock").read_text(encoding="utf-8"), re.MULTILINE)
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    pinned = dict(each.split("==") for each in groups["witnesses"])
    assert go
    assert azure_cli
    return {
        "Azure CLI": azure_cli[1],
        "CLI for Microsoft 365": node["m365"]["@pnp/cli-microsoft365"],
        "Graph SDK for JavaScript": node["graph_js"]["@microsoft/microsoft-graph-client"],
        "MSAL for Go": go[1],
        "O365": pinned["o365"],
        "msgraph-sdk": pinned["msgraph-sdk"],
        "Office365-REST-Python-Client": pinned["office365-rest-python-client"],
        "azuread provider": "3.9.0",  # of the recording
    }


def routes() -> list[Route]:
    clock = Clock()
    database = Database(None)
    directory = Directory(database, clock)
    users = Users(directory)
    return graph_routes(directory, users, ExchangeRights(database, clock, users), clock)


def test_every_row_names_a_test_that_exists() -> None:
    assert len(rows()) > 40
    for row in rows():
        assert len(row) == 4, row
        match = WITNESS.fullmatch(row[3])
        assert match, f"no witness: {row[0]}"
        file = ROOT / match.group(1)
        assert file.is_file(), row[3]
        assert f"def {match.group(2)}(" in file.read_text(encoding="utf-8"), row[3]


def test_every_graph_route_is_named_by_a_row() -> None:
    features = " ".join(row[0] for row in rows())
    for route in routes():
        named = f"/{route.path}" in features or _said_in_words(route.path)
        assert named, f"{route.method} /{route.path} is in no row of docs/parity.md"


def test_every_graph_route_is_in_one_row_that_names_a_client() -> None:
    named = [route for row in client_rows() for route in row.routes]
    assert len(named) == len(set(named))
    for route in routes():
        assert (route.method, f"/{route.path}") in named, f"{route.method} /{route.path}"


def test_every_route_that_a_row_names_a_client_for_is_served() -> None:
    served = {(route.method, f"/{route.path}") for route in routes()}
    elsewhere = {"/$batch", "/metadata/endpoints", "/subscriptions"}
    for row in client_rows():
        for method, path in row.routes:
            assert (method, path) in served or path in elsewhere or path.startswith("/{}/"), f"{method} {path}"


def test_clients_are_named_with_their_locked_versions() -> None:
    versions = locked_versions()
    for row in client_rows():
        known = [f"{name} {version}" for name, version in versions.items()]
        assert row.client in (*known, "requests as documented"), row.client
        assert set(row.also) <= versions.keys(), row.also


def _said_in_words(path: str) -> bool:
    """Routes that a row sums up: grants, and owners of service principals."""
    return re.fullmatch(r"servicePrincipals/\{\}/(appRoleAssignedTo|appRoleAssignments|owners)(/.*)?", path) is not None
