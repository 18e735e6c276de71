"""The emulator's Nango by the rules of Nango's server.

Places named by tests are of Nango's sources (https://github.com/NangoHQ/nango, commit 2f4c0af), below
packages/server/lib unless they say otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
import requests
from orgcal_emulator.graph.permissions import APPLICATION_PERMISSIONS_BY_NAME as BY_NAME
from orgcal_emulator.graph.permissions import GRAPH_CLIENT_ID
from orgcal_emulator.server import RunningEmulator

Call = Callable[..., requests.Response]

CONTOSO = "22222222-2222-2222-2222-222222222222"
FABRIKAM = "33333333-3333-3333-3333-333333333333"
SCOPE = "https://graph.microsoft.com/.default"
CREDENTIALS = {"type": "OAUTH2", "client_id": "id", "client_secret": "s3cr3t", "scopes": "a,b"}
NEW = {"unique_key": "outlook", "provider": "microsoft-admin", "credentials": CREDENTIALS}
SESSION = {
    "tags": {"tenant_id": CONTOSO},
    "allowed_integrations": ["outlook"],
    "integrations_config_defaults": {"outlook": {"connection_config": {"tenantId": CONTOSO}}},
}


@pytest.fixture
def nango(emulator: RunningEmulator) -> Call:
    place = emulator.ready["nango"]
    key = Path(place["api_key_file"]).read_text()

    def call(method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        return requests.request(
            method,
            place["url"] + path,
            json=body,
            verify=emulator.ready["ca_file"],
            headers={"Authorization": f"Bearer {key}", **headers},
        )

    return call


def problem(answer: requests.Response) -> tuple[str, str, list[str]]:
    """Code of a refusal with 400, and message and path of its first problem."""
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    first = error.get("errors", [{"message": error.get("message"), "path": []}])[0]
    return error["code"], first["message"], first["path"]


# integrations --------------------------------------------------------------------------------------------------------


def test_integration_is_created_read_with_credentials_changed_and_deleted(nango: Call) -> None:
    made = nango("POST", "/integrations", NEW)
    assert made.status_code == 200
    assert set(made.json()["data"]) == {
        "unique_key", "display_name", "provider", "logo", "created_at", "updated_at", "forward_webhooks",
    }  # fmt: skip
    assert made.json()["data"]["display_name"] == "Microsoft (Admin)"
    assert "s3cr3t" not in nango("GET", "/integrations/outlook").text
    shown = nango("GET", "/integrations/outlook?include=credentials&include=webhook").json()["data"]["credentials"]
    assert shown == {**CREDENTIALS, "webhook_secret": None}
    new = {**CREDENTIALS, "client_secret": "n3w"}
    assert nango("PATCH", "/integrations/outlook", {"credentials": new}).status_code == 200
    shown = nango("GET", "/integrations/outlook?include=credentials").json()["data"]["credentials"]
    assert shown["client_secret"] == "n3w"
    assert [each["unique_key"] for each in nango("GET", "/integrations").json()["data"]] == ["outlook"]
    assert nango("DELETE", "/integrations/outlook").json() == {"success": True}
    missing = nango("GET", "/integrations/outlook").json()["error"]
    assert missing == {"code": "not_found", "message": 'Integration "outlook" does not exist'}


def test_integration_without_credentials_is_refused(nango: Call) -> None:
    """services/integration.service.ts:120,258."""
    bare = {name: NEW[name] for name in ("unique_key", "provider")}
    assert problem(nango("POST", "/integrations", bare)) == ("invalid_body", "Missing credentials", [])
    assert nango("GET", "/integrations").json() == {"data": []}


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"unknown": 1}, []),
        ({"provider": "nothing"}, ["provider"]),
        ({"provider": "with space"}, ["provider"]),
        ({"unique_key": "with/slash"}, ["unique_key"]),
        ({"unique_key": "x" * 256}, ["unique_key"]),
        ({"unique_key": "taken"}, ["uniqueKey"]),
        ({"credentials": {**CREDENTIALS, "type": "OAUTH2_CC"}}, ["credentials", "type"]),
        ({"credentials": {**CREDENTIALS, "type": "OAUTH1"}}, []),
        ({"credentials": {**CREDENTIALS, "extra": "x"}}, ["credentials"]),
        ({"credentials": {"type": "OAUTH2", "client_id": "x"}}, ["credentials", "client_secret"]),
        ({"credentials": {**CREDENTIALS, "client_id": "x" * 256}}, ["credentials", "client_id"]),
        ({"credentials": {**CREDENTIALS, "webhook_secret": "x" * 256}}, ["credentials", "webhook_secret"]),
        ({"credentials": None}, ["credentials"]),
        ({"display_name": ""}, ["display_name"]),
        ({"forward_webhooks": "yes"}, ["forward_webhooks"]),
        ({"custom": {"a": 1}}, ["custom"]),
        ({"integration_config": {"a": "b"}}, []),
    ],
)
def test_wrong_integration_answers_400_with_its_path(nango: Call, change: dict[str, Any], path: list[str]) -> None:
    """controllers/integrations/postIntegration.ts:22-35,106-151; helpers/validation.ts:56-149."""
    nango("POST", "/integrations", {**NEW, "unique_key": "taken"})
    code, _, place = problem(nango("POST", "/integrations", {**NEW, **change}))
    assert (code, place) == ("invalid_body", path)


@pytest.mark.parametrize("key", ["outlook", "a@b.c", "with space", "~:._-", "x" * 255])
def test_keys_that_nango_takes_are_taken(nango: Call, key: str) -> None:
    """helpers/validation.ts:56."""
    assert nango("POST", "/integrations", {**NEW, "unique_key": key}).status_code == 200
    assert nango("GET", f"/integrations/{key}").json()["data"]["unique_key"] == key


@pytest.mark.parametrize(
    ("scopes", "status"),
    [
        ("a,b", 200), ("", 200), ("*", 200), ("https://graph.microsoft.com/.default", 200), ("A-z_0:/.*", 200),
        ("a, b", 400), ("a b", 400), ("a,,b", 400), ("a,", 400), (",", 400), ("a?b", 400), ("ä", 400), (None, 400),
        (["a"], 400),
    ],
)  # fmt: skip
def test_scopes_follow_nangos_pattern(nango: Call, scopes: Any, status: int) -> None:
    """helpers/validation.ts:122."""
    body = {**NEW, "credentials": {**CREDENTIALS, "scopes": scopes}}
    assert nango("POST", "/integrations", body).status_code == status


def test_change_replaces_id_secret_and_scopes_together(nango: Call) -> None:
    """services/integration.service.ts, applyCredentials: scopes that are not sent are gone; a webhook secret stays."""
    nango("POST", "/integrations", {**NEW, "credentials": {**CREDENTIALS, "webhook_secret": "w"}})
    given = {name: CREDENTIALS[name] for name in ("type", "client_id", "client_secret")}
    nango("PATCH", "/integrations/outlook", {"credentials": given})
    shown = nango("GET", "/integrations/outlook?include=credentials").json()["data"]["credentials"]
    assert shown == {**given, "scopes": None, "webhook_secret": "w"}


def test_change_has_no_provider_and_does_not_take_a_used_key(nango: Call) -> None:
    """controllers/integrations/uniqueKey/patchIntegration.ts:22-31,84-86."""
    nango("POST", "/integrations", NEW)
    nango("POST", "/integrations", {**NEW, "unique_key": "taken"})
    assert problem(nango("PATCH", "/integrations/outlook", {"provider": "microsoft"}))[1] == (
        'Unrecognized key: "provider"'
    )
    used = problem(nango("PATCH", "/integrations/outlook", {"unique_key": "taken"}))
    assert used[:2] == ("invalid_body", "uniqueKey is already used by another integration")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/integrations"),
        ("POST", "/integrations"),
        ("GET", "/integrations/outlook"),
        ("PATCH", "/integrations/outlook"),
        ("DELETE", "/integrations/outlook"),
        ("POST", "/connect/sessions"),
        ("GET", "/connections"),
        ("GET", "/connections/x"),
    ],
)
def test_unknown_query_parameters_are_refused_everywhere(nango: Call, method: str, path: str) -> None:
    """packages/utils/lib/express/validate.ts:67-86, and the strict queries of the controllers."""
    nango("POST", "/integrations", NEW)
    answer = nango(method, f"{path}?force=true", {})
    assert problem(answer) == ("invalid_query_params", 'Unrecognized key: "force"', [])


def test_deleting_what_is_not_there_says_so_in_its_own_words(nango: Call) -> None:
    """controllers/integrations/uniqueKey/deleteIntegration.ts:42."""
    answer = nango("DELETE", "/integrations/outlook")
    assert (answer.status_code, answer.json()["error"]["message"]) == (404, "Integration does not exist")


def test_nango_needs_its_key_and_json(nango: Call, emulator: RunningEmulator) -> None:
    """middleware/access.middleware.ts:64-70,116-131; middleware/json.middleware.ts:4."""
    wrong = nango("GET", "/integrations", Authorization="Bearer x")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (401, "unknown_account")
    address = emulator.ready["nango"]["url"] + "/integrations"
    none = requests.get(address, verify=emulator.ready["ca_file"])
    assert (none.status_code, none.json()["error"]["code"]) == (401, "missing_auth_header")
    text = nango("POST", "/integrations", NEW, **{"Content-Type": "text/plain"})
    assert (text.status_code, text.json()["error"]["code"]) == (415, "invalid_content_type")


# connect sessions and connections ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, ["end_user"]),
        ({"tags": {}, "unknown": 1}, []),
        ({"tags": {"1a": "x"}}, ["tags", "1a"]),
        ({"tags": {"a": ""}}, ["tags", "a"]),
        ({"tags": {"a": "x" * 256}}, ["tags", "a"]),
        ({"tags": {"a": "x", "A": "y"}}, ["tags"]),
        ({"tags": {f"a{number}": "x" for number in range(11)}}, ["tags"]),
        ({"tags": {}, "allowed_integrations": "outlook"}, ["allowed_integrations"]),
        ({"tags": {}, "allowed_integrations": ["outlook", "nothing"]}, ["allowed_integrations", "1"]),
        ({"tags": {}, "integrations_config_defaults": {"nothing": {}}}, ["integrations_config_defaults", "nothing"]),
        (
            {"tags": {}, "integrations_config_defaults": {"outlook": {"tenantId": "x"}}},
            ["integrations_config_defaults", "outlook"],
        ),
    ],
)
def test_wrong_session_is_an_invalid_body_with_its_path(nango: Call, body: dict[str, Any], path: list[str]) -> None:
    """controllers/connect/postSessions.ts:18-103,182-196; packages/shared/lib/services/tags/schema.ts."""
    nango("POST", "/integrations", NEW)
    code, _, place = problem(nango("POST", "/connect/sessions", body))
    assert (code, place) == ("invalid_body", path)


def test_session_lasts_half_an_hour(nango: Call, emulator: RunningEmulator) -> None:
    """services/connectSession.service.ts:24; controllers/connect/postSessions.ts:173-179."""
    nango("POST", "/integrations", NEW)
    answer = nango("POST", "/connect/sessions", SESSION)
    assert answer.status_code == 201
    data = answer.json()["data"]
    assert re.fullmatch(r"nango_connect_session_[a-f0-9]{64}", data["token"])
    assert set(data) == {"token", "connect_link", "expires_at"}
    ca_file = emulator.ready["ca_file"]
    assert requests.get(data["connect_link"], verify=ca_file, allow_redirects=False).status_code == 302
    emulator.move_clock(31 * 60)
    assert requests.get(data["connect_link"], verify=ca_file, allow_redirects=False).status_code == 401


@pytest.fixture
def connected(nango: Call, emulator: RunningEmulator, operator: Any) -> Callable[..., requests.Response]:
    """Makes the integration, then has an administrator follow a connect link with what a browser adds to it."""
    callback = f"{emulator.ready['nango']['url']}/oauth/callback"
    access = [{"id": BY_NAME["Calendars.Read"].permission_id, "type": "Role"}]
    made = operator.post(
        "applications",
        {
            "displayName": "Outlook",
            "signInAudience": "AzureADMultipleOrgs",
            "web": {"redirectUris": [callback]},
            "requiredResourceAccess": [{"resourceAppId": GRAPH_CLIENT_ID, "resourceAccess": access}],
        },
    ).json()
    secret = operator.post(f"applications/{made['id']}/addPassword").json()["secretText"]
    given = {"type": "OAUTH2", "client_id": made["appId"], "client_secret": secret, "scopes": SCOPE}
    assert nango("POST", "/integrations", {**NEW, "credentials": given}).status_code == 200

    def follow(added: str = "", decision: str = "accept") -> requests.Response:
        link = nango("POST", "/connect/sessions", SESSION).json()["data"]["connect_link"]
        page = operator.session.get(link + added)
        fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text))
        account = re.search(r'name="account" value="([^"]*)"', page.text)
        form = {name: unescape(value) for name, value in fields.items()} | {"decision": decision}
        if account:
            form.setdefault("account", unescape(account[1]))
        done: requests.Response = operator.session.post(page.url, form, headers={"Origin": operator.base_url})
        return done

    return follow


def test_followed_link_connects_the_organisation_that_it_was_made_for(
    nango: Call, connected: Callable[..., requests.Response]
) -> None:
    """controllers/oauth.controller.ts:200-222: a session's default wins over what the browser sends."""
    page = connected(f"&tenantId={FABRIKAM}")
    assert urlsplit(page.url).path == "/platform/nango/oauth/callback"
    assert parse_qs(urlsplit(page.url).query)["tenant"] == [CONTOSO]

    listed = nango("GET", "/connections?integrationId=outlook&limit=1&page=0").json()["connections"]
    assert [(each["provider_config_key"], each["tags"]) for each in listed] == [("outlook", SESSION["tags"])]
    path = f"/connections/{listed[0]['connection_id']}?provider_config_key=outlook"
    whole = nango("GET", path + "&force_refresh=true").json()
    assert whole["connection_config"] == {"tenantId": CONTOSO}
    assert jwt.decode(whole["credentials"]["access_token"], options={"verify_signature": False})["tid"] == CONTOSO
    assert nango("GET", path).json()["credentials"] == whole["credentials"], "a valid token is kept"

    assert nango("PATCH", "/integrations/outlook", {"unique_key": "other"}).status_code == 400
    assert nango("DELETE", "/integrations/outlook").status_code == 200
    assert nango("GET", "/connections").json() == {"connections": []}


def test_link_that_the_administrator_declines_connects_nobody(
    nango: Call, connected: Callable[..., requests.Response]
) -> None:
    assert "not connected" in connected(decision="cancel").text
    assert nango("GET", "/connections").json() == {"connections": []}


def test_connections_are_filtered_and_paged_the_newest_first(
    nango: Call, connected: Callable[..., requests.Response]
) -> None:
    """controllers/connection/getConnections.ts:12-47; packages/shared/lib/services/connection.service.ts:1203-1259."""
    for _ in range(3):
        connected()

    def ids(query: str) -> list[str]:
        return [each["connection_id"] for each in nango("GET", f"/connections{query}").json()["connections"]]

    everyone = ids("")
    assert len(set(everyone)) == 3
    assert ids("?limit=2") + ids("?limit=2&page=1") == everyone
    assert ids("?limit=2&page=2") == []
    assert ids("?integrationId=other") == []
    assert ids("?integrationId=other,%20outlook") == everyone
    assert ids(f"?connectionId={everyone[1]}") == [everyone[1]]
    assert ids(f"?tags[tenant_id]={CONTOSO}") == everyone
    assert ids("?tags[tenant_id]=other") == []


@pytest.mark.parametrize("query", ["limit=0", "limit=2001", "limit=x", "page=-1", "integrationId=", "limit=1&limit=2"])
def test_wrong_pages_are_refused(nango: Call, query: str) -> None:
    """controllers/connection/getConnections.ts:12-23."""
    assert problem(nango("GET", f"/connections?{query}"))[0] == "invalid_query_params"


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("", 400, "invalid_query_params"),
        ("?provider_config_key=a/b", 400, "invalid_query_params"),
        ("?provider_config_key=outlook&force_refresh=perhaps", 400, "invalid_query_params"),
        ("?provider_config_key=nothing", 400, "unknown_provider_config"),
        ("?provider_config_key=outlook", 404, "not_found"),
    ],
)
def test_connection_that_cannot_be_read_says_why(nango: Call, query: str, status: int, code: str) -> None:
    """controllers/connection/connectionId/getConnection.ts:15-115; connection.service.ts:682-687."""
    nango("POST", "/integrations", NEW)
    answer = nango("GET", f"/connections/x{query}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
