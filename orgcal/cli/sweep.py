"""`orgcal sweep`: what a stack has made and no state of it holds; with --older-than what ephemeral stacks left."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from orgcal.errors import OrgcalError

if TYPE_CHECKING:
    from datetime import timedelta

    from orgcal.operations.orphaned_previews import Abandoned
    from orgcal.stack.held import Held
    from orgcal.stack.prepare import OpenStack


def sweep(
    stack: Annotated[str, typer.Option("--stack", "-s", help="Stack whose leftovers are looked for.")] = "dev",
    older_than: Annotated[
        str,
        typer.Option(
            "--older-than",
            metavar="AGE",
            help="Instead: what ephemeral stacks in its home tenant left behind, made so long ago (3d, 12h) or longer.",
        ),
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Remove them.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Find what a killed run left behind, and remove it with --yes; exit 1 while something is left.

    With --older-than, only what ephemeral stacks made whose state is gone; --yes removes that for good. Those that are
    still deployed are named, and left alone.
    """
    from orgcal.durations import parse_duration
    from orgcal.stack.prepare import prepare

    age = parse_duration(older_than, "--older-than") if older_than else None
    prepared = prepare(stack, os.environ, plugin=False)
    if age is None:
        _sweep_own(prepared, yes, as_json)
    else:
        _sweep_abandoned(prepared, age, yes, as_json)


def _sweep_own(prepared: OpenStack, yes: bool, as_json: bool) -> None:
    """What the stack itself left."""
    from orgcal.operations.connector_usage import connector_client_id
    from orgcal.operations.home_graph import home_graph
    from orgcal.operations.sweep import find_orphans, remove_orphan
    from orgcal.settings import read_settings
    from orgcal.stack.held import read_state

    stack = prepared.environment.stack
    settings = read_settings(prepared.environment.project_dir, stack)
    drive = prepared.drive()
    drive.select()
    held = read_state(drive.export())
    environ = prepared.environment.to_environ(prepared.environ)
    with home_graph(prepared.environment.running_endpoints(), settings.entra.tenant_id, environ) as graph:
        used = connector_client_id(settings.platform(), settings.connector.key, environ)
        orphans = find_orphans(graph, settings.tag, held, used)
        removable = [orphan for orphan in orphans if not orphan.kept]
        for orphan in removable if yes else []:
            remove_orphan(graph, orphan)
    if as_json:
        typer.echo(json.dumps({"removed": yes, "orphans": [orphan.as_json() for orphan in orphans]}))
    elif not orphans:
        typer.echo(f"stack {stack}: nothing is left over")
    for orphan in [] if as_json else orphans:
        done = "kept" if orphan.kept else "removed" if yes else "left over"
        typer.echo(f"{done}  {orphan.kind}  {orphan.name}  {orphan.object_id}")
        if orphan.kept:
            typer.echo(f"    {orphan.kept}")
    if removable and not yes and not as_json:
        typer.echo(
            f"remove them: orgcal sweep --stack {stack} --yes (applications stay in the recycle bin for 30 days)"
        )
    if len(orphans) > len(removable) or (removable and not yes):
        raise typer.Exit(1)


def _sweep_abandoned(prepared: OpenStack, age: timedelta, yes: bool, as_json: bool) -> None:
    """What ephemeral stacks left whose state is gone; those that are still deployed are told, and left alone."""
    from orgcal.operations.home_graph import home_graph
    from orgcal.operations.orphaned_previews import find_abandoned, own_connector, remove_abandoned
    from orgcal.settings import read_settings

    environment = prepared.environment
    settings = read_settings(environment.project_dir, environment.stack)
    environ = environment.to_environ(prepared.environ)
    with home_graph(environment.running_endpoints(), settings.entra.tenant_id, environ) as graph:
        leftovers = find_abandoned(
            graph,
            settings.project,
            _backend(prepared),
            older_than=age,
            now=datetime.now(UTC),
            connector_of=own_connector(settings.platform(), settings.connector.key, environ),
        )
        found, kept = leftovers.abandoned, {}
        for item in found if yes else []:
            try:
                remove_abandoned(graph, item, settings.platform(), environ)
            except OrgcalError as error:  # somebody else's, perhaps; the others must not wait for it
                kept[item.application.application_object_id] = error.what
    said = [{**item.as_json(), "kept": kept.get(item.application.application_object_id, "")} for item in found]
    if as_json:
        typer.echo(json.dumps({"removed": yes, "abandoned": said, "deployed": leftovers.deployed}))
    else:
        _tell_abandoned(found, kept, yes)
        for stack in leftovers.deployed:
            typer.echo(
                f"still deployed  stack {stack}; once nobody needs it: orgcal ephemeral create --from "
                f"{environment.stack} {stack} && orgcal destroy --stack {stack} --purge --yes"
            )
    if kept or (found and not yes):
        raise typer.Exit(1)


def _tell_abandoned(found: Sequence[Abandoned], kept: Mapping[str, str], yes: bool) -> None:
    """A line for each; `kept` says why some could not be removed."""
    if not found:
        typer.echo("ephemeral stacks: nothing is left over")
    for item in found:
        why = kept.get(item.application.application_object_id, "")
        done = "removed" if yes and not why else "left over"
        where = " in the recycle bin" if item.deleted else ""
        connector = f", connector {item.connector_key}" if item.connector_key else ""
        named = f"{item.application.display_name}, made {item.application.created_at}{connector}"
        typer.echo(f"{done}  stack {item.stack}: application{where} {named}")
        if why:
            typer.echo(f"    {why}")
    if found and not yes:
        typer.echo("remove them for good: the same command with --yes")


def _backend(prepared: OpenStack) -> Callable[[str], Held | None]:
    """What a stack's state holds, asked once for each stack."""
    from functools import cache

    from orgcal.stack.environment import of_own_stacks
    from orgcal.stack.held import read_state
    from orgcal.stack.runner import StackRunner

    drive = StackRunner(prepared.engine, of_own_stacks(prepared.environment, prepared.environ), prepared.environ)
    known = drive.states()

    @cache
    def held_by(stack: str) -> Held | None:
        return read_state(drive.export_of(stack)) if stack in known else None

    return held_by
