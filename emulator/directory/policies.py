"""App management policies: what a tenant does not let applications carry.

Source: https://learn.microsoft.com/en-us/graph/api/resources/tenantappmanagementpolicy
"""

from __future__ import annotations

import re
from typing import Any

from emulator.clock import parse_rfc3339
from emulator.directory.errors import credential_lifetime_refused, credential_refused

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


def policy_for(policy: dict[str, Any], created: str) -> dict[str, Any]:
    """What a tenant's policy means for an application that was created at `created`."""
    restrictions = (policy.get("applicationRestrictions") or {}).items()
    meant = {group: [each for each in found if _is_meant(each, created)] for group, found in restrictions}
    return {**policy, "applicationRestrictions": meant}


def _is_meant(restriction: dict[str, Any], created: str) -> bool:
    after = restriction.get("restrictForAppsCreatedAfterDateTime")
    return after is None or parse_rfc3339(created) > parse_rfc3339(after)


def _restrictions(policy: dict[str, Any], group: str) -> list[dict[str, Any]]:
    if not policy.get("isEnabled"):
        return []
    found = (policy.get("applicationRestrictions") or {}).get(group) or []
    return [each for each in found if each.get("state", "enabled") == "enabled"]


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
