"""`orgcal up` and `orgcal destroy`: what is to be done is shown, a person agrees, and the engine does it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orgcal.cli.approval import YesOption, approve
from orgcal.cli.common import JsonOption, StackOption, open_stack, print_result, progress_lines
from orgcal.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from orgcal.operations.plan import Plan
    from orgcal.operations.purge_stack import StackPurged
    from orgcal.stack.open_stack import OpenStack
    from orgcal.stack.outputs import StackOutputs


def up(
    stack: StackOption = "dev",
    preview: Annotated[
        bool, typer.Option("--preview", help="Only show what would be done; exit 2 where that is something.")
    ] = False,
    plan: Annotated[
        Path | None,
        typer.Option("--plan", help="With --preview: keep what is shown in FILE. Else: do that only.", metavar="FILE"),
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(
            "--allow",
            help="Do what cannot be undone: new-client-id, recycle-bin or connector-in-use; repeatable.",
            metavar="WHAT",
        ),
    ] = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show what would change, ask, and bring a stack up to its program and settings, as `pulumi up` does."""
    allowed = _allowances(allow or ())
    if preview:
        _preview(stack, plan, as_json)
        return
    from orgcal.cli.progress import StepPrinter
    from orgcal.operations import deploy
    from orgcal.operations.plan_file import read_plan_file

    tell = progress_lines(as_json)
    with open_stack(stack) as opened:
        kept = None if plan is None else read_plan_file(plan, stack=stack, project=opened.core.project)
        opened.choose_plugin(tell)
        with StepPrinter(quiet=as_json, planning=True) as printer:
            state = deploy.prepare(opened, tell=tell)
            planned = deploy.preview(opened, state=state, on_step=printer, tell=tell)
        if planned.empty:
            _print_end(opened, planned, dict(planned.counts), opened.outputs_without_secret(state), as_json)
            return
        if not as_json:
            typer.echo("\n".join(plan_lines(stack, planned)))
        from orgcal.operations.plan import refuse_irreversible

        refuse_irreversible(planned, allowed, stack=stack)
        if kept is None:  # whoever kept a plan has reviewed it
            approve(
                f"Do this to stack {stack}?",
                where=f"orgcal up --stack {stack}",
                yes=yes,
                as_json=as_json,
                needed=opened.core.protected,
            )
        with StepPrinter(quiet=as_json, total=len(planned.changes), after=printer) as printer:
            done = deploy.deploy(opened, on_step=printer, tell=tell, prepared=state, plan=kept)
        _print_end(opened, planned, dict(done.result.changes), done.outputs, as_json)


def _preview(stack: str, plan: Path | None, as_json: bool) -> None:
    """Show what `up` would do; exit code 2 where that is something."""
    from orgcal.cli.progress import StepPrinter
    from orgcal.operations import deploy
    from orgcal.operations.plan_file import kept_plan

    tell = progress_lines(as_json)
    with open_stack(stack) as opened:
        opened.choose_plugin(tell)
        with StepPrinter(quiet=as_json, planning=True) as printer, kept_plan(plan) as saving:
            planned = deploy.preview(opened, on_step=printer, tell=tell, save_plan=saving)
    lines = [*plan_lines(stack, planned)]
    if plan is not None:
        lines.append(f"  kept in {plan}; do this, and nothing else: orgcal up --stack {stack} --plan {plan}")
    print_result(planned.as_json(), lines, as_json=as_json)
    if not planned.empty:
        raise typer.Exit(ExitCode.USAGE)


def plan_lines(stack: str, planned: Plan) -> Iterator[str]:
    """A plan for people."""
    yield f"stack {stack}: {'nothing is to be done' if planned.empty else 'this is to be done'}"
    width = max((len(change.kind) for change in planned.changes), default=0)
    for change in planned.changes:
        properties = f"  ({', '.join(change.properties)})" if change.properties else ""
        yield f"  {change.operation:<8}  {change.kind:<{width}}  {change.name}{properties}"
    if not planned.changes and planned.state_changes:
        yield "  changed   the stack's own record"
    if unchanged := planned.counts.get("same"):
        yield f"  {unchanged} unchanged"
    yield from (f"  for customers: {line}" for line in planned.consequences)
    for item in planned.irreversible:
        yield f"  cannot be undone: {item.says}; needs --allow {item.allowance}"


def _print_end(opened: OpenStack, planned: Plan, changes: dict[str, int], outputs: StackOutputs, as_json: bool) -> None:
    """What a stack is now."""
    unchanged = changes.get("same", 0)
    lines = [
        f"stack {opened.name}: {sum(changes.values()) - unchanged} changed, {unchanged} unchanged",
        f"  application  {outputs.display_name}  {outputs.client_id}",
        f"  connector    {outputs.connector_name}  {outputs.callback_url}",
        *(f"  also in      {name} ({platform.get('kind')})" for name, platform in outputs.also_pushed_to.items()),
    ]
    result = {**planned.as_json(), "changes": changes, "client_id": outputs.client_id}
    print_result(result, lines, as_json=as_json)


def _allowances(words: Sequence[str]) -> frozenset[str]:
    from orgcal.operations.plan_words import ALLOWANCES

    for word in words:
        if word not in ALLOWANCES:
            what = f"{word!r} cannot be allowed, only {', '.join(ALLOWANCES)} can"
            raise UsageError(what, where="orgcal up --allow", repair="orgcal up --help")
    return frozenset(words)


def destroy(
    stack: StackOption,
    purge: Annotated[
        bool, typer.Option("--purge", help="For good: also from the recycle bin, and the files of an ephemeral copy.")
    ] = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Remove everything that a stack made; its settings stay, unless a purged stack is an ephemeral copy."""
    from orgcal.cli.progress import StepPrinter
    from orgcal.operations import deploy, purge_stack
    from orgcal.operations.plan import plan_of_destroy

    tell = progress_lines(as_json)
    with open_stack(stack) as opened:
        if purge:
            purge_stack.refuse_purge(opened)
        opened.environment.running_endpoints()
        opened.choose_plugin(tell)
        planned = plan_of_destroy(opened, opened.runner.state(), tell, for_good=purge)
        if not as_json and not yes:
            typer.echo("\n".join(plan_lines(stack, planned)))
        approve(
            f"Remove everything that stack {stack} made{', for good' if purge else ''}?",
            where="orgcal destroy",
            yes=yes,
            as_json=as_json,
        )
        with StepPrinter(quiet=as_json, total=len(planned.changes)) as printer:
            if purge:
                result, lines = _purged(stack, purge_stack.destroy_for_good(opened, on_step=printer, tell=tell))
            else:
                done = deploy.destroy(opened, on_step=printer, tell=tell)
                result, lines = {"changes": dict(done.changes)}, [f"stack {stack}: {done.changed} removed"]
    print_result(result, lines, as_json=as_json)


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
