"""The tenant's app management policy, in Graph's words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orgcal.entra.home.policy import CredentialPolicy, parse_duration, parse_policy, read_policy
from orgcal.entra.home.preflight import Intent, check_policy
from orgcal.errors import GraphError, Unreachable
from tests.support.home_graph import HomeGraph, refusal

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def policy(**restrictions: Any) -> dict[str, Any]:
    return {"isEnabled": True, "applicationRestrictions": restrictions}


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("P180D", 180),
        ("P90DT0H", 90),
        ("P4W", 28),
        ("P6M", 168),
        ("P1Y", 365),
        ("P1Y2M3D", 424),
        ("PT36H", 1.5),
        ("P1Y1M1W1DT1H1M1.5S", 401 + 3661.5 / 86_400),
    ],
)
def test_duration_is_read_at_its_shortest(text: str, days: float) -> None:
    assert parse_duration(text) == timedelta(days=days)


@pytest.mark.parametrize("text", ["", "P", "PT", "180", "P1H", "P-1D", "P1D ", "P99999999999D", "P1M1Y", "PT1.5H"])
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


def test_longest_life_is_that_of_the_kind() -> None:
    limits = CredentialPolicy(secret_lifetime=timedelta(days=90), certificate_lifetime=timedelta(days=365))

    assert limits.longest("secret") == timedelta(days=90)
    assert limits.longest("certificate") == timedelta(days=365)
    assert limits.longest("federated") is None


def test_shortest_of_several_limits_counts_and_one_that_is_no_duration_does_not() -> None:
    limits = ("P60D", "P30D", "", "for ever", "P99999999999D", "P45D")
    lived = [{"restrictionType": "passwordLifetime", "maxLifetime": limit} for limit in limits]
    others = [{"restrictionType": "symmetricKeyLifetime", "maxLifetime": "P1D"}]

    found = parse_policy(policy(passwordCredentials=[*lived, *others, {}], keyCredentials=others), NOW)

    assert found == CredentialPolicy(secret_lifetime=timedelta(days=30))


@pytest.mark.parametrize("since", ["2026-11-23T00:00:00Z", "2026-11-22", "soon", None])
def test_restriction_applies_from_its_moment_on_and_always_where_that_is_unreadable(since: str | None) -> None:
    ban = {"restrictionType": "passwordAddition", "restrictForAppsCreatedAfterDateTime": since}

    assert not parse_policy(policy(passwordCredentials=[ban]), NOW).secrets


def test_restriction_does_not_apply_a_moment_before_it_begins() -> None:
    ban = {"restrictionType": "passwordAddition", "restrictForAppsCreatedAfterDateTime": "2026-11-23T00:00:01Z"}

    assert parse_policy(policy(passwordCredentials=[ban]), NOW).secrets


@pytest.mark.parametrize(
    "audiences",
    [None, {}, {"azureAdMultipleOrgs": None}, {"azureAdMultipleOrgs": {"state": "disabled"}},
     {"azureAdMultipleOrgs": {"restrictForAppsCreatedAfterDateTime": "2027-01-01T00:00:00Z"}}],
)  # fmt: skip
def test_audience_that_nothing_restricts_is_allowed(audiences: Any) -> None:
    assert parse_policy(policy(audiences=audiences), NOW).multitenant


def test_policy_of_another_form_is_no_answer() -> None:
    with pytest.raises(Unreachable) as refused:
        parse_policy({"isEnabled": "yes"}, NOW)

    assert refused.value.where == "GET /policies/defaultAppManagementPolicy"


# What is read ------------------------------------------------------------------------------------------------------

DEFAULT, BETA = "GET /policies/defaultAppManagementPolicy", "GET /beta/policies/defaultAppManagementPolicy"
OWN = "GET /applications/object/appManagementPolicies"
NINETY_DAYS = policy(passwordCredentials=[{"restrictionType": "passwordLifetime", "maxLifetime": "P90D"}])
NO_OTHERS = policy(audiences={"azureAdMultipleOrgs": {"state": "enabled"}})
APPLICATION = "GET /applications/object"


def application(**more: Any) -> dict[str, Any]:
    return {"id": "object", "createdDateTime": "2024-05-01T00:00:00Z", **more}


@pytest.mark.parametrize("status", [403, 404])
def test_policy_that_the_operator_may_not_read_is_unknown(status: int) -> None:
    graph = HomeGraph({DEFAULT: refusal(status), BETA: NO_OTHERS})

    assert read_policy(graph) is None
    assert [asked for asked, _, _ in graph.sent] == [DEFAULT]


def test_policy_that_graph_cannot_tell_now_is_an_error() -> None:
    with pytest.raises(GraphError, match="500"):
        read_policy(HomeGraph({DEFAULT: refusal(500)}))


@pytest.mark.parametrize(
    ("beta", "multitenant"), [(NO_OTHERS, False), (policy(), True), (refusal(404), True), (refusal(403), True)]
)
def test_policy_before_the_first_deployment_is_the_tenants_with_the_audiences_of_beta(
    beta: Any, multitenant: bool
) -> None:
    graph = HomeGraph({DEFAULT: NINETY_DAYS, BETA: beta})

    assert read_policy(graph) == CredentialPolicy(
        True, timedelta(days=90), None, multitenant, "the tenant's app management policy"
    )
    assert [asked for asked, _, _ in graph.sent] == [DEFAULT, BETA]


@pytest.mark.parametrize("own", [[], refusal(403), refusal(404)])
def test_policy_of_an_application_without_one_of_its_own_is_the_tenants(own: Any) -> None:
    graph = HomeGraph({APPLICATION: application(), OWN: own, DEFAULT: NINETY_DAYS, BETA: NO_OTHERS})

    assert read_policy(graph, "object") == CredentialPolicy(secret_lifetime=timedelta(days=90), multitenant=False)
    assert [asked for asked, _, _ in graph.sent] == [APPLICATION, OWN, DEFAULT, BETA]


def test_application_that_is_multitenant_stays_so_and_beta_is_not_asked() -> None:
    deployed = application(signInAudience="AzureADMultipleOrgs")
    graph = HomeGraph({APPLICATION: deployed, OWN: [], DEFAULT: NINETY_DAYS, BETA: NO_OTHERS})

    assert read_policy(graph, "object") == CredentialPolicy(secret_lifetime=timedelta(days=90))
    assert [asked for asked, _, _ in graph.sent] == [APPLICATION, OWN, DEFAULT]


def test_policy_counts_for_an_application_by_the_day_on_which_it_was_made() -> None:
    since = {"restrictForAppsCreatedAfterDateTime": "2024-06-01T00:00:00Z"}
    later = policy(
        passwordCredentials=[{"restrictionType": "passwordAddition", **since}],
        audiences={"azureAdMultipleOrgs": {"state": "enabled", **since}},
    )
    own = {"isEnabled": True, "displayName": "X", "restrictions": later["applicationRestrictions"]}
    tenants: dict[str, Any] = {DEFAULT: later, BETA: later}

    assert read_policy(HomeGraph({APPLICATION: application(), **tenants}), "object") == CredentialPolicy()
    assert read_policy(HomeGraph({APPLICATION: application(createdDateTime="2024-06-02T00:00:00Z"), **tenants}),
                       "object") == CredentialPolicy(secrets=False, multitenant=False)  # fmt: skip
    assert read_policy(HomeGraph(tenants)) == CredentialPolicy(secrets=False, multitenant=False), "it is made today"
    named = "the app management policy 'X' of this application"
    assert read_policy(HomeGraph({APPLICATION: application(), OWN: [own]}), "object") == CredentialPolicy(name=named)


@pytest.mark.parametrize(
    ("own", "found"),
    [
        ({"isEnabled": True, "displayName": "60", "restrictions": NINETY_DAYS["applicationRestrictions"]},
         CredentialPolicy(secret_lifetime=timedelta(days=90),
                          name="the app management policy '60' of this application")),
        ({"isEnabled": False, "displayName": "off", "restrictions": NINETY_DAYS["applicationRestrictions"]},
         CredentialPolicy(name="the app management policy 'off' of this application")),
        ({"isEnabled": True, "displayName": "empty", "restrictions": None},
         CredentialPolicy(name="the app management policy 'empty' of this application")),
    ],
    ids=["on", "off", "empty"],
)  # fmt: skip
def test_policy_of_the_applications_own_replaces_the_tenants(own: dict[str, Any], found: CredentialPolicy) -> None:
    graph = HomeGraph({APPLICATION: application(), OWN: [own], DEFAULT: NO_OTHERS, BETA: NO_OTHERS})

    assert read_policy(graph, "object") == found
    assert [asked for asked, _, _ in graph.sent] == [APPLICATION, OWN]


def test_policy_of_the_applications_own_that_has_another_form_is_no_answer() -> None:
    with pytest.raises(Unreachable) as refused:
        read_policy(HomeGraph({APPLICATION: application(), OWN: [{"restrictions": []}]}), "object")

    assert refused.value.where == "GET /applications/object/appManagementPolicies"
