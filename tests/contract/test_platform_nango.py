"""Kind `nango`: what is sent, word for word, and what only this platform does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orgcal.entra.credentials import ClientSecret
from orgcal.errors import ConfigError, PlatformError
from orgcal.platforms import ConnectorSettings, Platform, PlatformCredential, ensure_connector, open_platform, place_of
from orgcal.platforms.model import StartsConsent
from tests.support.platform_apis import API_KEY, NangoApi
from tests.support.strict_server import StrictServer

TENANT = "22222222-2222-2222-2222-222222222222"
DECLARED = ConnectorSettings("outlook", "Outlook", scopes=("Calendars.Read",))


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


def connect(nango: Nango, tenant_id: str, token: str) -> None:
    nango.api.connections.append(
        {
            "connection_id": f"c-{len(nango.api.connections)}",
            "provider_config_key": "outlook",
            "connection_config": {"tenantId": tenant_id},
            "credentials": {"access_token": token},
        }
    )


def test_create_sends_key_provider_and_name(nango: Nango) -> None:
    entry = ensure_connector(nango.platform, DECLARED).entry
    body = {"unique_key": "outlook", "provider": "microsoft-admin", "display_name": "Outlook"}
    assert [(request.method, request.body) for request in nango.server.seen if request.body] == [("POST", body)]
    assert entry.callback_url == f"{nango.server.base_url}/oauth/callback"


def test_consent_link_is_a_session_for_this_integration_and_organisation(nango: Nango) -> None:
    ensure_connector(nango.platform, DECLARED)
    assert isinstance(nango.platform, StartsConsent)

    url, expires_at = nango.platform.consent_link("outlook", TENANT, "Contoso")

    assert url.startswith("https://connect.nango.dev/?session_token=")
    assert expires_at == datetime(2026, 11, 25, 17, 30, tzinfo=UTC)
    assert nango.api.sessions == [
        {"end_user": {"id": TENANT, "display_name": "Contoso"}, "allowed_integrations": ["outlook"]}
    ]
    with pytest.raises(PlatformError, match="does not exist"):
        nango.platform.consent_link("nothing", TENANT, "Contoso")


def test_push_sends_id_secret_and_scopes_together(nango: Nango) -> None:
    ensure_connector(nango.platform, DECLARED)
    nango.platform.push_credentials(
        "outlook", PlatformCredential("cid", 1, ClientSecret("hush"), scopes=DECLARED.scopes)
    )
    assert nango.server.seen[-1].body == {
        "credentials": {
            "type": "OAUTH2",
            "client_id": "cid",
            "client_secret": "hush",
            "scopes": "https://graph.microsoft.com/.default",
        }
    }


def test_scopes_changed_by_hand_are_drift(nango: Nango) -> None:
    ensure_connector(nango.platform, DECLARED)
    credential = PlatformCredential("cid", 1, ClientSecret("hush"))
    nango.platform.push_credentials("outlook", credential)
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
    ensure_connector(nango.platform, DECLARED)
    connect(nango, TENANT, "token-1")
    assert nango.platform.connections("outlook") == [TENANT]
    assert nango.platform.access_token("outlook", TENANT.upper()) == "token-1"
    assert nango.server.seen[-1].query["force_refresh"] == "true"
    with pytest.raises(PlatformError, match="is not connected"):
        nango.platform.access_token("outlook", TENANT.replace("2", "3"))


def test_delete_is_refused_while_connections_use_it(nango: Nango) -> None:
    ensure_connector(nango.platform, DECLARED)
    connect(nango, TENANT, "token-1")
    with pytest.raises(PlatformError, match="1 connections use the integration"):
        nango.platform.delete_connector("outlook")
    nango.platform.delete_connector("outlook", connected_too=True)
    assert nango.api.integrations == {}


def test_connecting_is_left_to_its_own_flow(nango: Nango) -> None:
    with pytest.raises(PlatformError, match="its own flow"):
        nango.platform.register_connection("outlook", TENANT)


def test_cloud_is_the_default_and_scopes_with_commas_are_refused() -> None:
    assert place_of({"kind": "nango"}) == "nango:https://api.nango.dev"
    with pytest.raises(ConfigError, match="token_scopes"):
        place_of({"kind": "nango", "token_scopes": ["a,b"]})
