"""`orgcal sweep`: what a stack has made and no state of it holds."""

from __future__ import annotations

import json
import os
from typing import Annotated

import typer


def sweep(
    stack: Annotated[str, typer.Option("--stack", "-s", help="Stack whose leftovers are looked for.")] = "dev",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Remove them.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Find what a killed run left behind, and remove it with --yes; exit 1 while something is left."""
    from orgcal.engine.stacks import project_dir
    from orgcal.engine.tools import prepare
    from orgcal.upkeep.declared import declared_stack
    from orgcal.upkeep.held import read_state
    from orgcal.upkeep.home_graph import home_graph
    from orgcal.upkeep.sweep import find_orphans, remove_orphan
    from orgcal.upkeep.used import connector_client_id

    prepared = prepare(stack, os.environ)
    declared = declared_stack(project_dir(), stack)
    drive = prepared.drive()
    drive.select()
    held = read_state(drive.export())
    environ = prepared.environment.applied_to(prepared.environ)
    with home_graph(prepared.environment.cloud, declared.tenant_id, environ) as graph:
        used = connector_client_id(declared.platform, declared.connector_key, environ)
        orphans = find_orphans(graph, declared.tag, held, used)
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
