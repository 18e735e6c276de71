"""Finds and removes what ephemeral stacks left whose state is gone: a job that was killed, a runner that was lost.

Found by the tags that such stacks put on their applications, in the directory and in its recycle bin. A stack that is
not marked as ephemeral is never looked at, nor is one whose state still holds the application.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from orgcal.entra.graph import GraphClient
from orgcal.entra.home import applications
from orgcal.entra.home.applications import FoundApplication
from orgcal.entra.home.tags import EPHEMERAL_TAG, deployment_tag
from orgcal.errors import OrgcalError
from orgcal.operations.ephemeral import key_of_copy
from orgcal.operations.purge_stack import Purged, purge_application
from orgcal.platforms import Platform
from orgcal.stack.environment import of_own_stacks
from orgcal.stack.open_stack import OpenStack
from orgcal.stack.state import StackState

StateOf = Callable[[str], StackState | None]
"""Reads the state of the stack of this name; None where there is none."""


@dataclass(frozen=True, slots=True)
class OrphanedPreview:
    """An application of an ephemeral stack that is in no state.

    Attributes:
        stack: that made it.
        deleted: whether it lies in the recycle bin already.
        connector_key: of its connector's entry in the platform; empty where there is none that is surely its own.
    """

    stack: str
    application: FoundApplication
    deleted: bool
    connector_key: str = ""

    def as_json(self) -> dict[str, Any]:
        """As a JSON object."""
        named = ("display_name", "client_id", "application_object_id", "created_at")
        of_application = {name: getattr(self.application, name) for name in named}
        return {"stack": self.stack, **of_application, "deleted": self.deleted, "connector_key": self.connector_key}


@dataclass(frozen=True, slots=True)
class EphemeralStacks:
    """Ephemeral stacks that are old enough.

    Attributes:
        orphaned: applications that are in no state, oldest first.
        deployed: names of stacks whose state has their application: somebody may still use them.
    """

    orphaned: list[OrphanedPreview]
    deployed: list[str]


def find_orphaned_previews(
    graph: GraphClient,
    project: str,
    state_of: StateOf,
    *,
    older_than: timedelta,
    now: datetime,
    connector_of: Callable[[str, str], str],
) -> EphemeralStacks:
    """Applications of ephemeral stacks of `project` that are in no state, and stacks that are still deployed.

    Args:
        graph: as the operator, with the right to list applications.
        older_than: how long ago they were made, at least.
        connector_of: key of the connector's entry that belongs to a stack with this client id; see `own_connector`.
    """
    listed = [(application, False) for application in applications.tagged(graph, EPHEMERAL_TAG)]
    listed += [(application, True) for application in applications.deleted_tagged(graph, EPHEMERAL_TAG)]
    orphaned, deployed = [], []
    for application, deleted in listed:
        stack = _stack_of(application, project)
        if not stack or not _is_older(application.created_at, older_than, now):
            continue
        state = state_of(stack)
        if state is not None and application.application_object_id in state.application_ids:
            deployed.append(stack)
            continue
        orphaned.append(OrphanedPreview(stack, application, deleted, connector_of(stack, application.client_id)))
    return EphemeralStacks(sorted(orphaned, key=lambda item: item.application.created_at), sorted(deployed))


def states_of_copies(stack: OpenStack) -> StateOf:
    """Reads states of the user's own stacks, each once; `dev`, which may be asked for it, keeps its own elsewhere."""
    from orgcal.stack.runner import StackRunner

    environment = of_own_stacks(stack.engine_environment(plugin=False), stack.shell_environ)
    runner = StackRunner(stack.engine, environment, stack.shell_environ)
    known = runner.stack_names()
    return cache(lambda name: runner.state_of(name) if name in known else None)


def own_connector(platform: Platform, key: str) -> Callable[[str, str], str]:
    """Tells the key of a copy's connector, if the platform has such an entry and no other application uses it.

    Platform and key are the origin's; platforms do not list their connectors, but a copy's key is known.
    """

    def key_of(stack: str, client_id: str) -> str:
        try:
            own = key_of_copy(key, stack)
            if platform.read_connector(own) is None:
                return ""
            credential = platform.read_credentials(own)
        except OrgcalError:
            return ""
        used_by = credential.client_id if credential is not None else None
        return own if used_by in (None, "", client_id) else ""

    return key_of


def remove_orphaned_preview(graph: GraphClient, preview: OrphanedPreview, platform: Platform) -> Purged:
    """Remove it for good, with its connector's entry; raises as `GraphClient.delete` and platforms do."""
    application = preview.application
    if preview.connector_key:
        platform.delete_connector(preview.connector_key, connected_too=True)
    if not preview.deleted:
        graph.delete(f"/applications/{application.application_object_id}")
    done = Purged()
    purge_application(graph, application.client_id, application.application_object_id, done)
    if not done.applications:
        done.missing.append(application.application_object_id)  # not in the bin yet; the next sweep finds it
    return done


def _stack_of(application: FoundApplication, project: str) -> str:
    """The stack of this project that made an application; empty where none did, or the tags are not clear."""
    prefix = deployment_tag(project, "")
    names = [tag.removeprefix(prefix) for tag in application.tags if tag.startswith(prefix)]
    return names[0] if len(names) == 1 else ""


def _is_older(created_at: str, than: timedelta, now: datetime) -> bool:
    """Whether something was made long enough ago; a time that cannot be read is not."""
    try:
        return datetime.fromisoformat(created_at) <= now - than
    except (ValueError, TypeError):
        return False
