"""`orgcal adopt`: an application that exists already becomes a stack's."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Annotated

import typer

from orgcal.cli.approval import YesOption, approve, can_ask
from orgcal.cli.common import JsonOption, StackOption, open_stack, print_result
from orgcal.errors import UsageError
from orgcal.files.whole import write_whole
from orgcal.printable import counted

if TYPE_CHECKING:
    from orgcal.operations.adopt import AdoptionPlan


def adopt(
    client_id: Annotated[str, typer.Option("--client-id", help="Application (client) id.", metavar="ID")],
    stack: StackOption = "dev",
    restore: Annotated[bool, typer.Option("--restore", help="Bring it back from the recycle bin first.")] = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show what taking an application over means, ask, write the settings and import it.

    Without a terminal and without --yes it is only shown.
    """
    from orgcal.operations.adopt import carry_out, live_application, plan

    with open_stack(stack) as opened:
        asks, where = not yes and can_ask(as_json=as_json), f"orgcal adopt --stack {stack}"
        opened.choose_plugin()
        opened.runner.select()
        state = opened.runner.state()
        if state.application_ids:
            raise UsageError(
                "the stack has an application already, and customers may have consented to it",
                where=opened.where,
                repair="adopt into a new stack: cp Pulumi.prod.yaml.example Pulumi.NAME.yaml",
            )
        before = opened.file.read_text(encoding="utf-8")
        if asks and restore:  # what is in the recycle bin cannot be looked at in full
            approve(
                f"Bring application {client_id} back, if it is in the recycle bin?",
                where=where,
                yes=yes,
                as_json=as_json,
            )
        with opened.home_graph() as graph:
            application = live_application(graph, client_id, restore=restore and (yes or asks), stack=stack)
            planned = plan(graph, application, opened)
            if not as_json:
                _show(planned, before)
            if asks:
                approve(f"Take it into stack {stack}?", where=where, yes=yes, as_json=as_json)
                yes = True
            if yes:
                write_whole(opened.file.resolve(), planned.new_settings, private=False)
                carry_out(graph, planned, opened, state)
    if yes:
        next_step = f"adopted; next: pulumi preview --stack {stack}, which shows the new generation of the credential"
    else:
        next_step = f"do it: orgcal adopt --stack {stack} --client-id {client_id} --yes"
    result = {
        "client_id": planned.application.client_id,
        "adopted": yes,
        "patch": {section: dict(values) for section, values in planned.adoption.patch.items()},
        "adds": list(planned.adoption.changed),
        "removes": list(planned.adoption.removed),
    }
    print_result(result, [next_step], as_json=as_json)


def _show(planned: AdoptionPlan, before: str) -> None:
    application = planned.application
    typer.echo(f"application {application.display_name}, {application.client_id}")
    typer.echo("settings that mirror it:")
    lines = difflib.unified_diff(before.splitlines(), planned.new_settings.splitlines(), lineterm="", n=1)
    for line in list(lines)[2:]:
        typer.echo(f"  {line}")
    for line in planned.adoption.changed:
        typer.echo(f"the next up would add: {line}")
    for line in planned.adoption.removed:
        typer.echo(f"the next up would REMOVE: {line}")
    count = len(application.credentials())
    typer.echo(
        f"{counted(count, 'secret or certificate', 'secrets and certificates')} of before stay as they are; "
        "remove what nobody needs once the new generation is proven"
    )
