"""The table of docs/parity.md that names for each route a client, its version, and the test in which it asks."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from orgcal_emulator.graph.routing import split_segments

ROOT = Path(__file__).resolve().parents[2]
_SECTION = "\n## Routes and the clients that ask for them\n"


@dataclass(frozen=True)
class ClientRow:
    """One row.

    Attributes:
        routes: methods and paths, whose keys are `{}`.
        client: name and version.
        also: names of other clients.
        witness: path and name of the test.
    """

    routes: tuple[tuple[str, str], ...]
    client: str
    also: tuple[str, ...]
    witness: str


@cache
def client_rows() -> tuple[ClientRow, ...]:
    """Every row of the table."""
    page = (ROOT / "docs" / "parity.md").read_text(encoding="utf-8")
    section = page.partition(_SECTION)[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return tuple(_row([cell.strip() for cell in line.strip("|").split(" | ")]) for line in lines)


def _row(cells: list[str]) -> ClientRow:
    routes, client, also, witness = cells
    methods, _, path = routes.strip("`").rpartition(" ")
    return ClientRow(
        tuple((method, path) for method in methods.split(", ")),
        client,
        () if also == "–" else tuple(also.split(", ")),
        witness.strip("`"),
    )


def routes_not_asked_for(witness: str, requests: Iterable[tuple[str, str]]) -> list[str]:
    """The routes of rows that name this test, and that are in none of its requests.

    Args:
        witness: path and name of the test.
        requests: methods and paths, as the journal has them.
    """
    asked = [(method, _segments(path)) for method, path in requests]
    named = [route for row in client_rows() if row.witness == witness for route in row.routes]
    return [f"{method} {path}" for method, path in named if not _is_among(asked, method, path)]


def _is_among(asked: list[tuple[str, list[str]]], method: str, path: str) -> bool:
    wanted = _segments(path)
    return any(
        method == other and len(found) == len(wanted) and all(map(_fits, found, wanted)) for other, found in asked
    )


def _fits(found: str, wanted: str) -> bool:
    return wanted == "{}" or found.lower() in (wanted.lower(), wanted.lower().removeprefix("microsoft."))


def _segments(path: str) -> list[str]:
    """Segments without version, the alias of the own tenant, and query."""
    plain = re.sub(r"^/?(v1\.0|beta)/", "/", path.partition("?")[0]).replace("/myorganization/", "/")
    return split_segments([each for each in plain.split("/") if each])
