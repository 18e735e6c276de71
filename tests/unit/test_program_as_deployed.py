"""A program that deploys the credential alone gets the connector as it was deployed, whatever the file says now."""

from __future__ import annotations

from orgcal.settings import parse_settings
from orgcal.stack.outputs import DEPLOYED_FIELDS, StackOutputs
from provisioning.program import as_deployed
from tests.support.stack_exports import record

CONFIG = {
    "orgcal:entra": {"cloud": "public", "tenant_id": "00000000-1111-2222-3333-444444444444"},
    "orgcal:application": {"display_name": "Renamed", "redirect_uris": ["https://new.example.com/callback"]},
    "orgcal:connector": {
        "platform": {"kind": "file", "path": "moved.yaml", "callback_url": "https://new.example.com/callback"},
        "key": "moved",
        "name": "Renamed",
        "scopes": ["Calendars.ReadWrite"],
        "published": False,
    },
    "orgcal:consent": {"public_url": "https://new.example.com/consent"},
    "orgcal:credential": {"generations": [1, 2], "active": 1, "revoked": [1]},
}


def test_settings_as_deployed_are_those_of_the_record_but_for_the_credential() -> None:
    settings = parse_settings(CONFIG, stack="prod")
    deployed = as_deployed(settings, record([1], 1))

    assert deployed.connector.platform == {"kind": "local"}
    assert deployed.connector.also_push_to == {}
    assert (deployed.connector.key, deployed.connector.name) == ("outlook", "Outlook")
    assert deployed.connector.scopes == ("Calendars.Read",)
    assert deployed.application.display_name == "Acme"
    assert deployed.application.redirect_uris == ()
    assert deployed.consent is None
    assert deployed.credential == settings.credential
    assert (deployed.stack, deployed.project, deployed.tag) == (settings.stack, settings.project, settings.tag)


def test_every_field_of_the_record_that_a_program_is_told_exists() -> None:
    assert set(DEPLOYED_FIELDS) <= set(StackOutputs.model_fields)
    assert "client_secret" not in DEPLOYED_FIELDS
