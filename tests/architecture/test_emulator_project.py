"""The emulator is a project of its own, and its lock is too."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2] / "emulator"
DECLARED = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))


def names(requirements: list[str]) -> set[str]:
    """Normalised names of distributions."""
    return {re.split(r"[^\w.-]", requirement)[0].lower().replace("_", "-") for requirement in requirements}


def test_lock_has_neither_pulumi_nor_msal() -> None:
    lock = (PROJECT / "requirements.lock").read_text(encoding="utf-8")
    locked = names(re.findall(r"^[a-z][\w.-]*(?===)", lock, re.MULTILINE))

    assert names(DECLARED["project"]["dependencies"]) <= locked
    assert locked.isdisjoint({"pulumi", "msal", "orgcal", "requests"})
