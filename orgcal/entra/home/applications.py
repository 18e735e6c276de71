"""Applications of the home tenant: by tag, by name, by client id, also those in the recycle bin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orgcal.entra.graph import GraphClient, unless_refused
from orgcal.entra.shapes import APPLICATION, OBJECT, PRINCIPAL, fitting
from orgcal.errors import UsageError

_SELECT = (
    "id,appId,displayName,notes,tags,signInAudience,createdDateTime,web,info,requiredResourceAccess,"
    "passwordCredentials,keyCredentials,verifiedPublisher"
)
_BIN = "/directory/deletedItems"
_DELETED = f"{_BIN}/microsoft.graph.application"
_COUNTED = {"ConsistencyLevel": "eventual"}
"""Filters over deleted items need it: https://learn.microsoft.com/en-us/graph/aad-advanced-queries"""


def credential_name(tag: str, generation: int) -> str:
    """Name of a credential that a stack has made; Graph shows it, while the secret is never shown again."""
    return f"{tag} generation {generation}"


def certificate_subject(tag: str, generation: int) -> str:
    """Common name of a certificate that a stack has made; Graph shows it too, and X.509 allows 64 characters."""
    return credential_name(tag, generation)[-64:]


@dataclass(frozen=True, slots=True)
class FoundApplication:
    """An application as Graph describes it.

    Attributes:
        deleted: whether it is in the recycle bin.
        raw: every property that was asked for.
    """

    application_object_id: str
    client_id: str
    display_name: str
    tags: tuple[str, ...]
    created_at: str
    deleted: bool = False
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def verified_publisher(self) -> str:
        """Name of the verified publisher; empty where there is none."""
        return str((self.raw.get("verifiedPublisher") or {}).get("displayName") or "")

    def credentials(self) -> list[dict[str, Any]]:
        """Secrets and certificates, as Graph lists them."""
        return [*(self.raw.get("passwordCredentials") or []), *(self.raw.get("keyCredentials") or [])]


def tagged(graph: GraphClient, tag: str) -> list[FoundApplication]:
    """Live applications with this tag; needs the right to list applications, and raises as `GraphClient.get` does."""
    return _listed(graph, f"tags/any(t:t eq {quoted(tag)})")


def named(graph: GraphClient, display_name: str) -> list[FoundApplication]:
    """Live applications of this name; raises as `tagged` does."""
    return _listed(graph, f"displayName eq {quoted(display_name)}")


def deleted_named(graph: GraphClient, display_name: str) -> list[FoundApplication]:
    """Applications of this name in the recycle bin, from which they can be restored for 30 days; raises as `tagged`."""
    return _deleted(graph, f"displayName eq {quoted(display_name)}")


def deleted_tagged(graph: GraphClient, tag: str) -> list[FoundApplication]:
    """Applications with this tag in the recycle bin; raises as `tagged`.

    The whole bin is listed, since Graph documents no filter over the tags of deleted items.
    """
    listed = graph.pages(_DELETED, {"$select": "id,appId,displayName,tags,createdDateTime", "$top": "999"})
    found = [_found(item, deleted=True) for item in listed]
    return [application for application in found if tag in application.tags]


def deleted_principals_of(graph: GraphClient, client_id: str) -> list[str]:
    """Object ids of an application's service principals in the recycle bin; raises as `tagged`."""
    params = {"$filter": f"appId eq {quoted(client_id)}", "$count": "true"}
    path = f"{_BIN}/microsoft.graph.servicePrincipal"
    return [fitting(item, OBJECT, where=f"GET {path}")["id"] for item in graph.pages(path, params, _COUNTED)]


def purge(graph: GraphClient, object_id: str) -> bool:
    """Remove an application or service principal from the recycle bin, for good; False where the bin lacks it.

    Needs `Application.ReadWrite.OwnedBy`: https://learn.microsoft.com/en-us/graph/api/directory-deleteditems-delete
    """

    def delete() -> bool:
        graph.delete(f"{_BIN}/{object_id}")
        return True

    return unless_refused(delete, 404) or False


def by_client_id(graph: GraphClient, client_id: str) -> FoundApplication:
    """The application with this client id, also from the recycle bin.

    Raises:
        UsageError: the tenant has none.
    """
    condition = f"appId eq {quoted(client_id)}"
    found = _listed(graph, condition) or _deleted(graph, condition)
    if found:
        return found[0]
    raise UsageError(
        "the home tenant has no application with this client id", where=client_id, repair="orgcal status, or the portal"
    )


def by_object_id(graph: GraphClient, application_object_id: str) -> FoundApplication | None:
    """The live application with this object id, or None where it is gone."""
    path = f"/applications/{application_object_id}"
    return unless_refused(lambda: _found(graph.get(path, {"$select": _SELECT})), 404)


def whole(graph: GraphClient, application_object_id: str) -> FoundApplication:
    """A live application with every property that Graph tells by itself; raises as `GraphClient.get` does."""
    return _found(graph.get(f"/applications/{application_object_id}"))


def restore(graph: GraphClient, application_object_id: str) -> None:
    """Bring an application back from the recycle bin, under its old ids; raises as `GraphClient.post` does."""
    graph.post(f"{_BIN}/{application_object_id}/restore")


def service_principal_of(graph: GraphClient, client_id: str) -> dict[str, Any] | None:
    """The service principal of an application in the home tenant, or None."""
    params = {"$filter": f"appId eq {quoted(client_id)}", "$select": "id,appId,displayName,tags"}
    found = next(iter(graph.pages("/servicePrincipals", params)), None)
    return None if found is None else fitting(found, PRINCIPAL, where="GET /servicePrincipals")


def owners_of(graph: GraphClient, application_object_id: str) -> list[str]:
    """Object ids of the application's owners."""
    path = f"/applications/{application_object_id}/owners"
    return [fitting(item, OBJECT, where=f"GET {path}")["id"] for item in graph.pages(path)]


def quoted(text: str) -> str:
    """`text` as a string in a `$filter`."""
    return "'" + text.replace("'", "''") + "'"


def _listed(graph: GraphClient, condition: str) -> list[FoundApplication]:
    return [_found(item) for item in graph.pages("/applications", {"$filter": condition, "$select": _SELECT})]


def _deleted(graph: GraphClient, condition: str) -> list[FoundApplication]:
    params = {"$filter": condition, "$count": "true"}
    return [_found(item, deleted=True) for item in graph.pages(_DELETED, params, _COUNTED)]


def _found(item: Mapping[str, Any], *, deleted: bool = False) -> FoundApplication:
    item = fitting(item, APPLICATION, where="GET /applications")
    return FoundApplication(
        application_object_id=str(item["id"]),
        client_id=str(item.get("appId") or ""),
        display_name=str(item.get("displayName") or ""),
        tags=tuple(map(str, item.get("tags") or ())),
        created_at=str(item.get("createdDateTime") or ""),
        deleted=deleted,
        raw=item,
    )
