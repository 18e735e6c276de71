"""From a connector's scopes to the application permissions of Microsoft Graph.

    roles = application_permissions(["Calendars.Read"])     # adds Directory.Read.All
    permission_hash(roles)                                  # what an organisation consents to, as one value

Nobody lists GUIDs: names resolve through the pinned table, or through the roles that the directory's own Graph
service principal publishes; where both can be read they must agree.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from orgcal.entra.pinned_roles import ALIASES, APP_ROLE_IDS, DELEGATED_ONLY
from orgcal.errors import ConfigError

GRAPH_APP_ID = "00000003-0000-0000-c000-000000000000"
"""Application id of Microsoft Graph, the same in every tenant and cloud."""

ALWAYS_ADDED = "Directory.Read.All"
"""The guide's step 7: without it an organisation's users cannot be listed."""

READS_USERS = frozenset({"User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"})
"""Any of these opens `GET /users`. Source: https://learn.microsoft.com/en-us/graph/api/user-list"""

READS_CALENDARS = frozenset({"Calendars.ReadBasic.All", "Calendars.ReadBasic", "Calendars.Read", "Calendars.ReadWrite"})
"""Any of these opens `GET /users/{id}/calendars`. Source: https://learn.microsoft.com/en-us/graph/api/user-list-calendars"""

READS_EVENTS = frozenset({"Calendars.Read", "Calendars.ReadWrite"})
"""Any of these opens an event with its body. Source: https://learn.microsoft.com/en-us/graph/api/event-get"""

_SCOPE_PREFIX = "https://graph.microsoft.com/"


@dataclass(frozen=True, slots=True, order=True)
class AppRole:
    """An application permission of Microsoft Graph.

    Attributes:
        name: as in a token's `roles`, such as `Calendars.Read`.
        role_id: the GUID that `requiredResourceAccess` and app role assignments name it by.
    """

    name: str
    role_id: str


def lookup(name: str, published: Mapping[str, AppRole] | None = None) -> AppRole:
    """The application permission called `name`.

    Args:
        name: a permission's name, also with the prefix `https://graph.microsoft.com/`.
        published: what a directory publishes (`published_roles`); asked before the pinned table.

    Raises:
        ConfigError: there is none of that name; the sentence names the nearest, or says that it is for signed-in users.
    """
    return _found([name], published)[0]


def application_permissions(
    scopes: Iterable[str], published: Mapping[str, AppRole] | None = None
) -> tuple[AppRole, ...]:
    """What the application must declare for a connector with these scopes, sorted by name, without duplicates.

    Args:
        scopes: the connector's scopes; `Directory.Read.All` is added to them.
        published: what a directory publishes (`published_roles`); without it the pinned table alone decides.

    Raises:
        ConfigError: one or more scopes are no application permissions; all of them are named.
    """
    return tuple(sorted({*_found([*scopes, ALWAYS_ADDED], published)}))


def permission_hash(roles: Iterable[AppRole]) -> str:
    """One value for a set of permissions, whatever their order: SHA-256 over the sorted role ids, in hex."""
    return hashlib.sha256("\n".join(sorted({role.role_id.lower() for role in roles})).encode()).hexdigest()


def published_roles(app_roles: Iterable[Mapping[str, Any]]) -> dict[str, AppRole]:
    """The application permissions that a directory's Microsoft Graph service principal offers, by name.

    Args:
        app_roles: its `appRoles`: objects with `id`, `value`, `allowedMemberTypes`, `isEnabled`.

    Raises:
        ConfigError: a name has another id here than in the pinned table; one of the two lists must not be trusted.
    """
    roles: dict[str, AppRole] = {}
    for entry in app_roles:
        name, role_id = str(entry.get("value") or ""), str(entry.get("id") or "").lower()
        usable = entry.get("isEnabled", True) and "Application" in (entry.get("allowedMemberTypes") or [])
        if name and role_id and usable:
            roles[name] = AppRole(name, role_id)
    problems = [
        f"{name}: the directory says {roles[name].role_id}, the pinned table {pinned}; trust neither until you know why"
        for name, pinned in APP_ROLE_IDS.items()
        if name in roles and roles[name].role_id != pinned
    ]
    if problems:
        raise ConfigError(problems, where=f"app roles of Microsoft Graph ({GRAPH_APP_ID})")
    return roles


def names_of(role_ids: Iterable[str], published: Mapping[str, AppRole] | None = None) -> frozenset[str]:
    """Names of the permissions with these ids; an id that nobody knows stays an id, so that it shows in reports."""
    by_id = {role_id: name for name, role_id in APP_ROLE_IDS.items()}
    by_id |= {role.role_id: role.name for role in (published or {}).values()}
    return frozenset(by_id.get(role_id.lower(), role_id) for role_id in role_ids)


def _found(names: Iterable[str], published: Mapping[str, AppRole] | None) -> list[AppRole]:
    found = [_find(name, published or {}) for name in names]
    problems = [item for item in found if isinstance(item, str)]
    if problems:
        raise ConfigError(problems, where="orgcal:connector.scopes")
    return [item for item in found if isinstance(item, AppRole)]


def _find(name: str, published: Mapping[str, AppRole]) -> AppRole | str:
    """The role, or the sentence that says why there is none."""
    plain = name.strip().removeprefix(_SCOPE_PREFIX)
    plain = ALIASES.get(plain, plain)
    if plain in published:
        return published[plain]
    if plain in APP_ROLE_IDS:
        return AppRole(plain, APP_ROLE_IDS[plain])
    if plain in DELEGATED_ONLY:
        repair = f"set {DELEGATED_ONLY[plain]}" if DELEGATED_ONLY[plain] else "remove it"
        return f"{name}: this permission exists for signed-in users only, and the connector acts without one; {repair}"
    known = sorted({*APP_ROLE_IDS, *published})
    exact = [other for other in known if other.lower() == plain.lower()]
    near = exact or difflib.get_close_matches(plain, known, n=3, cutoff=0.6)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(known[:6])} and others"
    return f"{name}: Microsoft Graph has no application permission of this name; {hint}"
