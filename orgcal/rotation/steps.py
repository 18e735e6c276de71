"""Which step of a rotation is next: a function of state, file and clock, and of nothing else."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from orgcal.durations import in_words
from orgcal.stack.state import GenerationRecord

OVERLAP = timedelta(days=7)
"""How long a superseded generation lives on: platforms and their workers may remember a secret for days."""


class Action(enum.StrEnum):
    """The steps; `REST` and `WAIT` are none."""

    REVOKE = "revoke"
    """Write down, in record and ledger, that a generation is to be replaced and deleted at once."""
    FINISH = "finish"
    """An update was interrupted: bring the stack to what its ledger says."""
    ADD = "add"
    ACTIVATE = "activate"
    """After the proof of the new one."""
    RETIRE = "retire"
    """After the proof through the platform, and the overlap."""
    ROLL_BACK = "roll back"
    WITHDRAW = "withdraw"
    """Drop the newest, which is not (or no longer) in use."""
    WAIT = "wait"
    REST = "rest"


@dataclass(frozen=True, slots=True)
class RotationRequest:
    """What the command was asked for.

    Attributes:
        within: begin where the active generation ends within this; None for never.
        now: begin whatever the dates say.
        revoke: a secret leaked: write down which generation it is; what is written down is replaced by every run.
        rollback: go back to the old generation.
        overlap: how long a superseded generation lives on.
        deploy_all: deploy whatever else the checkout changes also while a revocation is under way.
    """

    within: timedelta | None = None
    now: bool = False
    revoke: bool = False
    rollback: bool = False
    overlap: timedelta = OVERLAP
    deploy_all: bool = False


@dataclass(frozen=True, slots=True)
class RotationState:
    """What the next step is decided by.

    Attributes:
        live: one or two generations, ascending.
        active: the one that the connector uses, or is to use once the interrupted update is finished.
        entries: every generation there ever was.
        complete: whether no update was interrupted.
        made: generations whose credential exists.
        may_begin: whether a new rotation may begin: this run has not done one already.
        begun: the number of a generation that the stack's file names and the ledger does not know yet.
        revoked: generations that the ledger has as revoked and whose credential still exists.
        ordered: live generations that the stack's file has as revoked and the ledger does not.
        idle: why nothing is ever rotated here; empty if it is.
    """

    live: tuple[int, ...]
    active: int
    entries: Mapping[int, GenerationRecord]
    complete: bool = True
    made: frozenset[int] = frozenset()
    may_begin: bool = True
    begun: int | None = None
    revoked: frozenset[int] = frozenset()
    ordered: frozenset[int] = frozenset()
    idle: str = ""

    @property
    def leaked(self) -> int:
        """The generation that an order to revoke means: the one that was superseded, else the one in use."""
        used = [number for number in self.live if number != self.active and self.entries[number].superseded is not None]
        return used[0] if used else self.active


@dataclass(frozen=True, slots=True)
class RotationStep:
    """A step, why, and for `WAIT` and `REST` when the next one is due."""

    do: Action
    generation: int
    why: str
    due_at: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        """As a JSON object, without the time."""
        return {"step": self.do.value, "generation": self.generation, "why": self.why}

    def words(self) -> str:
        """What is done, in a few words."""
        if self.do is Action.FINISH:
            return "finish the interrupted update"
        return f"{self.do.value} generation {self.generation}"


def next_step(state: RotationState, request: RotationRequest, now: datetime) -> RotationStep:
    """The step that is next at the time `now`, UTC."""
    revoked = _to_revoke(state, request)
    if revoked is not None:
        return RotationStep(Action.REVOKE, revoked, "it leaked, so this run or the next replaces and deletes it")
    if len(state.live) > 1:
        old, new = state.live[0], state.live[-1]
        if request.rollback and state.active == new and old in state.made and old not in state.revoked:
            return RotationStep(Action.ROLL_BACK, old, f"generation {old} is made active again, as asked for")
        if state.complete:
            return _between_two(state, old, new, request, now)
    if not state.complete:
        return RotationStep(Action.FINISH, state.active, "the last update was interrupted")
    return _alone(state, request, now)


def _to_revoke(state: RotationState, request: RotationRequest) -> int | None:
    """The generation whose revocation is to be written down; none while an earlier revocation is under way."""
    if state.ordered:
        return min(state.ordered)
    if not request.revoke or state.revoked or (len(state.live) == 1 and (state.idle or not state.may_begin)):
        return None
    return state.leaked


def _alone(state: RotationState, request: RotationRequest, now: datetime) -> RotationStep:
    """One live generation: is another one due?"""
    if state.idle:
        return RotationStep(Action.REST, state.active, state.idle)
    active, ends = state.active, state.entries[state.active].expires
    number = max(max(state.entries) + 1, state.begun or 0)
    begin = RotationStep(Action.ADD, number, "")
    if active in state.revoked:
        return replace(begin, why=f"generation {active} is revoked")
    if state.may_begin:
        if state.begun is not None:
            return replace(begin, why=f"the stack's file names generation {state.begun}")
        if request.now:
            return replace(begin, why="asked for")
        if request.within is not None and ends - now <= request.within:
            return replace(begin, why=f"generation {active} ends on {ends:%Y-%m-%d}, within {in_words(request.within)}")
    due = ends - request.within if request.within is not None else None
    stands = "is good until" if ends > now else "expired on"
    when = f"from {due:%Y-%m-%d}" if due else "with --now, or --if-expiring-within 30d"
    return RotationStep(
        Action.REST, active, f"generation {active} {stands} {ends:%Y-%m-%d}; a rotation begins {when}", due
    )


def _between_two(state: RotationState, old: int, new: int, request: RotationRequest, now: datetime) -> RotationStep:
    entries = state.entries
    if state.active == old:
        if entries[new].superseded is not None:
            return RotationStep(Action.WITHDRAW, new, f"the connector was rolled back to generation {old}")
        if new in state.revoked:
            return RotationStep(Action.WITHDRAW, new, "it is revoked")
        if request.rollback and old not in state.revoked:
            return RotationStep(Action.WITHDRAW, new, f"generation {old} stays, as asked for")
        if entries[new].expires <= now:
            return RotationStep(Action.WITHDRAW, new, "it has expired")
        return RotationStep(Action.ACTIVATE, new, f"generation {new} is to replace generation {old}")
    superseded = entries[old].superseded
    if superseded is None:
        return RotationStep(Action.RETIRE, old, "it was never in use")
    if old in state.revoked:
        return RotationStep(Action.RETIRE, old, "it is revoked")
    if new in state.revoked:
        return RotationStep(Action.RETIRE, old, f"generation {new} is revoked, and the next one needs its place")
    if entries[old].expires <= now:
        return RotationStep(Action.RETIRE, old, "it has expired")
    due = superseded + request.overlap
    if now >= due:
        over = f"its overlap of {in_words(request.overlap)} is over" if request.overlap else "no overlap was asked for"
        return RotationStep(Action.RETIRE, old, over)
    return RotationStep(Action.WAIT, old, f"generation {old} lives on until {due:%Y-%m-%d %H:%M} UTC", due)
