"""What the kind `nango` sends and makes of the answers of its API."""

from __future__ import annotations

from typing import Any, cast

import pytest

from orgcal.entra.credentials import ClientSecret
from orgcal.errors import PlatformError
from orgcal.platforms import ConnectorSettings, PlatformCredential, StoredCredential
from orgcal.platforms.nango import NangoPlatform, NangoSettings
from orgcal.platforms.rest import RestClient
from tests.support.scripted_client import FakeClient

DECLARED = ConnectorSettings("outlook", "Outlook", "for all", ("A", "B"), published=False)


def nango(**answers: Any) -> tuple[NangoPlatform, FakeClient]:
    client = FakeClient(**answers)
    return NangoPlatform(cast(RestClient, client), NangoSettings.model_validate({"kind": "nango"})), client


def integration(**more: Any) -> dict[str, Any]:
    return {"data": {"provider": "microsoft-admin", **more}}


@pytest.mark.parametrize(("length", "taken"), [(0, False), (1, True), (255, True), (256, False)])
def test_nango_client_id_has_the_length_that_nango_takes(length: int, taken: bool) -> None:
    platform, client = nango(GET=integration(), PATCH=integration(updated_at="now"))
    credential = PlatformCredential("c" * length, 4, ClientSecret("hush"))

    if not taken:
        with pytest.raises(PlatformError, match="Nango takes client ids of 1 to 255 characters"):
            platform.push_credentials("outlook", credential)
        assert client.sent == []
        return
    assert platform.push_credentials("outlook", credential) == StoredCredential("c" * length, None, "now")
    assert client.sent[-1][2] == {
        "credentials": {
            "type": "OAUTH2",
            "client_id": "c" * length,
            "client_secret": "hush",
            "scopes": "https://graph.microsoft.com/.default",
        }
    }


def test_nango_credential_whose_scopes_were_changed_is_not_intact() -> None:
    held = {"client_id": "client", "client_secret": "hush"}
    for scopes, intact in (("https://graph.microsoft.com/.default", True), ("x", False), (None, False)):
        platform, _ = nango(GET=integration(credentials={**held, "scopes": scopes}, updated_at="now"))
        stored = platform.read_credentials("outlook")
        assert stored is not None
        assert (stored.client_id, stored.generation, stored.updated_at, stored.intact) == (
            "client",
            None,
            "now",
            intact,
        )
    for nothing in (None, {}, {"client_id": ""}):
        assert nango(GET=integration(credentials=nothing))[0].read_credentials("outlook") is None


def test_nango_token_is_taken_fresh_for_the_connection_of_the_organisation() -> None:
    answers = {
        "GET /connections": {"connections": [{"provider_config_key": "outlook", "connection_id": "c/1"}]},
        "GET /connections/c%2F1": {
            "connection_config": {"tenantId": "ABC"},
            "credentials": {"access_token": "token"},
        },
    }
    platform, client = nango(**answers)

    assert platform.connections("outlook") == ["abc"]
    assert platform.access_token("outlook", "AbC") == "token"
    assert client.options[-1]["params"] == {"provider_config_key": "outlook", "force_refresh": "true"}
    assert client.options[0]["params"] == {"integrationId": "outlook", "limit": "1000", "page": "0"}
    with pytest.raises(PlatformError, match="the organisation x is not connected to 'outlook'"):
        platform.access_token("outlook", "x")
    answers["GET /connections/c%2F1"] = {"connection_config": {"tenantId": "ABC"}, "credentials": None}
    with pytest.raises(PlatformError, match="Nango shows no token of the connection 'c/1'"):
        nango(**answers)[0].access_token("outlook", "abc")


def test_nango_entry_is_changed_by_its_name_alone() -> None:
    platform, client = nango(PATCH=integration(display_name="Outlook"))

    entry = platform.update_connector(DECLARED, ["display_name"])

    assert (entry.display_name, entry.callback_url) == ("Outlook", "https://api.nango.dev/oauth/callback")
    assert client.sent == [("PATCH", "/integrations/outlook", {"display_name": "Outlook"})]
    assert platform.create_connector(DECLARED).display_name == "Outlook"
    assert len(client.sent) == 1, "the first push makes it"
