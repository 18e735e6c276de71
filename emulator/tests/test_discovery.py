"""Small answers that clients ask for on their way: discovery, empty lists, what is refused by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from emulator_testing.fixtures import EmulatorClient
from orgcal_emulator.server import RunningEmulator


def test_resource_manager_has_no_subscriptions_and_no_tenants(operator: Any) -> None:
    tokens = [
        operator.log_in(scope=f"{audience}/.default").json()["access_token"]
        for audience in ("https://management.core.windows.net/", "https://management.azure.com", operator.base_url)
    ]
    for path in ("/subscriptions?api-version=2022-12-01", "/tenants?api-version=2022-12-01"):
        for token in tokens:
            answer = operator.session.get(operator.base_url + path, headers={"Authorization": f"Bearer {token}"})
            assert answer.json()["value"] == []


def test_resource_manager_needs_a_token_of_its_own(operator: Any) -> None:
    for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": f"Bearer {operator.token()}"}):
        answer = operator.session.get(f"{operator.base_url}/subscriptions?api-version=2022-12-01", headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "AuthenticationFailed")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_metadata_names_this_emulator_for_login_and_graph(operator: Any) -> None:
    found = operator.session.get(f"{operator.base_url}/metadata/endpoints?api-version=2022-09-01").json()
    assert found["authentication"]["loginEndpoint"] == operator.base_url
    assert found["microsoftGraphResourceId"] == operator.base_url
    older = operator.session.get(f"{operator.base_url}/metadata/endpoints?api-version=2015-01-01")
    assert older.status_code == 501


def test_older_metadata_is_a_list_whose_first_cloud_is_this_emulator(operator: Any) -> None:
    """Azure CLI takes the first cloud of it, and replaces the login address of one that is named `AzureCloud`."""
    (found,) = operator.session.get(f"{operator.base_url}/metadata/endpoints?api-version=2019-05-01").json()
    assert found["name"] != "AzureCloud"
    assert found["authentication"]["loginEndpoint"] == found["resourceManager"] == operator.base_url
    assert found["suffixes"]["keyVaultDns"] == "vault.azure.net"
    assert "microsoftGraphResourceId" not in found


@pytest.mark.parametrize(
    "audience",
    ["https://management.core.windows.net/", "https://management.azure.com", "https://management.azure.com/"],
)
def test_resource_manager_has_tokens_that_open_nothing_of_graph(operator: Any, audience: str) -> None:
    named = operator.session.get(f"{operator.base_url}/metadata/endpoints?api-version=2022-09-01").json()
    assert f"{audience.rstrip('/')}/" in named["authentication"]["audiences"]
    answer = operator.log_in(scope=f"{audience}/.default")
    assert answer.status_code == 200, answer.text
    claims = jwt.decode(answer.json()["access_token"], options={"verify_signature": False})
    assert (claims["aud"], claims["ver"], "roles" in claims) == (audience, "1.0", False)
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    refused = operator.session.get(f"{operator.base_url}/v1.0/applications", headers=headers)
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "InvalidAuthenticationToken")


def test_under_microsofts_names_graph_and_the_resource_manager_stay_apart(
    start_emulator: Callable[..., RunningEmulator],
) -> None:
    emulator = start_emulator(names=True)
    given, port = emulator.ready["operator"], emulator.ready["port"]
    secret = Path(given["client_secret_file"]).read_text()
    client = EmulatorClient(emulator.ready, given["tenant_id"], given["client_id"], secret)

    def get(host: str, path: str, **headers: str) -> Any:
        return client.session.get(f"{client.base_url}/{path}", headers={"Host": f"{host}:{port}", **headers}).json()

    for name in ("login.microsoftonline.com", "login.windows.net"):
        found = get(name, "contoso.example/v2.0/.well-known/openid-configuration")
        assert found["token_endpoint"].startswith(f"https://{name}:{port}/")
    named = get("management.azure.com", "metadata/endpoints?api-version=2022-09-01")
    assert named["authentication"]["loginEndpoint"] == f"https://login.microsoftonline.com:{port}"
    assert named["microsoftGraphResourceId"] == f"https://graph.microsoft.com:{port}"
    assert named["resourceManager"] == f"https://management.azure.com:{port}"
    for audience, opened in (("https://management.azure.com/", False), ("https://graph.microsoft.com", True)):
        token = client.log_in(scope=f"{audience}/.default").json()["access_token"]
        answer = get("graph.microsoft.com", "v1.0/applications", Authorization=f"Bearer {token}")
        assert ("value" in answer) is opened, audience
    client.session.close()


def test_instance_discovery_names_this_host_only(operator: Any) -> None:
    found = operator.session.get(f"{operator.base_url}/common/discovery/instance").json()
    host = operator.base_url.removeprefix("https://")
    assert found["metadata"] == [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}]
    assert operator.session.get(found["tenant_discovery_endpoint"]).status_code == 200


def test_discovery_of_an_unknown_tenant_is_refused_as_entra_does(operator: Any) -> None:
    answer = operator.session.get(f"{operator.base_url}/unknown.example/v2.0/.well-known/openid-configuration")
    assert (answer.status_code, answer.json()["error_codes"]) == (400, [90002])


@pytest.mark.parametrize("path", ["authorize", "devicecode", "logout"])
def test_interactive_sign_in_is_refused_by_name(operator: Any, path: str) -> None:
    answer = operator.session.get(f"{operator.base_url}/contoso.example/oauth2/v2.0/{path}")
    assert answer.status_code == 501
    assert path in answer.json()["error"]  # as OAuth has it: a client of these addresses reads no other shape


def test_gallery_of_templates_is_empty(operator: Any) -> None:
    assert operator.get("applicationTemplates").json()["value"] == []
    assert operator.get("applicationTemplates/00000000-0000-4000-8000-000000000000").status_code == 404


def test_lists_that_azuread_asks_for_are_empty(log_in_to: Callable[..., Any]) -> None:
    client = log_in_to("isv.example", "Application.ReadWrite.OwnedBy", "Policy.Read.All")
    made = client.post("applications", {"displayName": "x"}).json()
    own = client.post("servicePrincipals", {"appId": made["appId"]}).json()["id"]
    for part in ("claimsMappingPolicies", "synchronization/jobs"):
        assert client.get(f"servicePrincipals/{own}/{part}").json()["value"] == []


@pytest.mark.parametrize(
    ("asked", "described"),
    [
        ("https://login.microsoftonline.com/contoso.example/oauth2/v2.0/authorize", "/contoso.example/v2.0"),
        ("https://login.windows.net/common/oauth2/authorize", "/common"),
    ],
)
def test_instance_discovery_leads_to_the_tenant_that_is_asked_about(operator: Any, asked: str, described: str) -> None:
    query = {"api-version": "1.1", "authorization_endpoint": asked}
    found = operator.session.get(f"{operator.base_url}/common/discovery/instance", params=query).json()
    assert found["tenant_discovery_endpoint"] == f"{operator.base_url}{described}/.well-known/openid-configuration"
    assert operator.session.get(found["tenant_discovery_endpoint"]).status_code == 200


@pytest.mark.parametrize(
    "asked", ["https://login.evil.example/common/oauth2/authorize", "http://localhost/x", "https://[", "x"]
)
def test_instance_discovery_about_another_host_is_refused(operator: Any, asked: str) -> None:
    query = {"api-version": "1.1", "authorization_endpoint": asked}
    answer = operator.session.get(f"{operator.base_url}/common/discovery/instance", params=query)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_instance")
