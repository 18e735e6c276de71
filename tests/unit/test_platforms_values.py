"""What is stored of a credential, by templates: filled in, read back, and told apart."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orgcal.entra.credentials import ClientCertificate, ClientSecret
from orgcal.platforms import (
    PlatformCredential,
    secret_values,
    templates,
)
from orgcal.platforms.model import kinds_kept_in

SECRET = PlatformCredential("client", 4, ClientSecret("hush"))
CERTIFICATE = PlatformCredential("client", 4, ClientCertificate("KEY", "CERT"))


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
    assert secret_values.read_fields(template, {**stored, "secret": None}) == {"client_id": "client"}
    assert secret_values.foreign(template, "text") == secret_values.foreign("{client_secret}", {"a": 1}) == {}
    assert secret_values.filled("{client_secret}", values, "old") == "hush"
    assert secret_values.read_fields("{client_secret}", "hush") == {"client_secret": "hush"}
    assert secret_values.read_fields("{client_secret}", "") == secret_values.read_fields(template, "text") == {}


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
