"""A working copy whose git answers from a table, and which keeps what it was told."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from orgcal.rotation.git import GitRefused, TrackedFile
from orgcal.settings.credential_file import SettingsFile

OLD = "config:\n  orgcal:entra: {cloud: public}\n  orgcal:credential:\n    generations: [3]\n    active: 3"
NEW = OLD.replace("[3]", "[3, 4]")
UPSTREAM = [
    "symbolic-ref --short --quiet HEAD",
    "config branch.main.remote",
    "config branch.main.merge",
    "rev-parse --verify --quiet @{upstream}",
]


class ScriptedGit(TrackedFile):
    """Answers commands from a table; a list has one answer after the other, the last for ever.

    Attributes:
        said: what git says to a command, beginning with these words; an exception is a refusal.
        asked: what it was told, but for `UPSTREAM` and `rev-parse --show-prefix`.
    """

    def __init__(self, folder: Path, environ: Mapping[str, str], said: Mapping[str, Any] | None = None) -> None:
        (folder / "Pulumi.prod.yaml").write_text(f"{NEW}\n")
        super().__init__(SettingsFile(folder, "prod", emulated=False, overlay=False), environ)
        self.said: dict[str, Any] = {
            "symbolic-ref": "main",
            "config branch.main.remote": "origin",
            "config branch.main.merge": "refs/heads/main",
            "rev-parse --verify": "base",
            "rev-parse --show-prefix": "infra/",
            "show base:": OLD,
            "show HEAD:": OLD,
            "ls-tree": "100644 blob old\tinfra/Pulumi.prod.yaml",
            "commit-tree": "c0mmit",
            **(said or {}),
        }
        self.asked: list[str] = []

    def _done(self, words: Sequence[str], text: str, variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        command = " ".join(words)
        if command not in UPSTREAM and command != "rev-parse --show-prefix":
            self.asked.append(command)
        fitting = [begins for begins in self.said if command.startswith(begins)]
        answer = self.said[max(fitting, key=len)] if fitting else ""
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if isinstance(answer, GitRefused):
            return subprocess.CompletedProcess(words, 1, "", answer.what)
        return subprocess.CompletedProcess(words, 0, answer, "")

    @property
    def changes(self) -> list[str]:
        """What it was told that changes something, or asks the remote."""
        reads = ("show", "config", "merge-base", "status", "diff", "ls-tree")
        return [command for command in self.asked if not command.startswith(reads)]
