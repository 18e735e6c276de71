"""docs/parity.md: every row names a test that exists, and every Graph route is named by a row."""

from __future__ import annotations

import re
from pathlib import Path

from orgcal_emulator.calendars.models import Users
from orgcal_emulator.calendars.routes import calendar_routes
from orgcal_emulator.clock import Clock
from orgcal_emulator.directory.models import Directory
from orgcal_emulator.directory.routes import directory_routes
from orgcal_emulator.graph.routing import Route
from orgcal_emulator.store import Database

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "parity.md").read_text(encoding="utf-8")
WITNESS = re.compile(r"`((?:(?:emulator/)?tests/[\w/]+|orgcal/platforms/testing)\.py)::(test_\w+)`")


def rows() -> list[list[str]]:
    """Cells of every row, without headings."""
    lines = [line for line in PAGE.splitlines() if line.startswith("|") and not line.startswith("|---")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return [each for each in cells if each[0] != "feature"]


def routes() -> list[Route]:
    clock = Clock()
    directory = Directory(Database(None), clock)
    users = Users(directory)
    return [*directory_routes(directory, users.is_user, users.shape), *calendar_routes(users, clock)]


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


def _said_in_words(path: str) -> bool:
    """Routes that a row sums up: grants, and owners of service principals."""
    return re.fullmatch(r"servicePrincipals/\{\}/(appRoleAssignedTo|appRoleAssignments|owners)(/.*)?", path) is not None
