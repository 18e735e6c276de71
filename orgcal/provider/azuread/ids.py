"""Resource ids as pulumi-azuread 6.11.1 writes and reads them.

Source: "Import" in the documentation of each type, and states of the real plugin.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from orgcal.entra.tenant_ids import GUID, is_guid
from orgcal.errors import UsageError

_EXAMPLE = "00000000-0000-0000-0000-000000000000"


def guid_rule(value: object) -> str | None:
    """What is wrong with `value` where a GUID is expected."""
    return None if isinstance(value, str) and is_guid(value) else f"must be a GUID such as {_EXAMPLE}"


def application_id_rule(value: object) -> str | None:
    """What is wrong with `value` where the `id` of an `Application` is expected."""
    if isinstance(value, str) and re.fullmatch(rf"/applications/{GUID}", value):
        return None
    return f"must be the id of an Application, such as /applications/{_EXAMPLE}"


def application_id(application_object_id: str) -> str:
    """The `id` of an `Application`."""
    return f"/applications/{application_object_id}"


def application_object_id(resource_id: str) -> str:
    """The object id in the `id` of an `Application`.

    Raises:
        UsageError: it is not one.
    """
    return _parsed(rf"/applications/({GUID})", resource_id, "Application", f"/applications/{_EXAMPLE}")[0]


def service_principal_id(object_id: str) -> str:
    """The `id` of a `ServicePrincipal`."""
    return f"/servicePrincipals/{object_id}"


def service_principal_object_id(resource_id: str) -> str:
    """The object id in the `id` of a `ServicePrincipal`.

    Raises:
        UsageError: it is not one.
    """
    example = f"/servicePrincipals/{_EXAMPLE}"
    return _parsed(rf"/servicePrincipals/({GUID})", resource_id, "ServicePrincipal", example)[0]


@dataclass(frozen=True, slots=True)
class CredentialId:
    """The `id` of a credential of an application.

    Attributes:
        kind: `password`, `certificate` or `federatedIdentityCredential`.
        key_id: the key id, or the id of the federated credential.
    """

    application_object_id: str
    kind: str
    key_id: str

    def __str__(self) -> str:
        return f"{self.application_object_id}/{self.kind}/{self.key_id}"

    @classmethod
    def parse(cls, resource_id: str, kind: str, type_name: str) -> CredentialId:
        """Read the `id` of a credential.

        Raises:
            UsageError: it is not one of `kind`.
        """
        parts = _parsed(
            rf"({GUID})/{kind}/({GUID})",
            resource_id,
            type_name,
            f"{_EXAMPLE}/{kind}/11111111-1111-1111-1111-111111111111",
        )
        return cls(parts[0], kind, parts[1])


@dataclass(frozen=True, slots=True)
class AssignmentId:
    """The `id` of an `AppRoleAssignment`: the resource's service principal, and the assignment in it."""

    resource_object_id: str
    assignment_id: str

    def __str__(self) -> str:
        return f"/servicePrincipals/{self.resource_object_id}/appRoleAssignedTo/{self.assignment_id}"

    @classmethod
    def parse(cls, resource_id: str) -> AssignmentId:
        """Read the `id` of an assignment.

        Raises:
            UsageError: it is not one.
        """
        parts = _parsed(
            rf"/servicePrincipals/({GUID})/appRoleAssignedTo/([\w-]+)",
            resource_id,
            "AppRoleAssignment",
            f"/servicePrincipals/{_EXAMPLE}/appRoleAssignedTo/aaBBcc",
        )
        return cls(parts[0], parts[1])


def _parsed(pattern: str, resource_id: str, type_name: str, example: str) -> tuple[str, ...]:
    match = re.fullmatch(pattern, resource_id)
    if match is None:
        raise UsageError(f"{resource_id!r} is not the id of an {type_name}", repair=f"write it as {example}")
    return match.groups()
