"""What commands share: options, the stack that they work on, and printing for people or as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from orgcal.consent.service import ConsentService
    from orgcal.stack.open_stack import OpenStack

StackOption = Annotated[str, typer.Option("--stack", "-s", help="Stack to work on.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
JsonLinesOption = Annotated[bool, typer.Option("--json", help="Print JSON Lines, an object each.")]


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
    """Prints each line of progress; nothing where one JSON object is asked for."""
    return (lambda _: None) if as_json else typer.echo


def print_result(result: object, lines: Iterable[str], *, as_json: bool, ok: bool = True) -> None:
    """Prints what a command found or did, as one JSON value or as lines for people; exit code 1 if it is not `ok`."""
    typer.echo(json.dumps(result) if as_json else "\n".join(lines))
    if not ok:
        raise typer.Exit(1)
