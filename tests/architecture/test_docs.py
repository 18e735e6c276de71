"""Pages lead where they say, and hold no place that was never filled in."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "tests" / "README.md"])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_of_a_page_lead_to_files(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text) + re.findall(r'src="([^"]+)"', text)

    missing = [name for name in named if "://" not in name and not (page.parent / name).exists()]

    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_pages_have_no_place_left_to_fill_in(page: Path) -> None:
    assert re.findall(r"\b(?:TODO|TBD|FIXME|FIGURES)\b", page.read_text(encoding="utf-8")) == []


def test_make_targets_that_the_readme_names_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(
        re.findall(r"(?:`|^|\$ )make ([a-z-]+)", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    )

    assert {"demo", "test"} <= named
    assert named <= targets


@pytest.mark.parametrize("picture", sorted((ROOT / "docs").rglob("*.svg")), ids=lambda picture: picture.name)
def test_picture_that_moves_shows_everything_on_its_first_frame(picture: Path) -> None:
    text = picture.read_text(encoding="utf-8")
    moves = re.findall(r"@keyframes (\w+) \{ ([^}]*)\}", text)

    assert bool(moves) == ("animation:" in text)
    hidden = [name for name, first in moves if not re.match(r"0%.*\{ opacity: 1 $", first)]
    assert hidden == []
    assert not re.search(r'(?:href|src)="(?:https?:)?//|@import|url\(["\']?http', text), "it loads nothing"
