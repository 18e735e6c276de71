"""What ephemeral stacks left behind whose state is gone: a job that was killed, a runner that was lost.

Found by the tags that such stacks put on their applications, in the directory and in its recycle bin. A stack that is
not marked as ephemeral is never looked at, nor is one whose state still holds the application.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from orgcal.entra.graph import GraphClient
from orgcal.entra.home import applications
from orgcal.entra.home.applications import EPHEMERAL_TAG, FoundApplication, deployment_tag
from orgcal.errors import OrgcalError
from orgcal.operations.ephemeral import key_of_copy
from orgcal.operations.purge import Purged, purge_application
from orgcal.platforms import open_platform
from orgcal.stack.held import Held

HeldBy = Callable[[str], Held | None]
"""What the state of the stack of this name holds; None where there is no such state."""


@dataclass(frozen=True, slots=True)
class Abandoned:
    """Something of an ephemeral stack that no state holds.

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
        return {
            "stack": self.stack,
            "display_name": self.application.display_name,
            "client_id": self.application.client_id,
            "application_object_id": self.application.application_object_id,
            "created_at": self.application.created_at,
            "deleted": self.deleted,
            "connector_key": self.connector_key,
        }


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What is old enough.

    Attributes:
        abandoned: what no state holds, oldest first.
        deployed: names of ephemeral stacks whose state holds their application: somebody may still use them.
    """

    abandoned: list[Abandoned]
    deployed: list[str]


def find_abandoned(
    graph: GraphClient,
    project: str,
    held_by: HeldBy,
    *,
    older_than: timedelta,
    now: datetime,
    connector_of: Callable[[str, str], str],
) -> Leftovers:
    """Applications of ephemeral stacks of `project` that no state holds, and stacks that are still deployed.

    Args:
        graph: as the operator, with the right to list applications.
        project: name of the Pulumi project.
        held_by: asks the backend.
        older_than: how long ago they were made, at least.
        now: the time in UTC.
        connector_of: key of the connector's entry that belongs to a stack with this client id; see `own_connector`.
    """
    listed = [(application, False) for application in applications.tagged(graph, EPHEMERAL_TAG)]
    listed += [(application, True) for application in applications.deleted_tagged(graph, EPHEMERAL_TAG)]
    found, deployed = [], []
    for application, deleted in listed:
        stack = _stack_of(application, project)
        if not stack or not _is_older(application.created_at, older_than, now):
            continue
        held = held_by(stack)
        if held is not None and application.application_object_id in held.applications:
            deployed.append(stack)
            continue
        found.append(Abandoned(stack, application, deleted, connector_of(stack, application.client_id)))
    return Leftovers(sorted(found, key=lambda item: item.application.created_at), sorted(deployed))


def own_connector(settings: Mapping[str, Any], key: str, environ: Mapping[str, str]) -> Callable[[str, str], str]:
    """Tells the key of a copy's connector, if the platform has such an entry and no other application uses it.

    Args:
        settings: of the origin's platform; platforms do not list their connectors, but a copy's key is known.
        key: of the origin's connector.
        environ: the environment that the origin lives in.
    """
    platform = open_platform(settings, environ)

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


def remove_abandoned(
    graph: GraphClient, found: Abandoned, settings: Mapping[str, Any], environ: Mapping[str, str]
) -> Purged:
    """Remove it for good, with its connector's entry; raises as `GraphClient.delete` and platforms do."""
    if found.connector_key:
        open_platform(settings, environ).delete_connector(found.connector_key, connected_too=True)
    if not found.deleted:
        graph.delete(f"/applications/{found.application.application_object_id}")
    done = Purged()
    purge_application(graph, found.application.client_id, found.application.application_object_id, done)
    if not done.applications:
        done.missing.append(found.application.application_object_id)  # not in the bin yet; the next sweep finds it
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
