"""What taking over an existing application means: settings that mirror it, and what our program would still change.

Nothing here writes. Credentials of the application are never among what is removed: the program manages only those that
it has made itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from orgcal import __version__
from orgcal.engine.versions import AZUREAD_PLUGIN_VERSION
from orgcal.entra.home.applications import FoundApplication
from orgcal.entra.permissions import ALWAYS_ADDED, GRAPH_APP_ID, names_of
from orgcal.entra.pinned_roles import APP_ROLE_IDS

_COMPONENT = "orgcal:index:EntraApplication"
_CONNECTOR = "orgcal:index:Connector"
_APPLICATION = "azuread:index/application:Application"
_PRINCIPAL = "azuread:index/servicePrincipal:ServicePrincipal"
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


def plan_adoption(
    application: FoundApplication,
    *,
    tag: str,
    owners: list[str],
    operator_id: str,
    callback_url: str,
    consent_url: str,
) -> Adoption:
    """How `application` becomes a stack's.

    Args:
        application: as `orgcal.entra.home.applications` finds it, with every property that Graph tells.
        tag: of the stack.
        owners: object ids of its owners.
        operator_id: object id of the deploying principal, always an owner.
        callback_url: of the connector in its platform; empty if it has none yet.
        consent_url: `orgcal:consent.public_url`; empty without one.
    """
    raw = application.raw
    uris = [str(uri) for uri in (raw.get("web") or {}).get("redirectUris") or []]
    scopes, foreign = _permissions(raw)
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


def _permissions(raw: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Names of Graph's application permissions, and in words whatever a connector cannot declare."""
    names: list[str] = []
    foreign: list[str] = []
    for access in raw.get("requiredResourceAccess") or []:
        ids = [str(item["id"]) for item in access.get("resourceAccess") or [] if item.get("type") == "Role"]
        delegated = len(access.get("resourceAccess") or []) - len(ids)
        if access.get("resourceAppId") != GRAPH_APP_ID:
            foreign.append(f"{len(ids) + delegated} permissions on the API {access.get('resourceAppId')}")
            continue
        known = names_of(ids)
        names += sorted(name for name in known if name in APP_ROLE_IDS)
        foreign += [f"application permission {name} of Microsoft Graph" for name in known if name not in APP_ROLE_IDS]
        if delegated:
            foreign.append(f"{delegated} delegated permissions on Microsoft Graph")
    return names, foreign


def _links(raw: Mapping[str, Any]) -> dict[str, str]:
    info, web = raw.get("info") or {}, raw.get("web") or {}
    found = {
        "homepage": web.get("homePageUrl"),
        "privacy": info.get("privacyStatementUrl"),
        "terms": info.get("termsOfServiceUrl"),
        "support": info.get("supportUrl"),
        "marketing": info.get("marketingUrl"),
    }
    return {name: str(url) for name, url in found.items() if url}


def _undeclared(raw: Mapping[str, Any]) -> Iterator[str]:
    for path in _NOT_DECLARED:
        value: Any = raw
        for name in path:
            value = value.get(name) if isinstance(value, Mapping) else None
        filled = any(value.values()) if isinstance(value, Mapping) else bool(value)
        if filled:
            yield f"{'.'.join(path)}: {len(value)} entries" if isinstance(value, list) else ".".join(path)


def import_file(
    *,
    name: str,
    urn_prefix: str,
    application_object_id: str,
    service_principal_id: str,
    connector_id: str,
    held: Collection[str],
) -> dict[str, Any]:
    """What `pulumi import --file` takes, for the resources that exist and that the state does not hold.

    Args:
        name: of the resources in the program.
        urn_prefix: of the stack's resources, `urn:pulumi:STACK::PROJECT::`.
        application_object_id: object id of the application.
        service_principal_id: object id of its service principal in the home tenant; empty if it has none.
        connector_id: id of the connector's resource; empty if the platform has no entry.
        held: URNs in the state; an application that was deleted outside leaves its component and connector there.
    """
    component = f"{urn_prefix}{_COMPONENT}::{name}"
    # Names in this file must differ; the resources' own are all the same.
    known = {"entra": provider_urn(urn_prefix)} | ({"application": component} if component in held else {})
    azuread = {"parent": "application", "provider": "entra", "version": AZUREAD_PLUGIN_VERSION, "logicalName": name}
    principal = f"/servicePrincipals/{service_principal_id}" if service_principal_id else ""
    resources: list[dict[str, Any]] = [
        {"type": _APPLICATION, "name": "registration", "id": f"/applications/{application_object_id}", **azuread},
        {"type": _PRINCIPAL, "name": "principal", "id": principal, **azuread},
    ]
    if component not in held:
        resources.insert(0, {"type": _COMPONENT, "name": "application", "logicalName": name, "component": True})
    if f"{urn_prefix}{_CONNECTOR}::{name}" not in held:
        entry = {"name": "connector", "logicalName": name, "id": connector_id, "version": __version__}
        resources.append({"type": _CONNECTOR, **entry})
    return {"nameTable": known, "resources": [item for item in resources if item.get("component") or item["id"]]}


def provider_urn(urn_prefix: str) -> str:
    """URN of the program's azuread provider."""
    return f"{urn_prefix}pulumi:providers:azuread::entra"
