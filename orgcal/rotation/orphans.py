"""Credentials that a killed run made and no state holds: found by their names, removed by their key ids."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orgcal.entra.home.applications import by_object_id, deployment_tag
from orgcal.operations.home_graph import home_graph
from orgcal.operations.sweep import Orphan, credentials_of, remove_orphan
from orgcal.stack.outputs import StackOutputs
from orgcal.stack.prepare import OpenStack
from orgcal.stack.state import StackState


def remove_leftovers(
    prepared: OpenStack, outputs: StackOutputs, read: Callable[[], StackState], tell: Callable[[str], Any]
) -> list[Orphan]:
    """Remove them; what was removed.

    The directory is read first and the state after it: whatever is made meanwhile is then in the state or under way,
    and while anything is under way nothing is removed.

    Args:
        prepared: the stack.
        outputs: of the stack.
        read: reads its state.
        tell: is told in one line of each.

    Raises:
        OrgcalError: the directory cannot be read, or refuses.
    """
    environ = prepared.environment.to_environ(prepared.environ)
    with home_graph(prepared.environment.running_endpoints(), outputs.tenant_id, environ) as graph:
        application = by_object_id(graph, outputs.application_object_id)
        if application is None:
            return []
        made = list(credentials_of(graph, application, deployment_tag(outputs.project, outputs.stack)))
        if {item.object_id for item in made} <= {item.key_id for item in outputs.credentials}:
            return []
        state = read()
        if not state.complete:
            return []
        held = {item.key_id for item in state.held.values()}
        orphans = [item for item in made if item.object_id not in held]
        for orphan in orphans:
            remove_orphan(graph, orphan)
            tell(f"removed a left-over {orphan.kind}: {orphan.name} ({orphan.object_id})")
    return orphans
