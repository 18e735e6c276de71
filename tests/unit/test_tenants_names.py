"""Names of organisations: compared as people do, refused and shown so that they can do no harm."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgcal.errors import UsageError
from orgcal.tenants.names import can_be_kept, check_text, name_key, printable


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Österreich AG", "österreich ag"),
        ("école", unicodedata.normalize("NFD", "École")),
        ("STRASSE GmbH", "Straße GmbH"),
        ("ΣΊΣΥΦΟΣ", "Σίσυφος"),
        ("ＡＢＣ  Ltd", "abc ltd"),
        (" Contoso\u00a0Ltd ", "contoso ltd"),
    ],
)
def test_names_that_people_take_for_the_same_have_one_key(one: str, other: str) -> None:
    assert name_key(one) == name_key(other) != ""


@pytest.mark.parametrize(("one", "other"), [("Contoso", "Contosa"), ("Österreich", "Osterreich"), ("a b", "ab")])
def test_names_that_differ_have_two_keys(one: str, other: str) -> None:
    assert name_key(one) != name_key(other)


@given(st.text())
def test_key_of_a_key_is_that_key(name: str) -> None:
    assert name_key(name_key(name)) == name_key(name)


@pytest.mark.parametrize("char", ["\n", "\r", "\x1b", "\x00", "\x85", "\u2028", "\u202e", "\u2066", "\ufeff", "\ud800"])
def test_name_with_a_character_that_cannot_be_shown_is_refused_by_its_number(char: str) -> None:
    with pytest.raises(UsageError, match=f"the name holds U\\+{ord(char):04X}") as refused:
        check_text(f"Fab{char}rikam", "the name", longest=200)
    assert char not in str(refused.value).replace("\n  repair", "")
    str(refused.value).encode()


@pytest.mark.parametrize("name", ["می‌خواهم", "👩‍🔧 Ltd", "Contoso (Österreich) & Söhne", "株式会社", "O'Neil"])
def test_name_of_any_script_is_taken(name: str) -> None:
    check_text(name, "the name", longest=200)
    assert printable(name) == name


def test_name_that_is_empty_or_too_long_is_refused() -> None:
    with pytest.raises(UsageError, match="the name is empty"):
        check_text("  ", "the name", longest=200)
    with pytest.raises(UsageError, match="201 characters, and 200 are kept"):
        check_text("x" * 201, "the name", longest=200)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Fab\x1b]52;c;cm0=\a", "Fab\\x1b]52;c;cm0=\\x07"),
        ("a\nb", "a\\x0ab"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("::error file=x::text", "\\x3a:error file=x::text"),
        ("  ::stop-commands::x", "  \\x3a:stop-commands::x"),
        ("x ##[error]y", "x #\\x23[error]y"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_text_is_shown_without_doing_anything(name: str, shown: str) -> None:
    assert printable(name) == shown


@given(st.text(alphabet=st.characters()))
def test_text_of_any_kind_is_shown_in_one_line_that_commands_nothing(text: str) -> None:
    shown = printable(text)

    assert len(shown.splitlines()) <= 1
    assert not shown.lstrip().startswith("::")
    assert "##[" not in shown
    assert can_be_kept(shown)
