"""Where a stack's credential stands, and what is next, for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from orgcal.rotation import checks
from orgcal.rotation.steps import Action, RotationRequest, RotationState, RotationStep, next_step
from orgcal.settings import CredentialSettings
from orgcal.settings.credential_file import SettingsFile
from orgcal.stack.prepare import OpenStack
from orgcal.stack.state import GenerationRecord, StackState, read_state

_FOREVER_DAYS = 36_500


@dataclass(frozen=True, slots=True)
class RotationStatus:
    """A stack's generations, and what is next.

    Attributes:
        agrees: whether the stack's file names what the state has.
    """

    stack: str
    state: StackState
    step: RotationStep
    agrees: bool
    now: datetime

    def as_json(self) -> dict[str, Any]:
        """As a JSON object."""
        due = self.step.due_at
        return {
            "stack": self.stack,
            "client_id": self.state.outputs.client_id,
            "active_generation": self.state.ledger.active,
            "generations": [self._generation(number, entry) for number, entry in sorted(self.state.entries.items())],
            "complete": self.state.complete,
            "file_agrees": self.agrees,
            "next": {
                "step": self.step.do.value,
                "generation": self.step.generation,
                "why": self.step.why,
                "due_at": None if due is None else due.isoformat(),
            },
        }

    def lines(self) -> Iterator[str]:
        """For people."""
        yield f"stack {self.stack}, application {self.state.outputs.client_id}"
        for number in self.state.ledger.generations:
            entry, held = self.state.entries[number], self.state.held.get(number)
            until = f"until {entry.expires:%Y-%m-%d}, {self._left(entry)}"
            since = f", superseded {entry.superseded:%Y-%m-%d %H:%M} UTC" if entry.superseded else ""
            made = f"{held.kind} {held.key_id}" if held else "not made yet"
            yield f"  generation {number}  {self._role(number, entry)}  {made}  {until}{since}"
        if not self.agrees:
            yield "  the stack's file names other generations than the state; orgcal rotate writes it"
        yield f"next: {self.next_words()}"

    def next_words(self) -> str:
        """What is next, in a line."""
        step, due = self.step, self.step.due_at
        if step.do is Action.REST:
            return f"nothing; {step.why}"
        if step.do is Action.WAIT:
            return f"retire generation {step.generation}, from {due:%Y-%m-%d %H:%M} UTC"
        return f"{step.words()} ({step.why})"

    def _generation(self, number: int, entry: GenerationRecord) -> dict[str, Any]:
        held = self.state.held.get(number)
        moments = {"superseded_at": entry.superseded, "retired_at": entry.retired}
        days = (entry.expires - self.now).days
        return {
            "generation": number,
            "role": self._role(number, entry),
            "kind": held.kind if held else None,
            "key_id": held.key_id if held else None,
            "created_at": entry.created.isoformat(),
            "expires_at": entry.expires.isoformat(),
            "days_left": None if days > _FOREVER_DAYS else days,
            **{name: None if when is None else when.isoformat() for name, when in moments.items()},
        }

    def _role(self, number: int, entry: GenerationRecord) -> str:
        if number not in self.state.ledger.generations:
            return "retired"
        if number == self.state.ledger.active:
            return "active"
        return "superseded" if entry.superseded else "new"

    def _left(self, entry: GenerationRecord) -> str:
        days = (entry.expires - self.now).days
        return "does not end" if days > _FOREVER_DAYS else f"{days} days left"


def look(prepared: OpenStack, file: SettingsFile, asked: RotationRequest, now: datetime) -> RotationStatus:
    """Where the stack stands, and what is next; nothing is written or waited for."""
    exported = prepared.drive().export(show_secrets=True)
    return standing_of(read_state(exported, where=f"stack {prepared.environment.stack}"), file.read(), asked, now)


def standing_of(
    state: StackState, section: CredentialSettings, asked: RotationRequest, now: datetime
) -> RotationStatus:
    """Where a stack stands by its state and its file, and what is next."""
    agrees = section.generation_set.same_as(state.ledger)
    return RotationStatus(state.outputs.stack, state, next_step(position_of(state, section), asked, now), agrees, now)


def position_of(state: StackState, section: CredentialSettings, *, may_begin: bool = True) -> RotationState:
    """Where a stack stands, by its state and its file."""
    newest = max(section.generation_set.generations)
    return RotationState(
        live=state.ledger.generations,
        active=state.ledger.active,
        entries=state.entries,
        complete=state.complete,
        held=frozenset(state.held),
        may_begin=may_begin,
        begun=newest if newest > max(state.entries) else None,
        idle=checks.NO_SECRET if checks.has_nothing_to_rotate(state, section) else "",
    )
