"""What a directory holds.

Three things that Entra keeps apart stay apart here: an application (one, in its home tenant), a service principal
(one in each tenant that knows the application) and app role assignments (what was granted there).
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from typing import Any

MICROSOFT_TENANT_ID = "f8cdef31-a31e-4b4a-93e4-5f571e91255a"
"""The tenant that owns Microsoft's own applications (`appOwnerOrganizationId` of Microsoft Graph)."""

_GUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")


def is_guid(text: object) -> bool:
    """Whether `text` is a GUID in its usual form."""
    return isinstance(text, str) and _GUID.fullmatch(text) is not None


def new_guid() -> str:
    """A new object id."""
    return str(uuid.uuid4())


@dataclass
class Tenant:
    """A tenant (organisation).

    Attributes:
        users: its users as the seed describes them; see `orgcal_emulator.calendars.models`.
        app_management_policy: what its default app management policy restricts.
        app_management_policies: id -> policy for single applications; `appliesTo` lists their object ids.
    """

    tenant_id: str
    display_name: str
    default_domain: str
    home: bool
    created_at: float
    users: dict[str, Any]
    app_management_policy: dict[str, Any] = field(default_factory=dict)
    app_management_policies: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass
class Application:
    """An application object.

    Attributes:
        client_id: `appId` on the wire.
        properties: what clients wrote and what the server added, as on the wire.
        owners: object ids.
        secret_hashes: key id -> salted hash of the password; the password itself is never kept.
        federated: federated identity credentials, as on the wire.
        logo: base64 of the image.
    """

    tenant_id: str
    object_id: str
    client_id: str
    properties: dict[str, Any]
    owners: list[str]
    secret_hashes: dict[str, str] = field(default_factory=dict)
    federated: list[dict[str, Any]] = field(default_factory=list)
    logo: str = ""
    deleted_at: float | None = None


@dataclass
class ServicePrincipal:
    """A service principal: an application as one tenant knows it."""

    tenant_id: str
    object_id: str
    client_id: str
    properties: dict[str, Any]
    owners: list[str]
    secret_hashes: dict[str, str] = field(default_factory=dict)
    deleted_at: float | None = None


@dataclass
class DelegatedGrant:
    """Delegated permissions that a client has on a resource, for everybody or for one user.

    Attributes:
        client_id: object id of the client's service principal.
        principal_id: the user; None for everybody.
        resource_id: object id of the resource's service principal.
        scope: names by spaces.
    """

    tenant_id: str
    grant_id: str
    client_id: str
    consent_type: str
    principal_id: str | None
    resource_id: str
    scope: str


@dataclass
class AppRoleAssignment:
    """One permission, granted to a principal in a tenant."""

    tenant_id: str
    assignment_id: str
    app_role_id: str
    principal_id: str
    resource_id: str
    created_at: float
