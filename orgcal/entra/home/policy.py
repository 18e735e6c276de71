"""App management policies: which credentials an application may carry, for how long, and who may be offered it.

A tenant has one policy for all applications. Another one can be assigned to a single application, which then inherits
nothing from the tenant's.

Sources: https://learn.microsoft.com/en-us/graph/api/resources/tenantappmanagementpolicy and
https://learn.microsoft.com/en-us/graph/api/resources/applicationauthenticationmethodpolicy
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeVar

from orgcal.durations import parse_moment
from orgcal.entra.graph import GraphClient, unless_refused
from orgcal.entra.home import applications
from orgcal.entra.shapes import POLICY, fitting

POLICY_PATH = "/policies/defaultAppManagementPolicy"
_MULTITENANT = "AzureADMultipleOrgs"

_T = TypeVar("_T")
_DURATION = re.compile(
    r"P(?:([0-9]+)Y)?(?:([0-9]+)M)?(?:([0-9]+)W)?(?:([0-9]+)D)?(?:T(?:([0-9]+)H)?(?:([0-9]+)M)?(?:([0-9]+(?:\.[0-9]+)?)S)?)?"
)
_SHORTEST_MONTH_DAYS, _SHORTEST_YEAR_DAYS = 28, 365
"""A duration in months or years is no fixed time; the shortest it can be is never refused."""


@dataclass(frozen=True, slots=True)
class CredentialPolicy:
    """What an application may carry.

    Attributes:
        secrets: whether client secrets may be added.
        secret_lifetime: the longest life of a secret; None for any.
        certificate_lifetime: the longest life of a certificate; None for any.
        multitenant: whether an application may be made for other organisations; one that is for them already stays.
        name: how messages call it.
    """

    secrets: bool = True
    secret_lifetime: timedelta | None = None
    certificate_lifetime: timedelta | None = None
    multitenant: bool = True
    name: str = "the tenant's app management policy"

    def longest(self, kind: Literal["secret", "certificate", "federated"]) -> timedelta | None:
        """The longest life of a credential of this kind; None for any."""
        return {"secret": self.secret_lifetime, "certificate": self.certificate_lifetime}.get(kind)


def read_policy(graph: GraphClient, application_object_id: str = "") -> CredentialPolicy | None:
    """The policy for a stack's application, or None where the operator may not read it (`Policy.Read.All`).

    Args:
        graph: as the operator.
        application_object_id: of the application that the stack's state holds, which may have a policy of its own.
            Empty where none is known, as before the first deployment: then the tenant's policy decides. The stack's
            tag would not do, since applications that no state holds carry it too.

    Raises as `GraphClient.get` does for another reason.
    """
    known = _allowed(lambda: applications.by_object_id(graph, application_object_id)) if application_object_id else None
    application = known.raw if known is not None else {}
    if application:
        path = f"/applications/{application['id']}/appManagementPolicies"
        own = next(iter(_allowed(lambda: list(graph.pages(path))) or ()), None)
        if own is not None:
            own = fitting(own, POLICY, where=f"GET {path}")
            name = f"the app management policy {own.get('displayName')!r} of this application"
            restrictions = own.get("restrictions") or {}  # the tenant's policy calls them otherwise
            as_the_tenants = {"isEnabled": own.get("isEnabled"), "applicationRestrictions": restrictions}
            return replace(parse_policy(as_the_tenants, _created(application)), name=name)
    policy_body = _allowed(lambda: graph.get(POLICY_PATH))
    if policy_body is None:
        return None
    policy = parse_policy(policy_body, _created(application))
    if application.get("signInAudience") == _MULTITENANT:
        return policy
    # Only beta tells of audiences: https://learn.microsoft.com/en-us/graph/api/resources/audiencesconfiguration
    beta = _allowed(lambda: graph.get(f"/beta{POLICY_PATH}")) or {}
    return replace(policy, multitenant=parse_policy(beta, _created(application)).multitenant)


def parse_policy(policy_body: Mapping[str, Any], created: datetime) -> CredentialPolicy:
    """The tenant's policy in Graph's words, as it applies to an application that was or will be created then."""
    policy_body = fitting(policy_body, POLICY, where=f"GET {POLICY_PATH}")
    if not policy_body.get("isEnabled"):
        return CredentialPolicy()
    restrictions = policy_body.get("applicationRestrictions") or {}
    passwords = list(_applying(restrictions.get("passwordCredentials"), created))
    keys = list(_applying(restrictions.get("keyCredentials"), created))
    audiences = restrictions.get("audiences") or {}
    return CredentialPolicy(
        secrets=not any(item.get("restrictionType") == "passwordAddition" for item in passwords),
        secret_lifetime=_shortest(passwords, "passwordLifetime"),
        certificate_lifetime=_shortest(keys, "asymmetricKeyLifetime"),
        multitenant=not any(_applying([audiences.get("azureAdMultipleOrgs") or {"state": "disabled"}], created)),
    )


def _created(application: Mapping[str, Any]) -> datetime:
    created = str(application.get("createdDateTime") or "")
    return _moment(created) if created else datetime.now(UTC)


def _allowed(ask: Callable[[], _T]) -> _T | None:
    """What Graph answers, or None where the operator may not ask or there is nothing."""
    return unless_refused(ask, 403, 404)


def parse_duration(text: str) -> timedelta | None:
    """An ISO 8601 duration, at its shortest; None for what is none."""
    match = _DURATION.fullmatch(text)
    if match is None or not any(match.groups()):
        return None
    years, months, weeks, days, hours, minutes = (int(part or 0) for part in match.groups()[:6])
    try:
        return timedelta(
            days=years * _SHORTEST_YEAR_DAYS + months * _SHORTEST_MONTH_DAYS + weeks * 7 + days,
            hours=hours,
            minutes=minutes,
            seconds=float(match[7] or 0),
        )
    except OverflowError:  # longer than any credential lasts, so it limits nothing
        return None


def _applying(restrictions: Any, created: datetime) -> Iterator[Mapping[str, Any]]:
    """The restrictions that are enabled and apply to applications created then."""
    for item in restrictions or []:
        since = str(item.get("restrictForAppsCreatedAfterDateTime") or "")
        begun = not since or _moment(since) <= created
        if item.get("state", "enabled") == "enabled" and begun:
            yield item


def _moment(text: str) -> datetime:
    try:
        return parse_moment(text)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)


def _shortest(restrictions: list[Mapping[str, Any]], kind: str) -> timedelta | None:
    durations = [
        parse_duration(str(item.get("maxLifetime") or ""))
        for item in restrictions
        if item.get("restrictionType") == kind
    ]
    return min((duration for duration in durations if duration is not None), default=None)
