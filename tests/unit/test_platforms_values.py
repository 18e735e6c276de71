"""What is stored of a credential and an entry: by templates, read back, and told apart."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from orgcal.entra.credentials import ClientCertificate, ClientSecret
from orgcal.platforms import (
    ConnectorEntry,
    ConnectorSettings,
    PlatformCredential,
    StoredCredential,
    secret_values,
    templates,
)
from orgcal.platforms.model import kinds_kept_in

SECRET = PlatformCredential("client", 4, ClientSecret("hush"))
CERTIFICATE = PlatformCredential("client", 4, ClientCertificate("KEY", "CERT"))
CALLBACK = "https://platform.example/callback"
DECLARED = ConnectorSettings("outlook", "Outlook", "for all", ("A", "B"), published=False)


def test_credential_is_told_apart_by_its_material_alone() -> None:
    key = b"k" * 32

    assert SECRET.fingerprint(key) == replace(SECRET, generation=9, client_id="x").fingerprint(key)
    assert SECRET.fingerprint(key).startswith("hmac-sha256:")
    different = [
        SECRET.fingerprint(b"other"),
        replace(SECRET, credential=ClientSecret("hush ")).fingerprint(key),
        CERTIFICATE.fingerprint(key),
        replace(CERTIFICATE, credential=ClientCertificate("KEY2", "CERT")).fingerprint(key),
        replace(CERTIFICATE, credential=ClientCertificate("KEY", "CERT2")).fingerprint(key),
    ]
    assert len({SECRET.fingerprint(key), *different}) == 6
    spaced = replace(CERTIFICATE, credential=ClientCertificate("KEY\n", "CERT\n"))
    assert spaced.fingerprint(key) == CERTIFICATE.fingerprint(key)


def test_fingerprint_is_the_one_that_states_of_stacks_hold() -> None:
    """openssl dgst -sha256 -hmac, of the JSON list of secret, certificate and key."""
    key = b"k" * 32

    assert SECRET.fingerprint(key) == ("hmac-sha256:577e6a68184ad2f06ce7796d7c0cc64b05c5a6a40d6cbc62d64dc0264cbd232e")
    assert CERTIFICATE.fingerprint(key) == (
        "hmac-sha256:5a0e8ed1f8848b901a170c6f4c28e1c6a08dc229fbd06572f1b5adb22eab5397"
    )


def test_kinds_kept_need_all_their_texts() -> None:
    assert kinds_kept_in(["client_secret"]) == {"secret"}
    assert kinds_kept_in(["certificate_pem"]) == kinds_kept_in(["private_key_pem"]) == frozenset()
    assert kinds_kept_in(["certificate_pem", "private_key_pem"]) == {"certificate"}


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("{scopes}", ["A", "B"]),
        ("{scopes:comma}", "A,B"),
        ("{scopes:space}", "A B"),
        ("x {scopes}", "x A,B"),
        ("x {scopes:space}", "x A B"),
        ("{published}", True),
        ("is {published}", "is true"),
        ("{generation}", 4),
        ("{generation}.", "4."),
        ({"a": ["{generation}", 5, None]}, {"a": [4, 5, None]}),
    ],
)
def test_placeholder_alone_keeps_its_type_and_in_a_text_becomes_text(template: Any, value: Any) -> None:
    values = {"scopes": ("A", "B"), "published": True, "generation": 4}

    assert templates.filled(template, values) == value


def test_query_and_path_are_texts_that_cannot_leave_their_place() -> None:
    assert templates.filled_texts({"a": "{n}", "b": "{l}"}, {"n": 4, "l": ["x", "y"]}) == {"a": "4", "b": "x,y"}
    assert templates.filled_path("/a/{key}/{l:space}", {"key": "../b?c", "l": ["x", "y"]}) == "/a/..%2Fb%3Fc/x%20y"
    assert list(templates.names_in({"a": "{x}{y:comma}", "b": ["{z}"], "c": 4})) == ["x", "y", "z"]
    assert (templates.whole_name("{x:comma}"), templates.whole_name(" {x}"), templates.whole_name(4)) == (
        "x",
        None,
        None,
    )


@pytest.mark.parametrize(
    ("value", "scopes"), [("A, B\tC,,", ["A", "B", "C"]), (["A", 1], ["A", "1"]), (("A",), ["A"]), (None, []), (5, [])]
)
def test_scopes_are_read_in_whatever_form_an_api_gives_them(value: Any, scopes: list[str]) -> None:
    assert templates.as_list(value) == scopes


@pytest.mark.parametrize(("path", "found"), [("a.0", "x"), ("a.1", "y"), ("a.2", None), ("a.-1", None), ("b.c", None)])
def test_place_in_a_list_that_is_not_there_is_nothing(path: str, found: str | None) -> None:
    assert templates.at({"a": ["x", "y"], "b": "text"}, path) == found


def test_value_keeps_what_is_not_ours_and_leaves_out_what_the_credential_lacks() -> None:
    template = {"id": "{client_id}", "secret": "{client_secret}", "cert": "{certificate_pem}", "fixed": "x"}
    values = secret_values.values_of("outlook", replace(SECRET, scopes=("A",)))

    stored = secret_values.filled(template, values, {"other": 1, "cert": "old"})

    assert stored == {"other": 1, "id": "client", "secret": "hush", "fixed": "x"}
    assert values == {
        "key": "outlook",
        "scopes": ["A"],
        "client_id": "client",
        "generation": 4,
        "client_secret": "hush",
    }
    whole = {"all": "{key} {scopes:space} {client_id} {generation} {client_secret}"}
    assert secret_values.filled(whole, values, None) == {"all": "outlook A client 4 hush"}
    assert secret_values.read_fields(template, {**stored, "secret": None}) == {"client_id": "client"}
    assert secret_values.foreign(template, "text") == secret_values.foreign("{client_secret}", {"a": 1}) == {}
    assert secret_values.filled("{client_secret}", values, "old") == "hush"
    assert secret_values.read_fields("{client_secret}", "hush") == {"client_secret": "hush"}
    assert secret_values.read_fields("{client_secret}", "") == secret_values.read_fields(template, "text") == {}


VALUE_NAMES = ("key", "client_id", "generation", "scopes", "client_secret", "certificate_pem", "private_key_pem")
TAG_NAMES = VALUE_NAMES[:4]


def test_value_takes_every_placeholder_and_tags_those_that_are_no_secret() -> None:
    for name in VALUE_NAMES:
        template = {"secret": "{client_secret}", "other": f"a {{{name}}}"}
        assert secret_values.checked_value(template) is template
        if name in TAG_NAMES:
            assert secret_values.checked_tags({"a": f"{{{name}}}"}) == {"a": f"{{{name}}}"}
            continue
        with pytest.raises(ValueError, match=rf"^unknown {{{name}}}; known are {', '.join(TAG_NAMES)}$"):
            secret_values.checked_tags({"a": f"{{{name}}}"})
    with pytest.raises(ValueError, match=rf"^unknown {{x}}; known are {', '.join(VALUE_NAMES)}$"):
        secret_values.checked_value({"secret": "{client_secret}", "other": ["{x}{y}"]})
    pair = {"a": "{certificate_pem}", "b": "{private_key_pem}"}
    assert secret_values.checked_value(pair) is pair
    assert secret_values.checked_value("{client_secret}") == "{client_secret}"


def test_field_is_where_the_template_has_it_as_a_whole() -> None:
    template = {"id": "{client_id}", "all": "{scopes:space}", "mixed": "x {generation}", "deep": {"a": "{key}"}}

    assert secret_values.fields_of(template) == {"id": "client_id", "all": "scopes"}
    assert secret_values.fields_of("{client_secret}") == {"": "client_secret"}, "a text has no names"


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{client_id}", "must be {client_secret}, or a mapping of texts with placeholders"),
        ("x{client_secret}", "must be {client_secret}, or a mapping of texts with placeholders"),
        (["{client_secret}"], "must be a mapping of texts with placeholders, or {client_secret}"),
        (None, "must be a mapping of texts with placeholders, or {client_secret}"),
        ({}, "needs {client_secret}, or {private_key_pem} and {certificate_pem}, each as a whole text"),
        (
            {"a": "{private_key_pem}", "b": "x {certificate_pem}", "c": {"d": "{client_secret}"}},
            "needs {client_secret}, or {private_key_pem} and {certificate_pem}, each as a whole text",
        ),
    ],
)
def test_value_that_could_not_be_read_back_is_refused(template: Any, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        secret_values.checked_value(template)


def test_value_that_is_stored_unless_a_stack_says_another_has_all_fields() -> None:
    assert secret_values.DEFAULT == {
        "client_id": "{client_id}",
        "client_secret": "{client_secret}",
        "certificate_pem": "{certificate_pem}",
        "private_key_pem": "{private_key_pem}",
        "generation": "{generation}",
        "scopes": "{scopes}",
    }


def test_tags_are_added_for_what_the_value_and_the_tags_have_no_place_for() -> None:
    assert secret_values.all_tags("{client_secret}", {"a": "{key}"}) == {
        "orgcal-client-id": "{client_id}",
        "orgcal-generation": "{generation}",
        "a": "{key}",
    }
    assert secret_values.all_tags({"id": "{client_id}", "s": "{client_secret}"}, {"g": "{generation}"}) == {
        "g": "{generation}"
    }
    assert secret_values.all_tags({"id": "x{client_id}"}, {}).keys() == {"orgcal-client-id", "orgcal-generation"}


def test_text_of_a_store_is_taken_apart_where_the_template_could_have_made_it() -> None:
    assert secret_values.from_text({}, '{"a": 1}') == {"a": 1}
    assert [secret_values.from_text({}, text) for text in (None, "[1]", "no json", "[" * 100_000)] == [None] * 4
    assert secret_values.from_text("{client_secret}", "[1]") == "[1]"
    assert (secret_values.as_text("a"), secret_values.as_text({"a": 1})) == ("a", '{"a": 1}')
    assert list(secret_values.texts_in({"a": ["x", {"b": "y"}, 4], "c": "z"})) == ["x", "y", "z"]


# The model ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "differences"),
    [
        ({}, {}),
        ({"display_name": ""}, {"display_name": "display_name: '' -> 'Outlook'"}),
        ({"display_name": "Outlook", "description": "for all", "scopes": ("B", "A"), "published": False}, {}),
        ({"scopes": ()}, {"scopes": "scopes: [] -> ['A', 'B']"}),
        ({"scopes": ("C", "A")}, {"scopes": "scopes: ['A', 'C'] -> ['A', 'B']"}),
        (
            {"published": True, "description": "x"},
            {"description": "description: 'x' -> 'for all'", "published": "published: True -> False"},
        ),
    ],
)
def test_entry_differs_in_what_it_tells_otherwise(entry: dict[str, Any], differences: dict[str, str]) -> None:
    held = ConnectorEntry("outlook", CALLBACK, **entry)

    assert list(held.differences(DECLARED).items()) == list(differences.items())


@pytest.mark.parametrize(
    ("fields", "credential"),
    [
        ({}, PlatformCredential("", 0, ClientSecret(""))),
        ({"client_id": None, "generation": "x", "client_secret": None}, PlatformCredential("", 0, ClientSecret(""))),
        ({"client_id": 7, "generation": 4, "client_secret": "hush"}, PlatformCredential("7", 4, ClientSecret("hush"))),
        ({"generation": "4"}, PlatformCredential("", 4, ClientSecret(""))),
    ],
)
def test_credential_is_made_of_the_fields_that_are_there(
    fields: dict[str, Any], credential: PlatformCredential
) -> None:
    assert PlatformCredential.from_fields(fields) == credential


def test_credential_is_shown_by_the_fields_of_its_kind() -> None:
    assert SECRET.fields() == {"client_id": "client", "generation": 4, "client_secret": "hush"}
    pair = {"certificate_pem": "CERT", "private_key_pem": "KEY"}
    assert CERTIFICATE.fields() == {"client_id": "client", "generation": 4, **pair}
    assert (SECRET.secrets(), CERTIFICATE.secrets()) == (("hush",), ("CERT", "KEY"))
    assert replace(SECRET, credential=ClientSecret("")).secrets() == ()


def test_what_is_not_declared_says_nothing() -> None:
    plain = ConnectorEntry("outlook", CALLBACK, "Outlook", "", (), published=True)
    assert plain.differences(ConnectorSettings("outlook", "Outlook")) == {}
    assert PlatformCredential.from_fields({}) == PlatformCredential("", 0, ClientSecret(""), (), "")
    assert StoredCredential() == StoredCredential(None, None, None, None, intact=True)
