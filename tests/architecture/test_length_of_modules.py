"""No module of the tests is longer than tests/README.md says."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_modules_of_tests_are_no_longer_than_their_page_says() -> None:
    page = (ROOT / "tests" / "README.md").read_text(encoding="utf-8")
    limit = int(re.findall(r"A module has at most (\d+) lines", page)[0])
    modules = [*(ROOT / "tests").rglob("*.py"), *(ROOT / "emulator" / "tests").rglob("*.py")]

    assert len(modules) > 400
    longer = [path.relative_to(ROOT) for path in modules if path.read_bytes().count(b"\n") > limit]
    assert longer == []
