"""The border to platforms: each method of each kind returns what it may, or is an error without the answer."""

from __future__ import annotations

from typing import Any

import pytest

from orgcal.entra.credentials import ClientCertificate, ClientSecret
from orgcal.errors import PlatformError, Unreachable
from orgcal.platforms import (
    ConnectorEntry,
    ConnectorSettings,
    Platform,
    PlatformCredential,
    StoredCredential,
)

LONGEST = 65_536
MOST = 1_000_000
DECLARED = ConnectorSettings("outlook", "Outlook")
SECRET = PlatformCredential("client", 4, ClientSecret("hush"))
ENTRY = ConnectorEntry("outlook", "https://x")


ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "read_connector": ("outlook",),
    "create_connector": (DECLARED,),
    "update_connector": (DECLARED, ["published"]),
    "delete_connector": ("outlook",),
    "push_credentials": ("outlook", SECRET),
    "read_credentials": ("outlook",),
    "remove_credentials": ("outlook",),
    "connections": ("outlook",),
    "register_connection": ("outlook", "t"),
    "access_token": ("outlook", "t"),
    "consent_link": ("outlook", "t", "Contoso"),
}


def answering(answer: Any) -> Any:
    """A platform of a class of its own, as each kind has one: returns the answer in every method, or raises it."""

    def told(*_: Any, **__: Any) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    named = {"place": "https://platform.example", "called": "Acme"}
    return type("Answering", (Platform,), {**named, **dict.fromkeys(ARGUMENTS, told)})()


class Counted(list[str]):
    """A list with one entry that says that it has more."""

    def __init__(self, count: int) -> None:
        super().__init__(["a"])
        self._count = count

    def __len__(self) -> int:
        return self._count


def asked(method: str, answer: Any) -> Any:
    return getattr(answering(answer), method)(*ARGUMENTS[method])


def refused(method: str, answer: Any) -> PlatformError:
    with pytest.raises(PlatformError) as caught:
        asked(method, answer)
    return caught.value


@pytest.mark.parametrize("method", ARGUMENTS)
@pytest.mark.parametrize(
    "error",
    [ZeroDivisionError, AttributeError, KeyError, IndexError, RecursionError, TypeError, ValueError, UnicodeError],
)
def test_answer_that_a_method_cannot_read_is_an_error_without_it(method: str, error: type[Exception]) -> None:
    found = refused(method, error("hush"))

    assert found.as_json() == {
        "kind": "platform",
        "what": f"Acme answered with something that is not its own ({error.__name__})",
        "where": "https://platform.example",
        "repair": "check its address, and whether a proxy answers in its place",
    }
    assert (found.__cause__, found.__suppress_context__) == (None, True)


@pytest.mark.parametrize("method", ARGUMENTS)
def test_error_that_explains_itself_stays(method: str) -> None:
    for error in (PlatformError("no", where="x"), Unreachable("away", where="x"), RuntimeError("a defect")):
        with pytest.raises(type(error)) as caught:
            asked(method, error)
        assert caught.value is error


@pytest.mark.parametrize("method", ["read_connector", "create_connector", "update_connector"])
def test_entry_is_taken_with_texts_of_any_length_that_one_may_have(method: str) -> None:
    long = "x" * LONGEST
    for entry in (ENTRY, ConnectorEntry(long, long, long, long, (long, "")), ConnectorEntry("", "", scopes=())):
        assert asked(method, entry) is entry
    for wrong in (
        ConnectorEntry("x" + long, "y"),
        ConnectorEntry("x", "y" + long),
        ConnectorEntry("x", "y", "z" + long),
        ConnectorEntry("x", "y", "z", "d" + long),
        ConnectorEntry("x", "y", scopes=("A", "s" + long)),
        ConnectorEntry("\udc80", "y"),
    ):
        assert refused(method, wrong)


@pytest.mark.parametrize("method", ["push_credentials", "read_credentials"])
def test_credential_is_taken_with_texts_of_any_length_that_one_may_have(method: str) -> None:
    long = "x" * LONGEST
    pair = PlatformCredential(long, 4, ClientCertificate(long, long))
    for stored in (StoredCredential(), StoredCredential(long, 4, long, pair), StoredCredential("", 0, "")):
        assert asked(method, stored) is stored
    for wrong in (
        StoredCredential("y" + long),
        StoredCredential("x", 4, "y" + long),
        StoredCredential("x", 4, "y", PlatformCredential("y" + long, 4, ClientSecret("hush"))),
        StoredCredential("x", 4, "y", PlatformCredential("x", 4, ClientSecret("y" + long))),
        StoredCredential("x", 4, "y", PlatformCredential("x", 4, ClientCertificate("KEY", "y" + long))),
    ):
        assert refused(method, wrong)


def test_only_what_may_be_missing_is_none() -> None:
    optional = {"read_connector", "read_credentials"}
    unchecked = {"delete_connector", "remove_credentials", "register_connection", "consent_link"}

    for method in ARGUMENTS:
        if method in optional | unchecked:
            assert asked(method, None) is None
        else:
            assert refused(method, None).what.startswith("Acme answered with something that is not its own (")


def test_connections_are_texts_and_not_endless() -> None:
    assert asked("connections", []) == []
    assert asked("connections", ["a", "b"]) == ["a", "b"]
    assert asked("connections", Counted(MOST)) == ["a"]
    for wrong in (Counted(MOST + 1), ["a", None], "a", {"a": 1}, ["x" * (LONGEST + 1)]):
        assert refused("connections", wrong)


@pytest.mark.parametrize(
    ("token", "taken"),
    [("a", True), ("x" * LONGEST, True), ("x" * (LONGEST + 1), False), ("", False), ("a b~", True), ("a\x7f", False)],
)
def test_token_is_one_that_a_header_can_carry(token: str, taken: bool) -> None:
    if taken:
        assert asked("access_token", token) == token
    else:
        assert refused("access_token", token)


def test_link_to_a_platforms_own_flow_is_given_as_it_is() -> None:
    assert asked("consent_link", ("https://x", 1)) == ("https://x", 1)
