"""Which step of a rotation is next, over every position that state and file can be in."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from orgcal.rotation.steps import Action, RotationRequest, RotationState, RotationStep, next_step
from orgcal.stack.state import GenerationRecord

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def entry(
    expires_in: timedelta = 180 * DAY, *, superseded: timedelta | None = None, retired: timedelta | None = None
) -> GenerationRecord:
    """A generation; events are so long ago."""
    past = {"superseded": superseded, "retired": retired}
    return GenerationRecord(
        NOW - 90 * DAY, NOW + expires_in, **{name: NOW - ago for name, ago in past.items() if ago is not None}
    )


def alone(expires_in: timedelta = 180 * DAY, **changed: object) -> RotationState:
    """Generation 3 and nothing else."""
    state = RotationState((3,), 3, {3: entry(expires_in)}, made=frozenset({3}))
    return replace(state, **changed)  # type: ignore[arg-type]


def added(**changed: object) -> RotationState:
    """Generation 4 is made and not in use yet."""
    state = RotationState((3, 4), 3, {3: entry(), 4: entry()}, made=frozenset({3, 4}))
    return replace(state, **changed)  # type: ignore[arg-type]


def activated(superseded: timedelta | None = DAY, **changed: object) -> RotationState:
    """Generation 4 is in use, 3 was superseded so long ago."""
    state = RotationState((3, 4), 4, {3: entry(superseded=superseded), 4: entry()}, made=frozenset({3, 4}))
    return replace(state, **changed)  # type: ignore[arg-type]


def rolled_back() -> RotationState:
    """Generation 3 is in use again, 4 was."""
    return RotationState((3, 4), 3, {3: entry(), 4: entry(superseded=DAY)}, made=frozenset({3, 4}))


ask = RotationRequest
CASES: list[tuple[str, RotationState, RotationRequest, Action, int]] = [
    ("nothing asked for", alone(), ask(), Action.REST, 3),
    ("ends later than asked", alone(31 * DAY), ask(within=30 * DAY), Action.REST, 3),
    ("ends just within", alone(30 * DAY), ask(within=30 * DAY), Action.ADD, 4),
    ("has expired", alone(-DAY), ask(within=30 * DAY), Action.ADD, 4),
    ("has expired, nothing asked for", alone(-DAY), ask(), Action.REST, 3),
    ("now", alone(), ask(now=True), Action.ADD, 4),
    ("ends in a moment", alone(timedelta(seconds=1)), ask(), Action.REST, 3),
    ("ends now", alone(timedelta(0)), ask(), Action.REST, 3),
    ("ends a moment later than asked", alone(30 * DAY + timedelta(seconds=1)), ask(within=30 * DAY), Action.REST, 3),
    ("added and expires now", added(entries={3: entry(), 4: entry(timedelta(0))}), ask(), Action.WITHDRAW, 4),
    ("added and expires in a moment", added(entries={3: entry(), 4: entry(timedelta(seconds=1))}), ask(),
     Action.ACTIVATE, 4),
    ("activated, the old expires now", activated(entries={3: entry(timedelta(0), superseded=DAY), 4: entry()}), ask(),
     Action.RETIRE, 3),
    ("activated, the old expires in a moment",
     activated(entries={3: entry(timedelta(seconds=1), superseded=DAY), 4: entry()}), ask(), Action.WAIT, 3),
    ("activated, a moment before the overlap is over", activated(7 * DAY - timedelta(seconds=1)), ask(), Action.WAIT,
     3),
    ("file revokes both", activated(ordered=frozenset({3, 4})), ask(), Action.REVOKE, 3),
    ("file names an older one", alone(begun=2), ask(now=True), Action.ADD, 4),
    ("revoke", alone(), ask(revoke=True), Action.REVOKE, 3),
    ("revoke, interrupted", alone(complete=False), ask(revoke=True), Action.REVOKE, 3),
    ("revoke, others rotated meanwhile", alone(may_begin=False), ask(revoke=True), Action.REST, 3),
    ("revoke, nothing to rotate", alone(idle="it trusts tokens"), ask(revoke=True), Action.REST, 3),
    ("file revokes", alone(ordered=frozenset({3})), ask(), Action.REVOKE, 3),
    ("file revokes, roll back", activated(ordered=frozenset({3})), ask(rollback=True), Action.REVOKE, 3),
    ("revoked", alone(revoked=frozenset({3})), ask(), Action.ADD, 4),
    ("revoked, revoke", alone(revoked=frozenset({3})), ask(revoke=True), Action.ADD, 4),
    ("revoked, this run did much already", alone(revoked=frozenset({3}), may_begin=False), ask(), Action.ADD, 4),
    ("revoked, not deleted yet", alone(revoked=frozenset({2}), complete=False), ask(), Action.FINISH, 3),
    ("revoked, not deleted yet, revoke", alone(revoked=frozenset({2}), complete=False), ask(revoke=True),
     Action.FINISH, 3),
    ("revoked, added", added(revoked=frozenset({3})), ask(), Action.ACTIVATE, 4),
    ("revoked, added, roll back", added(revoked=frozenset({3})), ask(rollback=True), Action.ACTIVATE, 4),
    ("revoked, activated", activated(revoked=frozenset({3})), ask(), Action.RETIRE, 3),
    ("revoked, activated, revoke", activated(revoked=frozenset({3})), ask(revoke=True), Action.RETIRE, 3),
    ("revoked, activated, roll back", activated(revoked=frozenset({3})), ask(rollback=True), Action.RETIRE, 3),
    ("revoked, rolled back", replace(rolled_back(), revoked=frozenset({4})), ask(), Action.WITHDRAW, 4),
    ("the new one is revoked", activated(revoked=frozenset({4})), ask(), Action.RETIRE, 3),
    ("the added one is revoked", added(revoked=frozenset({4})), ask(), Action.WITHDRAW, 4),
    ("roll back without an old one", alone(), ask(rollback=True), Action.REST, 3),
    ("file names another", alone(begun=4), ask(), Action.ADD, 4),
    ("file skips numbers", alone(begun=7), ask(), Action.ADD, 7),
    ("numbers are never used again", alone(entries={3: entry(), 4: entry(retired=DAY)}), ask(now=True), Action.ADD, 5),
    ("this run did one already", alone(may_begin=False), ask(now=True, within=400 * DAY), Action.REST, 3),
    ("nothing to rotate", alone(idle="it trusts tokens"), ask(within=400 * DAY), Action.REST, 3),
    ("interrupted", alone(complete=False), ask(now=True), Action.FINISH, 3),
    ("added", added(), ask(), Action.ACTIVATE, 4),
    ("added, now", added(), ask(now=True), Action.ACTIVATE, 4),
    ("added, revoke", added(), ask(revoke=True), Action.REVOKE, 3),
    ("added, roll back", added(), ask(rollback=True), Action.WITHDRAW, 4),
    ("added and expired", added(entries={3: entry(), 4: entry(-DAY)}), ask(), Action.WITHDRAW, 4),
    ("adding was interrupted", added(complete=False, made=frozenset({3})), ask(), Action.FINISH, 3),
    ("activated, in its overlap", activated(6 * DAY), ask(), Action.WAIT, 3),
    ("activated, overlap over", activated(7 * DAY), ask(), Action.RETIRE, 3),
    ("activated, longer overlap", activated(7 * DAY), ask(overlap=8 * DAY), Action.WAIT, 3),
    ("activated, no overlap", activated(timedelta(0)), ask(overlap=timedelta(0)), Action.RETIRE, 3),
    ("activated, now starts no third", activated(), ask(now=True), Action.WAIT, 3),
    ("activated, revoke", activated(), ask(revoke=True), Action.REVOKE, 3),
    ("activated, roll back", activated(), ask(rollback=True), Action.ROLL_BACK, 3),
    ("activated, the old was never in use", activated(None), ask(), Action.RETIRE, 3),
    ("activated, the old has expired", activated(entries={3: entry(-DAY, superseded=DAY), 4: entry()}), ask(),
     Action.RETIRE, 3),
    ("activation was interrupted", activated(complete=False), ask(), Action.FINISH, 4),
    ("activation was interrupted, roll back", activated(complete=False), ask(rollback=True), Action.ROLL_BACK, 3),
    ("old is gone, roll back", activated(complete=False, made=frozenset({4})), ask(rollback=True), Action.FINISH, 4),
    ("rolled back", rolled_back(), ask(), Action.WITHDRAW, 4),
    ("rolled back, now", rolled_back(), ask(now=True), Action.WITHDRAW, 4),
    ("rolled back, revoke", rolled_back(), ask(revoke=True), Action.REVOKE, 4),
    ("rolled back, roll back", rolled_back(), ask(rollback=True), Action.WITHDRAW, 4),
]  # fmt: skip


@pytest.mark.parametrize(
    ("position", "asked", "do", "generation"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_next_step_of_a_position_is_the_documented_one(
    position: RotationState, asked: RotationRequest, do: Action, generation: int
) -> None:
    step = next_step(position, asked, NOW)

    assert (step.do, step.generation) == (do, generation)


REASONS = {
    "ends just within": "generation 3 ends on 2026-12-25, within 30 days",
    "now": "asked for",
    "revoke": "it leaked, so this run or the next replaces and deletes it",
    "file revokes": "it leaked, so this run or the next replaces and deletes it",
    "revoked": "generation 3 is revoked",
    "file names another": "the stack's file names generation 4",
    "nothing to rotate": "it trusts tokens",
    "interrupted": "the last update was interrupted",
    "added": "generation 4 is to replace generation 3",
    "added, roll back": "generation 3 stays, as asked for",
    "added and expired": "it has expired",
    "the added one is revoked": "it is revoked",
    "revoked, added, roll back": "generation 4 is to replace generation 3",
    "file skips numbers": "the stack's file names generation 7",
    "ends in a moment": "generation 3 is good until 2026-11-25; a rotation begins with --now, or "
    "--if-expiring-within 30d",
    "ends now": "generation 3 expired on 2026-11-25; a rotation begins with --now, or --if-expiring-within 30d",
    "this run did one already": "generation 3 is good until 2027-05-24; a rotation begins from 2026-04-19",
    "revoked, rolled back": "the connector was rolled back to generation 3",
    "activated, the old expires now": "it has expired",
    "added and expires now": "it has expired",
    "activated, in its overlap": "generation 3 lives on until 2026-11-26 12:00 UTC",
    "activated, overlap over": "its overlap of 7 days is over",
    "activated, no overlap": "no overlap was asked for",
    "activated, roll back": "generation 3 is made active again, as asked for",
    "activated, the old was never in use": "it was never in use",
    "activated, the old has expired": "it has expired",
    "revoked, activated": "it is revoked",
    "the new one is revoked": "generation 4 is revoked, and the next one needs its place",
    "rolled back": "the connector was rolled back to generation 3",
    "nothing asked for": "generation 3 is good until 2027-05-24; a rotation begins with --now, or "
    "--if-expiring-within 30d",
    "ends later than asked": "generation 3 is good until 2026-12-26; a rotation begins from 2026-11-26",
    "has expired, nothing asked for": "generation 3 expired on 2026-11-24; a rotation begins with --now, or "
    "--if-expiring-within 30d",
}


@pytest.mark.parametrize(("name", "why"), REASONS.items(), ids=REASONS)
def test_next_step_says_what_it_follows_from(name: str, why: str) -> None:
    position, asked = next(case[1:3] for case in CASES if case[0] == name)

    assert next_step(position, asked, NOW).why == why


def test_next_step_that_waits_says_until_when() -> None:
    overlapping = next_step(activated(DAY), RotationRequest(), NOW)
    resting = next_step(alone(100 * DAY), RotationRequest(within=30 * DAY), NOW)

    assert overlapping.due_at == NOW + 6 * DAY
    assert resting.due_at == NOW + 70 * DAY
    assert next_step(alone(), RotationRequest(), NOW).due_at is None


def test_step_as_json_has_no_time() -> None:
    waiting = next_step(activated(DAY), RotationRequest(), NOW)

    assert waiting.as_json() == {
        "step": "wait",
        "generation": 3,
        "why": "generation 3 lives on until 2026-12-01 12:00 UTC",
    }


def test_step_in_a_few_words_names_the_generation_but_for_what_was_interrupted() -> None:
    assert [RotationStep(do, 3, "").words() for do in Action] == [
        "revoke generation 3",
        "finish the interrupted update",
        "add generation 3",
        "activate generation 3",
        "retire generation 3",
        "roll back generation 3",
        "withdraw generation 3",
        "wait generation 3",
        "rest generation 3",
    ]


EVERY_ASKED = [
    RotationRequest(within=within, overlap=overlap, **flags)
    for within, overlap, flags in itertools.product(
        (None, 30 * DAY),
        (timedelta(0), 7 * DAY),
        ({}, {"now": True}, {"revoke": True}, {"rollback": True}),
    )
]
EVERY_POSITION = [
    replace(
        position, complete=complete, may_begin=may_begin, begun=begun, revoked=frozenset(revoked) & {*position.live}
    )
    for position, complete, may_begin, begun, revoked in itertools.product(
        (alone(), alone(DAY), alone(-DAY), added(), activated(), activated(8 * DAY), activated(None), rolled_back()),
        (True, False),
        (True, False),
        (None, 5),
        ((), (3,), (4,), (3, 4)),
    )
]


@pytest.mark.parametrize("asked", EVERY_ASKED, ids=str)
def test_next_step_anywhere_keeps_what_customers_use_and_never_a_third(asked: RotationRequest) -> None:
    for position in EVERY_POSITION:
        step = next_step(position, asked, NOW)

        if step.do is Action.ADD:
            assert len(position.live) == 1
            assert step.generation > max(position.entries)
        if step.do in (Action.RETIRE, Action.WITHDRAW):
            assert step.generation != position.active
            assert len(position.live) == 2
        if step.do in (Action.ACTIVATE, Action.ROLL_BACK):
            assert step.generation in position.live
            assert step.generation != position.active
        if not position.complete:
            assert step.do in (Action.FINISH, Action.ROLL_BACK, Action.REVOKE)
        if step.do is Action.ROLL_BACK:
            assert step.generation not in position.revoked, "what leaked is never made active again"


def carried_out(position: RotationState, step: RotationStep) -> RotationState:
    """What the ledger would say after a step."""
    entries, number = dict(position.entries), step.generation
    match step.do:
        case Action.REVOKE:
            return replace(position, revoked=position.revoked | {number})
        case Action.FINISH:
            return replace(position, complete=True, made=frozenset(position.live), revoked=_alive(position))
        case Action.ADD:
            entries[number] = entry()
            live = (*position.live, number)
            return replace(position, live=live, entries=entries, made=frozenset(live), may_begin=False, begun=None)
        case Action.ACTIVATE | Action.ROLL_BACK:
            entries[position.active] = replace(entries[position.active], superseded=NOW)
            entries[number] = replace(entries[number], superseded=None)
            return replace(position, active=number, entries=entries, complete=True, may_begin=False)
        case _:
            entries[number] = replace(entries[number], retired=NOW)
            live = tuple(other for other in position.live if other != number)
            left = replace(position, live=live, entries=entries, made=frozenset(live), may_begin=False)
            return replace(left, revoked=_alive(left))


def _alive(position: RotationState) -> frozenset[int]:
    return position.revoked & set(position.live)


@pytest.mark.parametrize("asked", EVERY_ASKED, ids=str)
def test_steps_from_any_position_come_to_an_end(asked: RotationRequest) -> None:
    for start in EVERY_POSITION:
        position, seen = start, []
        for _ in range(12):
            step = next_step(position, asked, NOW)
            seen.append(step.do)
            if step.do in (Action.WAIT, Action.REST):
                break
            position = carried_out(position, step)

        assert seen[-1] in (Action.WAIT, Action.REST), (start, seen)
        assert position.active in position.live
        assert seen.count(Action.ADD) <= (2 if start.revoked else 1)
        assert seen.count(Action.REVOKE) <= 1
        assert not position.revoked, "nothing that was revoked is left"
