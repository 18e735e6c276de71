"""Destroys a stack for good: nothing of it stays in directory, recycle bin or platform, nor of a copy's own files.

Only where nobody can miss it: ephemeral stacks, and stacks on the emulator. From the recycle bin, where everything else
would stay for 30 days, only objects with the stack's own tag are removed, and the service principals of these.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orgcal.entra.graph import GraphClient
from orgcal.entra.home import applications
from orgcal.errors import UsageError
from orgcal.operations.deploy import destroy
from orgcal.operations.sweep import find_orphans, remove_orphan
from orgcal.patience import Clock, Patience
from orgcal.stack.files import DEV_STACK
from orgcal.stack.open_stack import OpenStack
from orgcal.stack.state import StackState

if TYPE_CHECKING:
    from orgcal.stack.runner import OnStep, UpdateResult

PATIENCE_S = 30.0
"""A deleted object appears in the bin within seconds; Microsoft promises no time."""
LONGEST_PAUSE_S = 4.0


@dataclass(slots=True)
class Purged:
    """What was removed for good, and what was expected in the bin and not found there; object ids."""

    applications: list[str] = field(default_factory=list)
    principals: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Objects removed for good."""
        return len(self.applications) + len(self.principals)


@dataclass(frozen=True, slots=True)
class StackPurged:
    """What the engine removed, and what a purge removed from the recycle bin.

    Attributes:
        file_removed: whether the stack was a copy, whose file, state and registry went too.
    """

    result: UpdateResult
    purged: Purged
    file_removed: bool


def purge_deleted(graph: GraphClient, tag: str, before: StackState, *, clock: Clock | None = None) -> Purged:
    """Remove the deleted applications with `tag`, and their service principals, for good.

    What was in the state `before` the stack was destroyed is waited for, as deletions need time to be seen.
    """
    patience = Patience(PATIENCE_S, clock, longest_s=LONGEST_PAUSE_S)
    done = Purged()
    while True:
        for application in applications.deleted_tagged(graph, tag):
            purge_application(graph, application.client_id, application.application_object_id, done)
        for principal_id in before.principal_ids.difference(done.principals):
            if applications.purge(graph, principal_id):  # it came into the bin after its application had left it
                done.principals.append(principal_id)
        done.missing = sorted(
            (before.application_ids - set(done.applications)) | (before.principal_ids - set(done.principals))
        )
        if not done.missing or not patience.wait():
            return done


def purge_application(graph: GraphClient, client_id: str, application_object_id: str, done: Purged) -> None:
    """Remove a deleted application and its service principals for good; those first, as they are found through it."""
    for principal_id in applications.deleted_principals_of(graph, client_id):
        if applications.purge(graph, principal_id):
            done.principals.append(principal_id)
    if applications.purge(graph, application_object_id):
        done.applications.append(application_object_id)


def refuse_purge(stack: OpenStack) -> None:
    """Refuse a stack that is protected, or neither ephemeral nor of the emulator; looks at the settings alone.

    Customers may depend on what is in the recycle bin.
    """
    if stack.core.protected:
        raise UsageError(
            "a protected stack is never removed for good", where=stack.where, repair="see docs/destroy-and-restore.md"
        )
    if stack.cloud != "emulator" and not stack.core.ephemeral:
        raise UsageError(
            "this stack is not ephemeral, and only from the recycle bin could its application come back without new "
            "consents of all customers",
            where=stack.where,
            repair=f"orgcal destroy --stack {stack.name}, without --purge",
        )


def destroy_for_good(stack: OpenStack, *, on_step: OnStep, tell: Callable[[str], object]) -> StackPurged:
    """Destroy a stack that `refuse_purge` lets pass, then remove what that left in the recycle bin.

    Also what an earlier, killed run of the same stack had made and is in no state. The same call again goes on where an
    interrupted one ended.

    Raises:
        EngineError: the engine refused; nothing was purged.
        GraphError: the directory refused to purge.
    """
    runner, tag = stack.runner, stack.core.tag
    runner.release_dead_lock()
    runner.select()
    before = runner.state()
    result = destroy(stack, on_step=on_step, tell=tell)
    with stack.home_graph() as graph:
        for orphan in find_orphans(graph, tag, runner.state(), ""):
            remove_orphan(graph, orphan)
        purged = purge_deleted(graph, tag, before)
    is_copy = stack.core.ephemeral and bool(stack.core.origin) and stack.name != DEV_STACK
    if is_copy:
        # Links become useless; in a shared database the organisations' log stays.
        for tenant in list(stack.registry.tenants()):
            stack.registry.remove(tenant.tenant_id, reason="the stack was destroyed")
        stack.close()  # its file is removed next
        runner.remove()
        # Both directories are named after the copy, and are no other stack's.
        shutil.rmtree(stack.stack_dir, ignore_errors=True)
        shutil.rmtree(stack.project_dir / ".local" / stack.name, ignore_errors=True)
        stack.file.unlink(missing_ok=True)
    return StackPurged(result, purged, is_copy)
