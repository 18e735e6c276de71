"""Kind `nango`: what is sent, word for word, and what only this platform does.

Places named by tests are of Nango's sources (https://github.com/NangoHQ/nango, commit 2f4c0af), below
packages/server/lib unless they say otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orgcal.entra.credentials import ClientSecret
from orgcal.errors import PlatformError
from orgcal.platforms import (
    ConnectorSettings,
    Platform,
    PlatformCredential,
    ensure_connector,
    open_platform,
    place_of,
    push_credentials,
)
from orgcal.platforms.model import StartsConsent
from orgcal.platforms.testing_server import Reply, StrictServer
from tests.support.nango_api import NangoApi
from tests.support.platform_apis import API_KEY

TENANT = "22222222-2222-2222-2222-222222222222"
DECLARED = ConnectorSettings("outlook", "Outlook", scopes=("Calendars.Read",))
CREDENTIAL = PlatformCredential("cid", 1, ClientSecret("hush"), scopes=DECLARED.scopes, display_name="Outlook")
CREDENTIALS = {
    "type": "OAUTH2",
    "client_id": "cid",
    "client_secret": "hush",
    "scopes": "https://graph.microsoft.com/.default",
}
WHOLE = {
    "unique_key": "outlook",
    "provider": "microsoft-admin",
    "display_name": "Outlook",
    "credentials": CREDENTIALS,
}


@dataclass
class Nango:
    api: NangoApi
    server: StrictServer
    platform: Platform


@pytest.fixture
def nango(tmp_path: Path) -> Iterator[Nango]:
    api = NangoApi()
    key_file = tmp_path / "key"
    key_file.write_text(API_KEY)
    key_file.chmod(0o600)
    with StrictServer(api).running() as server:
        settings = {"kind": "nango", "base_url": server.base_url}
        yield Nango(api, server, open_platform(settings, {"NANGO_API_KEY_FILE": str(key_file)}))


def create(nango: Nango) -> None:
    ensure_connector(nango.platform, DECLARED)
    push_credentials(nango.platform, "outlook", CREDENTIAL)


def sent(nango: Nango) -> list[tuple[str, object]]:
    """Method and body of each write."""
    return [(request.method, request.body) for request in nango.server.seen if request.method != "GET"]


def connect(nango: Nango, tenant_id: str, token: str) -> None:
    nango.api.connections.append(
        {
            "connection_id": f"c-{len(nango.api.connections)}",
            "provider_config_key": "outlook",
            "connection_config": {"tenantId": tenant_id},
            "credentials": {"access_token": token},
        }
    )


def test_entry_tells_its_callback_and_is_written_with_the_first_credential(nango: Nango) -> None:
    """services/integration.service.ts:120,258: no integration of an OAUTH2 provider without credentials."""
    ensured = ensure_connector(nango.platform, DECLARED)
    assert (ensured.outcome, sent(nango)) == ("deferred", [])
    assert ensured.entry.callback_url == f"{nango.server.base_url}/oauth/callback"
    assert nango.platform.read_connector("outlook") is None

    push_credentials(nango.platform, "outlook", CREDENTIAL)

    assert sent(nango) == [("POST", WHOLE)]
    assert ensure_connector(nango.platform, DECLARED).outcome == "adopted"


def test_callback_is_the_configured_one_where_the_environment_has_its_own(nango: Nango, tmp_path: Path) -> None:
    """packages/shared/lib/services/environment.service.ts:377: the environment's, else NANGO_SERVER_URL's."""
    settings = {"kind": "nango", "base_url": nango.server.base_url, "callback_url": "https://connect.example.com/cb"}
    platform = open_platform(settings, {"NANGO_API_KEY_FILE": str(tmp_path / "key")})
    assert ensure_connector(platform, DECLARED).entry.callback_url == "https://connect.example.com/cb"


def test_creation_by_another_writer_in_between_ends_with_our_credential(nango: Nango) -> None:
    """controllers/integrations/postIntegration.ts:114-118: a taken key is an invalid body."""
    ensure_connector(nango.platform, DECLARED)
    nango.api.rival = {"unique_key": "outlook", "provider": "microsoft-admin", "display_name": "Theirs"}
    push_credentials(nango.platform, "outlook", CREDENTIAL)
    assert nango.api.integrations["outlook"]["credentials"] == CREDENTIALS
    entry = nango.platform.read_connector("outlook")
    assert entry is not None
    assert list(entry.differences(DECLARED)) == ["display_name"], "a name of others is drift, not silently replaced"


def test_credential_is_never_given_to_an_integration_of_another_provider(nango: Nango) -> None:
    ensure_connector(nango.platform, DECLARED)
    nango.api.rival = {"unique_key": "outlook", "provider": "google", "display_name": "Theirs"}
    with pytest.raises(PlatformError, match="has the provider 'google'"):
        push_credentials(nango.platform, "outlook", CREDENTIAL)
    assert "credentials" not in nango.api.integrations["outlook"]


@pytest.mark.parametrize("written", [True, False])
def test_run_killed_around_the_creation_goes_on_with_one_integration(nango: Nango, written: bool) -> None:
    """The next run starts with the entry in the stack's state and no credential, whether Nango has it or not."""
    ensure_connector(nango.platform, DECLARED)
    if written:
        push_credentials(nango.platform, "outlook", CREDENTIAL)
    assert ensure_connector(nango.platform, DECLARED).outcome == ("adopted" if written else "deferred")
    second = replace(CREDENTIAL, credential=ClientSecret("of the next run"))
    push_credentials(nango.platform, "outlook", second)
    assert [method for method, _ in sent(nango)] == (["POST", "PATCH"] if written else ["POST"])
    assert nango.api.integrations["outlook"]["credentials"]["client_secret"] == "of the next run"


def test_integration_deleted_by_hand_is_made_whole_by_the_next_push(nango: Nango) -> None:
    create(nango)
    del nango.api.integrations["outlook"]
    push_credentials(nango.platform, "outlook", CREDENTIAL)
    assert sent(nango)[-1] == ("POST", WHOLE)


def test_consent_link_is_a_session_for_this_integration_and_organisation(nango: Nango) -> None:
    """controllers/connect/postSessions.ts:18-63; the default wins in controllers/oauth.controller.ts:220-222."""
    create(nango)
    assert isinstance(nango.platform, StartsConsent)

    url, expires_at = nango.platform.consent_link("outlook", TENANT, "Contoso")

    assert url.startswith("https://connect.nango.dev/?session_token=")
    assert expires_at == datetime(2026, 11, 25, 17, 30, tzinfo=UTC)
    body = {
        "tags": {"tenant_id": TENANT, "tenant_name": "Contoso"},
        "allowed_integrations": ["outlook"],
        "integrations_config_defaults": {"outlook": {"connection_config": {"tenantId": TENANT}}},
    }
    assert nango.api.sessions == [body]
    with pytest.raises(PlatformError, match=r"Integration does not exist \(allowed_integrations\.0\)"):
        nango.platform.consent_link("nothing", TENANT, "Contoso")


@pytest.mark.parametrize(("name", "tag"), [("", None), ("x" * 300, "x" * 255)])
def test_tags_keep_to_the_length_that_nango_takes(nango: Nango, name: str, tag: str | None) -> None:
    """packages/shared/lib/services/tags/schema.ts:3-18: values of 1 to 255 characters."""
    create(nango)
    assert isinstance(nango.platform, StartsConsent)
    nango.platform.consent_link("outlook", TENANT, name)
    assert nango.api.sessions[0]["tags"].get("tenant_name") == tag


def test_push_sends_id_secret_and_scopes_together(nango: Nango) -> None:
    """services/integration.service.ts, applyCredentials: all three are assigned from what is sent."""
    create(nango)
    push_credentials(nango.platform, "outlook", CREDENTIAL)
    assert sent(nango)[-1] == ("PATCH", {"credentials": CREDENTIALS})


def test_key_that_may_not_read_credentials_is_named(nango: Nango) -> None:
    """controllers/integrations/uniqueKey/getIntegration.ts:58: they are left out of an answer with 200."""
    create(nango)
    data = {name: WHOLE[name] for name in ("unique_key", "provider", "display_name")}
    nango.server.arm("status", method="GET", reply=Reply(200, {"data": data}))
    with pytest.raises(PlatformError, match="the API key may not read the credentials") as error:
        nango.platform.read_credentials("outlook")
    assert "environment:integrations:read_credentials" in error.value.repair


def test_scopes_changed_by_hand_are_drift(nango: Nango) -> None:
    create(nango)
    before = nango.platform.read_credentials("outlook")
    assert before is not None
    assert before.intact
    nango.api.integrations["outlook"]["credentials"]["scopes"] = "Calendars.Read"
    held = nango.platform.read_credentials("outlook")
    assert held is not None
    assert not held.intact


def test_entry_of_another_provider_is_not_adopted(nango: Nango) -> None:
    nango.api.integrations["outlook"] = {"unique_key": "outlook", "provider": "google", "display_name": "Outlook"}
    with pytest.raises(PlatformError, match="has the provider 'google'"):
        ensure_connector(nango.platform, DECLARED)
    assert nango.server.writes() == []


def test_connections_are_told_by_tenant_with_a_fresh_token(nango: Nango) -> None:
    create(nango)
    connect(nango, TENANT, "token-1")
    assert nango.platform.connections("outlook") == [TENANT]
    assert nango.platform.access_token("outlook", TENANT.upper()) == "token-1"
    assert nango.server.seen[-1].query["force_refresh"] == "true"
    with pytest.raises(PlatformError, match="is not connected"):
        nango.platform.access_token("outlook", TENANT.replace("2", "3"))


def test_connection_is_found_whatever_case_its_tenant_id_is_in(nango: Nango) -> None:
    lower = "abcdef00-1111-4222-8333-abcdefabcdef"
    create(nango)
    connect(nango, lower.upper(), "token-1")

    assert nango.platform.connections("outlook") == [lower]
    for tenant_id in (lower, lower.upper()):
        assert nango.platform.access_token("outlook", tenant_id) == "token-1"


def test_delete_is_refused_while_connections_use_it(nango: Nango) -> None:
    create(nango)
    connect(nango, TENANT, "token-1")
    with pytest.raises(PlatformError, match="1 connection uses the integration"):
        nango.platform.delete_connector("outlook")
    nango.platform.delete_connector("outlook", connected_too=True)
    assert nango.api.integrations == {}


@pytest.mark.parametrize("count", [1, 999, 1000, 1001, 10_001])
def test_guard_counts_all_connections_of_this_integration(nango: Nango, count: int) -> None:
    """controllers/connection/getConnections.ts:12-47: pages of at most 2000, and 10,000 where none is asked for."""
    create(nango)
    for number in range(count):
        nango.api.connections.append({"connection_id": f"c-{number}", "provider_config_key": "outlook"})
        nango.api.connections.append({"connection_id": f"c-{number}", "provider_config_key": "other"})
    with pytest.raises(PlatformError, match=f"^.*{count:,} connections? uses? the integration 'outlook'"):
        nango.platform.delete_connector("outlook")
    queries = [request.query for request in nango.server.seen if request.path == "/connections"]
    assert [query["page"] for query in queries] == [str(page) for page in range(count // 1000 + 1)]
    assert all(query["integrationId"] == "outlook" for query in queries)


@pytest.mark.parametrize("body", [{}, {"connections": None}, {"error": {"code": "x"}}, [], None])
def test_guard_refuses_where_connections_cannot_be_counted(nango: Nango, body: object) -> None:
    """controllers/connection/getConnections.ts:49: every answer has the list."""
    create(nango)
    connect(nango, TENANT, "token-1")
    nango.server.arm("status", method="GET", reply=Reply(200, body))
    with pytest.raises(PlatformError, match="Nango answered without 'connections'"):
        nango.platform.delete_connector("outlook")
    nango.server.arm("status", method="GET", reply=Reply(404, {"error": {"code": "not_found"}}))
    with pytest.raises(PlatformError, match="answered 404: not_found"):
        nango.platform.delete_connector("outlook")
    assert "outlook" in nango.api.integrations


def test_guard_ends_where_a_server_knows_no_pages(nango: Nango) -> None:
    create(nango)
    listed = [{"connection_id": f"c-{number}", "provider_config_key": "outlook"} for number in range(1000)]
    for _ in range(2):
        nango.server.arm("status", method="GET", reply=Reply(200, {"connections": listed}))
    with pytest.raises(PlatformError, match="1,000 connections use"):
        nango.platform.delete_connector("outlook")


@pytest.mark.parametrize("body", [{}, {"data": None}, [1], {"data": []}])
def test_answer_of_something_else_is_one_sentence(nango: Nango, body: object) -> None:
    nango.server.arm("status", method="GET", reply=Reply(200, body))
    with pytest.raises(PlatformError, match="Nango answered without 'data'") as error:
        ensure_connector(nango.platform, DECLARED)
    assert f"{nango.server.base_url} is the address of its API" in error.value.repair


def test_guard_sees_no_connections_of_other_integrations(nango: Nango) -> None:
    create(nango)
    nango.api.connections.append({"connection_id": "c", "provider_config_key": "other"})
    nango.platform.delete_connector("outlook")
    assert nango.api.integrations == {}


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"error": {"code": "invalid_body", "message": "Missing credentials"}}, "invalid_body: Missing credentials"),
        (
            {
                "error": {
                    "code": "invalid_body",
                    "errors": [
                        {"code": "custom", "message": "too long", "path": ["credentials", "client_id"]},
                        {"code": "unrecognized_keys", "message": 'Unrecognized key: "x"', "path": []},
                    ],
                }
            },
            'invalid_body: too long (credentials.client_id); Unrecognized key: "x"',
        ),
        ({"error": {"code": "server_error", "message": None, "payload": {"a": "hush"}}}, "answered 400: server_error"),
        ({"error": {"code": "x", "errors": ["text", {"message": 1}, {"message": "m", "path": "p"}]}}, "400: x: m"),
    ],
)
def test_refusals_are_read_by_their_shape(nango: Nango, body: object, sentence: str) -> None:
    """packages/utils/lib/express/validate.ts:42-46: a list of problems, each with code, message and path."""
    nango.server.arm("status", reply=Reply(400, body))
    with pytest.raises(PlatformError) as error:
        nango.platform.read_connector("outlook")
    assert sentence in str(error.value)
    assert "hush" not in str(error.value)


def test_connecting_is_left_to_its_own_flow(nango: Nango) -> None:
    with pytest.raises(PlatformError, match="its own flow"):
        nango.platform.register_connection("outlook", TENANT)


def test_cloud_is_the_default() -> None:
    assert place_of({"kind": "nango"}) == "nango:https://api.nango.dev"
