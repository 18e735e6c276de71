"""The tenant's app management policy: which credentials an application may carry, and for how long.

Source: https://learn.microsoft.com/en-us/graph/api/resources/tenantappmanagementpolicy
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from orgcal.errors import GraphError
from orgcal.msgraph.graph import GraphClient

POLICY_PATH = "/policies/defaultAppManagementPolicy"

_DURATION = re.compile(
    r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?"
)
_SHORTEST_MONTH_DAYS, _SHORTEST_YEAR_DAYS = 28, 365
"""A duration in months or years is no fixed time; the shortest it can be is never refused."""


@dataclass(frozen=True, slots=True)
class CredentialPolicy:
    """What a new application may carry.

    Attributes:
        secrets: whether client secrets may be added.
        secret_lifetime: the longest life of a secret; None for any.
        certificate_lifetime: the longest life of a certificate; None for any.
        multitenant: whether an application may be offered to other organisations.
    """

    secrets: bool = True
    secret_lifetime: timedelta | None = None
    certificate_lifetime: timedelta | None = None
    multitenant: bool = True

    def longest(self, kind: Literal["secret", "certificate", "federated"]) -> timedelta | None:
        """The longest life of a credential of this kind; None for any."""
        return {"secret": self.secret_lifetime, "certificate": self.certificate_lifetime}.get(kind)


def read_policy(graph: GraphClient) -> CredentialPolicy | None:
    """The tenant's policy, or None where the operator may not read it (`Policy.Read.All`).

    A policy that is assigned to one application takes precedence over it; that one is not read.

    Raises:
        GraphError: Graph failed for another reason.
        EntraError: no token.
        Unreachable: no usable answer.
    """
    try:
        return parse_policy(graph.get(POLICY_PATH), datetime.now(UTC))
    except GraphError as error:
        if error.status in (403, 404):
            return None
        raise


def parse_policy(said: Mapping[str, Any], now: datetime) -> CredentialPolicy:
    """The policy in Graph's words, as it applies to an application that is created at `now`."""
    if not said.get("isEnabled"):
        return CredentialPolicy()
    restrictions = said.get("applicationRestrictions") or {}
    passwords = list(_applying(restrictions.get("passwordCredentials"), now))
    keys = list(_applying(restrictions.get("keyCredentials"), now))
    audiences = restrictions.get("audiences") or {}
    return CredentialPolicy(
        secrets=not any(item.get("restrictionType") == "passwordAddition" for item in passwords),
        secret_lifetime=_shortest(passwords, "passwordLifetime"),
        certificate_lifetime=_shortest(keys, "asymmetricKeyLifetime"),
        multitenant=not any(_applying([audiences.get("azureAdMultipleOrgs") or {"state": "disabled"}], now)),
    )


def parse_duration(text: str) -> timedelta | None:
    """An ISO 8601 duration, at its shortest; None for what is none."""
    match = _DURATION.fullmatch(text)
    if match is None or not any(match.groups()):
        return None
    years, months, weeks, days, hours, minutes = (int(part or 0) for part in match.groups()[:6])
    return timedelta(
        days=years * _SHORTEST_YEAR_DAYS + months * _SHORTEST_MONTH_DAYS + weeks * 7 + days,
        hours=hours,
        minutes=minutes,
        seconds=float(match[7] or 0),
    )


def _applying(restrictions: Any, now: datetime) -> Iterator[Mapping[str, Any]]:
    """The restrictions that are enabled and apply to applications created now."""
    for item in restrictions or []:
        since = str(item.get("restrictForAppsCreatedAfterDateTime") or "")
        begun = not since or _moment(since) <= now
        if item.get("state", "enabled") == "enabled" and begun:
            yield item


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _shortest(restrictions: list[Mapping[str, Any]], kind: str) -> timedelta | None:
    durations = [
        parse_duration(str(item.get("maxLifetime") or ""))
        for item in restrictions
        if item.get("restrictionType") == kind
    ]
    return min((duration for duration in durations if duration is not None), default=None)
