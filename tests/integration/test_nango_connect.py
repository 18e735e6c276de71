"""Kind `nango` from the entry to an organisation's token, with the emulator's Nango and Entra ID."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from orgcal_emulator.server import RunningEmulator

from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.credentials import ClientSecret
from orgcal.entra.permissions import application_permissions
from orgcal.entra.session import new_session
from orgcal.errors import PlatformError
from orgcal.platforms import ConnectorSettings, PlatformCredential, ensure_connector, open_platform, push_credentials
from orgcal.platforms.nango import NangoPlatform
from tests.support.administrator import answer
from tests.support.deployed_connector import CONTOSO, FABRIKAM, declared, operator_graph

CONNECTOR = ConnectorSettings("outlook", "Outlook", scopes=("Calendars.Read",))


@pytest.fixture
def nango(emulator: RunningEmulator, emulator_environ: Mapping[str, str]) -> NangoPlatform:
    place = emulator.ready["nango"]
    environ = {**emulator_environ, "NANGO_API_KEY_FILE": place["api_key_file"]}
    platform = open_platform({"kind": "nango", "base_url": place["url"]}, environ)
    assert isinstance(platform, NangoPlatform)
    return platform


@pytest.fixture
def application(nango: NangoPlatform, endpoints: CloudEndpoints, emulator_environ: Mapping[str, str]) -> dict[str, Any]:
    """An application with the callback that the entry tells before there is an integration, and its secret."""
    callback_url = ensure_connector(nango, CONNECTOR).entry.callback_url
    with new_session(endpoints) as session:
        graph = operator_graph(endpoints, emulator_environ, session)
        made = graph.post(
            "/applications",
            {
                "displayName": "Contoso Sync",
                "signInAudience": "AzureADMultipleOrgs",
                "web": {"redirectUris": [callback_url]},
                "requiredResourceAccess": [declared(application_permissions(CONNECTOR.scopes))],
            },
        )
        secret = graph.post(f"/applications/{made['id']}/addPassword", {"passwordCredential": {}})["secretText"]
    return {**made, "secret": secret}


def test_link_connects_its_organisation_and_the_guard_counts_it(
    nango: NangoPlatform, application: dict[str, Any], endpoints: CloudEndpoints
) -> None:
    with pytest.raises(PlatformError, match="Integration does not exist"):
        nango.consent_link("outlook", CONTOSO, "Contoso")
    credential = PlatformCredential(
        application["appId"], 1, ClientSecret(application["secret"]), display_name=CONNECTOR.display_name
    )
    push_credentials(nango, "outlook", credential)
    assert ensure_connector(nango, CONNECTOR).outcome == "adopted"
    assert nango.connections("outlook") == []

    link, ends = nango.consent_link("outlook", CONTOSO, "Contoso")
    assert timedelta(minutes=25) < ends - datetime.now(UTC) < timedelta(minutes=31)
    answer(endpoints, f"{link}&tenantId={FABRIKAM}", "admin@contoso.example")

    assert nango.connections("outlook") == [CONTOSO], "whatever tenant the browser sends"
    claims = jwt.decode(nango.access_token("outlook", CONTOSO), options={"verify_signature": False})
    assert claims["tid"] == CONTOSO
    assert "Calendars.Read" in claims["roles"]
    with pytest.raises(PlatformError, match="1 connection uses the integration"):
        nango.delete_connector("outlook")
    nango.delete_connector("outlook", connected_too=True)
    assert nango.read_connector("outlook") is None
    assert nango.connections("outlook") == []
