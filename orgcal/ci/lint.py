"""A stack's settings, judged without any login: the only thing that is done for pull requests from forks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from orgcal.entra.permissions import USE_DIRECTORY, AppRole
from orgcal.entra.scope_advice import calendar_problem, scope_advice
from orgcal.errors import ConfigError, UsageError
from orgcal.settings import load_stack_file, settings_of, stack_file
from orgcal.settings.logo import read_logo
from orgcal.settings.model import Settings, with_place
from orgcal.settings.placeholders import placeholders
from orgcal.settings.scope_rules import scope_problems

_MARKUP = re.compile(r"</?[A-Za-z][^<>]*>|&(#[0-9]+|[A-Za-z]+);")


@dataclass(frozen=True, slots=True)
class Lint:
    """What was found.

    Attributes:
        problems: settings that are wrong, a line each.
        advice: scopes that could go, and those that no customer can limit to some mailboxes, a sentence each.
    """

    problems: tuple[str, ...]
    advice: tuple[str, ...]

    def as_markdown(self, stack: str) -> str:
        """For the summary of a job."""
        lines = [f"### orgcal lint of stack `{stack}`", ""]
        lines += [f"- **wrong**: {line}" for line in self.problems] + [f"- {line}" for line in self.advice]
        return "\n".join([*lines, *([] if lines[2:] else ["Nothing to say."]), ""])


def lint_stack(project_dir: Path, stack: str, published: Mapping[str, AppRole] | None = None) -> Lint:
    """Judge a stack's settings, scopes and files as a deployment would, and find what the example left.

    Args:
        published: what the directory publishes (`entra.home.published`), which decides about scopes; None without a
            login, where orgcal's own table does, and a name that it lacks is a problem.

    Raises:
        UsageError: there is no such stack, or its file cannot be read.
    """
    path = stack_file(project_dir, stack)
    if not path.exists():
        raise UsageError(f"there is no stack {stack!r} here", where=str(path), repair=f"git add --force {path.name}")
    file = load_stack_file(project_dir, stack)
    left = placeholders(file)
    try:
        settings = settings_of(file)
    except ConfigError as error:
        return Lint((*error.problems, *left), ())
    problems = (
        *_home_problems(settings),
        *_scope_problems(settings, published),
        *_logo_problems(settings, project_dir),
    )
    connector = settings.connector
    placed = (with_place(problem, stack, file.lines) for problem in problems)
    return Lint((*placed, *left), (*scope_advice(connector.scopes, connector.purpose), *_name_advice(settings)))


def _scope_problems(settings: Settings, published: Mapping[str, AppRole] | None) -> tuple[str, ...]:
    """Scopes that are no application permissions, or open no calendar; a line each that begins with the setting."""
    scopes, asks = settings.connector.scopes, settings.entra.lookup == "directory"
    command = f"orgcal ci lint --directory --stack {settings.stack}"
    otherwise = f"if Microsoft publishes it, the directory's own list decides: {command}" if asks else USE_DIRECTORY
    if problems := scope_problems(scopes, published if asks else None, otherwise=otherwise):
        return tuple(problems)
    problem = calendar_problem(scopes, settings.connector.calendars)
    return (problem,) if problem else ()


def _home_problems(settings: Settings) -> tuple[str, ...]:
    """That no home tenant is named where there is none by itself."""
    if settings.entra.tenant_id or settings.entra.cloud == "emulator":
        return ()
    key = "orgcal:entra.tenant_id"
    return (
        f"{key}: found nothing; expected the home tenant's id, a GUID; repair: pulumi config set --path {key} YOURS",
    )


def _name_advice(settings: Settings) -> Iterator[str]:
    """Names that look other than they were meant, where customers read them."""
    names = {"orgcal:application.display_name": settings.application.display_name}
    names["orgcal:connector.name"] = settings.connector.name
    for key, name in names.items():
        if _MARKUP.search(name):
            yield f"{key} holds HTML, and people read it as it is written; leave the tags out"


def _logo_problems(settings: Settings, project_dir: Path) -> tuple[str, ...]:
    """That the logo is not a picture that Entra ID takes."""
    try:
        if settings.application.logo:
            read_logo(project_dir / settings.application.logo)
    except ConfigError as error:
        return error.problems
    return ()
