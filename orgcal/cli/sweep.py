"""`orgcal sweep`: what a stack has made and is in no state; with --older-than what ephemeral stacks left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from orgcal.cli.approval import YesOption, approve, can_ask
from orgcal.cli.common import JsonOption, StackOption, open_stack, print_result
from orgcal.errors import OrgcalError

if TYPE_CHECKING:
    from datetime import timedelta

    from orgcal.operations.orphaned_previews import EphemeralStacks
    from orgcal.operations.sweep import Orphan
    from orgcal.stack.open_stack import OpenStack


def sweep(
    stack: StackOption = "dev",
    older_than: Annotated[
        str,
        typer.Option(
            "--older-than",
            metavar="DURATION",
            help="Instead: what ephemeral stacks in its home tenant left behind, made so long ago (3d, 12h) or longer.",
        ),
    ] = "",
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Find what a killed run left behind, and remove it once you agree; exit 1 while something is left.

    With --older-than, only what ephemeral stacks made whose state is gone; that is removed for good. Those that are
    still deployed are named, and left alone.
    """
    from orgcal.durations import parse_duration

    age = parse_duration(older_than, "--older-than") if older_than else None
    with open_stack(stack) as opened:
        if age is None:
            _sweep_own(opened, yes, as_json)
        else:
            _sweep_previews(opened, age, yes, as_json)


def _sweep_own(stack: OpenStack, yes: bool, as_json: bool) -> None:
    """What the stack itself left."""
    from orgcal.operations.sweep import connector_client_id, find_orphans, remove_orphan

    stack.runner.select()
    state = stack.runner.state()
    with stack.home_graph() as graph:
        used = connector_client_id(stack.platform(), stack.settings.connector.key)
        orphans = find_orphans(graph, stack.settings.tag, state, used)
        removable = [orphan for orphan in orphans if not orphan.kept]
        if removable and not yes and can_ask(as_json=as_json):
            typer.echo("\n".join(_orphan_lines(stack.name, orphans, yes)))
            approve("Remove what is left over?", where="orgcal sweep", yes=yes, as_json=as_json)
            yes = True
        for orphan in removable if yes else []:
            remove_orphan(graph, orphan)
    result = {"removed": yes, "orphans": [orphan.as_json() for orphan in orphans]}
    clean = len(orphans) == len(removable) and (yes or not removable)
    print_result(result, _orphan_lines(stack.name, orphans, yes), as_json=as_json, ok=clean)


def _orphan_lines(stack: str, orphans: Sequence[Orphan], yes: bool) -> Iterator[str]:
    if not orphans:
        yield f"stack {stack}: nothing is left over"
    for orphan in orphans:
        done = "kept" if orphan.kept else "removed" if yes else "left over"
        yield f"{done}  {orphan.kind}  {orphan.name}  {orphan.object_id}"
        if orphan.kept:
            yield f"    {orphan.kept}"
    if not yes and not all(orphan.kept for orphan in orphans):
        yield f"remove them: orgcal sweep --stack {stack} --yes (applications stay in the recycle bin for 30 days)"


def _sweep_previews(stack: OpenStack, age: timedelta, yes: bool, as_json: bool) -> None:
    """What ephemeral stacks left whose state is gone."""
    from orgcal.operations import orphaned_previews as previews

    settings, platform = stack.settings, stack.platform()
    kept: dict[str, str] = {}
    with stack.home_graph() as graph:
        stacks = previews.find_orphaned_previews(
            graph,
            settings.project,
            previews.states_of_copies(stack),
            older_than=age,
            now=datetime.now(UTC),
            connector_of=previews.own_connector(platform, settings.connector.key),
        )
        if stacks.orphaned and not yes and can_ask(as_json=as_json):
            typer.echo("\n".join(_preview_lines(stack.name, stacks, kept, yes)))
            approve("Remove what is left over, for good?", where="orgcal sweep", yes=yes, as_json=as_json)
            yes = True
        for item in stacks.orphaned if yes else []:
            try:
                previews.remove_orphaned_preview(graph, item, platform)
            except OrgcalError as error:  # somebody else's, perhaps; the others must not wait for it
                kept[item.application.application_object_id] = error.what
    result = {
        "removed": yes,
        "abandoned": [
            {**item.as_json(), "kept": kept.get(item.application.application_object_id, "")} for item in stacks.orphaned
        ],
        "deployed": stacks.deployed,
    }
    clean = not kept and (yes or not stacks.orphaned)
    print_result(result, _preview_lines(stack.name, stacks, kept, yes), as_json=as_json, ok=clean)


def _preview_lines(origin: str, stacks: EphemeralStacks, kept: Mapping[str, str], yes: bool) -> Iterator[str]:
    """A line for each; `kept` says why some could not be removed."""
    if not stacks.orphaned:
        yield "ephemeral stacks: nothing is left over"
    for item in stacks.orphaned:
        why = kept.get(item.application.application_object_id, "")
        done = "removed" if yes and not why else "left over"
        where = " in the recycle bin" if item.deleted else ""
        connector = f", connector {item.connector_key}" if item.connector_key else ""
        named = f"{item.application.display_name}, made {item.application.created_at}{connector}"
        yield f"{done}  stack {item.stack}: application{where} {named}"
        if why:
            yield f"    {why}"
    if stacks.orphaned and not yes:
        yield "remove them for good: the same command with --yes"
    for stack in stacks.deployed:
        yield (
            f"still deployed  stack {stack}; once nobody needs it: orgcal ephemeral create --from "
            f"{origin} {stack} && orgcal destroy --stack {stack} --purge --yes"
        )
