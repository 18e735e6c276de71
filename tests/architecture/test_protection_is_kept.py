"""No command line of ours goes round the protection of resources."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from orgcal.engine.command import WITHHELD

ROOT = Path(__file__).resolve().parents[2]
NOT_OURS = {"tests", "docs"}
ENDINGS = {".py", ".j2", ".sh", ".yaml", ".yml", ".example"}


def our_files() -> Iterator[Path]:
    for path in ROOT.iterdir():
        if path.name.startswith(".") or path.name in NOT_OURS:
            continue
        files = path.rglob("*") if path.is_dir() else [path]
        yield from (file for file in files if file.suffix in ENDINGS or file.name == "Makefile")


def test_protection_is_ignored_by_no_command_of_ours() -> None:
    asking = re.compile(r"ignore[-_]protect", re.IGNORECASE)
    found = [str(path.relative_to(ROOT)) for path in our_files() if asking.search(path.read_text(encoding="utf-8"))]

    assert found == ["orgcal/engine/command.py"], "only where the engine is kept from reading it"
    assert "PULUMI_OPTION_IGNORE_PROTECT" in WITHHELD
