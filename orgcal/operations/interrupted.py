"""Settles what an interrupted or failed run left open, so that the next one goes on.

A run that is killed between a request and the engine's note of its answer leaves a pending operation in the state. The
azuread plugin refuses to make what exists already (a service principal, a federated credential, an assignment) and to
delete what is gone, so the state has to learn of both first: what an interrupted creation made is imported, a secret or
certificate whose value nobody knows is removed, and what an interrupted deletion may have removed is refreshed. Only
the resources concerned are looked at: an application that somebody deleted must never be dropped from the state here,
since the next run would make another one, to which no customer has consented.

Sources of the refusals: `ImportAsExistsDiag` and the `Delete` functions in terraform-provider-azuread 3.9.0.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from orgcal.engine.versions import AZUREAD_PLUGIN_VERSION
from orgcal.entra.graph import GraphClient
from orgcal.entra.home import applications
from orgcal.errors import GraphError
from orgcal.operations.sweep import Tell, credentials_of, remove_leftovers
from orgcal.patience import Patience
from orgcal.resource_types import (
    APP_ROLE_ASSIGNMENT,
    APPLICATION,
    CERTIFICATE,
    FEDERATED_CREDENTIAL,
    PASSWORD,
    SERVICE_PRINCIPAL,
)
from orgcal.stack.engine_events import OnStep, UpdateResult
from orgcal.stack.runner import StackRunner, UpdateFailed
from orgcal.stack.state import StackState, UnfinishedOperation

HomeGraph = Callable[[], AbstractContextManager[GraphClient]]
_MOST_TRIES = 5
"""Each of them settles something; more would go in circles."""
_ARRIVAL_S = 120.0
_LONGEST_PAUSE_S = 2.0
_SEEN_IN_A_ROW = 2
_SKEW = timedelta(minutes=5)
"""Between this machine's clock and Entra's."""
_GONE = re.compile(r"\b404\b|not ?found|does not exist|no \w+ credential found", re.IGNORECASE)
"""How the azuread plugin's and Graph's refusals to delete what is gone read."""


class InterruptedRuns:
    """Settles the operations that runs of one stack left unfinished.

    Args:
        graph: opens Microsoft Graph as the operator; only where something has to be looked up.
        tell: is told in one line what is settled.
    """

    def __init__(self, runner: StackRunner, tag: str, graph: HomeGraph, tell: Tell) -> None:
        self._runner = runner
        self._tag = tag
        self._graph = graph
        self._tell = tell

    def up(
        self,
        *,
        preview_first: bool,
        previewed: bool = False,
        on_step: OnStep | None = None,
        credential_only: bool = False,
        plan: Path | None = None,
    ) -> UpdateResult:
        """`StackRunner.up`, again after each failure that could be settled; after `settle_pending`.

        With `credential_only`, `StackRunner.up_credential` instead.

        Args:
            preview_first: preview before anything is written.
            previewed: somebody has seen a preview, so that only further tries need one.
            plan: as for `StackRunner.up`; there are no further tries then, as they would do what nobody reviewed.
        """
        bring_up = self._runner.up_credential if credential_only else self._runner.up
        if plan is not None:
            return self._runner.up(preview_first=False, on_step=on_step, plan=plan)
        for _ in range(_MOST_TRIES):
            began = datetime.now(UTC)
            try:
                return bring_up(preview_first=preview_first and not previewed, on_step=on_step)
            except UpdateFailed as error:
                if not self._settle(error.unfinished, began):
                    raise
            previewed = False
        return bring_up(preview_first=preview_first, on_step=on_step)

    def destroy(self, *, preview_first: bool, on_step: OnStep | None = None) -> UpdateResult:
        """`StackRunner.destroy`, likewise; what is gone already is no reason to fail."""
        try:
            return self._runner.destroy(preview_first=preview_first, on_step=on_step)
        except UpdateFailed as error:
            if not _GONE.search(error.what) or not self._runner.refresh().changed:
                raise
        self._tell("something was removed already: going on without it")
        return self._runner.destroy(preview_first=preview_first, on_step=on_step)

    def settle_pending(self, state: StackState) -> bool:
        """Settle what an interrupted run left, by the state before; whether there was anything."""
        operations, since = state.unfinished()
        if operations:
            self._tell("the last run was interrupted: looking at what it made and removed")
            self._settle(operations, since)
            self._runner.forget_creations()
        return bool(operations)

    def _settle(self, operations: Sequence[UnfinishedOperation], since: datetime) -> bool:
        """Settle operations that began at `since`; whether the state or the directory changed by it."""
        changed = False
        incomplete = self._runner.state().incomplete_ids([item.urn for item in operations])
        if incomplete:
            with self._graph() as graph:
                changed = all(self._arrives(graph, resource_id) for resource_id in incomplete)
        deleted = [item.urn for item in operations if item.operation == "deleting"]
        if deleted:
            changed |= self._runner.refresh(targets=deleted).changed > 0
        created = [item for item in operations if item.operation == "creating" and item.type in _FINDERS]
        if created:
            with self._graph() as graph:
                for item in created:
                    changed |= self._take_over(graph, item, since - _SKEW)
        return changed

    def _arrives(self, graph: GraphClient, resource_id: str) -> bool:
        """Wait until reads show an object that is incomplete in the state; whether they do.

        The azuread plugin changes a new service principal once, and takes "not found" for a failure, although the
        object only has not reached every replica yet (https://github.com/hashicorp/terraform-provider-azuread/issues/1811).
        """
        patience, seen = Patience(_ARRIVAL_S, longest_s=_LONGEST_PAUSE_S), 0
        while seen < _SEEN_IN_A_ROW:
            try:
                graph.get(resource_id)
                seen += 1
            except GraphError as error:
                if error.status != 404:
                    raise
                seen = 0
                if not patience.wait():
                    break
        if seen:
            self._tell("the service principal was slow to appear in the directory: completing it")
        return seen > 0

    def _take_over(self, graph: GraphClient, item: UnfinishedOperation, since: datetime) -> bool:
        """Import what a creation made, or remove it where it cannot be used; whether it had made anything."""
        state = self._runner.state()
        if item.urn in state.urns:
            return False
        made_id = _FINDERS[item.type](graph, item.inputs, _Search(self._tag, state, since))
        if item.type in _LOST:
            return self._remove_lost(graph, made_id, state)
        if made_id:
            self._tell(f"taking over {item.kind} {item.name}, which an interrupted run made")
            self._import(item, made_id)
        return bool(made_id)

    def _remove_lost(self, graph: GraphClient, application_object_id: str, state: StackState) -> bool:
        """Remove credentials of the stack that are in no state; whether there were any."""
        application = applications.by_object_id(graph, application_object_id) if application_object_id else None
        lost = list(credentials_of(graph, application, self._tag)) if application else []
        removed = [
            item for item in lost if item.object_id not in state.credential_ids and item.kind != "federated credential"
        ]
        remove_leftovers(graph, removed, self._tell)
        return bool(removed)

    def _import(self, item: UnfinishedOperation, resource_id: str) -> None:
        resource: dict[str, Any] = {
            "type": item.type,
            "name": "taken-over",
            "logicalName": item.name,
            "id": resource_id,
            "provider": "entra",
            "version": AZUREAD_PLUGIN_VERSION,
        }
        names = {"entra": item.provider}
        if item.parent:
            resource["parent"], names["parent"] = "parent", item.parent
        self._runner.import_existing([resource], names, protect=False)  # the next up protects it, if the program does


@dataclass(frozen=True, slots=True)
class _Search:
    """By what an application is told from others: the stack's tag, what the state knows, and not older than `since`."""

    tag: str
    state: StackState
    since: datetime


def _application(graph: GraphClient, _: Mapping[str, Any], search: _Search) -> str:
    made = [
        item
        for item in applications.tagged(graph, search.tag)
        if item.application_object_id not in search.state.application_ids
        and datetime.fromisoformat(item.created_at) >= search.since
    ]
    newest = max(made, key=lambda item: item.created_at, default=None)
    return f"/applications/{newest.application_object_id}" if newest else ""


def _principal(graph: GraphClient, inputs: Mapping[str, Any], _: _Search) -> str:
    principal = applications.service_principal_of(graph, str(inputs.get("clientId") or ""))
    return f"/servicePrincipals/{principal['id']}" if principal else ""


def _federated(graph: GraphClient, inputs: Mapping[str, Any], _: _Search) -> str:
    application = str(inputs.get("applicationId") or "")
    path = f"{application}/federatedIdentityCredentials"
    trust = _first(graph, path, lambda item: item.get("name") == inputs.get("displayName"))
    return f"{application.removeprefix('/applications/')}/federatedIdentityCredential/{trust['id']}" if trust else ""


def _assignment(graph: GraphClient, inputs: Mapping[str, Any], _: _Search) -> str:
    path = f"/servicePrincipals/{inputs.get('resourceObjectId')}/appRoleAssignedTo"
    wanted = (inputs.get("principalObjectId"), inputs.get("appRoleId"))
    grant = _first(graph, path, lambda item: (item.get("principalId"), item.get("appRoleId")) == wanted)
    return f"{path}/{grant['id']}" if grant else ""


def _application_of(_: GraphClient, inputs: Mapping[str, Any], __: _Search) -> str:
    return str(inputs.get("applicationId") or "").removeprefix("/applications/")


def _first(graph: GraphClient, path: str, fits: Callable[[Mapping[str, Any]], bool]) -> Mapping[str, Any] | None:
    """The first object of a list that fits; None also where what it belongs to is gone."""

    def listed() -> Iterator[Mapping[str, Any]]:
        try:
            yield from graph.pages(path)
        except GraphError as error:
            if error.status != 404:
                raise

    return next((item for item in listed() if fits(item)), None)


_LOST = frozenset({PASSWORD, CERTIFICATE})
"""Credentials whose value is lost when the creation's answer is, so that they are removed and made anew."""
_FINDERS: Mapping[str, Callable[[GraphClient, Mapping[str, Any], _Search], str]] = {
    APPLICATION: _application,
    SERVICE_PRINCIPAL: _principal,
    FEDERATED_CREDENTIAL: _federated,
    APP_ROLE_ASSIGNMENT: _assignment,
    **dict.fromkeys(_LOST, _application_of),
}
"""By the inputs of a creation, the id of what it made as the azuread plugin imports it, empty where it made nothing;
for credentials that cannot be imported, the object id of their application."""
