"""The address that an administrator opens, the callback that it leads back to, and the words that go with it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from orgcal.consent.links import checked_redirect_uri, consent_url, message, with_port
from orgcal.entra.clouds import load_endpoints
from orgcal.errors import UsageError
from tests.support.consent_probes import CONTOSO, outputs_with
from tests.support.consent_service import told

OUTPUTS = outputs_with("Calendars.Read")
UNTIL = datetime(2026, 11, 23, 9, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cloud", "host", "graph"),
    [
        ("public", "login.microsoftonline.com", "https://graph.microsoft.com/.default"),
        ("usgov", "login.microsoftonline.us", "https://graph.microsoft.us/.default"),
        ("china", "login.partner.microsoftonline.cn", "https://microsoftgraph.chinacloudapi.cn/.default"),
    ],
)
def test_consent_url_leads_to_the_clouds_own_page(cloud: str, host: str, graph: str) -> None:
    endpoints = load_endpoints(cloud, {})
    url = consent_url(
        endpoints, tenant_id=CONTOSO, client_id="c", redirect_uri="https://a.example/cb?x=1", state="s+/="
    )

    split = urlsplit(url)
    assert (split.scheme, split.hostname, split.path) == ("https", host, f"/{CONTOSO}/v2.0/adminconsent")
    assert parse_qs(split.query) == {
        "client_id": ["c"],
        "scope": [graph],
        "redirect_uri": ["https://a.example/cb?x=1"],
        "state": ["s+/="],
    }


@pytest.mark.parametrize("tenant_id", ["common", "organizations", "contoso.com", ""])
def test_consent_url_without_a_tenant_id_is_refused(tenant_id: str) -> None:
    endpoints = load_endpoints("public", {})

    with pytest.raises(UsageError) as refused:
        consent_url(endpoints, tenant_id=tenant_id, client_id="c", redirect_uri="https://a.example/cb", state="s")

    assert refused.value.where == "consent link"


HTTP = "http://acme.example/cb"


@pytest.mark.parametrize(
    ("changed", "what", "repair"),
    [
        (
            {"consent_redirect_uri": ""},
            "the stack has no consent callback of ours",
            "set orgcal:consent.public_url to https://YOUR.HOST/consent/callback, then pulumi up",
        ),
        (
            {"redirect_uris": ()},
            "https://acme.example/consent/callback is not among the application's redirect URIs",
            "pulumi up",
        ),
        (
            {"consent_redirect_uri": HTTP, "redirect_uris": (HTTP,)},
            f"the callback {HTTP} is not https, and answers about consent would travel in the open",
            "put a proxy that speaks https before `orgcal consent serve`",
        ),
    ],
)
def test_callback_that_could_not_be_used_is_refused(changed: dict[str, Any], what: str, repair: str) -> None:
    with pytest.raises(UsageError) as refused:
        checked_redirect_uri(OUTPUTS.model_copy(update=changed))

    assert told(refused) == (what, "orgcal:consent.public_url", repair)


def test_callback_of_the_emulator_needs_no_https() -> None:
    uri = "http://localhost:8400/consent/callback"
    named = {"consent_redirect_uri": uri, "redirect_uris": (uri,)}

    assert checked_redirect_uri(OUTPUTS.model_copy(update={**named, "cloud": "emulator"})) == uri
    assert checked_redirect_uri(OUTPUTS) == "https://acme.example/consent/callback"


def test_port_of_a_loopback_redirect_uri_can_be_another() -> None:
    assert with_port("http://localhost:8400/consent/callback?x=1", 9) == "http://localhost:9/consent/callback?x=1"
    assert with_port("http://localhost/cb", 9) == "http://localhost:9/cb"


@pytest.mark.parametrize(("publisher", "words"), [("acme.example", ", published by acme.example"), ("", "")])
def test_message_says_who_asks_for_what_and_until_when(publisher: str, words: str) -> None:
    text = message(
        organisation="Contoso",
        application="Sync",
        publisher=publisher,
        url="https://x.example/?s",
        expires_at=UNTIL,
        permissions=["Calendars.Read", "Directory.Read.All"],
    )

    assert text == (
        f"To connect Contoso to Sync{words}, a Global Administrator or Privileged Role Administrator of Contoso "
        "opens this link, signs in and chooses Accept:\n\n"
        "  https://x.example/?s\n\n"
        "It asks for these application permissions of Microsoft Graph:\n  - Calendars.Read\n  - Directory.Read.All\n\n"
        "The link works once, until 2026-11-23 09:05 UTC, and only for Contoso. "
        "Consent can be taken back at any time under Enterprise applications in the Microsoft Entra admin center."
    )
