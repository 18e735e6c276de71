"""Names of organisations: compared as people do, refused and shown so that they can do no harm."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgcal.errors import UsageError
from orgcal.printable import printable
from orgcal.tenants.names import can_be_kept, check_text, name_key


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


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("  Contoso\t Ltd ", "contoso ltd"),
        ("E\u0301COLE", "école"),
        ("ＡＢＣ", "abc"),
        ("Straße", "strasse"),
        ("ﬁx™", "fixtm"),
        ("", ""),
        # Combining characters in their canonical order: https://www.unicode.org/reports/tr15/#Examples
        ("a\u0345\u0301", "áι"),
    ],
)
def test_key_of_a_name_is_the_same_in_every_version(name: str, key: str) -> None:
    """It is kept in the registry, where other versions look for it."""
    assert name_key(name) == key


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


@given(st.text(alphabet=st.characters()))
def test_name_of_any_kind_can_be_kept_once_it_is_printable(text: str) -> None:
    assert can_be_kept(printable(text))
