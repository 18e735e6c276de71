"""A stack's settings, judged without any login: the only thing that is done for pull requests from forks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from orgcal.entra.permissions import application_permissions
from orgcal.entra.scope_advice import scope_advice
from orgcal.errors import ConfigError, UsageError
from orgcal.settings import read_settings, stack_file


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
    """Judges a stack's settings and scopes; whether the directory has a scope, only a preview can tell.

    Raises:
        UsageError: there is no such stack, or its file cannot be read.
    """
    path = stack_file(project_dir, stack)
    if not path.exists():
        raise UsageError(f"there is no stack {stack!r} here", where=str(path), repair=f"git add --force {path.name}")
    try:
        connector = read_settings(project_dir, stack).connector
    except ConfigError as error:
        return Lint(error.problems, ())
    unknown: tuple[str, ...] = ()
    try:
        application_permissions(connector.scopes)
    except ConfigError as error:  # scopes that the pinned table does not have
        unknown = error.problems
    return Lint((), (*unknown, *scope_advice(connector.scopes, connector.purpose)))
