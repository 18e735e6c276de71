"""Rules of the credential ledger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgcal.durations import NEVER
from orgcal.provider._sdk import InvalidInputs
from orgcal.provider.connector.ledger import DesiredGenerations, Ledger, LedgerEntry, end_date, record

START = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


def wanted(
    *generations: int,
    active: int | None = None,
    lifetime: str = "180d",
    rollback: int | None = None,
    revoked: tuple[int, ...] = (),
) -> DesiredGenerations:
    return DesiredGenerations(generations, generations[0] if active is None else active, lifetime, rollback, revoked)


def history(*steps: DesiredGenerations) -> tuple[Ledger, DesiredGenerations]:
    """The ledger after these configs, a day apart, and the last config."""
    ledger: Ledger = {}
    before: DesiredGenerations | None = None
    for day, step in enumerate(steps):
        ledger = record(step, ledger, before, START + timedelta(days=day))
        before = step
    assert before is not None
    return ledger, before


def refusal(step: DesiredGenerations, *steps: DesiredGenerations) -> tuple[str, str]:
    """The setting that the ledger refuses, and its reason."""
    ledger, before = history(*steps)
    with pytest.raises(InvalidInputs) as refused:
        record(step, ledger, before, START + timedelta(days=100))
    ((setting, reason),) = refused.value.failures.items()
    return setting, reason


def test_record_first_generation_freezes_its_end_date() -> None:
    ledger, _ = history(wanted(1))
    assert ledger == {1: LedgerEntry("2026-11-23T12:00:00Z", "2027-05-22T12:00:00Z")}


def test_record_same_config_later_changes_nothing() -> None:
    once, _ = history(wanted(1))
    twice, _ = history(wanted(1), wanted(1), wanted(1))
    assert twice == once


def test_record_second_generation_keeps_the_first() -> None:
    before, _ = history(wanted(1))
    ledger, _ = history(wanted(1), wanted(1, 2, active=1))
    assert ledger[1] == before[1]
    assert ledger[2] == LedgerEntry("2026-11-24T12:00:00Z", "2027-05-23T12:00:00Z")


def test_record_activation_supersedes_the_old_one() -> None:
    ledger, _ = history(wanted(1), wanted(1, 2, active=1), wanted(1, 2, active=2))
    assert ledger[1].superseded == "2026-11-25T12:00:00Z"
    assert ledger[2].superseded is None


def test_record_dropped_generation_is_retired_and_remembered() -> None:
    ledger, _ = history(wanted(1), wanted(1, 2, active=1), wanted(1, 2, active=2), wanted(2), wanted(2))
    assert ledger[1].retired == "2026-11-26T12:00:00Z"
    assert ledger[2].retired is None


def test_record_changed_lifetime_takes_effect_with_the_next_generation() -> None:
    ledger, _ = history(wanted(1), wanted(1, lifetime="30d"), wanted(1, 2, active=1, lifetime="30d"))
    assert ledger[1].expires == "2027-05-22T12:00:00Z"
    assert ledger[2].expires == "2026-12-25T12:00:00Z"


def test_record_never_is_the_year_2299() -> None:
    ledger, _ = history(wanted(1, lifetime="never"))
    assert ledger[1].expires == NEVER == "2299-12-31T23:59:59Z"


def test_record_stale_checkout_with_only_the_old_generation_is_refused() -> None:
    setting, reason = refusal(wanted(1), wanted(2))
    assert setting == "generations"
    assert "from 2 to 1" in reason
    assert "git pull" in reason


def test_record_stale_checkout_that_would_bring_back_a_retired_generation_is_refused() -> None:
    setting, reason = refusal(
        wanted(1, 2, active=2), wanted(1), wanted(1, 2, active=1), wanted(1, 2, active=2), wanted(2)
    )
    assert setting == "generations"
    assert "generation 1 was retired at 2026-11-26" in reason
    assert "2" in reason


def test_record_lost_newest_generation_is_refused() -> None:
    assert "highest live generation would fall from 2 to 1" in refusal(wanted(1), wanted(1), wanted(1, 2))[1]


def test_record_falling_active_generation_is_refused() -> None:
    setting, reason = refusal(wanted(1, 2, active=1), wanted(1, 2, active=2))
    assert setting == "active"
    assert "rollback_to: 1" in reason


def test_record_rollback_lets_the_active_generation_fall() -> None:
    ledger, _ = history(wanted(1, 2, active=1), wanted(1, 2, active=2), wanted(1, 2, active=1, rollback=1))
    assert ledger[1].superseded is None
    assert ledger[2].superseded == "2026-11-25T12:00:00Z"


def test_record_rollback_may_drop_the_bad_generation() -> None:
    ledger, before = history(
        wanted(1, 2, active=1), wanted(1, 2, active=2), wanted(1, 2, active=1, rollback=1), wanted(1, rollback=1)
    )
    assert ledger[2].retired is not None
    assert record(wanted(1, 3, active=1), ledger, before, START)[3].retired is None
    with pytest.raises(InvalidInputs) as refused:
        record(wanted(1, 2, active=1), ledger, before, START)
    assert "generation 2 was retired" in refused.value.failures["generations"]


def test_record_rollback_to_another_number_is_refused() -> None:
    steps = (wanted(1), wanted(1, 2, 3, active=3))
    assert refusal(wanted(1, 2, 3, active=1, rollback=2), *steps)[0] == "rollbackTo"


def test_record_rollback_to_a_retired_generation_is_refused() -> None:
    _, reason = refusal(wanted(1, 2, active=1, rollback=1), wanted(1), wanted(1, 2, active=2), wanted(2))
    assert "retired" in reason


def test_record_new_generation_below_a_recorded_one_is_refused() -> None:
    assert "use 4" in refusal(wanted(1, 2, 3, active=1), wanted(1), wanted(1, 3, active=1))[1]


def test_record_revoked_generation_stays_revoked_whatever_a_config_says_later() -> None:
    ledger, _ = history(wanted(1), wanted(1, revoked=(1,)), wanted(1), wanted(1, 2, active=2, revoked=(1,)), wanted(2))
    assert ledger[1].revoked == "2026-11-24T12:00:00Z"
    assert ledger[1].retired == "2026-11-27T12:00:00Z"
    assert ledger[2].revoked is None


@pytest.mark.parametrize("revoked", [(), (1,)], ids=["recorded", "recorded now"])
def test_record_rollback_to_a_revoked_generation_is_refused(revoked: tuple[int, ...]) -> None:
    steps = (wanted(1), wanted(1, 2, active=2), wanted(1, 2, active=2, revoked=() if revoked else (1,)))
    setting, reason = refusal(wanted(1, 2, active=1, rollback=1, revoked=revoked), *steps)
    assert setting == "rollbackTo"
    assert "generation 1 was revoked" in reason


@pytest.mark.parametrize(
    ("step", "setting"),
    [
        (DesiredGenerations((), 1, "180d"), "generations"),
        (DesiredGenerations((1, 1), 1, "180d"), "generations"),
        (DesiredGenerations((0,), 0, "180d"), "generations"),
        (DesiredGenerations((1,), 2, "180d"), "active"),
        (DesiredGenerations((1,), 1, "180"), "lifetime"),
        (DesiredGenerations((1,), 1, "0d"), "lifetime"),
        (DesiredGenerations((1,), 1, "3651d"), "lifetime"),
        (DesiredGenerations((1, 2), 1, "180d", rollback_to=2), "rollbackTo"),
        (DesiredGenerations((1, 2), 1, "180d", revoked=(3,)), "revoked"),
    ],
)
def test_record_nonsense_is_refused_by_setting(step: DesiredGenerations, setting: str) -> None:
    with pytest.raises(InvalidInputs) as refused:
        record(step, {}, None, START)
    assert list(refused.value.failures) == [setting]


def test_end_date_is_in_utc_whatever_the_clock_says() -> None:
    local = datetime.fromisoformat("2026-11-23T14:00:00+02:00")
    assert end_date("1d", local) == "2026-11-24T12:00:00Z"


def test_entry_survives_the_wire() -> None:
    entry = LedgerEntry("2026-11-23T12:00:00Z", NEVER, retired="2026-11-24T12:00:00Z")
    assert LedgerEntry.from_wire(entry.to_wire()) == entry
    assert "superseded" not in entry.to_wire()


@st.composite
def configs(draw: st.DrawFn) -> DesiredGenerations:
    """Configs of up to three live generations, right and wrong ones."""
    live = sorted(draw(st.sets(st.integers(1, 5), min_size=1, max_size=3)))
    active = draw(st.sampled_from(live))
    revoked = draw(st.sampled_from([(), (active,), (live[0],)]))
    return DesiredGenerations(tuple(live), active, "180d", draw(st.sampled_from([None, active])), revoked)


@given(st.lists(configs(), min_size=1, max_size=8))
def test_record_whatever_is_tried_retired_generations_stay_retired_and_dates_frozen(
    tried: list[DesiredGenerations],
) -> None:
    ledger: Ledger = {}
    before: DesiredGenerations | None = None
    for day, config in enumerate(tried):
        try:
            after = record(config, ledger, before, START + timedelta(days=day))
        except InvalidInputs:
            continue
        for generation, entry in ledger.items():
            assert after[generation].created == entry.created
            assert after[generation].expires == entry.expires
            if entry.retired is not None:
                assert after[generation].retired == entry.retired
                assert generation not in config.generations
            if entry.revoked is not None:
                assert after[generation].revoked == entry.revoked
        assert min(config.generations) >= (min(before.generations) if before else 0)
        ledger, before = after, config
