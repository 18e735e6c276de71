"""Looks at the home tenant, against the emulator: each finding, and its repair."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from orgcal.entra.auth import TokenSource
from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.credentials import ClientSecret
from orgcal.entra.graph import GraphClient
from orgcal.entra.home.applications import by_client_id, deleted_named, named, tagged
from orgcal.entra.home.policy import POLICY_PATH, CredentialPolicy, read_policy
from orgcal.entra.home.preflight import Intent, PreflightCheck, preflight
from orgcal.entra.operator import operator_tokens
from orgcal.entra.permissions import GRAPH_APP_ID
from orgcal.entra.pinned_roles import APP_ROLE_IDS
from orgcal.entra.session import new_session
from orgcal.errors import GraphError
from tests.support.deployed_connector import HOME

TAG = "orgcal:orgcal/prod"
INTENT = Intent("prod", TAG, "Calendar Sync", "secret", timedelta(days=180))


@pytest.fixture
def graph(endpoints: CloudEndpoints) -> Iterator[GraphClient]:
    """Microsoft Graph as the emulator's operator."""
    with new_session(endpoints) as session:
        yield GraphClient(endpoints, operator_tokens(endpoints, {}, HOME, session), session)


@pytest.fixture
def graph_as(endpoints: CloudEndpoints, emulator: Any) -> Iterator[Callable[..., GraphClient]]:
    """Microsoft Graph as an application of the home tenant with these permissions."""
    with new_session(endpoints) as session:

        def log_in(*permissions: str) -> GraphClient:
            client = emulator.add_client("isv.example", *permissions)
            tokens = TokenSource(endpoints, HOME, client.client_id, ClientSecret(client.secret), session)
            return GraphClient(endpoints, tokens, session)

        yield log_in


def by_name(findings: list[PreflightCheck]) -> dict[str, PreflightCheck]:
    return {finding.name: finding for finding in findings}


def test_preflight_of_a_free_name_is_fine_and_says_what_could_not_be_seen(graph: GraphClient) -> None:
    found = by_name(preflight(graph, INTENT))

    assert found["rights"].verdict == "ok"
    assert found["name"].verdict == "ok"
    assert found["policy"].verdict == "unknown"
    assert "Policy.Read.All" in found["policy"].repair


def test_preflight_names_the_missing_permission_and_the_least_role(graph_as: Callable[..., GraphClient]) -> None:
    found = preflight(graph_as("Application.Read.All"), replace(INTENT, home_grants=True))

    repairs = [finding.repair for finding in found if finding.name == "rights"]
    assert len(repairs) == 2
    assert "Application.ReadWrite.OwnedBy" in repairs[0]
    assert "role Application Developer" in repairs[0]
    assert "AppRoleAssignment.ReadWrite.All" in repairs[1]
    assert "role Privileged Role Administrator" in repairs[1]


def test_preflight_without_any_right_still_answers(graph_as: Callable[..., GraphClient]) -> None:
    found = by_name(preflight(graph_as("User.Read.All"), INTENT))

    assert found["rights"].verdict == "bad"
    assert found["application"].verdict == "unknown"
    assert "may not look" in found["application"].says


def test_preflight_reads_the_policy_where_the_operator_may(graph_as: Callable[..., GraphClient]) -> None:
    graph = graph_as("Policy.Read.All", "Policy.ReadWrite.ApplicationConfiguration", "Application.Read.All")
    graph.patch(
        "/policies/defaultAppManagementPolicy",
        {
            "isEnabled": True,
            "applicationRestrictions": {
                "passwordCredentials": [
                    {"restrictionType": "passwordLifetime", "maxLifetime": "P90D", "state": "enabled"}
                ]
            },
        },
    )

    found = by_name(preflight(graph, INTENT))

    assert found["policy"].verdict == "warning"
    assert found["policy"].repair.endswith("orgcal:credential.lifetime 90d")


OF_POLICIES = ("Policy.ReadWrite.ApplicationConfiguration", "Application.ReadWrite.All", "Application.Read.All")


def make_application(graph: GraphClient, days: int) -> Any:
    """An application of the stack, with a policy of its own for secrets."""
    limit = {"restrictionType": "passwordLifetime", "maxLifetime": f"P{days}D", "state": "enabled"}
    application = graph.post("/applications", {"displayName": "Calendar Sync", "tags": [TAG]})
    own = graph.post(
        "/policies/appManagementPolicies",
        {"displayName": f"{days}", "isEnabled": True, "restrictions": {"passwordCredentials": [limit]}},
    )
    reference = {"@odata.id": graph.url_of(f"/policies/appManagementPolicies/{own['id']}")}
    graph.post(f"/applications/{application['id']}/appManagementPolicies/$ref", reference)
    return application


def test_preflight_reads_the_policy_of_the_application_itself_instead_of_the_tenants(
    graph_as: Callable[..., GraphClient],
) -> None:
    graph = graph_as(*OF_POLICIES)
    ban = {"restrictionType": "passwordAddition", "state": "enabled"}
    graph.patch(POLICY_PATH, {"isEnabled": True, "applicationRestrictions": {"passwordCredentials": [ban]}})
    application = make_application(graph, 60)

    before = by_name(preflight(graph, INTENT))["policy"]
    after = by_name(preflight(graph, INTENT, application["id"]))["policy"]

    assert before.says == "the tenant's app management policy forbids client secrets"
    assert after.says.startswith("the app management policy '60' of this application allows a secret to live 60 days")
    assert read_policy(graph, application["id"]) == CredentialPolicy(
        secret_lifetime=timedelta(days=60), name="the app management policy '60' of this application"
    )


def test_policy_of_an_orphan_with_the_stacks_tag_is_nobodys(graph_as: Callable[..., GraphClient]) -> None:
    graph = graph_as(*OF_POLICIES)
    orphan = make_application(graph, 30)
    application = make_application(graph, 60)
    another = make_application(graph, 20)

    found = read_policy(graph, application["id"])
    graph.delete(f"/applications/{application['id']}")

    assert found is not None
    assert found.secret_lifetime == timedelta(days=60)
    for object_id in ("", application["id"]):  # before the first deployment, and after a deletion by hand
        unknown = read_policy(graph, object_id)
        assert unknown is not None
        assert unknown.secret_lifetime is None, f"that of {orphan['appId']} or {another['appId']}"


def test_preflight_sees_that_the_tenant_blocks_multitenant_applications(graph_as: Callable[..., GraphClient]) -> None:
    graph = graph_as(*OF_POLICIES)
    restrictions = {"audiences": {"azureAdMultipleOrgs": {"state": "enabled"}}}
    graph.patch(f"/beta{POLICY_PATH}", {"isEnabled": True, "applicationRestrictions": restrictions})

    blocked = by_name(preflight(graph, INTENT))["policy"]
    with pytest.raises(GraphError) as refused:
        graph.post("/applications", {"displayName": "Sync", "signInAudience": "AzureADMultipleOrgs"})

    assert blocked.verdict == "bad"
    assert "forbids applications for other organisations" in blocked.says
    assert "excludeActors" in blocked.repair
    assert refused.value.code == "SignInAudienceNotAllowedAsPerAppPolicy"

    graph.patch(f"/beta{POLICY_PATH}", {"isEnabled": False})
    made = graph.post("/applications", {"displayName": "S", "signInAudience": "AzureADMultipleOrgs", "tags": [TAG]})
    graph.patch(f"/beta{POLICY_PATH}", {"isEnabled": True})
    assert by_name(preflight(graph, INTENT, made["id"]))["policy"].verdict == "ok", (
        "one that is multitenant already stays so"
    )


def test_preflight_finds_a_taken_name_and_the_recycle_bin(graph: GraphClient) -> None:
    other = graph.post("/applications", {"displayName": "Calendar Sync"})
    gone = graph.post("/applications", {"displayName": "calendar sync"})
    graph.delete(f"/applications/{gone['id']}")

    found = by_name(preflight(graph, INTENT))

    assert found["name"].verdict == "bad"
    assert f"--client-id {other['appId']}" in found["name"].repair
    assert found["recycle bin"].verdict == "warning"
    assert f"--client-id {gone['appId']} --restore" in found["recycle bin"].repair


def test_preflight_wants_a_second_owner_before_and_after_the_deployment(graph_as: Callable[..., GraphClient]) -> None:
    graph = graph_as("Application.ReadWrite.All", "Directory.Read.All")
    two = replace(INTENT, further_owners=1)
    assert by_name(preflight(graph, INTENT))["owners"].verdict == "warning"
    assert by_name(preflight(graph, two))["owners"].says == "the application has 2 owners"
    application = graph.post("/applications", {"displayName": "Calendar Sync", "tags": [TAG]})

    alone = by_name(preflight(graph, INTENT))["owners"]
    other = graph.post("/servicePrincipals", {"appId": graph.post("/applications", {"displayName": "o"})["appId"]})
    reference = {"@odata.id": graph.url_of(f"/directoryObjects/{other['id']}")}
    graph.post(f"/applications/{application['id']}/owners/$ref", reference)

    assert alone.verdict == "warning"
    assert "'orgcal:application.owners[0]' OBJECT-ID" in alone.repair
    assert by_name(preflight(graph, two))["owners"].verdict == "ok"
    assert by_name(preflight(graph, INTENT))["owners"].says == "the application has 2 owners"


def test_preflight_of_a_deployed_stack_looks_at_room_and_publisher(graph: GraphClient) -> None:
    graph.post("/applications", {"displayName": "Calendar Sync", "tags": [TAG]})

    found = by_name(preflight(graph, INTENT))

    assert found["room"].verdict == "ok"
    assert found["publisher"].verdict == "warning"
    assert "Partner ID" in found["publisher"].repair
    assert "name" not in found


def test_applications_are_found_by_tag_name_and_client_id_also_when_deleted(graph: GraphClient) -> None:
    made = graph.post("/applications", {"displayName": "It's ours", "tags": [TAG]})

    assert [item.client_id for item in tagged(graph, TAG)] == [made["appId"]]
    assert [item.client_id for item in named(graph, "It's ours")] == [made["appId"]]
    graph.delete(f"/applications/{made['id']}")
    assert tagged(graph, TAG) == []
    assert [item.deleted for item in deleted_named(graph, "It's ours")] == [True]
    assert by_client_id(graph, made["appId"]).deleted is True


def test_preflight_asks_the_directory_about_the_scopes_and_advises_on_them(graph: GraphClient) -> None:
    wrong = replace(INTENT, scopes=("Calendars.Read", "Calender.Read", "User.Read"))
    wide = replace(INTENT, scopes=("Calendars.ReadWrite", "User.Read.All"), purpose="read")

    refused = [item for item in preflight(graph, wrong) if item.name == "permissions"]
    advised = [item for item in preflight(graph, wide) if item.name == "permissions"]

    assert [item.verdict for item in refused] == ["bad", "bad"]
    assert "the directory's own list" in refused[0].says
    assert "signed-in users only" in refused[1].says
    assert [item.verdict for item in advised] == ["ok", "warning", "warning"]
    assert advised[0].says == "published by the directory: Calendars.ReadWrite, Directory.Read.All, User.Read.All"


def test_right_that_a_larger_permission_includes_is_there(graph_as: Callable[..., GraphClient]) -> None:
    findings = by_name(preflight(graph_as("Application.ReadWrite.All"), INTENT))

    assert findings["rights"].verdict == "ok"


@pytest.mark.parametrize(("most", "verdict"), [(6, "ok"), (5, "bad")])
def test_room_counts_tags_permissions_redirects_and_credentials_together(
    graph: GraphClient, monkeypatch: pytest.MonkeyPatch, most: int, verdict: str
) -> None:
    """The directory's own limit is 1200, which no single collection may reach."""
    monkeypatch.setattr("orgcal.entra.home.preflight.MAX_ENTRIES", most)
    access = {"resourceAppId": GRAPH_APP_ID, "resourceAccess": [{"id": APP_ROLE_IDS["Calendars.Read"], "type": "Role"}]}
    web = {"redirectUris": ["https://app.example.com/back"]}
    made = graph.post(
        "/applications",
        {"displayName": "Calendar Sync", "tags": [TAG, "team"], "web": web, "requiredResourceAccess": [access]},
    )
    graph.post(f"/applications/{made['id']}/addPassword", {"passwordCredential": {"displayName": "one"}})

    room = by_name(preflight(graph, INTENT))["room"]

    assert room.verdict == verdict
    assert "has 1 secret or certificate, 0 federated credentials" in room.says
    assert ("no room for another" in room.says) is (verdict == "bad")
    assert ("orgcal sweep" in room.repair) is (verdict == "bad")


@pytest.mark.parametrize(
    ("kind", "present", "verdict"), [("federated", 20, "bad"), ("federated", 19, "ok"), ("secret", 20, "ok")]
)
def test_room_for_another_federated_credential_ends_at_twenty(
    graph: GraphClient, kind: Any, present: int, verdict: str
) -> None:
    made = graph.post("/applications", {"displayName": "Calendar Sync", "tags": [TAG]})
    for number in range(present):
        trust = {"name": f"trust-{number}", "issuer": "https://issuer.example", "subject": f"job {number}"}
        path = f"/applications/{made['id']}/federatedIdentityCredentials"
        graph.post(path, {**trust, "audiences": ["api://AzureADTokenExchange"]})

    room = by_name(preflight(graph, replace(INTENT, kind=kind)))["room"]

    assert (room.verdict, f"{present} federated credential" in room.says) == (verdict, True)
