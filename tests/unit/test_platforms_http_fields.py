"""Kind `http`: which requests follow from a description, and what is made of the answers, without a server."""

from __future__ import annotations

from typing import Any, cast

import pytest

from orgcal.entra.credentials import ClientCertificate, ClientSecret
from orgcal.errors import PlatformError
from orgcal.platforms import Capabilities, ConnectorEntry, ConnectorSettings, PlatformCredential, StoredCredential
from orgcal.platforms.http_api import HttpPlatform, HttpSettings
from orgcal.platforms.rest import RestClient
from tests.support.scripted_client import FakeClient

CALLBACK = "https://platform.example/callback"
DECLARED = ConnectorSettings("out/look", "Outlook", "for all", ("A", "B"), published=False)
SECRET = PlatformCredential("client", 4, ClientSecret("hush"), ("A", "B"))
CERTIFICATE = PlatformCredential("client", 5, ClientCertificate("KEY", "CERT"))
BASE = {"kind": "http", "name": "Acme", "base_url": "https://acme.example", "callback_url": CALLBACK}
PUSH = {"method": "PUT", "path": "/c/{key}", "body": {"secret": "{client_secret}"}}
READ = {"method": "GET", "path": "/e/{key}"}
ENTRY = {
    "read": READ,
    "create": {"method": "POST", "path": "/e"},
    "delete": {"method": "DELETE", "path": "/e/{key}"},
}
NEVER: frozenset[int] = frozenset()
ABSENT = frozenset({404})


def described(**more: Any) -> HttpSettings:
    return HttpSettings.model_validate({**BASE, "credentials": {"push": PUSH}, **more})


def http(settings: HttpSettings, **answers: Any) -> tuple[HttpPlatform, FakeClient]:
    client = FakeClient(**answers)
    return HttpPlatform(cast(RestClient, client), settings), client


def with_entry(**more: Any) -> HttpSettings:
    return described(entry={**ENTRY, **more})


def plain(absent: frozenset[int] = NEVER, **more: Any) -> dict[str, Any]:
    """The options of a request without form and query."""
    return {"form": None, "params": None, "absent": absent, **more}


# What it can do ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("credentials", "expected"),
    [
        ({}, ("nothing", {"secret"}, True)),
        ({"fields": {"client_id": "a"}}, ("nothing", {"secret"}, True)),
        ({"fields": {"updated_at": "a"}}, ("timestamp", {"secret"}, True)),
        ({"fields": {"updated_at": "a", "private_key_pem": "b"}}, ("value", {"secret"}, True)),
        ({"push": {**PUSH, "path": "/c"}}, ("nothing", {"secret"}, False)),
        ({"push": {**PUSH, "path": "/c", "query": {"k": "{key}"}}}, ("nothing", {"secret"}, True)),
        ({"push": {**PUSH, "path": "/c", "body": ["{key}", "{client_secret}"]}}, ("nothing", {"secret"}, True)),
        ({"push": {**PUSH, "path": "/c", "then": READ}}, ("nothing", {"secret"}, True)),
        ({"push": {**PUSH, "path": "/c", "if_absent": READ}}, ("nothing", {"secret"}, True)),
        (
            {"push": {"method": "PUT", "path": "/c", "form": {"a": "{certificate_pem}{private_key_pem}"}}},
            ("nothing", {"certificate"}, False),
        ),
        (
            {"create": {"method": "POST", "path": "/c", "body": "{private_key_pem} {certificate_pem}"}},
            ("nothing", {"secret", "certificate"}, True),
        ),
    ],
)
def test_requests_decide_what_the_platform_can_do(credentials: dict[str, Any], expected: Any) -> None:
    reads_back, kinds, keyed = expected

    assert described(credentials={"push": PUSH, **credentials}).capabilities == Capabilities(
        "fixed", reads_back, frozenset(), frozenset(kinds), connections="own flow", keyed=keyed
    )


def test_entry_that_tells_its_callback_makes_one_for_each() -> None:
    settings = described(callback_url="", entry={"fields": {"callback_url": "url", "scopes": "s"}})

    assert settings.capabilities == Capabilities(
        "created", "nothing", frozenset({"scopes"}), frozenset({"secret"}), connections="own flow"
    )
    platform, _ = http(settings)
    assert (platform.place, platform.called) == ("https://acme.example", "Acme, as described in its settings,")


# Entry ---------------------------------------------------------------------------------------------------------------


def test_platform_without_entries_has_one_for_each_key() -> None:
    platform, client = http(described())

    assert platform.read_connector("outlook") == ConnectorEntry("outlook", CALLBACK)
    platform.delete_connector("outlook")
    assert client.sent == []


@pytest.mark.parametrize(
    ("answer", "entry"),
    [
        ({}, ("", "", (), False)),
        ({"n": None, "d": None, "s": None, "p": None}, ("", "", (), False)),
        ({"n": "Outlook", "d": "x", "s": ["A"], "p": True}, ("Outlook", "x", ("A",), True)),
        ({"n": 7, "d": 8, "s": "A B,C", "p": 1}, ("7", "8", ("A", "B", "C"), True)),
    ],
)
def test_entry_is_what_the_answer_has_at_its_places(answer: dict[str, Any], entry: Any) -> None:
    fields = {"display_name": "n", "description": "d", "scopes": "s", "published": "p"}

    assert http(with_entry(fields=fields), GET=answer)[0].read_connector("outlook") == ConnectorEntry(
        "outlook", CALLBACK, *entry
    )


def test_entry_has_no_field_that_has_no_place() -> None:
    assert http(with_entry(), GET={"display_name": "x"})[0].read_connector("outlook") == ConnectorEntry(
        "outlook", CALLBACK
    )
    platform, client = http(with_entry())
    assert platform.read_connector("out/look") is None
    assert (client.sent, client.options) == ([("GET", "/e/out%2Flook", None)], [plain(ABSENT)])


@pytest.mark.parametrize("answer", [{}, {"url": None}, {"url": ""}])
def test_entry_without_its_callback_names_the_place(answer: dict[str, Any]) -> None:
    settings = described(callback_url="", entry={**ENTRY, "fields": {"callback_url": "/url"}})
    platform, _ = http(settings, GET=answer)

    with pytest.raises(PlatformError) as refused:
        platform.read_connector("outlook")

    assert refused.value.as_json() == {
        "kind": "platform",
        "what": "the answer of Acme has no callback URL at '/url'",
        "where": "https://acme.example",
        "repair": "correct entry.fields.callback_url in the platform's settings",
    }
    told, _ = http(settings, GET={"url": 5})
    assert told.read_connector("outlook") == ConnectorEntry("outlook", "5")


def test_entry_is_made_changed_and_removed_as_described() -> None:
    body = {"key": "{key}", "name": "{display_name}", "text": "{description}", "on": "{published}", "s": "{scopes}"}
    settings = with_entry(
        create={"method": "POST", "path": "/e", "body": body},
        update={"method": "PATCH", "path": "/e/{key}", "body": "{scopes:space}"},
    )
    platform, client = http(settings, GET={"x": 1}, POST={}, PATCH={})
    entry = ConnectorEntry("out/look", CALLBACK)

    assert platform.create_connector(DECLARED) == entry
    assert platform.update_connector(DECLARED, ["scopes"]) == entry
    platform.delete_connector("out/look")

    sent = {"key": "out/look", "name": "Outlook", "text": "for all", "on": False, "s": ["A", "B"]}
    assert client.sent == [
        ("POST", "/e", sent),
        ("GET", "/e/out%2Flook", None),
        ("PATCH", "/e/out%2Flook", "A B"),
        ("GET", "/e/out%2Flook", None),
        ("DELETE", "/e/out%2Flook", None),
    ]
    assert client.options == [plain(), plain(ABSENT), plain(), plain(ABSENT), plain(ABSENT)]


def test_entry_that_cannot_be_changed_or_is_not_kept_is_an_error() -> None:
    platform, client = http(with_entry(), POST={})

    with pytest.raises(PlatformError) as unable:
        platform.update_connector(DECLARED, ["scopes", "published"])
    assert unable.value.as_json() == {
        "kind": "platform",
        "what": "Acme cannot change scopes, published of 'out/look'",
        "where": "https://acme.example",
        "repair": "describe entry.update in the platform's settings, or change it by hand",
    }
    assert client.sent == []
    with pytest.raises(PlatformError) as lost:
        platform.create_connector(DECLARED)
    assert str(lost.value) == "https://acme.example: Acme accepted the connector 'out/look' and has none"


# Credential ----------------------------------------------------------------------------------------------------------

WHOLE = [
    "{key}",
    "{client_id}",
    "{generation}",
    "{scopes}",
    "{client_secret}",
    "{certificate_pem}",
    "{private_key_pem}",
]


@pytest.mark.parametrize(
    ("credential", "sent"),
    [
        (SECRET, ["outlook", "client", 4, ["A", "B"], "hush", "", ""]),
        (CERTIFICATE, ["outlook", "client", 5, [], "", "CERT", "KEY"]),
    ],
)
def test_credential_is_pushed_with_every_placeholder(credential: PlatformCredential, sent: list[Any]) -> None:
    push = {"method": "PUT", "path": "/c", "body": WHOLE}
    platform, client = http(described(credentials={"push": push}), PUT={})

    assert platform.push_credentials("outlook", credential) == StoredCredential("client", credential.generation)

    assert (client.sent, client.options) == ([("PUT", "/c", sent)], [plain()])


def test_form_and_query_are_sent_as_texts() -> None:
    push = {
        "method": "PUT",
        "path": "/c",
        "form": {"s": "{client_secret}", "g": "{generation}"},
        "query": {"k": "{scopes}"},
    }
    platform, client = http(described(credentials={"push": push}), PUT={})

    platform.push_credentials("outlook", SECRET)

    assert client.sent == [("PUT", "/c", None)]
    assert client.options == [plain(form={"s": "hush", "g": "4"}, params={"k": "A,B"})]


@pytest.mark.parametrize("there", [False, True])
def test_first_push_creates_and_the_next_one_replaces(there: bool) -> None:
    credentials = {
        "read": READ,
        "create": {"method": "POST", "path": "/c"},
        "push": PUSH,
        "fields": {"updated_at": "at"},
    }
    platform, client = http(described(credentials=credentials), PUT={}, POST={})
    client.answers["GET"] = {"at": "t1"} if there else {}

    stored = platform.push_credentials("outlook", SECRET)

    assert stored == StoredCredential("client", 4, "t1" if there else None)
    methods = [method for method, _, _ in client.sent]
    assert methods == ["GET", "PUT" if there else "POST", "GET"]


def test_push_without_a_request_of_its_own_for_the_first_reads_only_afterwards() -> None:
    platform, client = http(described(credentials={"read": READ, "push": PUSH}), PUT={}, GET={})

    platform.push_credentials("outlook", SECRET)

    assert [method for method, _, _ in client.sent] == ["PUT", "GET"]


HELD = {"i": "client", "s": "hush", "c": "CERT", "k": "KEY", "g": "4", "sc": "A,B", "at": "t1"}


@pytest.mark.parametrize(
    ("fields", "answer", "stored"),
    [
        ({}, {}, StoredCredential()),
        ({}, None, None),
        ({"client_id": "i", "generation": "g"}, HELD, StoredCredential("client", 4)),
        ({"client_id": "i", "generation": "g"}, {"i": "", "g": "x"}, StoredCredential()),
        ({"generation": "g"}, {"g": 4}, StoredCredential(None, 4)),
        ({"generation": "g"}, {"g": 0}, StoredCredential()),
        ({"generation": "g", "client_id": "i"}, {}, StoredCredential()),
        ({"updated_at": "at"}, HELD, StoredCredential(updated_at="t1")),
        ({"updated_at": "at"}, {"at": 7}, StoredCredential(updated_at="7")),
        ({"updated_at": "at", "client_id": "i"}, {"i": "client"}, None),
        (
            {"client_secret": "s", "updated_at": "at"},
            {"s": "hush"},
            StoredCredential(credential=PlatformCredential("", 0, ClientSecret("hush"))),
        ),
        (
            {"client_id": "i", "client_secret": "s", "generation": "g", "scopes": "sc", "updated_at": "at"},
            HELD,
            StoredCredential("client", 4, "t1", SECRET),
        ),
        (
            {"client_id": "i", "client_secret": "s"},
            {"i": "client"},
            StoredCredential("client", credential=PlatformCredential("client", 0, ClientSecret(""))),
        ),
        ({"client_id": "i", "client_secret": "s", "generation": "g"}, {"g": 4}, None),
        (
            {"certificate_pem": "c", "private_key_pem": "k"},
            HELD,
            StoredCredential(credential=PlatformCredential("", 0, ClientCertificate("KEY", "CERT"))),
        ),
        (
            {"certificate_pem": "c", "private_key_pem": "k"},
            {"k": "KEY"},
            StoredCredential(credential=PlatformCredential("", 0, ClientSecret(""))),
        ),
        ({"certificate_pem": "c", "private_key_pem": "k"}, {"c": "CERT"}, None),
    ],
)
def test_credential_is_what_the_answer_has_at_its_places(
    fields: dict[str, str], answer: Any, stored: StoredCredential | None
) -> None:
    settings = described(credentials={"read": READ, "push": PUSH, "fields": fields})

    assert http(settings, GET=answer)[0].read_credentials("outlook") == stored


def test_credential_is_removed_where_a_request_does_that() -> None:
    platform, client = http(described(), DELETE={})
    platform.remove_credentials("outlook")
    assert platform.read_credentials("outlook") == StoredCredential()
    assert client.sent == []

    remove = {"method": "DELETE", "path": "/c/{key}", "absent": [404, 410]}
    platform, client = http(described(credentials={"push": PUSH, "remove": remove}), DELETE={})
    platform.remove_credentials("out/look")
    assert (client.sent, client.options) == ([("DELETE", "/c/out%2Flook", None)], [plain(frozenset({404, 410}))])
