"""An application that somebody clicked together becomes a stack's, and loses nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from orgcal.entra.permissions import GRAPH_APP_ID
from orgcal.entra.pinned_roles import APP_ROLE_IDS
from tests.support.checkout import Checkout
from tests.support.outside import Outside

KEY = "outlook-calendar-admin"


@pytest.fixture
def empty(started: Checkout) -> Iterator[Checkout]:
    """The checkout with its settings as committed; what a test deploys is removed again."""
    path = started.path / "Pulumi.dev.yaml"
    committed = path.read_text()
    yield started
    path.write_text(committed)
    assert started.orgcal("destroy", "--stack", "dev", "--purge", "--yes").code == 0


def clicked(outside: Outside) -> dict[str, Any]:
    """Application, secret, service principal and connector, as the guide's reader makes them by hand."""
    entry = outside.platform(
        "POST", "/connectors", {"key": KEY, "name": "By hand", "description": "Old", "scopes": ["Calendars.Read"]}
    )
    roles = [{"id": APP_ROLE_IDS[name], "type": "Role"} for name in ("Calendars.Read", "Directory.Read.All")]
    made = outside.graph.post(
        "/applications",
        {
            "displayName": "Clicked by hand",
            "notes": "since 2024",
            "tags": ["old"],
            "signInAudience": "AzureADMultipleOrgs",
            "requiredResourceAccess": [{"resourceAppId": GRAPH_APP_ID, "resourceAccess": roles}],
            "web": {
                "redirectUris": [
                    entry["callback_url"],
                    "http://localhost:8400/consent/callback",
                    "https://old.example.com/callback",
                ],
                "homePageUrl": "https://old.example.com",
            },
            "info": {"privacyStatementUrl": "https://old.example.com/privacy"},
        },
    )
    outside.graph.post(f"/applications/{made['id']}/addPassword", {"passwordCredential": {"displayName": "by hand"}})
    outside.graph.post("/servicePrincipals", {"appId": made["appId"]})
    return made


def test_adopted_application_keeps_everything_and_gets_one_more_generation(empty: Checkout) -> None:
    outside = Outside(empty.ready)
    made = clicked(outside)
    empty.configure(connector={"delete_connected": False})
    file = empty.path / "Pulumi.dev.yaml"
    before, mark = file.read_text(), outside.mark()

    shown = empty.orgcal("adopt", "--client-id", made["appId"])

    assert shown.code == 0, shown.text
    assert 'redirect_uris: ["https://old.example.com/callback"]' in shown.out
    assert "REMOVE" not in shown.out
    assert file.read_text() == before
    assert outside.writes_since(mark) == []

    adopted = empty.orgcal("adopt", "--client-id", made["appId"], "--yes", "--json")
    previewed = empty.shell("pulumi preview --json --stack dev")

    assert adopted.code == 0, adopted.text
    assert outside.writes_since(mark) == [f"PATCH /v1.0/applications/{made['id']}"], "our tag, and nothing else"
    assert json.loads(adopted.out)["removes"] == []
    steps = {
        step["urn"].split("::")[-2].rsplit(":", 1)[-1]: step["op"]
        for step in json.loads(previewed.out)["steps"]
        if step["op"] != "same"
    }
    assert steps == dict.fromkeys(
        ["CredentialLedger", "ApplicationCredentials", "ApplicationPassword", "ConnectorCredentials"], "create"
    )

    up = empty.orgcal("up")
    again = empty.orgcal("adopt", "--client-id", made["appId"])

    assert up.code == 0, up.text
    (after,) = outside.applications()
    assert (after["id"], after["notes"], set(after["tags"])) == (made["id"], "since 2024", {"old", "orgcal:orgcal/dev"})
    assert after["web"]["redirectUris"] == made["web"]["redirectUris"]
    assert after["info"]["privacyStatementUrl"] == "https://old.example.com/privacy"
    assert [item["displayName"] for item in after["passwordCredentials"]].count("by hand") == 1
    assert len(after["passwordCredentials"]) == 2
    assert outside.platform("GET", f"/connectors/{KEY}")["name"] == "By hand"
    assert again.code == 2
    assert "the stack has an application already" in again.text


def test_application_deleted_outside_is_restored_under_its_client_id(empty: Checkout) -> None:
    assert empty.orgcal("up").code == 0
    outside = Outside(empty.ready)
    (before,) = outside.applications()
    outside.graph.delete(f"/applications/{before['id']}")

    refreshed = empty.shell("pulumi refresh --yes --skip-preview --stack dev")
    told = empty.orgcal("adopt", "--client-id", before["appId"])
    restored = empty.orgcal("adopt", "--client-id", before["appId"], "--restore", "--yes")
    up = empty.orgcal("up")

    assert refreshed.code == 0, refreshed.text
    assert told.code == 2
    assert "--restore --yes" in told.text
    assert restored.code == 0, restored.text
    assert up.code == 0, up.text
    (after,) = outside.applications()
    assert after["appId"] == before["appId"]
    assert outside.platform("GET", f"/connectors/{KEY}")["credentials"]["client_id"] == before["appId"]
    assert set(json.loads(empty.orgcal("up", "--json").out)["changes"]) == {"same"}
