"""What all commands have alike: `-h`, `-C`, `-q`, `-v` anywhere in the line, and examples in their help.

A group is declared as `CommandGroup(...)`; its commands and groups get everything from here.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer

from orgcal.cli.examples import EXAMPLES
from orgcal.help_text import HelpCommand, HelpGroup

PROJECT_OPTION = ("-C", "--project")
DEBUG_VARIABLE = "ORGCAL_DEBUG"
_BEFORE_THE_COMMAND = {"-s": 1, "--stack": 1, "--json": 0, "-y": 0, "--yes": 0}
"""Options of commands that may stand before the command's name too, and how many words follow each."""
_quiet = _project_named = False


def is_quiet() -> bool:
    """Whether `-q` asks for no progress."""
    return _quiet


def project_named() -> bool:
    """Whether `-C` names the project."""
    return _project_named


def begin_line() -> None:
    """Begin a command line; for those who run several in one process."""
    global _quiet, _project_named  # noqa: PLW0603  # of the whole process, as its command line is
    _quiet = _project_named = False


def _name_project(folder: Path | None) -> Path | None:
    if folder is not None:
        from orgcal.stack.project import name_project

        global _project_named  # noqa: PLW0603  # of the whole process, as its command line is
        _project_named = True
        name_project(os.environ, folder)
    return folder


def _be_quiet(wanted: bool) -> bool:
    if wanted:
        global _quiet  # noqa: PLW0603  # of the whole process, as its command line is
        _quiet = True
    return wanted


def _show_traces(wanted: bool) -> bool:
    if wanted:
        os.environ[DEBUG_VARIABLE] = "1"
    return wanted


def _shared(
    project: Annotated[  # its callback does it
        Path | None,
        typer.Option(
            *reversed(PROJECT_OPTION),
            help="Folder of the project; else ORGCAL_PROJECT, else the nearest Pulumi.yaml upwards.",
            metavar="DIR",
            callback=_name_project,
            expose_value=False,
        ),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print no progress.", callback=_be_quiet, expose_value=False)
    ] = False,
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose",
            "-v",
            help=f"Show traces and the engine's words, which may hold secrets; as {DEBUG_VARIABLE}=1 does.",
            callback=_show_traces,
            expose_value=False,
        ),
    ] = False,
) -> None:
    """Options of every command."""


@cache
def _shared_params() -> tuple[Any, ...]:
    app = typer.Typer(add_completion=False)
    app.command()(_shared)
    return tuple(typer.main.get_command(app).params)


def _with_shared(params: list[Any] | None) -> list[Any]:
    """The parameters of a command and those of every command that it does not declare itself."""
    declared = {name for item in params or () for name in item.opts}
    return [*(params or ()), *(item for item in _shared_params() if not declared & set(item.opts))]


class Command(HelpCommand):
    """A command of orgcal."""

    def __init__(self, *args: Any, params: list[Any] | None = None, **settings: Any) -> None:
        super().__init__(*args, params=_with_shared(params), **settings)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the examples of the command that was called by these words."""
        self.examples = EXAMPLES.get(" ".join(ctx.command_path.split()[1:]), ())
        super().format_epilog(ctx, formatter)


class Group(HelpGroup):
    """A group of commands of orgcal."""

    def __init__(self, *args: Any, params: list[Any] | None = None, **settings: Any) -> None:
        super().__init__(*args, params=_with_shared(params), **settings)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the examples of the group that was called by these words."""
        self.examples = EXAMPLES.get(" ".join(ctx.command_path.split()[1:]), ())
        super().format_epilog(ctx, formatter)


class CommandGroup(typer.Typer):
    """A group of commands in orgcal's grammar."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(cls=Group, no_args_is_help=True, add_completion=False, rich_markup_mode=None, **settings)

    def command(self, name: str | None = None, **settings: Any) -> Callable[[Any], Any]:
        """Declare a command, as `typer.Typer.command` does."""
        return super().command(name, **{"cls": Command, **settings})


def moved_behind(arguments: list[str]) -> list[str]:
    """The words of a command line with options of a command that stand before its name moved behind it.

    So `orgcal --json -s prod status` is `orgcal status --json -s prod`.
    """
    before, moved, rest = list[str](), list[str](), list(arguments)
    while rest and rest[0].startswith("-") and rest[0] != "--":
        word = rest.pop(0)
        name, joined, _ = word.partition("=")
        if name in _BEFORE_THE_COMMAND or (word[:2] == "-s" and len(word) > 2):
            follow = 0 if joined or (len(word) > 2 and not word.startswith("--")) else _BEFORE_THE_COMMAND[name]
            moved += [word, *rest[:follow]]
            del rest[:follow]
        else:
            before.append(word)
            if word in PROJECT_OPTION and rest:
                before.append(rest.pop(0))
    end = rest.index("--") if "--" in rest else len(rest)
    return [*before, *rest[:end], *moved, *rest[end:]] if rest else [*before, *moved]


def called_command(arguments: list[str]) -> str:
    """The first word that is neither an option nor the folder that `-C` or `--project` names; empty without one."""
    before = ""
    for word in arguments:
        if not word.startswith("-") and before not in PROJECT_OPTION:
            return word
        before = "" if before in PROJECT_OPTION else word
    return ""
