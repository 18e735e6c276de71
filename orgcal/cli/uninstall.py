"""`orgcal uninstall`: removes what orgcal keeps on this machine, and never a stack that holds resources."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orgcal.cli.approval import YesOption, approve, can_ask
from orgcal.cli.common import JsonOption, print_result
from orgcal.errors import Refused, UsageError

if TYPE_CHECKING:
    from orgcal.operations.uninstall import UninstallPlan

_WHERE = "orgcal uninstall"


def uninstall(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would be removed, and what kept.")] = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Remove the cached engine, and the data of stacks that hold no resources: passphrases, registries, states.

    A stack that holds resources is kept, and so is what belongs to a state in a backend elsewhere.
    """
    from orgcal.operations.uninstall import plan_uninstall, remove_all

    if dry_run and yes:
        raise UsageError("--dry-run and --yes exclude each other", where=_WHERE, repair="name one of them")
    project = _project()
    plan = plan_uninstall(os.environ, project)
    remove = not dry_run
    if remove and not yes and plan.removable:
        if can_ask(as_json=as_json):
            typer.echo("\n".join(_lines(plan, removed=False)), err=True)
        approve("Remove what is listed as removable?", where=_WHERE, yes=yes, as_json=as_json)
        if plan_uninstall(os.environ, project) != plan:
            raise Refused("something has changed meanwhile; nothing was removed", where=_WHERE, repair="run it again")
    if remove:
        remove_all(plan)
    print_result(_as_json(plan, remove and bool(plan.removable)), _lines(plan, remove), as_json=as_json)


def _project() -> Path | None:
    """The project whose data are looked at too; None outside of any, unless one is named."""
    from orgcal.platforms.model import PROJECT_VARIABLE
    from orgcal.stack.environment import original_environment
    from orgcal.stack.project import find_project

    try:
        return find_project(os.environ)
    except UsageError:
        if original_environment(os.environ).get(PROJECT_VARIABLE):
            raise
        return None


def _lines(plan: UninstallPlan, removed: bool) -> Iterator[str]:
    done = "removed" if removed else "removable"
    for item in plan.removable:
        yield f"{done}  {_in_words(item.size)}  {item.what}"
        yield from (f"    {path}" for path in item.paths)
    for kept in plan.kept:
        yield f"kept  {kept.what}: {kept.why}"
        yield f"    {kept.path}"
        yield f"    → {kept.repair}"
    yield from (f"not removed  {line}" for line in plan.further)
    if plan.removable:
        yield f"{_in_words(sum(item.size for item in plan.removable))} {done} in all"
    else:
        yield "nothing to remove"


def _as_json(plan: UninstallPlan, removed: bool) -> dict[str, object]:
    return {
        "removed": removed,
        "bytes": sum(item.size for item in plan.removable),
        "removable": [
            {"what": item.what, "paths": [str(path) for path in item.paths], "bytes": item.size}
            for item in plan.removable
        ],
        "kept": [
            {"what": kept.what, "path": str(kept.path), "why": kept.why, "repair": kept.repair} for kept in plan.kept
        ],
        "not_removed": list(plan.further),
    }


def _in_words(size: int) -> str:
    """A number of bytes in kB, MB or GB."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size / 1000:.1f} kB"
