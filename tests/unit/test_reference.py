"""The pages of the reference are what the code says."""

from __future__ import annotations

from pathlib import Path

import pytest

from orgcal.cli.reference import FOLDER, pages, write_pages
from orgcal.cli.topics import GLOSSARY

ROOT = Path(__file__).resolve().parents[2]
PAGES = pages()


@pytest.mark.parametrize("name", PAGES)
def test_page_is_what_the_code_says(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == PAGES[name], "python -m orgcal.cli.reference writes it"


def test_pages_are_written_whole_and_no_other_is_there(tmp_path: Path) -> None:
    write_pages(tmp_path)

    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in FOLDER.iterdir()} == set(PAGES)
    assert all((tmp_path / name).read_text(encoding="utf-8") == text for name, text in PAGES.items())


def test_rows_of_a_table_have_as_many_cells_as_its_head() -> None:
    for name, text in PAGES.items():
        cells = 0
        for line in text.splitlines():
            if not line.startswith("|"):
                cells = 0
                continue
            found = line.replace("\\|", "").count("|")
            cells = cells or found
            assert found == cells, f"{name}: {line}"


def test_glossary_says_what_contributing_says() -> None:
    rows = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("## Glossary")[1].split("## ")[0].splitlines()
    contributing = {
        row.split(" | ")[0].removeprefix("| "): row.split(" | ")[1].removesuffix(" |") for row in rows[4:-1]
    }

    assert {word: contributing.get(word, "").split(";")[0] for word in GLOSSARY} == {
        word: meaning.split(";")[0] for word, meaning in GLOSSARY.items()
    }
