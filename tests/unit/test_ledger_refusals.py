"""What the ledger refuses, in whole sentences, and what a step changes in it, whole."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from orgcal.provider._sdk import InvalidInputs
from orgcal.provider.connector.ledger import DesiredGenerations, Ledger, LedgerEntry, end_date, record

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
STAMP = "2026-11-23T12:00:00Z"
OLD = "2026-01-01T00:00:00Z"
END = "2027-01-01T00:00:00Z"


def entry(superseded: str | None = None, retired: str | None = None, revoked: str | None = None) -> LedgerEntry:
    """Of a generation that was recorded long ago."""
    return LedgerEntry(OLD, END, superseded, retired, revoked)


def wanted(
    generations: tuple[int, ...],
    active: int,
    *,
    rollback: int | None = None,
    revoked: tuple[int, ...] = (),
    lifetime: str = "180d",
) -> DesiredGenerations:
    return DesiredGenerations(generations, active, lifetime, rollback, revoked)


def refused(
    step: DesiredGenerations, known: Ledger | None = None, before: DesiredGenerations | None = None
) -> dict[str, str]:
    with pytest.raises(InvalidInputs) as caught:
        record(step, known or {}, before, NOW)
    return caught.value.failures


# What makes no sense in itself --------------------------------------------------------------------------------------


@pytest.mark.parametrize("generations", [(), (1, 1), (0,), (2, 0), (-1, 1)])
def test_generations_that_are_no_different_numbers_from_1_are_refused(generations: tuple[int, ...]) -> None:
    assert refused(wanted(generations, 1)) == {
        "generations": f"found {list(generations)}, expected different numbers from 1, such as [1]"
    }


def test_active_generation_that_does_not_live_is_refused() -> None:
    assert refused(wanted((1, 2), 3)) == {"active": "generation 3 is not among the live ones [1, 2]"}


def test_rollback_to_another_generation_than_the_active_one_is_refused() -> None:
    assert refused(wanted((1, 2), 1, rollback=2)) == {
        "rollbackTo": "rollback_to is 2 while generation 1 is active; repair: remove it, or make that generation active"
    }
    assert record(wanted((1, 2), 2, rollback=2), {}, None, NOW).keys() == {1, 2}


def test_revocation_of_generations_that_do_not_live_is_refused() -> None:
    assert refused(wanted((1, 2), 1, revoked=(4, 1, 3))) == {
        "revoked": "found [3, 4], expected some of the live ones [1, 2]"
    }


@pytest.mark.parametrize("lifetime", ["180", "0d", "3651d", "10000d", "01d", "-1d", "1.5d", "d", "", "Never", "180d "])
def test_lifetime_that_is_none_is_refused_even_if_nothing_is_new(lifetime: str) -> None:
    expected = {"lifetime": f"found {lifetime!r}, expected 1d to 3650d, or never"}
    with pytest.raises(InvalidInputs) as caught:
        end_date(lifetime, NOW)
    assert caught.value.failures == expected
    assert refused(wanted((1,), 1, lifetime=lifetime), {1: entry()}, wanted((1,), 1)) == expected


@pytest.mark.parametrize(
    ("lifetime", "end"),
    [
        ("1d", "2026-11-24T12:00:00Z"),
        ("10d", "2026-12-03T12:00:00Z"),
        ("3650d", "2036-11-20T12:00:00Z"),
        ("never", "2299-12-31T23:59:59Z"),
    ],
)
def test_lifetime_ends_on_the_same_hour_of_a_later_day(lifetime: str, end: str) -> None:
    assert end_date(lifetime, NOW) == end


# What goes backwards ------------------------------------------------------------------------------------------------

AS_HAPPENS = ", as happens with an old checkout; nothing was changed; repair: git pull, or keep generation "


def test_lowest_live_generation_that_falls_is_refused_and_cannot_be_meant() -> None:
    known = {1: entry(), 2: entry()}
    assert refused(wanted((1, 2), 2, rollback=2), known, wanted((2,), 2)) == {
        "generations": f"the lowest live generation would fall from 2 to 1{AS_HAPPENS}2"
    }


def test_highest_live_generation_that_falls_is_refused_unless_it_is_meant() -> None:
    known = {1: entry(), 2: entry()}
    assert refused(wanted((1,), 1), known, wanted((1, 2), 1)) == {
        "generations": f"the highest live generation would fall from 2 to 1{AS_HAPPENS}2"
        ", or, if you mean to go back, set rollback_to: 1"
    }
    assert record(wanted((1,), 1, rollback=1), known, wanted((1, 2), 1), NOW) == {1: entry(), 2: entry(retired=STAMP)}


def test_active_generation_that_falls_is_refused_unless_it_is_meant() -> None:
    known = {1: entry(superseded=OLD), 2: entry()}
    before = wanted((1, 2), 2)
    assert refused(wanted((1, 2), 1), known, before) == {
        "active": f"the active generation would fall from 2 to 1{AS_HAPPENS}2"
        ", or, if you mean to go back, set rollback_to: 1"
    }
    assert record(wanted((1, 2), 1, rollback=1), known, before, NOW) == {1: entry(), 2: entry(superseded=STAMP)}


@pytest.mark.parametrize(("known_as", "now"), [(entry(revoked=OLD), ()), (entry(), (1,))])
def test_rollback_to_a_revoked_generation_is_refused_with_the_command(
    known_as: LedgerEntry, now: tuple[int, ...]
) -> None:
    step = wanted((1, 2), 1, rollback=1, revoked=now)
    assert refused(step, {1: known_as, 2: entry()}, wanted((1, 2), 2)) == {
        "rollbackTo": "generation 1 was revoked; repair: orgcal rotate replaces it"
    }


def gone(generation: int, when: str, what: str, number: int) -> str:
    return (
        f"generation {generation} was retired at {when} (the {what} one is {number}) and its credential is gone, as "
        "happens with an old checkout; nothing was changed; repair: git pull, or, for another credential, use a number "
        "that was never used"
    )


@pytest.mark.parametrize(
    ("step", "before", "setting", "what"),
    [
        (wanted((1, 2), 2), wanted((2,), 2), "generations", "lowest live"),
        (wanted((1,), 1, rollback=1), wanted((1, 2), 2), "generations", "highest live"),
        (wanted((1, 2), 1, rollback=1), wanted((1, 2), 2), "active", "active"),
    ],
)
def test_retired_generation_never_comes_back(
    step: DesiredGenerations, before: DesiredGenerations, setting: str, what: str
) -> None:
    known = {1: entry(superseded=OLD, retired=OLD), 2: entry()}
    assert refused(step, known, before) == {setting: gone(1, OLD, what, 2)}


def test_retired_generation_between_live_ones_is_refused() -> None:
    known = {1: entry(), 2: entry(retired=OLD), 3: entry()}
    assert refused(wanted((1, 2, 3), 1), known, wanted((1, 3), 1)) == {
        "generations": gone(2, OLD, "highest recorded", 3)
    }


def test_new_generation_below_a_recorded_one_is_told_the_next_number() -> None:
    known = {1: entry(), 3: entry()}
    assert refused(wanted((1, 2, 3), 1), known, wanted((1, 3), 1)) == {
        "generations": "generation 2 is new, but generation 3 was recorded before; repair: use 4"
    }
    after = record(wanted((1, 3, 4), 1), known, wanted((1, 3), 1), NOW)
    assert after == {**known, 4: LedgerEntry(STAMP, "2027-05-22T12:00:00Z")}


def test_ledger_without_a_last_config_refuses_what_was_retired() -> None:
    """A state that lost its inputs."""
    assert refused(wanted((1,), 1), {1: entry(retired=OLD)}) == {"generations": gone(1, OLD, "highest recorded", 1)}


# What a step changes ------------------------------------------------------------------------------------------------


def test_step_changes_the_entries_that_it_concerns_and_no_other() -> None:
    known = {
        4: entry(),
        1: entry(superseded=OLD, retired=OLD, revoked=OLD),
        2: entry(superseded=OLD),
        3: entry(superseded=OLD, revoked=OLD),
    }
    after = record(wanted((3, 4, 5), 5, revoked=(3, 4)), known, wanted((2, 3, 4), 4), NOW)

    assert list(after.items()) == [
        (1, entry(superseded=OLD, retired=OLD, revoked=OLD)),
        (2, entry(superseded=OLD, retired=STAMP)),
        (3, entry(superseded=OLD, revoked=OLD)),
        (4, entry(superseded=STAMP, revoked=STAMP)),
        (5, LedgerEntry(STAMP, "2027-05-22T12:00:00Z")),
    ]
    assert known[2] == entry(superseded=OLD), "what was known is not written into"


def test_generation_that_is_superseded_again_keeps_its_first_date() -> None:
    known = {1: entry(superseded=OLD), 2: entry()}
    assert record(wanted((1, 2), 2), known, wanted((1, 2), 1), NOW)[1] == entry(superseded=OLD)


@pytest.mark.parametrize("event", ["superseded", "retired", "revoked"])
def test_entry_has_every_event_on_the_wire_by_its_name(event: str) -> None:
    written = {"created": OLD, "expires": END, event: STAMP}
    read = LedgerEntry.from_wire(written)
    assert (getattr(read, event), read.to_wire()) == (STAMP, written)
