"""The border to Microsoft Graph's objects: what arrives has the types that are documented, or is no answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orgcal.errors import Unreachable

Shape = Any
"""A type, a list with the shape of its items, or a mapping from names to shapes; null and missing parts always fit."""

_ENTRIES = [{"keyId": str, "displayName": str, "endDateTime": str, "startDateTime": str}]
APPLICATION: Shape = {
    "id": str,
    "appId": str,
    "displayName": str,
    "createdDateTime": str,
    "signInAudience": str,
    "tags": [str],
    "web": {"redirectUris": [str]},
    "verifiedPublisher": {"displayName": str},
    "requiredResourceAccess": [{"resourceAppId": str, "resourceAccess": [{"id": str, "type": str}]}],
    "passwordCredentials": _ENTRIES,
    "keyCredentials": _ENTRIES,
}
PRINCIPAL: Shape = {
    "id": str,
    "appId": str,
    "displayName": str,
    "tags": [str],
    "appRoles": [{"id": str, "value": str, "isEnabled": bool, "allowedMemberTypes": [str]}],
}
OBJECT: Shape = {"id": str}
_RESTRICTION = {
    "restrictionType": str,
    "state": str,
    "maxLifetime": str,
    "restrictForAppsCreatedAfterDateTime": str,
}
_RESTRICTIONS = {
    "passwordCredentials": [_RESTRICTION],
    "keyCredentials": [_RESTRICTION],
    "audiences": {"azureAdMultipleOrgs": _RESTRICTION},
}
POLICY: Shape = {
    "displayName": str,
    "isEnabled": bool,
    "applicationRestrictions": _RESTRICTIONS,
    "restrictions": _RESTRICTIONS,
}


def fitting(item: Mapping[str, Any], shape: Shape, *, where: str) -> dict[str, Any]:
    """Return an object of Microsoft Graph whose parts fit.

    Args:
        item: as it arrived; where `shape` has an `id`, it must have one too.
        where: method and path.

    Raises:
        Unreachable: a part has another type, so this is not Graph's answer, or not one we know.
    """
    wrong = "id" if "id" in shape and not item.get("id") else _misfit(item, shape)
    if wrong:
        raise Unreachable(
            f"Microsoft Graph's answer has another form than documented, at {wrong}",
            where=where,
            repair="try again; if it stays, find out what stands between here and Microsoft Graph",
        )
    return dict(item)


def _misfit(value: Any, shape: Shape, name: str = "") -> str:
    """The name of the first part that does not fit; empty where all do."""
    if value is None:
        return ""
    if isinstance(shape, type):
        return "" if isinstance(value, shape) else name
    if isinstance(shape, list):
        if not isinstance(value, list) or None in value:
            return name
        parts = [(part, shape[0], name) for part in value]
    elif isinstance(value, Mapping):
        parts = [(value.get(key), inner, f"{name}.{key}" if name else key) for key, inner in shape.items()]
    else:
        return name
    return next(filter(None, (_misfit(*part) for part in parts)), "")
