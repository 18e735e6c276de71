"""Pages about Entra ID show what the code has."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from orgcal.entra import aadsts
from orgcal.entra.aadsts import MEANINGS, Kind, Meaning, meaning_of, number_in
from orgcal.entra.docs_tables import PAGES, with_tables
from orgcal.entra.pinned_roles import APP_ROLE_IDS, DELEGATED_ONLY


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tables_of_a_page_are_those_of_the_code(page: Path) -> None:
    text = page.read_text(encoding="utf-8")

    assert with_tables(text) == text, "run: .venv/bin/python -m orgcal.entra.docs_tables"


def test_pages_have_every_number_and_every_permission() -> None:
    errors, permissions = (page.read_text(encoding="utf-8") for page in PAGES)

    assert all(f"| {number} |" in errors for number in MEANINGS)
    assert all(f"| `{name}` |" in permissions for name in (*APP_ROLE_IDS, *DELEGATED_ONLY))


def test_page_of_errors_says_of_each_number_what_the_table_says() -> None:
    """The module is run anew: what it does at its import belongs to no test otherwise."""
    lines = {line.split(" | ")[0].strip("| "): line for line in PAGES[0].read_text(encoding="utf-8").splitlines()}
    table = runpy.run_path(aadsts.__file__)["MEANINGS"]

    assert list(table) == list(MEANINGS)
    for number, meaning in table.items():
        line = lines[str(number)]
        assert f" | {meaning.sentence}{', and Entra ID' if meaning.quoted else ' |'}" in line
        assert ("If it is the operator's login: " in line) is bool(meaning.operator_repair)
        assert f"[source]({meaning.source})" in line
        assert meaning.for_operator == (meaning.operator_repair or meaning.repair)


@pytest.mark.parametrize(
    ("error", "kind"), [("invalid_client", Kind.CREDENTIAL), ("access_denied", Kind.DECLINED), ("x", Kind.UNKNOWN)]
)
def test_number_that_nobody_knows_means_no_more_than_its_oauth_error(error: str, kind: Kind) -> None:
    assert meaning_of(7999999, error) == Meaning(
        7999999, kind, sentence="", repair="", actor=None, operator_repair="", quoted=False, source=""
    )
    assert meaning_of(0) == Meaning(0, Kind.UNKNOWN)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("AADSTS900: x", 900),
        ("AADSTS90: x AADSTS500: y", 500),
        ("a\nAADSTS123456789", 123456789),
        ("AADSTS1234567890", 123456789),
        ("aadsts90002", 0),
        ("", 0),
    ],
)
def test_number_of_a_text_has_three_to_nine_digits(text: str, number: int) -> None:
    assert number_in(text) == number
