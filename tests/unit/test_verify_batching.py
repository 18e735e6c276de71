"""What is still to be read, and how it is packed: who leaves when, in which order, and what is left over."""

from __future__ import annotations

import pytest

from orgcal.entra.batch import MAX_ENTRIES
from verify.batching import MAX_PAUSING, PAGE_SIZE, Read, ReadQueue


class Pages:
    """Counts the pages whose users have all left."""

    def __init__(self) -> None:
        self.read = 0

    def __call__(self) -> None:
        self.read += 1


@pytest.fixture
def pages() -> Pages:
    return Pages()


def users(count: int, first: int = 0) -> list[tuple[str, str]]:
    return [(f"u{number}", f"name {number}") for number in range(first, first + count)]


def ids(reads: list[Read]) -> list[str]:
    return [read.user_id for read in reads]


def test_read_without_a_pause_leaves_at_once_and_before_users_who_were_never_asked(pages: Pages) -> None:
    queue = ReadQueue(pages)
    queue.add_page(users(30))
    queue.again(Read("again", ""))

    assert ids(queue.next_batch(0, now=1.0)) == ["again", *ids_of(19)]
    assert not queue.pausing


def ids_of(count: int) -> list[str]:
    return [f"u{number}" for number in range(count)]


def test_read_that_pauses_leaves_when_it_is_due_and_not_before(pages: Pages) -> None:
    queue = ReadQueue(pages)
    queue.listing_ended()
    queue.again(Read("late", ""), due_at=20.0)
    queue.again(Read("soon", ""), due_at=10.0)

    assert queue.pausing
    assert queue.due_at() == 10.0
    assert queue.next_batch(0, now=9.9) == []
    assert ids(queue.next_batch(0, now=10.0)) == ["soon"]
    assert queue.due_at() == 20.0
    assert ids(queue.next_batch(0, now=20.0)) == ["late"]
    assert queue.due_at() is None
    assert queue.empty
    assert not queue.pausing


def test_reads_that_are_due_at_the_same_time_leave_in_the_order_in_which_they_came(pages: Pages) -> None:
    queue = ReadQueue(pages)
    queue.listing_ended()
    for name in "cab":
        queue.again(Read(name, ""), due_at=5.0)

    assert ids(queue.next_batch(0, now=5.0)) == ["c", "a", "b"]


def test_batch_that_is_not_full_waits_for_what_will_soon_be_due_and_for_nothing_later(pages: Pages) -> None:
    queue = ReadQueue(pages)
    queue.add_page(users(3))
    queue.listing_ended()
    queue.again(Read("soon", ""), due_at=10.0)

    assert ids(queue.next_batch(0, now=9.5)) == []
    assert ids(queue.next_batch(0, now=9.49)) == ids_of(3)


def test_batch_that_is_not_full_waits_while_users_are_listed_and_what_is_tried_again_for_batches_in_flight(
    pages: Pages,
) -> None:
    queue = ReadQueue(pages)
    queue.add_page(users(MAX_ENTRIES - 1))
    assert queue.next_batch(0, now=0.0) == []
    queue.add_page(users(1, first=MAX_ENTRIES - 1))
    assert ids(queue.next_batch(0, now=0.0)) == ids_of(MAX_ENTRIES)

    queue.listing_ended()
    queue.again(Read("again", ""))
    assert queue.next_batch(1, now=0.0) == []
    assert ids(queue.next_batch(0, now=0.0)) == ["again"]


def test_users_leave_the_last_batch_however_many_are_in_flight(pages: Pages) -> None:
    queue = ReadQueue(pages)
    queue.add_page(users(2))
    queue.listing_ended()

    assert ids(queue.next_batch(5, now=0.0)) == ids_of(2)


def test_read_asks_for_the_ids_of_calendars_under_an_escaped_id(pages: Pages) -> None:
    queue = ReadQueue(pages)
    queue.add_page([("a-1", "adele"), ("../x?y", "")])
    queue.listing_ended()

    plain, odd = queue.next_batch(0, now=0.0)

    assert (plain.path, plain.name) == ("/users/a-1/calendars?$select=id&$top=100", "adele")
    assert odd.path == "/users/..%2Fx%3Fy/calendars?$select=id&$top=100"


def test_no_further_user_is_asked_about_while_too_many_reads_pause(pages: Pages) -> None:
    queue = ReadQueue(pages)
    queue.add_page(users(MAX_ENTRIES))
    for number in range(MAX_PAUSING):
        queue.again(Read(f"p{number}", ""), due_at=100.0 + number)

    assert queue.next_batch(0, now=0.0) == []
    assert not queue.empty
    assert ids(queue.next_batch(0, now=100.0))[0] == "p0"


def test_page_is_read_when_its_last_user_has_left(pages: Pages) -> None:
    queue = ReadQueue(pages)
    queue.add_page(users(PAGE_SIZE))
    queue.add_page(users(MAX_ENTRIES))
    for _ in range(PAGE_SIZE // MAX_ENTRIES):
        queue.next_batch(0, now=0.0)
    assert pages.read == 0
    queue.next_batch(0, now=0.0)
    assert pages.read == 1


def test_short_pages_count_as_one_up_to_the_size_of_a_page(pages: Pages) -> None:
    queue = ReadQueue(pages)
    queue.add_page(users(PAGE_SIZE - 1))
    queue.add_page(users(1))
    assert pages.read == 1  # the second asks for another at once, as it is part of the first
    queue.add_page(users(1))
    assert pages.read == 1
    queue.add_page([])
    assert pages.read == 2
    assert queue.listed == PAGE_SIZE + 1


def test_sample_keeps_so_many_and_gives_back_every_other_user(pages: Pages) -> None:
    queue = ReadQueue(pages, sample=5, seed=3)
    left_out = [user for first in (0, 40) for user in queue.add_page(users(40, first))]
    assert pages.read == 2
    assert not queue.empty
    assert queue.next_batch(0, now=0.0) == []

    queue.listing_ended()
    chosen = ids(queue.next_batch(0, now=0.0))

    assert len(chosen) == 5
    assert sorted([*chosen, *(user_id for user_id, _ in left_out)]) == sorted(ids_of(80))
    assert queue.empty


def test_every_user_has_the_same_chance_to_be_in_the_sample(pages: Pages) -> None:
    taken = dict.fromkeys(ids_of(8), 0)
    for seed in range(800):
        queue = ReadQueue(pages, sample=2, seed=seed)
        queue.add_page(users(8))
        queue.listing_ended()
        for user_id in ids(queue.next_batch(0, now=0.0)):
            taken[user_id] += 1

    assert all(140 <= times <= 260 for times in taken.values()), taken


def test_drained_queue_gives_everything_that_was_not_read_once(pages: Pages) -> None:
    queue = ReadQueue(pages)
    queue.add_page(users(2))
    queue.again(Read("again", ""))
    queue.again(Read("later", ""), due_at=50.0)

    drained = list(queue.drain())

    assert ids(drained) == ["again", "later", "u0", "u1"]
    assert drained[-1].name == "name 1"
    assert queue.empty
    sampled = ReadQueue(pages, sample=1)
    sampled.add_page(users(1))
    assert ids(list(sampled.drain())) == ["u0"]
    assert sampled.empty


def test_full_batch_of_what_is_tried_again_leaves_though_more_are_in_flight(pages: Pages) -> None:
    queue = ReadQueue(pages)
    for number in range(21):
        queue.again(Read(f"u{number}", ""))

    assert ids(queue.next_batch(5, now=0.0)) == ids_of(20)
    assert queue.next_batch(5, now=0.0) == []


def test_batch_is_filled_up_to_twenty_with_users_never_asked(pages: Pages) -> None:
    queue = ReadQueue(pages)
    for number in range(3):
        queue.again(Read(f"again{number}", ""))
    queue.add_page(users(40))

    first = queue.next_batch(5, now=0.0)

    assert ids(first) == ["again0", "again1", "again2", *ids_of(17)]
    assert (first[3].calendars, first[3].pages, first[3].attempts, first[3].waited_s, first[3].refused_tokens) == (
        *(0, 0, 0),
        *(0.0, 0),
    )


def test_sample_counts_every_user_and_keeps_all_of_a_small_organisation(pages: Pages) -> None:
    queue = ReadQueue(pages, sample=5)

    assert queue.add_page(users(3)) == []
    assert queue.add_page(users(2, 3)) == []
    assert (queue.listed, pages.read) == (5, 2)


def test_sample_of_a_seed_is_the_same_each_time(pages: Pages) -> None:
    def chosen(**options: int) -> list[str]:
        queue = ReadQueue(pages, sample=4, **options)
        queue.add_page(users(30))
        queue.add_page(users(30, 30))
        queue.listing_ended()
        return ids(queue.next_batch(0, now=0.0))

    assert chosen() == chosen(seed=0) == chosen(seed=0)
    assert chosen(seed=1) != chosen(seed=0)
