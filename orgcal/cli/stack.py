"""`orgcal up` and `orgcal destroy`: the engine at work on a stack, told in few lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from orgcal.cli.common import JsonOption, StackOption, open_stack, print_result, progress_lines
from orgcal.errors import UsageError

if TYPE_CHECKING:
    from orgcal.operations.purge_stack import StackPurged


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
    from orgcal.operations import deploy, purge_stack

    tell = progress_lines(as_json)
    with open_stack(stack) as opened:
        if purge:
            purge_stack.refuse_purge(opened)
        if not yes:
            _ask(f"Remove everything that stack {stack} made{', for good' if purge else ''}?")
        opened.choose_plugin(tell)
        from orgcal.cli.progress import StepPrinter  # pulumi is slow to import

        with StepPrinter(quiet=as_json) as printer:
            if purge:
                result, lines = _purged(stack, purge_stack.destroy_for_good(opened, on_step=printer, tell=tell))
            else:
                done = deploy.destroy(opened, on_step=printer, tell=tell)
                result, lines = {"changes": dict(done.changes)}, [f"stack {stack}: {done.changed} removed"]
    print_result(result, lines, as_json=as_json)


def _ask(question: str) -> None:
    """Go on only if somebody says yes; otherwise raise, and nothing was done."""
    try:
        agreed = typer.confirm(question, err=True)
    except typer.Abort:  # no terminal, or Ctrl-C
        typer.echo(err=True)
        agreed = False
    if not agreed:
        raise UsageError("nothing was removed, as nobody said yes", where="orgcal destroy", repair="--yes says it")


def _purged(stack: str, ended: StackPurged) -> tuple[dict[str, object], list[str]]:
    """What was done, as JSON and for people."""
    lines = [f"stack {stack}: {ended.result.changed} removed, {ended.purged.count} purged from the recycle bin"]
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
