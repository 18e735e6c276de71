"""What listing remembers of the pages behind it: repeated users, circles, and no more than that."""

from __future__ import annotations

import pytest

from verify.listing import _Seen


def ids(*numbers: int) -> list[str]:
    return [str(number) for number in numbers]


def test_user_whom_one_of_the_last_pages_had_is_listed_once() -> None:
    seen = _Seen()

    assert seen.new_of(ids(1, 2, 2, 1)) == ids(1, 2)
    assert seen.new_of(ids(3, 2)) == ids(3)
    assert seen.new_of(ids(4)) == ids(4)
    assert seen.new_of(ids(5, 1)) == ids(5)
    assert seen.new_of(ids(6, 3, 5)) == ids(6), "the third page before is remembered still"


def test_user_of_a_page_further_behind_is_listed_again() -> None:
    seen = _Seen()
    for number in range(1, 7):
        seen.new_of(ids(number))

    assert seen.new_of(ids(3, 4, 7)) == ids(3, 7), "memory does not grow with the pages"


@pytest.mark.parametrize(("length", "pages"), [(1, 2), (2, 4), (3, 7), (4, 8), (5, 13), (8, 16), (16, 32)])
def test_circle_of_so_many_pages_is_recognised_by_a_page_that_comes_again(length: int, pages: int) -> None:
    seen, seen_pages = _Seen(), 0
    while not seen.circle():
        seen.new_of(ids(seen_pages % length))
        seen_pages += 1

    assert seen_pages == pages


def test_part_of_a_page_that_comes_again_is_no_circle() -> None:
    seen = _Seen()
    seen.new_of(ids(1, 2))
    seen.new_of(ids(1))

    assert not seen.circle()


@pytest.mark.parametrize("between", [[], [1], [1, 2]])
def test_empty_pages_are_a_circle_after_fifty_in_a_row(between: list[int]) -> None:
    seen = _Seen()
    for user in between:
        for _ in range(49):
            seen.new_of([])
        seen.new_of(ids(user))
    for _ in range(49):
        assert seen.new_of([]) == []
        assert not seen.circle()

    seen.new_of([])

    assert seen.circle()
