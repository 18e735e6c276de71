"""Finds and removes what a stack has made and is not in its state: what a killed run leaves behind.

Found by the stack's tag on applications, and by its names on credentials. Somebody else's are never touched, nor is an
application that the connector uses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from orgcal.entra.graph import GraphClient
from orgcal.entra.home import applications
from orgcal.entra.home.applications import FoundApplication
from orgcal.platforms import Platform
from orgcal.stack.state import StackState

Tell = Callable[[str], object]
Kind = Literal["application", "service principal", "secret", "certificate", "federated credential"]


@dataclass(frozen=True, slots=True)
class Orphan:
    """Something that is in no state.

    Attributes:
        object_id: of the application or service principal; key id of a secret or certificate; id of a federated
            credential.
        application_object_id: the application that it is, or belongs to.
        kept: why it must not be removed; empty where it may.
    """

    kind: Kind
    name: str
    object_id: str
    application_object_id: str
    kept: str = ""

    def as_json(self) -> dict[str, str]:
        """As a JSON object."""
        return {"kind": self.kind, "name": self.name, "object_id": self.object_id, "kept": self.kept}


def connector_client_id(platform: Platform, key: str) -> str:
    """Client id that a connector uses now; empty if it has none or the platform does not tell.

    Raises as the platform does: then nobody knows what is in use.
    """
    stored = platform.read_credentials(key)
    return (stored.client_id or "") if stored is not None else ""


def find_orphans(graph: GraphClient, tag: str, state: StackState, used_client_id: str) -> list[Orphan]:
    """Everything of the stack that is not in its state.

    Args:
        graph: as the operator, with the right to list applications.
        used_client_id: client id that the connector uses now; empty if none.
    """
    orphans: list[Orphan] = []
    for application in applications.tagged(graph, tag):
        object_id = application.application_object_id
        if object_id in state.application_ids:
            orphans += _parts(graph, application, tag, state)
            continue
        used = application.client_id == used_client_id
        name = f"{application.display_name} ({application.client_id}), made {application.created_at}"
        kept = "the connector uses it; take it into the state: orgcal adopt" if used else ""
        orphans.append(Orphan("application", name, object_id, object_id, kept))
    return orphans


def remove_orphan(graph: GraphClient, orphan: Orphan) -> None:
    """Remove it; an application goes to the recycle bin for 30 days. Raises as `GraphClient.delete` does."""
    path = f"/applications/{orphan.application_object_id}"
    match orphan.kind:
        case "application":
            graph.delete(path)
        case "service principal":
            graph.delete(f"/servicePrincipals/{orphan.object_id}")
        case "secret":
            graph.post(f"{path}/removePassword", {"keyId": orphan.object_id})
        case "federated credential":
            graph.delete(f"{path}/federatedIdentityCredentials/{orphan.object_id}")
        case "certificate":
            keys = graph.get(path, {"$select": "keyCredentials"}).get("keyCredentials") or []
            graph.patch(path, {"keyCredentials": [item for item in keys if item.get("keyId") != orphan.object_id]})


def remove_leftovers(graph: GraphClient, orphans: Sequence[Orphan], tell: Tell) -> None:
    """Remove credentials, and tell of each; raises as `remove_orphan` does."""
    for orphan in orphans:
        remove_orphan(graph, orphan)
        tell(f"removed a left-over {orphan.kind}: {orphan.name} ({orphan.object_id})")


def credentials_of(graph: GraphClient, application: FoundApplication, tag: str) -> Iterator[Orphan]:
    """Every credential of an application that the stack with this tag has made, in its state or not."""
    object_id = application.application_object_id
    path = f"/applications/{object_id}/federatedIdentityCredentials"
    listed: list[tuple[Kind, str, dict[str, Any]]] = [
        *(("secret", "keyId", item) for item in application.raw.get("passwordCredentials") or []),
        *(("certificate", "keyId", item) for item in application.raw.get("keyCredentials") or []),
        *(("federated credential", "id", item) for item in graph.pages(path)),
    ]
    for kind, id_name, item in listed:
        name = str(item.get("description" if id_name == "id" else "displayName") or "")
        if _is_ours(name, tag):
            yield Orphan(kind, name, str(item.get(id_name) or ""), object_id)


def _parts(graph: GraphClient, application: FoundApplication, tag: str, state: StackState) -> Iterator[Orphan]:
    """Credentials of ours, and the service principal, of an application in the state, that are not in it."""
    yield from (item for item in credentials_of(graph, application, tag) if item.object_id not in state.credential_ids)
    principal = applications.service_principal_of(graph, application.client_id)
    if principal is not None and str(principal["id"]) not in state.principal_ids:
        name, principal_id = str(principal.get("displayName") or ""), str(principal["id"])
        yield Orphan("service principal", name, principal_id, application.application_object_id)


def _is_ours(name: str, tag: str) -> bool:
    """Whether a credential's name is one that the stack with this tag gives."""
    plain = name.removeprefix("CN=")
    match = re.search(r" generation ([0-9]+)$", plain)
    if match is None:
        return False
    number = int(match[1])
    return plain in (applications.credential_name(tag, number), applications.certificate_subject(tag, number))
