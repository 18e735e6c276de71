"""Numbers in texts of others are ASCII digits, and not too many."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgcal.entra.aadsts import number_in
from orgcal.numbers import whole_number


@pytest.mark.parametrize("text", ["", " 1", "1\n", "-1", "+1", "1_0", "²", "١٢", "१", "1" * 10, "1" * 5000])
def test_text_that_is_no_plain_number_is_none(text: str) -> None:
    assert whole_number(text) is None


@given(st.integers(min_value=0, max_value=999_999_999))
def test_number_is_read_as_it_was_written(number: int) -> None:
    assert whole_number(str(number)) == number


@given(st.text(st.characters(categories=["Nd", "No", "Nl"])))
def test_digits_of_any_script_never_raise(text: str) -> None:
    assert whole_number(text) is None or text.isascii()


def test_error_number_of_entra_in_other_digits_is_none() -> None:
    assert number_in("AADSTS١٢٣٤٥: x") == 0
    assert number_in("AADSTS65004: x") == 65004
