"""Takes an existing application over: what it has goes into the stack's file, and the application into its state.

Credentials of the application are never among what is removed: the program manages only those that it has made itself.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from orgcal import __version__
from orgcal.engine.versions import AZUREAD_PLUGIN_VERSION
from orgcal.entra.graph import GraphClient, unless_refused
from orgcal.entra.home import applications
from orgcal.entra.home.applications import FoundApplication
from orgcal.entra.home.published import read_published
from orgcal.entra.home.rights import read_operator
from orgcal.entra.permissions import ALWAYS_ADDED, GRAPH_APP_ID, AppRole, names_of
from orgcal.entra.pinned_roles import APP_ROLE_IDS
from orgcal.entra.scope_advice import calendar_problem
from orgcal.errors import UsageError
from orgcal.files.yaml_edit import edit
from orgcal.resource_types import APPLICATION, CONNECTOR, ENTRA_APPLICATION, SERVICE_PRINCIPAL
from orgcal.settings import Settings
from orgcal.stack.open_stack import OpenStack
from orgcal.stack.state import StackState

RESOURCE_NAME = "outlook-calendar"
"""Name of the program's resources, as `__main__.py` gives it."""
MULTITENANT = "AzureADMultipleOrgs"

# Properties of an application that our program does not declare, and so empties: path in Graph's words.
_NOT_DECLARED = (
    ("identifierUris",),
    ("appRoles",),
    ("api", "oauth2PermissionScopes"),
    ("api", "knownClientApplications"),
    ("spa", "redirectUris"),
    ("publicClient", "redirectUris"),
    ("web", "logoutUrl"),
    ("optionalClaims",),
    ("groupMembershipClaims",),
    ("serviceManagementReference",),
    ("description",),
)


@dataclass(frozen=True, slots=True)
class Adoption:
    """How an application becomes this stack's.

    Attributes:
        patch: section -> key -> value: settings that mirror what the application has.
        removed: what the program would take from it.
        changed: what the program would add or set.
    """

    patch: Mapping[str, Mapping[str, Any]]
    removed: tuple[str, ...]
    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AdoptionPlan:
    """What `orgcal adopt` is about to do.

    Attributes:
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
    application = applications.by_client_id(graph, client_id)
    if not application.deleted:
        return application
    if not restore:
        raise UsageError(
            f"the application {application.display_name!r} is in the recycle bin",
            where=client_id,
            repair=f"orgcal adopt --stack {stack} --client-id {client_id} --restore --yes",
        )
    applications.restore(graph, application.application_object_id)
    return application


def plan(graph: GraphClient, application: FoundApplication, stack: OpenStack) -> AdoptionPlan:
    """How `application` becomes the stack's; nothing is written.

    Raises:
        UsageError: the operator's token does not tell who the operator is, or the application declares nothing that
            opens calendars and the settings do not say that this is meant.
        PlatformError: the platform refused, or the stack's file cannot be changed in place.
    """
    operator = read_operator(graph.token_source.token())
    if operator is None or not operator.object_id:
        raise UsageError(
            "the operator's token does not say whose it is, and the operator must be an owner",
            repair="log in as a service principal (ARM_CLIENT_ID), or name yourself in orgcal:application.owners",
        )
    settings = stack.settings
    whole = applications.whole(graph, application.application_object_id)
    owners = applications.owners_of(graph, application.application_object_id)
    entry = stack.platform().read_connector(settings.connector.key)
    adoption = plan_adoption(
        whole,
        tag=settings.tag,
        owners=owners,
        operator_id=operator.object_id,
        callback_url=(entry.callback_url or "") if entry else "",
        consent_url=settings.consent.public_url if settings.consent else "",
        published=_published(graph, settings),
    )
    _check_calendars(adoption, settings)
    catalog: dict[str, Any] = {}
    if entry is not None:
        catalog = {"name": entry.display_name, "description": entry.description, "published": entry.published}
    told = {name: value for name, value in catalog.items() if value is not None}
    patch = {**adoption.patch, "connector": {**adoption.patch.get("connector", {}), **told}}
    adoption = replace(adoption, patch={section: values for section, values in patch.items() if values})
    principal = applications.service_principal_of(graph, whole.client_id)
    return AdoptionPlan(
        whole,
        adoption,
        patched(stack.file.read_text(encoding="utf-8"), adoption.patch, where=str(stack.file)),
        operator.object_id,
        tuple(owners),
        str(principal["id"]) if principal else "",
        entry is not None,
    )


def plan_adoption(
    application: FoundApplication,
    *,
    tag: str,
    owners: list[str],
    operator_id: str,
    callback_url: str,
    consent_url: str,
    published: Mapping[str, AppRole] | None = None,
) -> Adoption:
    """How `application` becomes a stack's.

    Args:
        application: with every property that Graph tells.
        owners: object ids of its owners.
        operator_id: object id of the deploying principal, always an owner.
        callback_url: of the connector in its platform; empty if it has none yet.
        consent_url: `orgcal:consent.public_url`; empty without one.
        published: what the directory publishes, which decides; None where orgcal's own table must.
    """
    raw = application.raw
    uris = [str(uri) for uri in (raw.get("web") or {}).get("redirectUris") or []]
    scopes, foreign = _permissions(raw, published)
    section: dict[str, Any] = {
        "display_name": application.display_name,
        "notes": raw.get("notes") or "",
        "owners": sorted(owner for owner in owners if owner != operator_id),
        "tags": [item for item in application.tags if item != tag],
        "redirect_uris": sorted(uri for uri in uris if uri not in (callback_url, consent_url)),
    }
    links = _links(raw)
    if links:
        section["links"] = links
    changed = [f"redirect URI {uri}" for uri in (callback_url, consent_url) if uri and uri not in uris]
    if ALWAYS_ADDED not in scopes:
        changed.append(f"permission {ALWAYS_ADDED}")
    if raw.get("signInAudience") != MULTITENANT:
        changed.append(f"audience {raw.get('signInAudience')} becomes {MULTITENANT}")
    patch: dict[str, Mapping[str, Any]] = {"application": section}
    mirrored = [name for name in scopes if name != ALWAYS_ADDED] or scopes
    if mirrored:
        patch["connector"] = {"scopes": mirrored}
    return Adoption(patch, (*foreign, *_undeclared(raw)), tuple(changed))


def _published(graph: GraphClient, settings: Settings) -> dict[str, AppRole] | None:
    """What the directory publishes, where the settings ask it and the operator may."""
    asked = settings.entra.lookup == "directory"
    return unless_refused(lambda: read_published(graph), 403) if asked else None


def _check_calendars(adoption: Adoption, settings: Settings) -> None:
    scopes = adoption.patch.get("connector", {}).get("scopes", ())
    if scopes and calendar_problem(scopes, settings.connector.calendars):
        raise UsageError(
            f"the application declares {', '.join(scopes)}, none of which opens calendars",
            where="orgcal:connector.scopes",
            repair="let it declare Calendars.Read, or, where that is meant, pulumi config set "
            f"--stack {settings.stack} --path orgcal:connector.calendars none",
        )


def _permissions(raw: Mapping[str, Any], published: Mapping[str, AppRole] | None) -> tuple[list[str], list[str]]:
    """Names of Graph's application permissions, and in words whatever a connector cannot declare."""
    names: list[str] = []
    foreign: list[str] = []
    for access in raw.get("requiredResourceAccess") or []:
        ids = [str(item["id"]) for item in access.get("resourceAccess") or [] if item.get("type") == "Role"]
        delegated = len(access.get("resourceAccess") or []) - len(ids)
        if access.get("resourceAppId") != GRAPH_APP_ID:
            foreign.append(f"{len(ids) + delegated} permissions on the API {access.get('resourceAppId')}")
            continue
        known = names_of(ids, published)
        fitting = known & (APP_ROLE_IDS if published is None else published).keys()
        names += sorted(fitting)
        foreign += [f"application permission {name} of Microsoft Graph" for name in known - fitting]
        if delegated:
            foreign.append(f"{delegated} delegated permissions on Microsoft Graph")
    return names, foreign


def _links(raw: Mapping[str, Any]) -> dict[str, str]:
    info, web = raw.get("info") or {}, raw.get("web") or {}
    links = {
        "homepage": web.get("homePageUrl"),
        "privacy": info.get("privacyStatementUrl"),
        "terms": info.get("termsOfServiceUrl"),
        "support": info.get("supportUrl"),
        "marketing": info.get("marketingUrl"),
    }
    return {name: str(url) for name, url in links.items() if url}


def _undeclared(raw: Mapping[str, Any]) -> Iterator[str]:
    for path in _NOT_DECLARED:
        value: Any = raw
        for name in path:
            value = value.get(name) if isinstance(value, Mapping) else None
        filled = any(value.values()) if isinstance(value, Mapping) else bool(value)
        if filled:
            yield f"{'.'.join(path)}: {len(value)} entries" if isinstance(value, list) else ".".join(path)


def patched(text: str, patch: Mapping[str, Mapping[str, Any]], *, where: str) -> str:
    """A stack's file with the settings of `patch`; comments and everything else stay."""
    for section, values in patch.items():
        links = values.get("links")
        plain = {key: value for key, value in values.items() if key != "links"}
        text = edit(text, ["config", f"orgcal:{section}"], plain, [], where=where)
        if links:
            text = edit(text, ["config", f"orgcal:{section}", "links"], dict(links), [], where=where)
    return text


def carry_out(graph: GraphClient, plan: AdoptionPlan, stack: OpenStack, state: StackState) -> None:
    """Tags the application, makes the operator an owner, and imports what exists; no credential is touched.

    The stack's file must have been written before.
    """
    settings, object_id = stack.settings, plan.application.application_object_id
    if settings.tag not in plan.application.tags:
        graph.patch(f"/applications/{object_id}", {"tags": [*plan.application.tags, settings.tag]})
    if plan.operator_id not in plan.owners:
        _own(graph, f"/applications/{object_id}", plan.operator_id)
    if plan.service_principal_id:
        path = f"/servicePrincipals/{plan.service_principal_id}"
        if plan.operator_id not in [str(item["id"]) for item in graph.pages(f"{path}/owners")]:
            _own(graph, path, plan.operator_id)
    resources, names = _import_list(plan, settings, state.urns)
    # The engine imports with a provider that it knows only.
    stack.runner.up(preview_first=False, targets=[names["entra"]])
    stack.runner.import_existing(resources, names, protect=settings.protected)


def _import_list(
    plan: AdoptionPlan, settings: Settings, known_urns: Collection[str]
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Resources and names as `pulumi import --file` takes them, of what exists and is not in the state.

    An application that was deleted outside leaves its component and connector in the state, so among `known_urns`.
    """
    urn_prefix = f"urn:pulumi:{settings.stack}::{settings.project}::"
    component = f"{urn_prefix}{ENTRA_APPLICATION}::{RESOURCE_NAME}"
    # Names in this list must differ; the resources' own are all the same.
    names = {"entra": f"{urn_prefix}pulumi:providers:azuread::entra"}
    if component in known_urns:
        names["application"] = component
    logical = {"logicalName": RESOURCE_NAME}
    azuread = {"parent": "application", "provider": "entra", "version": AZUREAD_PLUGIN_VERSION, **logical}
    resources: list[dict[str, Any]] = []
    if component not in known_urns:
        resources.append({"type": ENTRA_APPLICATION, "name": "application", "component": True, **logical})
    path = f"/applications/{plan.application.application_object_id}"
    resources.append({"type": APPLICATION, "name": "registration", "id": path, **azuread})
    if plan.service_principal_id:
        path = f"/servicePrincipals/{plan.service_principal_id}"
        resources.append({"type": SERVICE_PRINCIPAL, "name": "principal", "id": path, **azuread})
    if plan.has_connector and f"{urn_prefix}{CONNECTOR}::{RESOURCE_NAME}" not in known_urns:
        key, platform = settings.connector.key, settings.platform()
        own_id = key if platform == {"kind": "local"} else f"{json.dumps(platform)}/{key}"  # as our plugin imports it
        resources.append({"type": CONNECTOR, "name": "connector", "id": own_id, "version": __version__, **logical})
    return resources, names


def _own(graph: GraphClient, path: str, principal_id: str) -> None:
    reference = graph.url_of(f"/directoryObjects/{principal_id}")
    graph.post(f"{path}/owners/$ref", {"@odata.id": reference})
