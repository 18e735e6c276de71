"""The tenant's app management policy, in Graph's words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from orgcal.entra.home.policy import CredentialPolicy, parse_duration, parse_policy
from orgcal.entra.home.preflight import Intent, check_policy
from orgcal.entra.home.rights import GRANT, LOOK_UP, MANAGE, Operator, read_operator

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def policy(**restrictions: Any) -> dict[str, Any]:
    return {"isEnabled": True, "applicationRestrictions": restrictions}


@pytest.mark.parametrize(
    ("text", "days"),
    [("P180D", 180), ("P90DT0H", 90), ("P4W", 28), ("P6M", 168), ("P1Y", 365), ("P1Y2M3D", 424), ("PT36H", 1.5)],
)
def test_duration_is_read_at_its_shortest(text: str, days: float) -> None:
    assert parse_duration(text) == timedelta(days=days)


@pytest.mark.parametrize("text", ["", "P", "PT", "180", "P1H", "P-1D"])
def test_duration_that_is_none_is_none(text: str) -> None:
    assert parse_duration(text) is None


def test_policy_that_is_off_allows_everything() -> None:
    said = {**policy(passwordCredentials=[{"restrictionType": "passwordAddition"}]), "isEnabled": False}

    assert parse_policy(said, NOW) == CredentialPolicy()


def test_policy_forbids_secrets_and_limits_lifetimes() -> None:
    said = policy(
        passwordCredentials=[
            {"restrictionType": "passwordAddition", "state": "enabled"},
            {"restrictionType": "passwordLifetime", "maxLifetime": "P90D"},
            {"restrictionType": "passwordLifetime", "maxLifetime": "P30D", "state": "disabled"},
        ],
        keyCredentials=[{"restrictionType": "asymmetricKeyLifetime", "maxLifetime": "P1Y"}],
        audiences={"azureAdMultipleOrgs": {"state": "enabled"}},
    )

    found = parse_policy(said, NOW)

    assert found == CredentialPolicy(False, timedelta(days=90), timedelta(days=365), False)


def test_policy_for_later_applications_only_does_not_apply() -> None:
    later = {"restrictionType": "passwordAddition", "restrictForAppsCreatedAfterDateTime": "2027-01-01T00:00:00Z"}
    earlier = {**later, "restrictForAppsCreatedAfterDateTime": "2026-01-01T00:00:00Z"}

    assert parse_policy(policy(passwordCredentials=[later]), NOW).secrets is True
    assert parse_policy(policy(passwordCredentials=[earlier]), NOW).secrets is False


@pytest.mark.parametrize(
    ("kind", "lifetime", "verdicts"),
    [
        ("secret", 180, ["bad", "warning"]),
        ("secret", None, ["bad", "warning"]),
        ("secret", 30, ["bad"]),
        ("certificate", 180, ["ok"]),
        ("federated", None, ["ok"]),
    ],
)
def test_policy_findings_offer_another_kind_or_a_shorter_life(kind: Any, lifetime: int | None, verdicts: Any) -> None:
    found = check_policy(
        CredentialPolicy(secrets=False, secret_lifetime=timedelta(days=90)),
        Intent("prod", "orgcal:orgcal/prod", "X", kind, timedelta(days=lifetime) if lifetime else None),
    )

    assert [finding.verdict for finding in found] == verdicts
    repairs = " ".join(finding.repair for finding in found)
    assert ("credential.kind certificate" in repairs) == (kind == "secret")
    assert ("credential.lifetime 90d" in repairs) == ("warning" in verdicts)


@pytest.mark.parametrize(
    ("operator", "right", "has"),
    [
        (Operator("o", False, frozenset({"Application.ReadWrite.OwnedBy"}), frozenset()), MANAGE, True),
        (Operator("o", False, frozenset({"Application.ReadWrite.OwnedBy"}), frozenset()), LOOK_UP, False),
        (Operator("o", False, frozenset({"Application.ReadWrite.All"}), frozenset()), LOOK_UP, True),
        (Operator("o", False, frozenset(), frozenset({"158c047a-c907-4556-b7ef-446551a6b5f7"})), MANAGE, True),
        (Operator("o", True, frozenset({"Application.ReadWrite.All"}), frozenset()), MANAGE, False),
        (Operator("o", True, frozenset(), frozenset({"9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3"})), GRANT, False),
    ],
)
def test_operator_has_a_right_by_permission_or_role(operator: Operator, right: Any, has: bool) -> None:
    assert operator.has(right) is has


@pytest.mark.parametrize("token", ["", "opaque", "a.b.c", "e30.W10.e30"])
def test_operator_of_an_unreadable_token_is_unknown(token: str) -> None:
    assert read_operator(token) is None


def test_operator_is_who_the_token_names_with_the_roles_of_the_directory_in_it() -> None:
    """Source: https://learn.microsoft.com/en-us/entra/identity-platform/access-token-claims-reference (2026-11-29)."""
    person = {"oid": "o", "scp": "User.Read Application.ReadWrite.All", "wids": ["role-1", "role-2"]}
    program = {"oid": "p", "roles": ["Application.Read.All"]}

    assert read_operator(jwt.encode(person, "k" * 32, algorithm="HS256")) == Operator(
        "o", True, frozenset({"User.Read", "Application.ReadWrite.All"}), frozenset({"role-1", "role-2"})
    )
    assert read_operator(jwt.encode(program, "k" * 32, algorithm="HS256")) == Operator(
        "p", False, frozenset({"Application.Read.All"}), frozenset()
    )
