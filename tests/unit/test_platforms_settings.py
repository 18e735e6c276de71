"""The fields that kinds share, in settings as an installed package declares them, and the client that they open."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import ValidationError

from orgcal.errors import UsageError
from orgcal.fields import describe_problems, explained
from orgcal.patience import Clock
from orgcal.platforms import Capabilities, Platform
from orgcal.platforms.rest import RestClient
from orgcal.platforms.secret_store import name_setting
from orgcal.platforms.settings import (
    Address,
    KeyedSettings,
    address_setting,
    callback_setting,
    key_file_setting,
    kind_setting,
)
from orgcal.platforms.testing_server import FakeTime
from tests.support.platform_apis import API_KEY


def declared() -> type[KeyedSettings]:
    """The settings of a package's kind, declared anew."""

    class AcmeSettings(KeyedSettings):
        kind: Literal["acme"] = kind_setting("acme", "A platform of ours.")
        url: Address = address_setting("https://acme.example")
        other_url: Address | None = address_setting(None, example="https://other.example")
        key_file_variable: str = key_file_setting("ACME_KEY_FILE")
        callback_url: str = callback_setting(about="Where it goes.", min_length=2)
        optional_url: str = callback_setting("", expected="an address or nothing", about="Where else it goes.")
        name: str = name_setting("acme-{key}", pattern="^[a-z{}-]+$", expected="letters and dashes")

        @property
        def capabilities(self) -> Capabilities:
            return Capabilities("fixed", "nothing", frozenset(), frozenset({"secret"}))

        @property
        def place(self) -> str:
            return self.url

        def open(self, environ: Mapping[str, str], clock: Clock | None = None) -> Platform:
            raise NotImplementedError

    return AcmeSettings


MINIMUM = {"kind": "acme", "callback_url": "u:"}


def told(**more: Any) -> list[str]:
    """What is said of these settings."""
    model = declared()
    try:
        model.model_validate({**MINIMUM, **more})
    except ValidationError as error:
        return describe_problems(error, model, namespace="orgcal:connector.platform")
    return []


def test_fields_have_the_defaults_that_a_kind_gives_them() -> None:
    settings = declared().model_validate(MINIMUM)

    assert settings.model_dump() == {
        "kind": "acme",
        "url": "https://acme.example",
        "other_url": None,
        "key_file_variable": "ACME_KEY_FILE",
        "callback_url": "u:",
        "optional_url": "",
        "name": "acme-{key}",
    }
    assert (settings.key_variable, settings.variables) == ("ACME_KEY_FILE", ("ACME_KEY_FILE",))


def test_fields_explain_themselves() -> None:
    found = {name: (field.description, explained(field)) for name, field in declared().model_fields.items()}

    address = "an https address (http on this machine only) without a password: the API key belongs in a file"
    callback = "https://app.example.com/oauth/callback"
    about_address = "Address of the platform's API."
    assert found == {
        "kind": ("A platform of ours.", {"expected": "acme", "example": "acme"}),
        "url": (about_address, {"expected": address, "example": "https://acme.example"}),
        "other_url": (about_address, {"expected": address, "example": "https://other.example"}),
        "key_file_variable": (
            "Environment variable that names the file with the API key; only you may read that file.",
            {"expected": "the name of an environment variable", "example": "ACME_KEY_FILE", "secret": True},
        ),
        "callback_url": ("Where it goes.", {"expected": "an address", "example": callback}),
        "optional_url": ("Where else it goes.", {"expected": "an address or nothing", "example": callback}),
        "name": (
            "Name of the secret.",
            {"expected": "letters and dashes; {key} stands for the connector's key", "example": "acme-{key}"},
        ),
    }


@pytest.mark.parametrize("variable", ["A", "_", "A_1", "a9", "Z" * 100])
def test_variable_is_a_name(variable: str) -> None:
    assert told(key_file_variable=variable) == []


@pytest.mark.parametrize("variable", ["1A", "A-B", "A B", "", "sk-hunter2", "Ä"])
def test_variable_that_is_no_name_may_be_the_key_and_is_not_shown(variable: str) -> None:
    assert told(key_file_variable=variable) == [
        "orgcal:connector.platform.key_file_variable: found a value that is not shown here, as it may be a secret; "
        "expected the name of an environment variable; "
        "repair: pulumi config set --path orgcal:connector.platform.key_file_variable ACME_KEY_FILE"
    ]


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("https://a.io", "https://a.io"),
        ("https://a.io/", "https://a.io"),
        ("https://a.io:8443/x/y//", "https://a.io:8443/x/y"),
        ("http://localhost", "http://localhost"),
        ("http://localhost:3003/x", "http://localhost:3003/x"),
        ("http://127.0.0.1:1", "http://127.0.0.1:1"),
        ("http://127.255.0.1", "http://127.255.0.1"),
        ("http://[::1]:1/", "http://[::1]:1"),
        ("http://a.io", None),
        ("http://localhost.a.io", None),
        ("http://127.0.0.1.a.io", None),
        ("https://u:p@a.io", None),
        ("https://a.io?x=1", None),
        ("https://a.io/x#y", None),
        ("https://a.io/x y", None),
        ("https://", None),
        ("ftp://localhost", None),
        ("", None),
    ],
)
def test_address_shows_no_key_on_its_way(address: str, kept: str | None) -> None:
    if kept is None:
        assert [line.partition(": ")[0] for line in told(url=address)] == ["orgcal:connector.platform.url"]
        assert len(told(other_url=address)) == 1
    else:
        assert declared().model_validate({**MINIMUM, "url": address}).place == kept


def test_rules_of_a_field_are_the_kinds_own() -> None:
    assert [line.partition(": ")[0] for line in told(callback_url="u", name="A")] == [
        "orgcal:connector.platform.callback_url",
        "orgcal:connector.platform.name",
    ]
    with pytest.raises(ValidationError, match="1 validation error"):
        declared().model_validate({"kind": "acme"})


# The client ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    path = tmp_path / "key"
    path.write_text(API_KEY)
    path.chmod(0o600)
    return {"ACME_KEY_FILE": str(path)}


@pytest.mark.parametrize(
    ("options", "headers"),
    [
        ({}, {"Authorization": f"Bearer {API_KEY}"}),
        ({"headers": {"X-A": "a {api_key} b", "X-B": "b"}}, {"X-A": f"a {API_KEY} b", "X-B": "b"}),
        ({"headers": {}, "user": "me"}, {"Authorization": "Basic bWU6YXBpLWtleS1mb3ItdGVzdHM="}),
        (
            {"headers": {"X-B": "b"}, "user": "{api_key}"},
            {"X-B": "b", "Authorization": "Basic YXBpLWtleS1mb3ItdGVzdHM6"},
        ),
    ],
)
def test_client_has_the_key_where_its_platform_wants_it(
    environ: dict[str, str], options: dict[str, Any], headers: dict[str, str]
) -> None:
    clock = FakeTime().clock()
    settings = declared().model_validate(MINIMUM)

    client = settings.client("https://acme.example/x", environ, clock, name="Acme", error_at="/bad", **options)

    expected = RestClient(
        client.session,
        "https://acme.example/x",
        headers,
        name="Acme",
        key_hint="ACME_KEY_FILE",
        secrets=(API_KEY,),
        error_at="/bad",
        budget_s=60.0,
        silence_s=30.0,
        clock=clock,
    )
    assert vars(client) == vars(expected)
    client.session.get_adapter("https://acme.example").check("https://acme.example/x/y")  # type: ignore[attr-defined]
    assert settings.client("https://acme.example", environ, None, name="Acme").error_at == ""


def test_client_without_a_key_is_none() -> None:
    with pytest.raises(UsageError, match="ACME_KEY_FILE: the environment names no file"):
        declared().model_validate(MINIMUM).client("https://acme.example", {}, None, name="Acme")
