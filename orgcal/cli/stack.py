"""`orgcal up` and `orgcal destroy`: the engine at work on a stack, told in few lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from orgcal.cli.common import JsonOption, StackOption, open_stack, print_result, progress_lines
from orgcal.errors import UsageError

if TYPE_CHECKING:
    from orgcal.stack.open_stack import OpenStack


def up(stack: StackOption = "dev", as_json: JsonOption = False) -> None:
    """Bring a stack up to its program and settings, as `pulumi up` does."""
    from orgcal.cli.progress import StepPrinter
    from orgcal.operations.deploy import deploy

    tell = progress_lines(as_json)
    with open_stack(stack) as opened:
        opened.choose_plugin(tell)
        with StepPrinter(quiet=as_json) as printer:
            result = deploy(opened, on_step=printer, tell=tell)
        outputs = opened.outputs
    lines = [
        f"stack {stack}: {result.changed} changed, {result.unchanged} unchanged",
        f"  application  {outputs.display_name}  {outputs.client_id}",
        f"  connector    {outputs.connector_name}  {outputs.callback_url}",
        *(f"  also in      {name} ({platform.get('kind')})" for name, platform in outputs.also_pushed_to.items()),
    ]
    print_result({"changes": dict(result.changes), "client_id": outputs.client_id}, lines, as_json=as_json)


def destroy(
    stack: StackOption,
    purge: Annotated[
        bool, typer.Option("--purge", help="For good: also from the recycle bin, and the files of an ephemeral copy.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove everything that a stack made; its settings stay, unless a purged stack is an ephemeral copy."""
    with open_stack(stack) as opened:
        if purge:
            from orgcal.operations.purge_stack import refuse_purge

            refuse_purge(opened)
        if not yes:
            _ask(f"Remove everything that stack {stack} made{', for good' if purge else ''}?")
        opened.choose_plugin(progress_lines(as_json))
        result, lines = (_destroy_for_good if purge else _destroy)(opened, as_json)
    print_result(result, lines, as_json=as_json)


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


def _destroy(stack: OpenStack, as_json: bool) -> tuple[dict[str, object], list[str]]:
    """What was done, as JSON and for people."""
    from orgcal.cli.progress import StepPrinter
    from orgcal.operations.deploy import destroy

    with StepPrinter(quiet=as_json) as printer:
        result = destroy(stack, on_step=printer, tell=progress_lines(as_json))
    return {"changes": dict(result.changes)}, [f"stack {stack.name}: {result.changed} removed"]


def _destroy_for_good(stack: OpenStack, as_json: bool) -> tuple[dict[str, object], list[str]]:
    """What was done, as JSON and for people."""
    from orgcal.cli.progress import StepPrinter
    from orgcal.operations.purge_stack import destroy_for_good

    with StepPrinter(quiet=as_json) as printer:
        ended = destroy_for_good(stack, on_step=printer, tell=progress_lines(as_json))
    lines = [f"stack {stack.name}: {ended.result.changed} removed, {ended.purged.count} purged from the recycle bin"]
    if ended.file_removed:
        lines.append("  its file, state and registry are gone too")
    lines += [
        f"  {object_id} was not in the recycle bin; the directory may still be busy with it"
        for object_id in ended.purged.missing
    ]
    result = {
        "changes": dict(ended.result.changes),
        "purged": ended.purged.count,
        "missing": ended.purged.missing,
        "file_removed": ended.file_removed,
    }
    return result, lines
