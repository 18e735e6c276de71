"""`orgcal up` and `orgcal destroy`: the engine at work on a stack, told in few lines."""

from __future__ import annotations

import json
import os
from typing import Annotated

import typer

StackOption = Annotated[str, typer.Option("--stack", "-s", help="Stack to work on.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def up(stack: StackOption = "dev", as_json: JsonOption = False) -> None:
    """Bring a stack up to its program and settings, as `pulumi up` does."""
    from orgcal.cli.progress import StepPrinter
    from orgcal.engine.deploy import deploy
    from orgcal.engine.tools import prepare

    tell = _silent if as_json else typer.echo
    prepared = prepare(stack, os.environ, tell=tell)
    with StepPrinter(quiet=as_json) as printer:
        result, outputs = deploy(prepared, on_step=printer, tell=tell)
    if as_json:
        typer.echo(json.dumps({"changes": dict(result.changes), "client_id": outputs.client_id}))
        return
    typer.echo(f"stack {stack}: {result.changed} changed, {result.unchanged} unchanged")
    typer.echo(f"  application  {outputs.display_name}  {outputs.client_id}")
    typer.echo(f"  connector    {outputs.connector_name}  {outputs.callback_url}")
    for name, platform in outputs.also_pushed_to.items():
        typer.echo(f"  also in      {name} ({platform.get('kind')})")


def destroy(
    stack: StackOption,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove everything that a stack made; its settings stay."""
    from orgcal.cli.progress import StepPrinter
    from orgcal.engine.tools import prepare

    if not yes:
        typer.confirm(f"Remove everything that stack {stack} made?", abort=True)
    prepared = prepare(stack, os.environ, tell=_silent if as_json else typer.echo)
    printer = StepPrinter(quiet=as_json)
    drive = prepared.drive()
    drive.release_dead_lock()
    with printer:
        result = drive.destroy(preview_first=prepared.guarded, on_step=printer)
    typer.echo(json.dumps({"changes": dict(result.changes)}) if as_json else f"stack {stack}: {result.changed} removed")


def _silent(line: str) -> None:
    """Where JSON is asked for, nothing else is printed."""
