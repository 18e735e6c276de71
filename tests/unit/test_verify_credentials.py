"""Where the credential of a verification comes from, and what is said where it cannot be told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orgcal.entra.credentials import ClientSecret
from orgcal.errors import UsageError
from orgcal.platforms.model import PlatformCredential, StoredCredential
from verify.credentials import CannotTell, LocatedCredential, NoCredential, find_credential
from verify.models import Connector, Options, SecretReference

SECRET = ClientSecret("a-secret-of-forty-characters-0123456789-")
PLATFORM = SecretReference("platform", "outlook", {"kind": "scripted"})
INSTEAD = "--through-platform where the platform hands out tokens; otherwise only a connected organisation proves it"
Open = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Open:
    """Lets each platform be one that reads back so much of this credential; what it was asked."""

    def opened(reads_back: str, stored: StoredCredential | None) -> list[tuple[Any, ...]]:
        asked: list[tuple[Any, ...]] = []

        def read_credentials(key: str) -> StoredCredential | None:
            asked.append((key,))
            return stored

        platform = SimpleNamespace(
            capabilities=SimpleNamespace(reads_back=reads_back), place="the place", read_credentials=read_credentials
        )

        def open_platform(*given: Any) -> Any:
            asked.append(given)
            return platform

        monkeypatch.setattr("orgcal.platforms.open_platform", open_platform)
        return asked

    return opened


def options(credential: SecretReference, fallback: SecretReference | None = None, **environ: str) -> Options:
    connector = Connector("public", "client", (), credential, fallback)
    return Options(connector, environ=environ, given_credential=SECRET)


def shown(generation: int = 1) -> StoredCredential:
    return StoredCredential("client", generation, credential=PlatformCredential("client", generation, SECRET))


def test_credential_in_a_file_is_told_by_the_name_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "secret.txt"
    path.parent.mkdir()
    path.write_text(SECRET.value)

    found = find_credential(options(SecretReference("file", str(path))))

    assert found == LocatedCredential(SECRET, "from the file secret.txt", "given")


def test_credential_in_a_variable_is_told_by_its_name() -> None:
    found = find_credential(options(SecretReference("environment", "NAME"), NAME=SECRET.value))

    assert found == LocatedCredential(SECRET, "from the variable NAME", "given")


@pytest.mark.parametrize("name", ["NAME", "OTHER"])
def test_variable_that_is_not_set_is_refused(name: str) -> None:
    with pytest.raises(UsageError) as refused:
        find_credential(options(SecretReference("environment", "NAME"), None, **{name: ""}))

    assert str(refused.value) == "NAME: the variable is not set\n  repair: set it, or name a file instead"


def test_credential_of_the_stack_is_told_as_such() -> None:
    assert find_credential(options(SecretReference("given", "stack"))) == LocatedCredential(
        SECRET, "from the stack", "stack"
    )


def test_credential_that_the_platform_shows_is_the_connectors_own(opened: Open) -> None:
    asked = opened("value", shown())

    found = find_credential(options(PLATFORM, SecretReference("given", "stack"), NAME="v"))

    assert found == LocatedCredential(SECRET, "read back from the connector", "connector")
    assert asked == [({"kind": "scripted"}, {"NAME": "v"}), ("outlook",)]


def test_platform_is_opened_with_the_variables_of_this_process_where_none_were_given(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORGCAL_OF_THIS_PROCESS", "yes")
    asked = opened("value", shown())

    find_credential(options(PLATFORM))

    assert asked[0][1]["ORGCAL_OF_THIS_PROCESS"] == "yes"


@pytest.mark.parametrize(
    ("reads_back", "stored", "kind", "what", "where", "repair"),
    [
        ("timestamp", shown(), CannotTell, "the platform does not show credentials", "the place", INSTEAD),
        ("value", None, NoCredential, "the connector has no credential", "connector 'outlook'", "pulumi up"),
        ("value", StoredCredential("client", 1), CannotTell, "the platform does not show this credential", "the place",
         INSTEAD),
    ],
)  # fmt: skip
def test_platform_that_tells_no_credential_is_told_with_its_place(
    opened: Open,
    reads_back: str,
    stored: StoredCredential | None,
    kind: type[UsageError],
    what: str,
    where: str,
    repair: str,
) -> None:
    opened(reads_back, stored)

    with pytest.raises(kind) as refused:
        find_credential(options(PLATFORM))

    assert (refused.value.what, refused.value.where, refused.value.repair) == (what, where, repair)


@pytest.mark.parametrize(
    ("reads_back", "stored", "why"),
    [
        ("nothing", None, "the platform does not show credentials"),
        ("value", StoredCredential(), "the platform does not show this credential"),
    ],
)
def test_copy_of_the_stack_stands_in_for_what_the_platform_does_not_show(
    opened: Open, reads_back: str, stored: StoredCredential | None, why: str
) -> None:
    opened(reads_back, stored)

    found = find_credential(options(PLATFORM, SecretReference("given", "stack")))

    assert found == LocatedCredential(SECRET, f"from the stack, not the connector's own, as {why}", "stack")


def test_connector_without_a_credential_is_no_reason_to_use_another(opened: Open) -> None:
    opened("value", None)

    with pytest.raises(NoCredential):
        find_credential(options(PLATFORM, SecretReference("given", "stack")))


def test_connector_names_its_commands_with_its_stack() -> None:
    connector = Connector("public", "client", (), PLATFORM)
    named = replace(connector, outputs=SimpleNamespace(stack="prod", calendars="exchange"))  # type: ignore[arg-type]

    commands = [
        (made.consent_command("a b"), made.add_command("a b"), made.script_command("a b"), made.accept_command("a b"))
        for made in (connector, named)
    ]

    assert commands[0] == (
        "orgcal consent link 'a b'",
        "orgcal tenants add 'a b'",
        "orgcal consent script 'a b'",
        "orgcal verify --accept --tenant 'a b'",
    )
    assert commands[1] == tuple(f"{command} --stack prod" for command in commands[0])
    assert (connector.calendars, named.calendars) == ("consented", "exchange")
    development = SimpleNamespace(stack="dev")
    assert replace(connector, outputs=development).add_command("t") == "orgcal tenants add t"  # type: ignore[arg-type]
