"""Types of the properties of an app management policy, in v1.0 and in beta.

Sources: https://learn.microsoft.com/en-us/graph/api/resources/appmanagementapplicationconfiguration and
https://learn.microsoft.com/en-us/graph/api/resources/audiencesconfiguration (beta only).
"""

from __future__ import annotations

from typing import Any

from orgcal_emulator.directory.policies import duration_s
from orgcal_emulator.directory.schema import Kind, ListOf, Moment, Nested, Text
from orgcal_emulator.graph.errors import invalid_value

_STATE: dict[str, Kind] = {
    "restrictForAppsCreatedAfterDateTime": Moment(),
    "state": Text(choices=("enabled", "disabled"), required=True),
}
_DEFAULTS: dict[str, Any] = {"restrictForAppsCreatedAfterDateTime": None, "state": "enabled"}


def _restrictions(*types: str) -> ListOf:
    kind = Text(choices=types, required=True)
    fields: dict[str, Kind] = {"restrictionType": kind, "maxLifetime": Text(40), **_STATE}
    return ListOf(Nested(fields, {"maxLifetime": None, **_DEFAULTS}, ("restrictionType",)))


CREDENTIALS: dict[str, Kind] = {
    "passwordCredentials": _restrictions("passwordAddition", "passwordLifetime"),
    "keyCredentials": _restrictions("asymmetricKeyLifetime"),
}
_AUDIENCE = Nested(_STATE, _DEFAULTS, nullable=True)
AUDIENCES = Nested(
    {"azureAdMultipleOrgs": _AUDIENCE, "personalMicrosoftAccount": _AUDIENCE},
    {"azureAdMultipleOrgs": None, "personalMicrosoftAccount": None},
    nullable=True,
)
"""Which applications may be made for others than the own organisation; beta shows and takes it, v1.0 neither."""


def check_lifetimes(restrictions: dict[str, Any], resource: str) -> None:
    """Refuse a lifetime that is missing, of no length, or where none belongs.

    Args:
        restrictions: checked values of `CREDENTIALS`.
        resource: for the message.

    Raises:
        GraphFailure: 400.
    """
    for each in [*(restrictions.get("passwordCredentials") or []), *(restrictions.get("keyCredentials") or [])]:
        lifetime = each["maxLifetime"]
        if each["restrictionType"].endswith("Lifetime"):
            try:
                duration_s(lifetime or "")
            except ValueError:
                raise invalid_value("maxLifetime", resource) from None
        elif lifetime is not None:
            raise invalid_value("maxLifetime", resource)
