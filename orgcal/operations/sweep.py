"""Objects that a stack has made and that are not in its state: what a killed run leaves behind.

Found by the stack's tag on applications, and by its names on credentials. Somebody else's are never touched, nor is an
application that the connector uses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from orgcal.entra.graph import GraphClient
from orgcal.entra.home import applications
from orgcal.entra.home.applications import FoundApplication
from orgcal.platforms import Platform
from orgcal.stack.state import StackState

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
        return {"kind": self.kind, "name": self.name, "id": self.object_id, "kept": self.kept}


def connector_client_id(platform: Platform, key: str) -> str:
    """Client id that a connector uses now; empty if it has none or the platform does not tell.

    Args:
        platform: of the connector.
        key: the connector's key.

    Raises:
        PlatformError: the platform refused.
        Unreachable: it gave no answer; then nobody knows what is in use.
    """
    stored = platform.read_credentials(key)
    return (stored.client_id or "") if stored is not None else ""


def find_orphans(graph: GraphClient, tag: str, state: StackState, used_client_id: str) -> list[Orphan]:
    """Everything of the stack that is not in its state.

    Args:
        graph: as the operator, with the right to list applications.
        tag: of the stack.
        state: of the stack.
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


def credentials_of(graph: GraphClient, application: FoundApplication, tag: str) -> Iterator[Orphan]:
    """Every credential of an application that the stack with this tag has made, in its state or not."""
    object_id = application.application_object_id
    path = f"/applications/{object_id}/federatedIdentityCredentials"
    listed: list[tuple[Kind, str, dict[str, Any]]] = [
        *(("secret", "keyId", item) for item in application.raw.get("passwordCredentials") or []),
        *(("certificate", "keyId", item) for item in application.raw.get("keyCredentials") or []),
        *(
            ("federated credential", "id", {**item, "displayName": item.get("description")})
            for item in graph.pages(path)
        ),
    ]
    for kind, id_name, item in listed:
        name, key_id = str(item.get("displayName") or ""), str(item.get(id_name) or "")
        if _is_ours(name, tag):
            yield Orphan(kind, name, key_id, object_id)


def _parts(graph: GraphClient, application: FoundApplication, tag: str, state: StackState) -> Iterator[Orphan]:
    """Credentials of ours, and the service principal, of an application in the state, that are not in it."""
    yield from (item for item in credentials_of(graph, application, tag) if item.object_id not in state.credential_ids)
    principal = applications.service_principal_of(graph, application.client_id)
    if principal is not None and str(principal["id"]) not in state.principal_ids:
        yield Orphan(
            "service principal",
            str(principal.get("displayName") or ""),
            str(principal["id"]),
            application.application_object_id,
        )


def _is_ours(name: str, tag: str) -> bool:
    """Whether a credential's name is one that the stack with this tag gives."""
    plain = name.removeprefix("CN=")
    match = re.search(r" generation (\d+)$", plain)
    if match is None:
        return False
    number = int(match[1])
    return plain in (applications.credential_name(tag, number), applications.certificate_subject(tag, number))
