"""Takes what an ephemeral stack made out of the recycle bin, where it would stay for 30 days.

Only objects with the stack's own tag, and the service principals of these, are removed for good.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from orgcal.entra.graph import GraphClient
from orgcal.entra.home import applications
from orgcal.patience import Clock, Patience
from orgcal.stack.held import Held

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


def purge_deleted(
    graph: GraphClient,
    tag: str,
    held: Held,
    *,
    clock: Clock | None = None,
) -> Purged:
    """Remove the deleted applications with `tag`, and their service principals, for good.

    Args:
        graph: as the operator.
        tag: of the stack.
        held: what the stack's state held before it was destroyed: waited for, as deletions need time to be seen.
        clock: for tests.
    """
    patience = Patience(PATIENCE_S, clock, longest_s=LONGEST_PAUSE_S)
    done = Purged()
    while True:
        for application in applications.deleted_tagged(graph, tag):
            purge_application(graph, application.client_id, application.application_object_id, done)
        for principal_id in held.principals.difference(done.principals):
            if applications.purge(graph, principal_id):  # it came into the bin after its application had left it
                done.principals.append(principal_id)
        done.missing = sorted((held.applications - set(done.applications)) | (held.principals - set(done.principals)))
        if not done.missing or not patience.wait():
            return done


def purge_application(graph: GraphClient, client_id: str, application_object_id: str, done: Purged) -> None:
    """Remove a deleted application and its service principals for good; those first, as they are found through it."""
    for principal_id in applications.deleted_principals_of(graph, client_id):
        if applications.purge(graph, principal_id):
            done.principals.append(principal_id)
    if applications.purge(graph, application_object_id):
        done.applications.append(application_object_id)
