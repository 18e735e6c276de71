"""The history of a registry: whose rows are read, since when something goes on, and how long rows are kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orgcal.tenants.history import Run, RunKind, Trail, add_runs, began, last_runs, runs, trails
from orgcal.tenants.model import State
from orgcal.tenants.registry import Registry
from tests.support.registry import Clock, two_registries

CONTOSO, FABRIKAM = "22222222-2222-2222-2222-222222222222", "aaaaaaaa-3333-3333-3333-333333333333"
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def both(tmp_path: Path, clock: Clock) -> Iterator[tuple[Registry, Registry]]:
    """Registries of two connectors in one database, which know two organisations."""
    with two_registries(tmp_path, clock) as both:
        for registry in both:
            registry.add(CONTOSO, "Contoso")
            registry.add(FABRIKAM, "Fabrikam")
        yield both


@pytest.fixture
def registry(both: tuple[Registry, Registry]) -> Registry:
    return both[0]


def a_run(at: datetime, tenant_id: str = CONTOSO, verdict: str = "pass", kind: RunKind = "verify", **more: Any) -> Run:
    return Run(at, tenant_id, kind, "0.1.0", verdict, State.VERIFIED, **more)


def series(at: datetime, verdicts: str, tenant_id: str = CONTOSO, kind: RunKind = "verify") -> list[Run]:
    """Runs a day apart from `at` on, by the first letters of their verdicts."""
    words = {"p": "pass", "w": "warn", "f": "fail", "e": "error"}
    return [a_run(at + number * DAY, tenant_id, words[letter], kind) for number, letter in enumerate(verdicts)]


# Rows --------------------------------------------------------------------------------------------------------------


def test_run_has_nothing_in_what_nobody_looked_at(clock: Clock) -> None:
    bare = a_run(clock.now)

    assert bare.as_json() == {
        "at": "2026-11-23T10:00:00Z", "tenant_id": CONTOSO, "kind": "verify", "version": "0.1.0", "verdict": "ok",
        "state": "verified", "users": None, "calendars": None, "readable": None, "no_mailbox": None,
        "restricted": None, "deleted": None, "failed": None, "not_read": None, "roles": (), "checks": {},
        "duration_s": 0.0, "requests": 0, "throttled_s": 0.0, "cause": "",
    }  # fmt: skip


def test_run_is_told_with_the_words_that_people_read(clock: Clock) -> None:
    told = a_run(clock.now, verdict="warn", checks={"baseline": "warn", "token": "fail"}, cause="fewer").as_json()

    assert (told["verdict"], told["checks"], told["cause"]) == (
        "warning",
        {"baseline": "warning", "token": "failed"},
        "fewer",
    )


@pytest.mark.parametrize(
    ("verdict", "decided"), [("pass", True), ("warn", True), ("fail", True), ("error", False), ("skip", False)]
)
def test_run_decides_unless_nobody_could_look(clock: Clock, verdict: str, decided: bool) -> None:
    assert a_run(clock.now, verdict=verdict).decided is decided


def test_rows_are_read_as_they_were_written_and_by_whom(both: tuple[Registry, Registry], clock: Clock) -> None:
    prod, test = both
    full = Run(
        clock.now - DAY, FABRIKAM, "check", "0.1.0", "fail", State.REVOKED, 1, 2, 3, 4, 5, 6, 7, 8,
        roles=("A", "B"), checks={"token": "fail"}, duration_s=1.25, requests=12, throttled_s=3.5, cause="gone",
    )  # fmt: skip
    add_runs(prod, [full, a_run(clock.now)])
    add_runs(prod, [a_run(clock.now - DAY - SECOND)])
    add_runs(test, [a_run(clock.now)])
    add_runs(prod, [])

    assert list(runs(prod)) == [full, a_run(clock.now), a_run(clock.now - DAY - SECOND)]
    assert list(runs(prod, FABRIKAM.upper())) == [full]
    assert list(runs(prod, since=clock.now - DAY)) == [full, a_run(clock.now)]
    assert list(runs(prod, CONTOSO, since=clock.now + SECOND)) == []


def test_cause_is_kept_up_to_five_hundred_characters(registry: Registry, clock: Clock) -> None:
    whole = a_run(clock.now, cause="x" * 500)
    add_runs(registry, [whole, replace(whole, cause="x" * 501)])

    assert list(runs(registry)) == [whole, whole]


def test_rows_older_than_is_asked_are_removed_two_for_each_new_one(
    both: tuple[Registry, Registry], clock: Clock
) -> None:
    prod, test = both
    keep = timedelta(days=10)
    for registry in both:
        add_runs(registry, [a_run(clock.now - days * DAY) for days in (13, 12, 11)], keep=keep * 2)
        add_runs(registry, [a_run(clock.now - keep), a_run(clock.now - keep - SECOND)], keep=keep * 2)

    add_runs(prod, [a_run(clock.now)], keep=keep)
    ages = [clock.now - run.at for run in runs(prod)]
    assert ages == [11 * DAY, keep, keep + SECOND, timedelta()]
    add_runs(prod, [a_run(clock.now), a_run(clock.now)], keep=keep)

    assert [clock.now - run.at for run in runs(prod)] == [keep, *[timedelta()] * 3]
    assert len(list(runs(test))) == 5


def test_rows_are_kept_for_four_hundred_days_unless_asked(registry: Registry, clock: Clock) -> None:
    add_runs(registry, [a_run(clock.now)])
    clock.now += 400 * DAY
    add_runs(registry, [a_run(clock.now)])
    assert len(list(runs(registry))) == 2

    clock.now += SECOND
    add_runs(registry, [a_run(clock.now)])

    assert len(list(runs(registry))) == 2


# The last ones -----------------------------------------------------------------------------------------------------


def test_last_run_is_of_its_kind_and_of_a_known_organisation(both: tuple[Registry, Registry], clock: Clock) -> None:
    prod, test = both
    nobodys = "99999999-9999-4999-8999-999999999999"
    passed, failed, checked = a_run(clock.now), a_run(clock.now - DAY, verdict="fail"), a_run(clock.now, kind="check")
    unsure = a_run(clock.now, FABRIKAM, "error")
    add_runs(prod, [passed, failed, checked, unsure, a_run(clock.now, nobodys)])
    add_runs(test, [a_run(clock.now, FABRIKAM)])

    assert last_runs(prod, "verify") == {CONTOSO: failed, FABRIKAM: unsure}
    assert last_runs(prod, "verify", decided=True) == {CONTOSO: failed}
    assert last_runs(prod, "check") == {CONTOSO: checked}
    assert last_runs(test, "verify") == {FABRIKAM: a_run(clock.now, FABRIKAM)}


@pytest.mark.parametrize(
    ("verdicts", "day"),
    [
        *(("f", 0), ("ff", 0), ("pff", 1), ("fpf", 2), ("fwef", 3), ("pfef", 1), ("pf", 1), ("fe", 0)),
        *(("fp", None), ("fw", None), ("e", None), ("", None)),
    ],
)
def test_failing_began_after_the_last_run_that_ended_otherwise(
    registry: Registry, clock: Clock, verdicts: str, day: int | None
) -> None:
    add_runs(registry, series(clock.now, verdicts))

    assert began(registry, ["fail"]) == ({} if day is None else {CONTOSO: clock.now + day * DAY})


def test_beginning_is_each_organisations_own_and_of_verifications_alone(
    both: tuple[Registry, Registry], clock: Clock
) -> None:
    prod, test = both
    add_runs(prod, series(clock.now, "pfw", CONTOSO) + series(clock.now, "fff", FABRIKAM))
    add_runs(prod, series(clock.now + 5 * DAY, "p", CONTOSO, "check") + series(clock.now - DAY, "f", FABRIKAM, "check"))
    add_runs(test, series(clock.now + 5 * DAY, "p") + series(clock.now - DAY, "f", FABRIKAM))

    assert began(prod, ["fail", "warn"]) == {CONTOSO: clock.now + DAY, FABRIKAM: clock.now}
    assert began(prod, ["pass"]) == {}
    assert began(test, ["pass"]) == {CONTOSO: clock.now + 5 * DAY}


# In short ----------------------------------------------------------------------------------------------------------


def test_trail_has_the_letter_and_the_mailboxes_of_each_verification(
    both: tuple[Registry, Registry], clock: Clock
) -> None:
    prod, test = both
    add_runs(prod, [a_run(clock.now - HOUR - SECOND, readable=9), a_run(clock.now - HOUR, readable=44)])
    add_runs(prod, [a_run(clock.now, verdict="warn", readable=0), a_run(clock.now, FABRIKAM, "error")])
    add_runs(prod, [a_run(clock.now, verdict="fail", readable=120), a_run(clock.now, kind="check")])
    add_runs(prod, [a_run(clock.now - DAY, readable=7)])  # written later, by a clock that was behind
    add_runs(test, [a_run(clock.now, readable=1)])

    assert trails(prod, since=clock.now - HOUR) == {
        CONTOSO: Trail("pwfp", (44, 0, 120, 7)),
        FABRIKAM: Trail("e", (-1,)),
    }
    assert trails(test, since=clock.now) == {CONTOSO: Trail("p", (1,))}
    assert trails(prod, since=clock.now + SECOND) == {}
