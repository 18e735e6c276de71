"""Writes the tables of `docs/entra-errors.md` and `docs/permissions.md`: `python -m orgcal.entra.docs_tables`.

Their tables (`orgcal.markdown_tables`) are `aadsts`, `permissions` and `delegated`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from orgcal import markdown_tables
from orgcal.entra.aadsts import MEANINGS, Kind
from orgcal.entra.pinned_roles import APP_ROLE_IDS, DELEGATED_ONLY
from orgcal.entra.role_relation import included_in
from orgcal.markdown_tables import rendered

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = (DOCS / "entra-errors.md", DOCS / "permissions.md")

_KINDS: Mapping[Kind, str] = {
    Kind.NO_TENANT: "no such tenant",
    Kind.NOT_CONSENTED: "not consented",
    Kind.CREDENTIAL: "credential refused",
    Kind.BLOCKED: "blocked",
    Kind.BUSY: "passes by itself",
    Kind.DECLINED: "declined",
    Kind.NOT_ADMINISTRATOR: "not an administrator",
    Kind.WRONG_ORGANISATION: "other organisation",
    Kind.UNKNOWN: "undecided",
}


def with_tables(page: str) -> str:
    """Return a page with its tables as the code has them now."""
    return markdown_tables.with_tables(page, lambda name: _TABLES[name]())


def _aadsts() -> str:
    head = ("Number", "What follows", "Cause", "Who acts", "Repair", "Source")
    return rendered(head, *_aadsts_rows())


def _aadsts_rows() -> Iterator[tuple[str, ...]]:
    for meaning in MEANINGS.values():
        repair = meaning.repair
        if meaning.operator_repair:
            repair = f"{repair}. If it is the operator's login: {meaning.operator_repair}"
        words = f"{meaning.sentence}, and Entra ID's own words" if meaning.quoted else meaning.sentence
        source = f"[source]({meaning.source})"
        yield str(meaning.number), _KINDS[meaning.kind], words, str(meaning.actor), repair, source


def _permissions() -> str:
    rows = (
        (f"`{name}`", f"`{role_id}`", ", ".join(f"`{other}`" for other in sorted(included_in([name]) - {name})))
        for name, role_id in APP_ROLE_IDS.items()
    )
    return rendered(("Permission", "Id", "Includes"), *((name, role_id, inner or "-") for name, role_id, inner in rows))


def _delegated() -> str:
    rows = ((f"`{name}`", f"`{nearest}`" if nearest else "none") for name, nearest in DELEGATED_ONLY.items())
    return rendered(("For signed-in users only", "Nearest application permission"), *rows)


_TABLES: Mapping[str, Callable[[], str]] = {"aadsts": _aadsts, "permissions": _permissions, "delegated": _delegated}


if __name__ == "__main__":
    for path in PAGES:
        path.write_text(with_tables(path.read_text(encoding="utf-8")), encoding="utf-8")
