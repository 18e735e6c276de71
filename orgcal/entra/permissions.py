"""From a connector's scopes to the application permissions of Microsoft Graph.

    roles = application_permissions(["Calendars.Read"])     # adds Directory.Read.All
    permission_hash(roles)                                  # what an organisation consents to, as one value

Nobody lists GUIDs: the roles that the directory's own service principal of Microsoft Graph publishes decide where they
can be read, and orgcal's own table elsewhere; where both have a name, they must agree.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from orgcal.entra.pinned_roles import APP_ROLE_IDS, DELEGATED_ONLY
from orgcal.entra.role_relation import canonical, including
from orgcal.errors import ConfigError

GRAPH_APP_ID = "00000003-0000-0000-c000-000000000000"
"""Application id of Microsoft Graph, the same in every tenant and cloud."""

ALWAYS_ADDED = "Directory.Read.All"
"""The guide's step 7: without it an organisation's users cannot be listed."""

READS_USERS = including("User.Read.All")
"""Any of these opens `GET /users`. Source: https://learn.microsoft.com/en-us/graph/api/user-list"""

READS_CALENDARS = including("Calendars.ReadBasic.All")
"""Any of these opens `GET /users/{id}/calendars`. Source: https://learn.microsoft.com/en-us/graph/api/user-list-calendars"""

READS_EVENTS = including("Calendars.Read")
"""Any of these opens an event with its body. Source: https://learn.microsoft.com/en-us/graph/api/event-get"""

USE_DIRECTORY = (
    "if Microsoft publishes it, your directory's own list has it: set orgcal:entra.lookup to directory, and orgcal "
    "preflight tells"
)
"""What to do about a name that orgcal's own table lacks."""

CalendarsFrom = Literal["consented", "exchange", "none"]
"""Where a connector's access to calendars comes from; see `orgcal:connector.calendars`."""


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
        published: what a directory publishes (`published_roles`), which decides; None where it cannot be read.

    Raises:
        ConfigError: there is none of that name; the sentence names the nearest, or says that it is for signed-in users.
    """
    return _found([name], published)[0]


def application_permissions(
    scopes: Iterable[str], published: Mapping[str, AppRole] | None = None, *, otherwise: str = USE_DIRECTORY
) -> tuple[AppRole, ...]:
    """What the application must declare for a connector with these scopes, sorted by name, without duplicates.

    Args:
        scopes: the connector's scopes; `Directory.Read.All` is added to them.
        published: what a directory publishes (`published_roles`), which decides; None where orgcal's own table must.
        otherwise: what to do about a name that orgcal's own table lacks.

    Raises:
        ConfigError: one or more scopes are no application permissions; all of them are named.
    """
    always = (published or {}).get(ALWAYS_ADDED) or AppRole(ALWAYS_ADDED, APP_ROLE_IDS[ALWAYS_ADDED])
    return tuple(sorted({*_found(scopes, published, otherwise), always}))


def nearest_permission(name: str, published: Mapping[str, AppRole] | None = None) -> str:
    """The application permission that somebody who wrote `name` most likely means; empty where none is like it.

    Args:
        published: as of `lookup`.
    """
    plain = canonical(name)
    if plain in DELEGATED_ONLY:
        return DELEGATED_ONLY[plain]
    return next(iter(_near(plain, APP_ROLE_IDS if published is None else published)), "")


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


def _found(
    names: Iterable[str], published: Mapping[str, AppRole] | None, otherwise: str = USE_DIRECTORY
) -> list[AppRole]:
    if published is None:
        roles = {name: AppRole(name, role_id) for name, role_id in APP_ROLE_IDS.items()}
        nowhere = f"not in orgcal's own table of Microsoft Graph's application permissions{{hint}}; {otherwise}"
    else:
        roles, nowhere = dict(published), _NOT_PUBLISHED
    found = [roles.get(canonical(name)) or _why_not(name, roles, nowhere) for name in names]
    problems = [item for item in found if isinstance(item, str)]
    if problems:
        raise ConfigError(problems, where="orgcal:connector.scopes")
    return [item for item in found if isinstance(item, AppRole)]


def _near(name: str, roles: Iterable[str]) -> list[str]:
    """The names that differ in case only, or else up to three that are like it, the likest first."""
    names = list(roles)
    exact = [other for other in names if other.lower() == name.lower()]
    return exact or difflib.get_close_matches(name, names, n=3, cutoff=0.6)


_NOT_PUBLISHED = "the directory's own list of Microsoft Graph's application permissions does not have it{hint}"


def _why_not(name: str, roles: Mapping[str, AppRole], nowhere: str) -> str:
    """The sentence that says why no permission is called `name`."""
    plain = canonical(name)
    if plain in DELEGATED_ONLY:
        repair = f"set {DELEGATED_ONLY[plain]}" if DELEGATED_ONLY[plain] else "remove it"
        return f"{name}: this permission exists for signed-in users only, and the connector acts without one; {repair}"
    near = _near(plain, roles)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    return f"{name}: {nowhere.format(hint=hint)}"
