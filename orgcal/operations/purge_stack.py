"""Destroys a stack for good: nothing of it stays in directory, recycle bin or platform, nor of a copy's own files.

Only where nobody can miss it: ephemeral stacks, and stacks on the emulator.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orgcal.errors import UsageError
from orgcal.operations.deploy import destroy
from orgcal.operations.home_graph import home_graph
from orgcal.operations.purge import Purged, purge_deleted
from orgcal.operations.sweep import find_orphans, remove_orphan
from orgcal.settings import CoreSettings, read_core_settings, stack_file
from orgcal.stack.files import DEV_STACK
from orgcal.stack.held import read_state
from orgcal.tenants import links
from orgcal.tenants.model import State
from orgcal.tenants.registry import open_stack_registry

if TYPE_CHECKING:
    from orgcal.stack.prepare import OpenStack
    from orgcal.stack.runner import OnStep, UpdateResult


@dataclass(frozen=True, slots=True)
class StackPurged:
    """How it ended.

    Attributes:
        result: of the engine.
        purged: what was removed from the recycle bin.
        file_removed: whether the stack was a copy, whose file, state and registry went too.
    """

    result: UpdateResult
    purged: Purged
    file_removed: bool


def refuse_purge(project_dir: Path, stack: str) -> None:
    """Refuse where customers may depend on what is in the recycle bin; before any engine or server is asked.

    Raises:
        UsageError: the stack is protected, or neither ephemeral nor of the emulator.
    """
    core = read_core_settings(project_dir, stack)
    if core.protected:
        raise UsageError(
            "a protected stack is never removed for good",
            where=f"stack {stack}",
            repair="see docs/destroy-and-restore.md",
        )
    if core.entra.cloud != "emulator" and not core.ephemeral:
        raise UsageError(
            "this stack is not ephemeral, and only from the recycle bin could its application come back without new "
            "consents of all customers",
            where=f"stack {stack}",
            repair=f"orgcal destroy --stack {stack}, without --purge",
        )


def destroy_for_good(
    prepared: OpenStack, core: CoreSettings, *, on_step: OnStep, tell: Callable[[str], object]
) -> StackPurged:
    """Destroy a stack that `refuse_purge` lets pass, then remove what that left in the recycle bin.

    Also what an earlier, killed run of the same stack had made and no state held. The same call again goes on where an
    interrupted one ended.

    Raises:
        EngineError: the engine refused; nothing was purged.
        GraphError: the directory refused to purge.
    """
    drive = prepared.drive()
    drive.release_dead_lock()
    drive.select()
    held = read_state(drive.export())
    result = destroy(prepared, on_step=on_step, tell=tell)
    environ = prepared.environment.to_environ(prepared.environ)
    with home_graph(prepared.environment.running_endpoints(), core.entra.tenant_id, environ) as graph:
        for orphan in find_orphans(graph, core.tag, read_state(drive.export()), ""):
            remove_orphan(graph, orphan)
        purged = purge_deleted(graph, core.tag, held)
    is_copy = core.ephemeral and bool(core.origin) and core.stack != DEV_STACK
    if is_copy:
        _close_registry(prepared)
        drive.remove()
        _remove_files(prepared)
    return StackPurged(result, purged, is_copy)


def _close_registry(prepared: OpenStack) -> None:
    """Make links useless and off-board organisations; in a shared database their log stays."""
    environment = prepared.environment
    registry = open_stack_registry(environment.stack_dir, environment.stack, prepared.environ)
    try:
        for tenant in list(registry.tenants()):
            links.revoke(registry, tenant.tenant_id)
            registry.set_state(tenant.tenant_id, State.REMOVED, reason="the stack was destroyed", action="remove")
    finally:
        registry.close()


def _remove_files(prepared: OpenStack) -> None:
    """The copy's file and directories; the directories are named after it, and no other stack's."""
    environment = prepared.environment
    shutil.rmtree(environment.stack_dir, ignore_errors=True)
    shutil.rmtree(environment.project_dir / ".local" / environment.stack, ignore_errors=True)
    stack_file(environment.project_dir, environment.stack).unlink(missing_ok=True)
