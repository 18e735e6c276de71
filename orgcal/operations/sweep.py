"""Objects that a stack has made and no state of it holds: what a killed run leaves behind.

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
from orgcal.stack.held import Held

Kind = Literal["application", "service principal", "secret", "certificate", "federated credential"]


@dataclass(frozen=True, slots=True)
class Orphan:
    """Something that no state holds.

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


def find_orphans(graph: GraphClient, tag: str, held: Held, connector_client_id: str) -> list[Orphan]:
    """Everything of the stack that its state does not hold.

    Args:
        graph: as the operator, with the right to list applications.
        tag: of the stack.
        held: what its state holds.
        connector_client_id: client id that the connector uses now; empty if none.
    """
    found: list[Orphan] = []
    for application in applications.tagged(graph, tag):
        if application.application_object_id in held.applications:
            found += _parts(graph, application, tag, held)
            continue
        used = application.client_id == connector_client_id
        said = f"{application.display_name} ({application.client_id}), made {application.created_at}"
        kept = "the connector uses it; take it into the state: orgcal adopt" if used else ""
        found.append(
            Orphan("application", said, application.application_object_id, application.application_object_id, kept)
        )
    return found


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
            held = graph.get(path, {"$select": "keyCredentials"}).get("keyCredentials") or []
            graph.patch(path, {"keyCredentials": [item for item in held if item.get("keyId") != orphan.object_id]})


def credentials_of(graph: GraphClient, application: FoundApplication, tag: str) -> Iterator[Orphan]:
    """Every credential of an application that the stack with this tag has made, held or not."""
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
        name, found_id = str(item.get("displayName") or ""), str(item.get(id_name) or "")
        if _is_ours(name, tag):
            yield Orphan(kind, name, found_id, object_id)


def _parts(graph: GraphClient, application: FoundApplication, tag: str, held: Held) -> Iterator[Orphan]:
    """Credentials of ours, and the service principal, of an application that the state holds."""
    yield from (item for item in credentials_of(graph, application, tag) if item.object_id not in held.keys)
    principal = applications.service_principal_of(graph, application.client_id)
    if principal is not None and str(principal["id"]) not in held.principals:
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
