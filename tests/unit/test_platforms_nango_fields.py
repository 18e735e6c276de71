"""What the kind `nango` sends and makes of the answers of its API."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from orgcal.entra.credentials import ClientSecret
from orgcal.errors import OrgcalError, PlatformError, Unreachable
from orgcal.platforms import (
    Capabilities,
    ConnectorEntry,
    ConnectorSettings,
    PlatformCredential,
    StoredCredential,
    check_settings,
)
from orgcal.platforms.nango import NangoPlatform, NangoSettings
from orgcal.platforms.rest import RestClient
from tests.support.scripted_client import FakeClient

DEFAULT = ["https://graph.microsoft.com/.default"]


def nango(*scopes: str, **answers: Any) -> tuple[NangoPlatform, FakeClient]:
    client = FakeClient(**answers)
    settings = NangoSettings.model_validate({"kind": "nango", "token_scopes": scopes or DEFAULT})
    return NangoPlatform(cast(RestClient, client), settings), client


def integration(**more: Any) -> dict[str, Any]:
    return {"data": {"provider": "microsoft-admin", **more}}


def refused(ask: Callable[..., object], *arguments: object) -> dict[str, str]:
    with pytest.raises(PlatformError) as caught:
        ask(*arguments)
    return caught.value.as_json()


def of_nango(what: str, repair: str = "") -> dict[str, str]:
    return {"kind": "platform", "what": what, "where": "https://api.nango.dev", "repair": repair}


@pytest.mark.parametrize(("length", "taken"), [(0, False), (1, True), (255, True), (256, False)])
def test_nango_client_id_has_the_length_that_nango_takes(length: int, taken: bool) -> None:
    platform, client = nango(GET=integration(), PATCH=integration(updated_at="now"))
    credential = PlatformCredential("c" * length, 4, ClientSecret("hush"))

    if not taken:
        told = refused(lambda: platform.push_credentials("outlook", credential))
        assert told == of_nango("Nango takes client ids of 1 to 255 characters")
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
        credential = PlatformCredential("client", 0, ClientSecret("hush"))
        stored = StoredCredential("client", None, "now", credential, intact)
        assert platform.read_credentials("outlook") == stored
    for nothing in (None, {}, {"client_id": ""}):
        assert nango(GET=integration(credentials=nothing))[0].read_credentials("outlook") is None
    platform, client = nango()
    assert platform.read_credentials("outlook") is None
    assert client.options == [{"params": {"include": "credentials"}}]
    assert platform.read_connector("outlook") is None
    assert client.options[1:] == [{"params": {}}]
    assert [path for _, path, _ in client.sent] == ["/integrations/outlook"] * 2
    told = refused(nango(GET=integration())[0].read_credentials, "outlook")
    assert told == of_nango(
        "the API key may not read the credentials of the integration 'outlook'",
        "give the key the scope environment:integrations:read_credentials",
    )


@pytest.mark.parametrize(
    ("scopes", "held", "intact"),
    [(("a", "b"), "a,b", True), (("a", "b"), "b,a", False), (("a",), "a", True), (("a",), "", False)],
)
def test_nango_scopes_are_joined_by_commas(scopes: tuple[str, ...], held: str, intact: bool) -> None:
    credentials = {"client_id": "client", "client_secret": "hush", "scopes": held}
    platform, client = nango(*scopes, GET=integration(credentials=credentials), PATCH=integration())

    stored = platform.read_credentials("outlook")
    platform.push_credentials("outlook", CREDENTIAL)

    assert stored is not None
    assert stored.intact is intact
    assert client.sent[-1][2]["credentials"]["scopes"] == ",".join(scopes)


@pytest.mark.parametrize("held", [None, ""])
def test_nango_that_shall_keep_no_scopes_is_intact_without(held: str | None) -> None:
    settings = NangoSettings.model_validate({"kind": "nango", "token_scopes": []})
    client = FakeClient(GET=integration(credentials={"client_id": "client", "scopes": held}))

    stored = NangoPlatform(cast(RestClient, client), settings).read_credentials("outlook")

    assert stored is not None
    assert stored.intact


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
    assert client.options[0] == {
        "params": {"integrationId": "outlook", "limit": "1000", "page": "0"},
        "absent": frozenset(),
    }
    assert client.options[1] == {"params": {"provider_config_key": "outlook"}}
    told = refused(platform.access_token, "outlook", "x")
    assert told == of_nango("the organisation x is not connected to 'outlook'")
    for credentials in (None, {}, {"access_token": ""}):
        answers["GET /connections/c%2F1"] = {"connection_config": {"tenantId": "ABC"}, "credentials": credentials}
        told = refused(nango(**answers)[0].access_token, "outlook", "abc")
        assert told == of_nango("Nango shows no token of the connection 'c/1'")


def test_nango_connection_that_tells_no_tenant_is_of_nobody() -> None:
    listed = [{"provider_config_key": "outlook", "connection_id": f"c{number}"} for number in range(4)]
    answers: dict[str, Any] = {
        "GET /connections": {"connections": listed},
        "GET /connections/c0": {"connection_config": {"tenantId": "B"}},
        "GET /connections/c1": {"connection_config": {"tenantId": ""}},
        "GET /connections/c2": {"connection_config": None},
        "GET /connections/c3": {"connection_config": {"tenantId": "A"}},
    }
    assert nango(**answers)[0].connections("outlook") == ["a", "b"]
    del answers["GET /connections/c3"]
    assert nango(**answers)[0].connections("outlook") == ["b"], "one that is gone meanwhile"


def test_nango_keeps_a_name_and_runs_its_own_flow() -> None:
    assert nango()[0].capabilities == Capabilities(
        callback="fixed",
        reads_back="value",
        catalog=frozenset({"display_name"}),
        credential_kinds=frozenset({"secret"}),
        connections="own flow",
        tokens=True,
        limits={},
        emulated=False,
        keyed=True,
        created_with="credential",
    )


def test_nango_integration_is_not_deleted_while_it_is_used() -> None:
    listed = [{"provider_config_key": "out/look", "connection_id": f"c{number}"} for number in range(2)]
    platform, client = nango(GET={"connections": listed}, DELETE={})

    assert refused(platform.delete_connector, "out/look") == of_nango(
        "2 connections use the integration 'out/look', and deleting it would delete them too",
        "delete them, or set `delete_connected=True` on the connector and run pulumi up first",
    )
    assert [method for method, _, _ in client.sent] == ["GET"]
    client.answers["GET"] = {"connections": []}
    platform.delete_connector("out/look")
    platform.delete_connector("out/look", connected_too=True)
    deleted = ("DELETE", "/integrations/out%2Flook", None)
    assert client.sent[1:] == [("GET", "/connections", None), deleted, deleted]


def test_nango_asks_for_pages_until_one_is_short_or_nothing_new() -> None:
    full = [{"provider_config_key": "outlook", "connection_id": f"c{number}"} for number in range(1000)]
    for answers, pages in (
        ([full[:999]], 1),
        ([full, []], 2),
        ([full, full], 2),
        ([full, [{**each, "connection_id": f"d{number}"} for number, each in enumerate(full)], full[:1]], 3),
    ):
        left = list(answers)
        platform, client = nango()

        def paged(method: str, path: str, body: Any = None, **options: Any) -> Any:
            FakeClient.call(client, method, path, body, **{**options, "absent": None})  # noqa: B023 - called at once
            return {"connections": left.pop(0)}  # noqa: B023

        client.call = paged  # type: ignore[method-assign]  # a page for each question
        with pytest.raises(PlatformError, match=r"connections use the integration 'outlook'"):
            platform.delete_connector("outlook")
        assert [options["params"]["page"] for options in client.options] == [str(page) for page in range(pages)]


def test_nango_entry_is_changed_by_its_name_alone() -> None:
    platform, client = nango(PATCH=integration(display_name="Outlook"))
    entry = ConnectorEntry("out/look", "https://api.nango.dev/oauth/callback", display_name="Outlook")
    declared = ConnectorSettings("out/look", "Outlook", "for all", ("A", "B"), published=False)

    assert platform.update_connector(declared, ["display_name"]) == entry
    assert client.sent == [("PATCH", "/integrations/out%2Flook", {"display_name": "Outlook"})]
    assert client.options == [{"absent": frozenset()}]
    assert platform.create_connector(declared) == entry
    assert len(client.sent) == 1, "the first push makes it"
    assert (platform.place, platform.called) == ("https://api.nango.dev", "Nango")


def test_nango_entry_is_the_integration_of_our_provider() -> None:
    for name in ("Outlook", "", None):
        entry = ConnectorEntry("outlook", "https://api.nango.dev/oauth/callback", display_name=name or "")
        assert nango(GET=integration(display_name=name))[0].read_connector("outlook") == entry
    for provider in ("google", None):
        told = refused(nango(GET=integration(provider=provider))[0].read_connector, "outlook")
        assert told == of_nango(
            f"the integration 'outlook' has the provider {provider!r}, not 'microsoft-admin'",
            "choose another key for the connector",
        )


CREDENTIALS = {
    "type": "OAUTH2",
    "client_id": "client",
    "client_secret": "hush",
    "scopes": "https://graph.microsoft.com/.default",
}
CREDENTIAL = PlatformCredential("client", 4, ClientSecret("hush"), display_name="Outlook")


@pytest.mark.parametrize(("name", "sent"), [("Outlook", {"display_name": "Outlook"}), ("", {})])
def test_nango_integration_is_made_by_the_first_push(name: str, sent: dict[str, str]) -> None:
    platform, client = nango(POST={"data": {"updated_at": "now", "display_name": name}})

    stored = platform.push_credentials("outlook", replace(CREDENTIAL, display_name=name))

    assert stored == StoredCredential("client", None, "now")
    whole = {"unique_key": "outlook", "provider": "microsoft-admin", "credentials": CREDENTIALS, **sent}
    assert client.sent == [("GET", "/integrations/outlook", None), ("POST", "/integrations", whole)]
    assert client.options == [{"params": {}}, {"absent": frozenset()}]


@pytest.mark.parametrize("kept", ["Other", "", None])
def test_nango_integration_whose_name_is_not_kept_is_an_error(kept: str | None) -> None:
    platform, _ = nango(POST={"data": {"display_name": kept}})

    assert refused(platform.push_credentials, "outlook", CREDENTIAL) == of_nango(
        f"the platform did not keep what it accepted for 'outlook' (display_name: {kept!r} -> 'Outlook')",
        "pulumi refresh, then pulumi up",
    )
    assert platform.push_credentials("outlook", replace(CREDENTIAL, display_name="")) == StoredCredential("client")


@pytest.mark.parametrize("lost", [PlatformError("taken", where="x"), Unreachable("no answer", where="x")])
def test_nango_integration_that_is_there_after_a_lost_answer_gets_the_credential(lost: OrgcalError) -> None:
    platform, client = nango(POST=lost, PATCH=integration(updated_at="now"))
    with pytest.raises(type(lost)) as caught:
        platform.push_credentials("outlook", CREDENTIAL)
    assert caught.value is lost
    assert [method for method, _, _ in client.sent] == ["GET", "POST", "GET"]

    platform, client = nango(POST=lost, PATCH=integration(updated_at="now"))
    answers = iter([None, integration()])
    plain = client.call
    client.call = lambda method, *given, **options: (  # type: ignore[method-assign]
        next(answers) if method == "GET" else plain(method, *given, **options)
    )
    assert platform.push_credentials("outlook", CREDENTIAL) == StoredCredential("client", None, "now")
    assert client.sent[1:] == [("PATCH", "/integrations/outlook", {"credentials": CREDENTIALS})]


def test_nango_integration_that_vanishes_before_its_change_is_made() -> None:
    platform, client = nango(GET=integration(), POST={"data": {"display_name": "Outlook"}})

    platform.push_credentials("outlook", CREDENTIAL)

    assert [method for method, _, _ in client.sent] == ["GET", "PATCH", "POST"]


def test_nango_connects_organisations_in_its_own_flow() -> None:
    platform, client = nango()
    assert refused(platform.register_connection, "outlook", "t") == of_nango(
        "Nango connects organisations in its own flow; start it there for t and 'outlook'"
    )
    platform.remove_credentials("outlook")
    assert client.sent == []


LINK = {"connect_link": "https://connect.example/?t=1", "expires_at": "2026-11-25T17:30:00.000Z"}


def test_nango_link_is_for_one_organisation_and_connector() -> None:
    platform, client = nango(POST={"data": LINK})

    link = platform.consent_link("outlook", "t", "Contoso")

    assert link == ("https://connect.example/?t=1", datetime(2026, 11, 25, 17, 30, tzinfo=UTC))
    body = {
        "tags": {"tenant_id": "t", "tenant_name": "Contoso"},
        "allowed_integrations": ["outlook"],
        "integrations_config_defaults": {"outlook": {"connection_config": {"tenantId": "t"}}},
    }
    assert (client.sent, client.options) == ([("POST", "/connect/sessions", body)], [{"absent": frozenset()}])
    for length, kept in ((255, 255), (256, 255)):
        platform.consent_link("outlook", "t", "x" * length)
        assert client.sent[-1][2]["tags"]["tenant_name"] == "x" * kept


@pytest.mark.parametrize("wrong", [{"connect_link": None}, {"expires_at": None}, {"expires_at": "soon"}])
def test_nango_answer_without_a_link_is_told(wrong: dict[str, Any]) -> None:
    answer = {name: text for name, text in {**LINK, **wrong}.items() if text is not None}

    assert refused(nango(POST={"data": answer})[0].consent_link, "outlook", "t", "Contoso") == of_nango(
        "Nango made no link", "update Nango, or share a connect link from its dashboard"
    )


MINIMUM: dict[str, Any] = {"kind": "nango"}


def test_nango_settings_that_are_left_out_have_their_defaults() -> None:
    assert NangoSettings.model_validate(MINIMUM).model_dump() == {
        **MINIMUM,
        "base_url": "https://api.nango.dev",
        "key_file_variable": "NANGO_API_KEY_FILE",
        "callback_url": "",
        "token_scopes": ("https://graph.microsoft.com/.default",),
    }
    scopes = ["a:/_.*-Z9", "b"]
    assert NangoSettings.model_validate({**MINIMUM, "token_scopes": scopes}).token_scopes == tuple(scopes)
    (told,) = check_settings({**MINIMUM, "token_scopes": ["a b"]})
    assert told == (
        'orgcal:connector.platform.token_scopes[0]: found "a b"; expected scopes of letters, digits and :/_.*- only, '
        "as Nango takes them; repair: pulumi config set --path 'orgcal:connector.platform.token_scopes[0]' "
        '"https://graph.microsoft.com/.default"'
    )
