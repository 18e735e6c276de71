"""A stack's settings, judged without any login: the only thing that is done for pull requests from forks."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from orgcal.errors import OrgcalError, UsageError
from orgcal.stack.files import stack_file


@dataclass(frozen=True, slots=True)
class Lint:
    """What was found.

    Attributes:
        problems: settings that are wrong, a line each.
        advice: scopes that could go, a sentence each.
    """

    problems: tuple[str, ...]
    advice: tuple[str, ...]

    def as_markdown(self, stack: str) -> str:
        """For the summary of a job."""
        lines = [f"### orgcal lint of stack `{stack}`", ""]
        lines += [f"- **wrong**: {line}" for line in self.problems] + [f"- {line}" for line in self.advice]
        return "\n".join([*lines, *([] if lines[2:] else ["Nothing to say."]), ""])


def lint_stack(project_dir: Path, stack: str) -> Lint:
    """The program's own judgement, in a process of its own, as the program imports what commands do not.

    Raises:
        UsageError: there is no such stack.
        OrgcalError: the judgement itself failed.
    """
    path = stack_file(project_dir, stack)
    if not path.exists():
        raise UsageError(f"there is no stack {stack!r} here", where=str(path), repair=f"git add --force {path.name}")
    command = [sys.executable, "-m", "provisioning.check_file", "--lint", str(path)]
    done = subprocess.run(command, cwd=project_dir, capture_output=True, text=True, check=False)
    try:
        said = json.loads(done.stdout)
        return Lint(tuple(said["problems"]), tuple(said["advice"]))
    except (ValueError, KeyError, TypeError):
        raise OrgcalError("the settings cannot be read", where=str(path), repair="is it YAML?") from None
