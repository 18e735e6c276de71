"""`orgcal ephemeral create`: a short-lived copy of a stack, such as one for a pull request."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from orgcal.cli.common import JsonOption, print_result
from orgcal.cli.completion import complete_stack
from orgcal.cli.grammar import CommandGroup

app = CommandGroup(help="Short-lived copies of a stack, with an application and connector of their own.")


@app.command(short_help="Write the file of a short-lived copy")
def create(
    stack: Annotated[str, typer.Argument(help="Name of the copy, such as pr-123.", metavar="STACK")],
    origin: Annotated[
        str,
        typer.Option("--from", help="Stack whose settings are copied.", metavar="STACK", autocompletion=complete_stack),
    ] = "dev",
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="Setting that differs, such as connector.platform.environment=preview.", metavar="KEY=VALUE"
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write the file of a short-lived copy of a stack; the same command again writes it anew.

    The copy is marked ephemeral, has a connector entry and names of its own, and one generation of its credential.
    """
    from orgcal.operations.ephemeral import create as create_copy
    from orgcal.operations.ephemeral import origin_notes
    from orgcal.stack.project import find_project

    notes = origin_notes(stack, origin, os.environ)
    made = create_copy(find_project(os.environ), stack, origin, changes=changes or (), notes=notes)
    lines = [
        f"{made.path.name}: {made.display_name}, connector {made.connector_key}",
        f"  next:  orgcal up --stack {stack}",
        f"  later: orgcal destroy --stack {stack} --purge --yes",
    ]
    print_result(made.as_json(), lines, as_json=as_json)
