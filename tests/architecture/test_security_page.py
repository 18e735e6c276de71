"""SECURITY.md: every mitigation names the tests that prove it, and what is not protected is said as plainly."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
PROOF = re.compile(r"`((?:emulator/)?tests/[\w/]+\.py)::(test_\w+)`")
NEITHER_PREVENTED_NOR_HIDDEN = ("--ignore-protect", "inspecting proxy", "administrators of the backend")


def rows_below(heading: str) -> list[list[str]]:
    """Cells of the rows of the table below a heading."""
    part = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


@pytest.mark.parametrize("row", rows_below("Threats and mitigations"), ids=lambda row: row[0][:60])
def test_every_mitigation_names_tests_that_exist(row: list[str]) -> None:
    assert len(row) == 3, row
    proofs = [PROOF.fullmatch(proof) for proof in row[2].split(", ")]
    assert proofs, "no test"
    for proof in proofs:
        assert proof is not None, f"no test: {row[2]}"
        file = ROOT / proof[1]
        assert file.is_file(), proof[0]
        assert re.search(rf"^(async )?def {proof[2]}\(", file.read_text(encoding="utf-8"), re.MULTILINE), proof[0]


def test_there_are_rows_to_prove() -> None:
    assert len(rows_below("Threats and mitigations")) > 20


@pytest.mark.parametrize("row", rows_below("What is not protected"), ids=lambda row: row[0][:60])
def test_what_is_not_protected_is_said_in_three_cells(row: list[str]) -> None:
    assert len(row) == 3, row
    assert all(row)


@pytest.mark.parametrize("who", NEITHER_PREVENTED_NOR_HIDDEN)
def test_what_nothing_of_ours_prevents_is_named(who: str) -> None:
    assert any(who in " ".join(row) for row in rows_below("What is not protected"))


def test_tests_that_the_page_names_elsewhere_exist() -> None:
    for file, name in PROOF.findall(PAGE):
        assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8"), name
