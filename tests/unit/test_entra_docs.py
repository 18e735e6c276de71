"""Pages about Entra ID show what the code has."""

from __future__ import annotations

from pathlib import Path

import pytest

from orgcal.entra.aadsts import MEANINGS
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
