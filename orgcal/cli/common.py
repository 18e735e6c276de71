"""What commands share: options, the stack that they work on, and printing for people or as JSON."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from orgcal.cli.completion import complete_stack, complete_tenant
from orgcal.cli.grammar import is_quiet

if TYPE_CHECKING:
    from orgcal.consent.service import ConsentService
    from orgcal.stack.open_stack import OpenStack

SCHEMA_VERSION = 1
"""Of every JSON object that a command prints; a new one is a break of the shapes in `schema/commands.schema.json`."""
STACK_VARIABLE = "ORGCAL_STACK"

_STACK = typer.Option(
    "--stack",
    "-s",
    help="Stack to work on.",
    metavar="STACK",
    envvar=STACK_VARIABLE,
    show_envvar=True,
    autocompletion=complete_stack,
)
StackOption = Annotated[str, _STACK]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
JsonLinesOption = Annotated[bool, typer.Option("--json", help="Print JSON Lines: one object a line.")]
TenantArgument = Annotated[
    str, typer.Argument(help="Tenant id, domain or name.", metavar="TENANT", autocompletion=complete_tenant)
]

# Words of results, where a line begins with one, and the colour that means the same.
_COLOURS = {
    "ok": typer.colors.GREEN,
    "warning": typer.colors.YELLOW,
    "drift": typer.colors.YELLOW,
    "failed": typer.colors.RED,
    "skipped": typer.colors.BRIGHT_BLACK,
    "unknown": typer.colors.BRIGHT_BLACK,
}
_WORD = re.compile(rf"^(\s*)({'|'.join(_COLOURS)})(?=  |$)")
_object_printed = False


def open_stack(name: str) -> OpenStack:
    """The stack of this name in the project and the environment of this process."""
    from orgcal.stack.open_stack import OpenStack

    return OpenStack(name, os.environ)


@contextmanager
def consent_service(stack: OpenStack) -> Iterator[ConsentService]:
    """Consent for the connector that `stack` deployed."""
    stack.begin_reading_outputs()
    endpoints = stack.endpoints
    from orgcal.consent.service import ConsentService

    service = ConsentService(stack.registry, stack.outputs, endpoints, stack.environ, read_logo=stack.read_logo)
    try:
        yield service
    finally:
        service.close()


def progress_lines(as_json: bool) -> Callable[[str], object]:
    """Prints each line of progress; nothing where one JSON object is asked for, or `-q`."""
    return (lambda _: None) if as_json or is_quiet() else typer.echo


def print_result(result: Mapping[str, object], lines: Iterable[str], *, as_json: bool, ok: bool = True) -> None:
    """Print what a command found or did, as one JSON object or as lines for people.

    Args:
        result: the object's members, without `schema_version` and `ok`.
        lines: for people.
        as_json: whether the object is asked for.
        ok: whether all is well.

    Raises:
        typer.Exit: with code 1, if it is not `ok`.
    """
    if as_json:
        print_object(result, ok=ok)
    else:
        print_lines(lines)
    if not ok:
        raise typer.Exit(1)


def print_object(result: Mapping[str, object], *, ok: bool) -> None:
    """Print the one JSON object of a command, with the version of its shape."""
    global _object_printed  # noqa: PLW0603  # of the whole process, as standard output is
    _object_printed = True
    typer.echo(json.dumps({"schema_version": SCHEMA_VERSION, "ok": ok, **result}, ensure_ascii=False))


def print_json_line(result: Mapping[str, object]) -> None:
    """Print one of the JSON Lines of a command, with the version of its shape."""
    typer.echo(json.dumps({"schema_version": SCHEMA_VERSION, **result}, ensure_ascii=False))


def begin_output() -> None:
    """Begin a command line; for those who run several in one process."""
    global _object_printed  # noqa: PLW0603  # of the whole process, as standard output is
    _object_printed = False


def print_error(error: Mapping[str, str]) -> None:
    """Print an error as JSON, unless the command has printed its object already: then that one tells of it."""
    if not _object_printed:
        print_object({"error": dict(error)}, ok=False)


def print_lines(lines: Iterable[str]) -> None:
    """Print lines for people; on a terminal, words of results have the colour of what they mean."""
    shown = "\n".join(lines)
    if colours_wanted(os.environ, terminal=sys.stdout.isatty()):
        from orgcal.output import styled
        from orgcal.printable import printable_lines

        coloured = "\n".join(_WORD.sub(_coloured, line) for line in printable_lines(shown).split("\n"))
        stream = styled(sys.stdout)
        stream.write(f"{coloured}\n")
        stream.flush()
    else:
        typer.echo(shown)


def _coloured(match: re.Match[str]) -> str:
    return f"{match[1]}{typer.style(match[2], fg=_COLOURS[match[2]])}"


def colours_wanted(environ: Mapping[str, str], *, terminal: bool) -> bool:
    """Whether to colour: on a terminal, unless `NO_COLOR` is set; `CLICOLOR_FORCE` also elsewhere.

    Source: https://no-color.org, https://bixense.com/clicolors/
    """
    if environ.get("NO_COLOR"):
        return False
    if environ.get("CLICOLOR_FORCE", "0") not in ("", "0"):
        return True
    return terminal and environ.get("TERM") != "dumb"
