"""Results of short texts are kept, those of long ones are not."""

from __future__ import annotations

import pytest
from orgcal_emulator.lru import LONGEST_KEPT, remembered


@pytest.mark.parametrize(("length", "calls"), [(LONGEST_KEPT, 1), (LONGEST_KEPT + 1, 2)])
def test_remembered_calls_once_for_a_short_text_and_each_time_for_a_long_one(length: int, calls: int) -> None:
    seen: list[int] = []

    @remembered(2)
    def measure(text: str, factor: int) -> int:
        seen.append(len(text))
        return len(text) * factor

    assert [measure("x" * length, 2), measure("x" * length, 2)] == [2 * length] * 2
    assert seen == [length] * calls
