"""Takes an existing application over: what it has goes into the stack's file, and the application into its state."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from orgcal.entra.graph import GraphClient
from orgcal.entra.home import applications
from orgcal.entra.home.applications import FoundApplication
from orgcal.entra.home.rights import read_operator
from orgcal.errors import UsageError
from orgcal.files.yaml_edit import edit
from orgcal.operations.adoption import Adoption, import_file, plan_adoption, provider_urn
from orgcal.platforms import ConnectorEntry, open_platform
from orgcal.settings import Settings
from orgcal.stack.held import Held
from orgcal.stack.runner import StackRunner

RESOURCE_NAME = "outlook-calendar"
"""Name of the program's resources, as `__main__.py` gives it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What `orgcal adopt` is about to do.

    Attributes:
        application: with every property.
        adoption: patch of the settings, and what the program would still change.
        new_settings: text of the stack's file after the patch.
        operator_id: object id of the deploying principal.
        owners: object ids of the application's owners.
        service_principal_id: in the home tenant; empty if the application has none.
        has_connector: whether the platform has an entry under the stack's key.
    """

    application: FoundApplication
    adoption: Adoption
    new_settings: str
    operator_id: str
    owners: tuple[str, ...]
    service_principal_id: str
    has_connector: bool


def live_application(graph: GraphClient, client_id: str, *, restore: bool, stack: str) -> FoundApplication:
    """The application with this client id, brought back from the recycle bin where that is asked for.

    Raises:
        UsageError: there is none, or it is in the recycle bin and shall stay there.
    """
    found = applications.by_client_id(graph, client_id)
    if not found.deleted:
        return found
    if not restore:
        raise UsageError(
            f"the application {found.display_name!r} is in the recycle bin",
            where=client_id,
            repair=f"orgcal adopt --stack {stack} --client-id {client_id} --restore --yes",
        )
    applications.restore(graph, found.application_object_id)
    return found


def plan(
    graph: GraphClient,
    application: FoundApplication,
    settings: Settings,
    settings_file: Path,
    environ: Mapping[str, str],
) -> Plan:
    """How `application` becomes the stack's; nothing is written.

    Raises:
        UsageError: the operator's token does not tell who the operator is.
        PlatformError: the platform refused, or the stack's file cannot be changed in place.
    """
    operator = read_operator(graph.token_source.token())
    if operator is None or not operator.object_id:
        raise UsageError(
            "the operator's token does not say whose it is, and the operator must be an owner",
            repair="log in as a service principal (ARM_CLIENT_ID), or name yourself in orgcal:application.owners",
        )
    found = applications.whole(graph, application.application_object_id)
    owners = applications.owners_of(graph, application.application_object_id)
    entry = open_platform(settings.platform(), environ).read_connector(settings.connector.key)
    adoption = plan_adoption(
        found,
        tag=settings.tag,
        owners=owners,
        operator_id=operator.object_id,
        callback_url=(entry.callback_url or "") if entry else "",
        consent_url=settings.consent.public_url if settings.consent else "",
    )
    patch = {**adoption.patch, "connector": {**adoption.patch.get("connector", {}), **_catalog(entry)}}
    adoption = replace(adoption, patch={section: values for section, values in patch.items() if values})
    principal = applications.service_principal_of(graph, found.client_id)
    return Plan(
        found,
        adoption,
        patched(settings_file.read_text(encoding="utf-8"), adoption.patch, where=str(settings_file)),
        operator.object_id,
        tuple(owners),
        str(principal["id"]) if principal else "",
        entry is not None,
    )


def _catalog(entry: ConnectorEntry | None) -> dict[str, Any]:
    """Settings that mirror the connector's entry, as far as the platform tells."""
    if entry is None:
        return {}
    said = {"name": entry.display_name, "description": entry.description, "published": entry.published}
    return {name: value for name, value in said.items() if value is not None}


def patched(text: str, patch: Mapping[str, Mapping[str, Any]], *, where: str) -> str:
    """A stack's file with the settings of `patch`; comments and everything else stay."""
    for section, values in patch.items():
        links = values.get("links")
        plain = {key: value for key, value in values.items() if key != "links"}
        text = edit(text, ["config", f"orgcal:{section}"], plain, [], where=where)
        if links:
            text = edit(text, ["config", f"orgcal:{section}", "links"], dict(links), [], where=where)
    return text


def carry_out(
    graph: GraphClient, drive: StackRunner, plan: Plan, settings: Settings, held: Held, *, protect: bool
) -> None:
    """Tags the application, makes the operator an owner, and imports what exists; no credential is touched.

    The stack's file must have been written before.

    Args:
        graph: as the operator.
        drive: of the stack.
        plan: what to do.
        settings: of the stack.
        held: what its state holds.
        protect: whether the imported resources are protected.
    """
    object_id = plan.application.application_object_id
    if settings.tag not in plan.application.tags:
        graph.patch(f"/applications/{object_id}", {"tags": [*plan.application.tags, settings.tag]})
    if plan.operator_id not in plan.owners:
        _own(graph, f"/applications/{object_id}", plan.operator_id)
    if plan.service_principal_id:
        path = f"/servicePrincipals/{plan.service_principal_id}"
        if plan.operator_id not in [str(item["id"]) for item in graph.pages(f"{path}/owners")]:
            _own(graph, path, plan.operator_id)
    urn_prefix = f"urn:pulumi:{settings.stack}::{settings.project}::"
    described = import_file(
        name=RESOURCE_NAME,
        urn_prefix=urn_prefix,
        application_object_id=object_id,
        service_principal_id=plan.service_principal_id,
        connector_id=_connector_id(settings) if plan.has_connector else "",
        held=held.urns,
    )
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump(described, file)
        file.flush()
        drive.import_existing(Path(file.name), provider_urn=provider_urn(urn_prefix), protect=protect)


def _own(graph: GraphClient, path: str, principal_id: str) -> None:
    reference = graph.url_of(f"/directoryObjects/{principal_id}")
    graph.post(f"{path}/owners/$ref", {"@odata.id": reference})


def _connector_id(settings: Settings) -> str:
    """The id of the connector's resource as our plugin imports it."""
    if settings.platform() == {"kind": "local"}:
        return settings.connector.key
    return f"{json.dumps(settings.platform())}/{settings.connector.key}"
