"""Which step of a rotation is next, over every position that state and file can be in."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from orgcal.rotation.state import Entry
from orgcal.rotation.steps import Asked, Do, Position, Step, next_step

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def entry(
    expires_in: timedelta = 180 * DAY, *, superseded: timedelta | None = None, retired: timedelta | None = None
) -> Entry:
    """A generation; events are so long ago."""
    past = {"superseded": superseded, "retired": retired}
    return Entry(NOW - 90 * DAY, NOW + expires_in, **{name: NOW - ago for name, ago in past.items() if ago is not None})


def alone(expires_in: timedelta = 180 * DAY, **changed: object) -> Position:
    """Generation 3 and nothing else."""
    found = Position((3,), 3, {3: entry(expires_in)}, held=frozenset({3}))
    return replace(found, **changed)  # type: ignore[arg-type]


def added(**changed: object) -> Position:
    """Generation 4 is made and not in use yet."""
    found = Position((3, 4), 3, {3: entry(), 4: entry()}, held=frozenset({3, 4}))
    return replace(found, **changed)  # type: ignore[arg-type]


def activated(superseded: timedelta | None = DAY, **changed: object) -> Position:
    """Generation 4 is in use, 3 was superseded so long ago."""
    found = Position((3, 4), 4, {3: entry(superseded=superseded), 4: entry()}, held=frozenset({3, 4}))
    return replace(found, **changed)  # type: ignore[arg-type]


def rolled_back() -> Position:
    """Generation 3 is in use again, 4 was."""
    return Position((3, 4), 3, {3: entry(), 4: entry(superseded=DAY)}, held=frozenset({3, 4}))


CASES: list[tuple[str, Position, Asked, Do, int]] = [
    ("nothing asked for", alone(), Asked(), Do.REST, 3),
    ("ends later than asked", alone(31 * DAY), Asked(within=30 * DAY), Do.REST, 3),
    ("ends just within", alone(30 * DAY), Asked(within=30 * DAY), Do.ADD, 4),
    ("has expired", alone(-DAY), Asked(within=30 * DAY), Do.ADD, 4),
    ("has expired, nothing asked for", alone(-DAY), Asked(), Do.REST, 3),
    ("now", alone(), Asked(now=True), Do.ADD, 4),
    ("revoke", alone(), Asked(revoke=True), Do.ADD, 4),
    ("roll back without an old one", alone(), Asked(rollback=True), Do.REST, 3),
    ("file names another", alone(begun=4), Asked(), Do.ADD, 4),
    ("file skips numbers", alone(begun=7), Asked(), Do.ADD, 7),
    ("numbers are never used again", alone(entries={3: entry(), 4: entry(retired=DAY)}), Asked(now=True), Do.ADD, 5),
    ("this run did one already", alone(may_begin=False), Asked(now=True, within=400 * DAY), Do.REST, 3),
    ("nothing to rotate", alone(idle="it trusts tokens"), Asked(within=400 * DAY), Do.REST, 3),
    ("interrupted", alone(complete=False), Asked(now=True), Do.FINISH, 3),
    ("added", added(), Asked(), Do.ACTIVATE, 4),
    ("added, now", added(), Asked(now=True), Do.ACTIVATE, 4),
    ("added, revoke", added(), Asked(revoke=True), Do.ACTIVATE, 4),
    ("added, roll back", added(), Asked(rollback=True), Do.WITHDRAW, 4),
    ("added and expired", added(entries={3: entry(), 4: entry(-DAY)}), Asked(), Do.WITHDRAW, 4),
    ("adding was interrupted", added(complete=False, held=frozenset({3})), Asked(), Do.FINISH, 3),
    ("activated, in its overlap", activated(6 * DAY), Asked(), Do.WAIT, 3),
    ("activated, overlap over", activated(7 * DAY), Asked(), Do.RETIRE, 3),
    ("activated, longer overlap", activated(7 * DAY), Asked(overlap=8 * DAY), Do.WAIT, 3),
    ("activated, no overlap", activated(timedelta(0)), Asked(overlap=timedelta(0)), Do.RETIRE, 3),
    ("activated, now starts no third", activated(), Asked(now=True), Do.WAIT, 3),
    ("activated, revoke", activated(), Asked(revoke=True), Do.RETIRE, 3),
    ("activated, roll back", activated(), Asked(rollback=True), Do.ROLL_BACK, 3),
    ("activated, the old was never in use", activated(None), Asked(), Do.RETIRE, 3),
    ("activated, the old has expired", activated(entries={3: entry(-DAY, superseded=DAY), 4: entry()}), Asked(),
     Do.RETIRE, 3),
    ("activation was interrupted", activated(complete=False), Asked(), Do.FINISH, 4),
    ("activation was interrupted, roll back", activated(complete=False), Asked(rollback=True), Do.ROLL_BACK, 3),
    ("the old is gone, roll back", activated(complete=False, held=frozenset({4})), Asked(rollback=True), Do.FINISH, 4),
    ("rolled back", rolled_back(), Asked(), Do.WITHDRAW, 4),
    ("rolled back, now", rolled_back(), Asked(now=True), Do.WITHDRAW, 4),
    ("rolled back, revoke", rolled_back(), Asked(revoke=True), Do.WITHDRAW, 4),
    ("rolled back, roll back", rolled_back(), Asked(rollback=True), Do.WITHDRAW, 4),
]  # fmt: skip


@pytest.mark.parametrize(
    ("position", "asked", "do", "generation"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_next_step_of_a_position_is_the_documented_one(
    position: Position, asked: Asked, do: Do, generation: int
) -> None:
    step = next_step(position, asked, NOW)

    assert (step.do, step.generation) == (do, generation)
    assert step.why


def test_next_step_that_waits_says_until_when() -> None:
    overlapping = next_step(activated(DAY), Asked(), NOW)
    resting = next_step(alone(100 * DAY), Asked(within=30 * DAY), NOW)

    assert overlapping.due_at == NOW + 6 * DAY
    assert resting.due_at == NOW + 70 * DAY
    assert next_step(alone(), Asked(), NOW).due_at is None


EVERY_ASKED = [
    Asked(within=within, overlap=overlap, **flags)
    for within, overlap, flags in itertools.product(
        (None, 30 * DAY),
        (timedelta(0), 7 * DAY),
        ({}, {"now": True}, {"revoke": True}, {"rollback": True}),
    )
]
EVERY_POSITION = [
    replace(position, complete=complete, may_begin=may_begin, begun=begun)
    for position, complete, may_begin, begun in itertools.product(
        (alone(), alone(DAY), alone(-DAY), added(), activated(), activated(8 * DAY), activated(None), rolled_back()),
        (True, False),
        (True, False),
        (None, 5),
    )
]


@pytest.mark.parametrize("asked", EVERY_ASKED, ids=str)
def test_next_step_anywhere_keeps_what_customers_use_and_never_a_third(asked: Asked) -> None:
    for position in EVERY_POSITION:
        step = next_step(position, asked, NOW)

        if step.do is Do.ADD:
            assert len(position.live) == 1
            assert step.generation > max(position.entries)
        if step.do in (Do.RETIRE, Do.WITHDRAW):
            assert step.generation != position.active
            assert len(position.live) == 2
        if step.do in (Do.ACTIVATE, Do.ROLL_BACK):
            assert step.generation in position.live
            assert step.generation != position.active
        if not position.complete:
            assert step.do in (Do.FINISH, Do.ROLL_BACK)


def carried_out(position: Position, step: Step) -> Position:
    """What the ledger would say after a step."""
    entries, number = dict(position.entries), step.generation
    match step.do:
        case Do.FINISH:
            return replace(position, complete=True, held=frozenset(position.live))
        case Do.ADD:
            entries[number] = entry()
            live = (*position.live, number)
            return replace(position, live=live, entries=entries, held=frozenset(live), may_begin=False, begun=None)
        case Do.ACTIVATE | Do.ROLL_BACK:
            entries[position.active] = replace(entries[position.active], superseded=NOW)
            entries[number] = replace(entries[number], superseded=None)
            return replace(position, active=number, entries=entries, complete=True, may_begin=False)
        case _:
            entries[number] = replace(entries[number], retired=NOW)
            live = tuple(other for other in position.live if other != number)
            return replace(position, live=live, entries=entries, held=frozenset(live), may_begin=False)


@pytest.mark.parametrize("asked", EVERY_ASKED, ids=str)
def test_steps_from_any_position_come_to_an_end(asked: Asked) -> None:
    for start in EVERY_POSITION:
        position, seen = start, []
        for _ in range(8):
            step = next_step(position, asked, NOW)
            seen.append(step.do)
            if step.do in (Do.WAIT, Do.REST):
                break
            position = carried_out(position, step)

        assert seen[-1] in (Do.WAIT, Do.REST), (start, seen)
        assert position.active in position.live
        assert seen.count(Do.ADD) <= 1
