"""App management policies: which credentials a tenant forbids on applications.

A policy that is assigned to an application takes the place of the tenant's, of which it then inherits nothing.

Sources: https://learn.microsoft.com/en-us/graph/api/resources/tenantappmanagementpolicy and
https://learn.microsoft.com/en-us/graph/api/resources/applicationauthenticationmethodpolicy
"""

from __future__ import annotations

import re
from typing import Any

from orgcal_emulator.clock import parse_rfc3339
from orgcal_emulator.directory.errors import audience_refused, credential_lifetime_refused, credential_refused
from orgcal_emulator.directory.objects import Application, Tenant

_DURATION = re.compile(r"P(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?")


def duration_s(text: str) -> float:
    """Seconds of an ISO 8601 duration such as `P180DT0H`; months and years have no fixed length and are refused.

    Raises:
        ValueError: `text` is no such duration.
    """
    match = _DURATION.fullmatch(text)
    if match is None or text in ("P", "PT") or text.endswith("T"):
        raise ValueError(f"{text!r} is no duration in days, hours, minutes and seconds")
    days, hours, minutes, seconds = (int(each or 0) for each in match.groups())
    return float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)


def effective_policy(tenant: Tenant, application: Application | None, now: float) -> dict[str, Any]:
    """What holds for an application, in the tenant policy's form, without restrictions for younger applications only.

    Args:
        application: None for one that is about to be created, `now`.
    """
    own = None
    if application is not None:
        own = next((each for each in tenant.app_management_policies.values()
                    if application.object_id in each["appliesTo"]), None)  # fmt: skip
    created = parse_rfc3339(application.properties["createdDateTime"]) if application is not None else now
    policy = tenant.app_management_policy if own is None else {"isEnabled": own["isEnabled"]}
    restrictions = (policy.get("applicationRestrictions") or {}) if own is None else {
        **own["restrictions"], **(own["restrictions"].get("applicationRestrictions") or {})
    }  # fmt: skip
    holding: dict[str, Any] = {
        group: [each for each in restrictions.get(group) or [] if _holds(each, created)]
        for group in ("passwordCredentials", "keyCredentials")
    }
    audiences = restrictions.get("audiences") or {}
    holding["audiences"] = {name: each for name, each in audiences.items() if each and _holds(each, created)}
    return {"isEnabled": bool(policy.get("isEnabled")), "applicationRestrictions": holding}


def _holds(restriction: dict[str, Any], created: float) -> bool:
    since = restriction.get("restrictForAppsCreatedAfterDateTime")
    return restriction.get("state", "enabled") == "enabled" and (not since or parse_rfc3339(since) <= created)


def check_audience(policy: dict[str, Any], audience: str) -> None:
    """Refuse an audience that the policy blocks.

    Raises:
        GraphFailure: 400.
    """
    blocked = policy["applicationRestrictions"]["audiences"] if policy.get("isEnabled") else {}
    if (audience == "AzureADMultipleOrgs" and "azureAdMultipleOrgs" in blocked) or (
        "Personal" in audience and "personalMicrosoftAccount" in blocked
    ):
        raise audience_refused(audience)


def _restrictions(policy: dict[str, Any], group: str) -> list[dict[str, Any]]:
    if not policy.get("isEnabled"):
        return []
    restrictions = (policy.get("applicationRestrictions") or {}).get(group) or []
    return [each for each in restrictions if each.get("state", "enabled") == "enabled"]


def check_password(policy: dict[str, Any], lifetime_s: float) -> None:
    """Refuse a new password that the policy forbids.

    Raises:
        GraphFailure: 400.
    """
    for each in _restrictions(policy, "passwordCredentials"):
        if each["restrictionType"] == "passwordAddition":
            raise credential_refused("passwordAddition")
        if each["restrictionType"] == "passwordLifetime" and lifetime_s > duration_s(each["maxLifetime"]):
            raise credential_lifetime_refused()


def check_key(policy: dict[str, Any], lifetime_s: float) -> None:
    """Refuse a new certificate that the policy forbids.

    Raises:
        GraphFailure: 400.
    """
    for each in _restrictions(policy, "keyCredentials"):
        if each["restrictionType"] == "asymmetricKeyLifetime" and lifetime_s > duration_s(each["maxLifetime"]):
            raise credential_lifetime_refused()
