"""What the operator may do in the home tenant, read from the operator's own token.

Microsoft calls tokens opaque, so nothing is decided by this that Graph would not decide again.
Sources: https://learn.microsoft.com/en-us/entra/identity-platform/access-token-claims-reference and
https://learn.microsoft.com/en-us/entra/identity/role-based-access-control/permissions-reference
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orgcal.entra.auth import claims_of
from orgcal.entra.role_relation import included_in

_MANAGES_ALL = {
    "62e90394-69f5-4237-9190-012177145e10": "Global Administrator",
    "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3": "Application Administrator",
    "158c047a-c907-4556-b7ef-446551a6b5f7": "Cloud Application Administrator",
}
_MANAGES_OWN = {"cf1c38e5-3621-4004-a7cb-879624dced7c": "Application Developer"}


@dataclass(frozen=True, slots=True)
class Right:
    """Something that the operator must be able to do.

    Attributes:
        purpose: what it is for, as the end of "this is needed to ...".
        any_of: Graph permissions of which one suffices, or one that includes it; the least privileged first.
        roles: directory roles (template id -> name) that have it; of a person, or of a service principal.
        least_role: the least privileged directory role that has it.
    """

    purpose: str
    any_of: tuple[str, ...]
    roles: Mapping[str, str]
    least_role: str


MANAGE = Right(
    "create the application and manage what the operator owns",
    ("Application.ReadWrite.OwnedBy",),
    {**_MANAGES_ALL, **_MANAGES_OWN},
    "Application Developer",
)
LOOK_UP = Right(
    "look up the permissions of Microsoft Graph, and applications by name",
    ("Application.Read.All", "Directory.Read.All"),
    {**_MANAGES_ALL, **_MANAGES_OWN, "88d8e3e3-8f55-4a1e-953a-9b9898b8876b": "Directory Readers"},
    "Directory Readers",
)
GRANT = Right(
    "grant Microsoft Graph's application permissions in the home tenant",
    ("AppRoleAssignment.ReadWrite.All",),
    {
        "62e90394-69f5-4237-9190-012177145e10": "Global Administrator",
        "e8611ab8-c189-46e8-94e1-60213ab1f814": "Privileged Role Administrator",
    },
    "Privileged Role Administrator",
)


@dataclass(frozen=True, slots=True)
class Operator:
    """Who the operator's token says it is.

    Attributes:
        person: a signed-in person; else a service principal.
        permissions: of the token: application permissions, or of a person the delegated ones.
        role_ids: template ids of directory roles.
    """

    object_id: str
    person: bool
    permissions: frozenset[str]
    role_ids: frozenset[str]

    def has(self, right: Right) -> bool:
        """Whether this suffices; a person acts with the less of permission and role, and roles tell more."""
        by_role = bool(self.role_ids & right.roles.keys())
        return by_role or (not self.person and not included_in(self.permissions).isdisjoint(right.any_of))


def read_operator(token: str) -> Operator | None:
    """Whoever `token` was issued to; None if it cannot be read."""
    claims = claims_of(token)
    if claims is None:
        return None
    scopes = str(claims.get("scp") or "").split()
    try:
        return Operator(
            object_id=str(claims.get("oid") or ""),
            person=bool(scopes),
            permissions=frozenset(map(str, scopes or claims.get("roles") or ())),
            role_ids=frozenset(map(str, claims.get("wids") or ())),
        )
    except TypeError:  # a claim of another kind than Microsoft documents
        return None
