"""The integration platform `local`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from orgcal_emulator.graph.permissions import APPLICATION_PERMISSIONS_BY_NAME as BY_NAME
from orgcal_emulator.graph.permissions import GRAPH_CLIENT_ID
from orgcal_emulator.server import RunningEmulator

Call = Callable[..., requests.Response]


def caller(emulator: RunningEmulator, name: str) -> Call:
    place = emulator.ready[name]
    key = Path(place["api_key_file"]).read_text()

    def call(method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        return requests.request(
            method, place["url"] + path, json=body, verify=emulator.ready["ca_file"],
            headers={"Authorization": f"Bearer {key}", **headers},
        )  # fmt: skip

    return call


@pytest.fixture
def local(emulator: RunningEmulator) -> Call:
    return caller(emulator, "platform")


# local ---------------------------------------------------------------------------------------------------------------


def test_connector_lives_through_create_read_change_and_delete(local: Call, emulator: RunningEmulator) -> None:
    made = local("POST", "/connectors", {"key": "outlook", "name": "Outlook", "scopes": ["Calendars.Read"]})
    assert made.status_code == 201
    assert made.json() == {
        "key": "outlook", "name": "Outlook", "description": "", "scopes": ["Calendars.Read"], "published": False,
        "callback_url": f"{emulator.ready['base_url']}/platform/local/callback/outlook", "connections": 0,
        "credentials": None,
    }  # fmt: skip
    assert local("GET", "/connectors/outlook").json() == made.json()
    changed = local("PATCH", "/connectors/outlook", {"description": "Hello", "published": True}).json()
    assert (changed["description"], changed["published"]) == ("Hello", True)
    assert local("DELETE", "/connectors/outlook").status_code == 204
    assert local("GET", "/connectors/outlook").status_code == 404
    assert local("GET", "/connectors").json() == {"connectors": []}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"key": "taken", "name": "x"}, 409),
        ({"key": "a", "name": "x", "unknown": 1}, 400),
        ({"key": "a"}, 400),
        ({"key": "UPPER", "name": "x"}, 400),
        ({"key": "a", "name": 1}, 400),
        ({"key": "a", "name": "x", "scopes": "Calendars.Read"}, 400),
        ([], 400),
    ],
)
def test_wrong_connector_is_refused_with_a_sentence(local: Call, body: Any, status: int) -> None:
    local("POST", "/connectors", {"key": "taken", "name": "x"})
    answer = local("POST", "/connectors", body)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


def test_platform_needs_its_key(local: Call) -> None:
    assert local("GET", "/connectors", Authorization="Bearer wrong").status_code == 401


def test_credentials_are_given_back_to_the_key_only_and_shown_nowhere_else(
    local: Call, emulator: RunningEmulator
) -> None:
    local("POST", "/connectors", {"key": "outlook", "name": "Outlook"})
    assert local("GET", "/connectors/outlook/credentials").status_code == 404
    client_id = "00000000-0000-4000-8000-000000000001"
    body = {"client_id": client_id, "client_secret": "s3cr3t-value", "generation": 3}
    put = local("PUT", "/connectors/outlook/credentials", body)
    assert put.status_code == 200
    assert {**put.json(), "updated_at": ""} == {
        "client_id": client_id, "kind": "secret", "generation": 3, "updated_at": "",
    }  # fmt: skip
    assert local("GET", "/connectors/outlook/credentials").json()["client_secret"] == "s3cr3t-value"
    assert "s3cr3t-value" not in local("GET", "/connectors/outlook").text
    page = local("GET", "/connectors/outlook/page")
    assert "s3cr3t-value" not in page.text
    assert client_id in page.text
    assert "s3cr3t-value" not in str(emulator.journal())
    assert local("PUT", "/connectors/outlook/credentials", {**body, "certificate_pem": "x"}).status_code == 400
    assert local("DELETE", "/connectors/outlook/credentials").status_code == 204


def test_connected_organisation_gets_tokens_by_the_stored_credentials(
    local: Call, emulator: RunningEmulator, log_in_to: Callable[..., Any]
) -> None:
    client = log_in_to("contoso.example", "Calendars.Read")
    local("POST", "/connectors", {"key": "outlook", "name": "Outlook"})
    body = {"client_id": client.client_id, "client_secret": client._secret, "generation": 1}
    local("PUT", "/connectors/outlook/credentials", body)
    path = "/connectors/outlook/connections"
    assert local("POST", f"{path}/{client.tenant_id}/token").status_code == 404
    assert local("POST", path, {"tenant_id": client.tenant_id}).status_code == 201
    token = local("POST", f"{path}/{client.tenant_id}/token").json()
    assert token["expires_in"] == 3599
    answer = requests.get(
        f"{emulator.ready['base_url']}/v1.0/users/admin@contoso.example/calendars",
        headers={"Authorization": f"Bearer {token['access_token']}"},
        verify=emulator.ready["ca_file"],
    )
    assert answer.status_code == 200
    assert local("DELETE", "/connectors/outlook").status_code == 409
    assert local("DELETE", "/connectors/outlook?force=true").status_code == 204


def test_token_that_entra_refuses_answers_502_with_its_number(local: Call, operator: Any) -> None:
    local("POST", "/connectors", {"key": "outlook", "name": "Outlook"})
    body = {"client_id": operator.client_id, "client_secret": "wrong", "generation": 1}
    local("PUT", "/connectors/outlook/credentials", body)
    local("POST", "/connectors/outlook/connections", {"tenant_id": operator.tenant_id})
    answer = local("POST", f"/connectors/outlook/connections/{operator.tenant_id}/token")
    assert answer.status_code == 502
    assert "AADSTS7000215" in answer.json()["error"]["message"]
    assert "wrong" not in answer.text


def test_callback_page_thanks_or_says_that_nothing_was_granted(emulator: RunningEmulator) -> None:
    address = f"{emulator.ready['base_url']}/platform/local/callback/outlook"
    thanks = requests.get(address + "?admin_consent=True&tenant=x", verify=emulator.ready["ca_file"])
    declined = requests.get(address + "?admin_consent=True&error=<script>", verify=emulator.ready["ca_file"])
    assert "Thank you" in thanks.text
    assert "not connected" in declined.text
    assert "<script>" not in declined.text


def test_graph_permissions_are_those_the_graph_principal_publishes(operator: Any) -> None:
    graph = operator.get(f"servicePrincipals(appId='{GRAPH_CLIENT_ID}')").json()
    published = {each["value"]: each["id"] for each in graph["appRoles"]}
    assert published == {name: each.permission_id for name, each in BY_NAME.items()}
