"""`orgcal up` and `orgcal destroy`: the engine at work on a stack, told in few lines."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Annotated

import typer

from orgcal.errors import UsageError

if TYPE_CHECKING:
    from orgcal.stack.prepare import OpenStack

StackOption = Annotated[str, typer.Option("--stack", "-s", help="Stack to work on.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def up(stack: StackOption = "dev", as_json: JsonOption = False) -> None:
    """Bring a stack up to its program and settings, as `pulumi up` does."""
    from orgcal.cli.progress import StepPrinter
    from orgcal.operations.deploy import deploy
    from orgcal.stack.prepare import prepare

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
    purge: Annotated[
        bool, typer.Option("--purge", help="For good: also from the recycle bin, and the files of an ephemeral copy.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove everything that a stack made; its settings stay, unless a purged stack is an ephemeral copy."""
    from orgcal.stack.files import project_dir
    from orgcal.stack.prepare import prepare

    if purge:
        from orgcal.operations.purge_stack import refuse_purge

        refuse_purge(project_dir(), stack)
    if not yes:
        _ask(f"Remove everything that stack {stack} made{', for good' if purge else ''}?")
    prepared = prepare(stack, os.environ, tell=_silent if as_json else typer.echo)
    said = (_destroy_for_good if purge else _destroy)(prepared, as_json)
    if as_json:
        typer.echo(json.dumps(said))


def _ask(question: str) -> None:
    """Go on only if somebody says yes.

    Raises:
        UsageError: nobody does; nothing was done.
    """
    try:
        agreed = typer.confirm(question, err=True)
    except typer.Abort:  # no terminal, or Ctrl-C
        typer.echo(err=True)
        agreed = False
    if not agreed:
        raise UsageError("nothing was removed, as nobody said yes", where="orgcal destroy", repair="--yes says it")


def _destroy(prepared: OpenStack, as_json: bool) -> dict[str, object]:
    from orgcal.cli.progress import StepPrinter
    from orgcal.operations.deploy import destroy

    with StepPrinter(quiet=as_json) as printer:
        result = destroy(prepared, on_step=printer, tell=_silent if as_json else typer.echo)
    if not as_json:
        typer.echo(f"stack {prepared.environment.stack}: {result.changed} removed")
    return {"changes": dict(result.changes)}


def _destroy_for_good(prepared: OpenStack, as_json: bool) -> dict[str, object]:
    from orgcal.cli.progress import StepPrinter
    from orgcal.operations.purge_stack import destroy_for_good
    from orgcal.settings import read_core_settings

    environment = prepared.environment
    core = read_core_settings(environment.project_dir, environment.stack)
    with StepPrinter(quiet=as_json) as printer:
        ended = destroy_for_good(prepared, core, on_step=printer, tell=_silent if as_json else typer.echo)
    if not as_json:
        purged = f"{ended.purged.count} purged from the recycle bin"
        typer.echo(f"stack {environment.stack}: {ended.result.changed} removed, {purged}")
        if ended.file_removed:
            typer.echo("  its file, state and registry are gone too")
        for object_id in ended.purged.missing:
            typer.echo(f"  {object_id} was not in the recycle bin; the directory may still be busy with it")
    return {
        "changes": dict(ended.result.changes),
        "purged": ended.purged.count,
        "missing": ended.purged.missing,
        "file_removed": ended.file_removed,
    }


def _silent(line: str) -> None:
    """Where JSON is asked for, nothing else is printed."""
