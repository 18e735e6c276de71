"""What a rotation did, the status of a stack's credential, and what is next: for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from orgcal.durations import days_left, rfc3339
from orgcal.rotation import checks
from orgcal.rotation.proof import Proof
from orgcal.rotation.steps import Action, RotationRequest, RotationState, RotationStep, next_step
from orgcal.settings import CredentialSettings
from orgcal.settings.credential_file import SettingsFile
from orgcal.stack.open_stack import OpenStack
from orgcal.stack.state import CredentialState, GenerationRecord


@dataclass(frozen=True, slots=True)
class RotationStatus:
    """A stack's generations, and what is next.

    Attributes:
        agrees: whether the stack's file names what the state has.
    """

    stack: str
    state: CredentialState
    step: RotationStep
    agrees: bool
    now: datetime

    @property
    def revoking(self) -> bool:
        """Whether a revoked credential still exists, by the state or by the stack's file."""
        return bool(self.state.revoked) or self.step.do is Action.REVOKE

    def as_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "stack": self.stack,
            "client_id": self.state.outputs.client_id,
            "active_generation": self.state.ledger.active,
            "generations": [self._generation(number, entry) for number, entry in sorted(self.state.entries.items())],
            "complete": self.state.complete,
            "file_agrees": self.agrees,
            "revoked": sorted(self.state.revoked),
            "next": {**self.step.as_json(), "due_at": _iso(self.step.due_at)},
        }

    def lines(self) -> Iterator[str]:
        """For people."""
        yield f"stack {self.stack}, application {self.state.outputs.client_id}"
        for number in self.state.ledger.generations:
            entry, live = self.state.entries[number], self.state.credentials.get(number)
            days = days_left(entry.expires, self.now)
            left = "does not end" if days is None else f"{days} days left"
            until = f"until {entry.expires:%Y-%m-%d}, {left}"
            since = f", superseded {entry.superseded:%Y-%m-%d %H:%M} UTC" if entry.superseded else ""
            since += f", revoked {entry.revoked:%Y-%m-%d %H:%M} UTC" if entry.revoked else ""
            made = f"{live.kind} {live.key_id}" if live else "not made yet"
            yield f"  generation {number}  {self._role(number, entry)}  {made}  {until}{since}"
        if revocation := self.state.outputs.revocation:
            yield f"  revoked  {revocation}; repair: orgcal rotate"
        if not self.agrees:
            yield "  the stack's file names other generations than the state; orgcal rotate writes it"
        match self.step.do:
            case Action.REST:
                yield f"next: nothing; {self.step.why}"
            case Action.WAIT:
                yield f"next: retire generation {self.step.generation}, from {self.step.due_at:%Y-%m-%d %H:%M} UTC"
            case _:
                yield f"next: {self.step.words()} ({self.step.why})"

    def _generation(self, number: int, entry: GenerationRecord) -> dict[str, Any]:
        live = self.state.credentials.get(number)
        return {
            "generation": number,
            "role": self._role(number, entry),
            "kind": live.kind if live else None,
            "key_id": live.key_id if live else None,
            "created_at": rfc3339(entry.created),
            "expires_at": rfc3339(entry.expires),
            "days_left": days_left(entry.expires, self.now),
            "superseded_at": _iso(entry.superseded),
            "retired_at": _iso(entry.retired),
            "revoked_at": _iso(entry.revoked),
        }

    def _role(self, number: int, entry: GenerationRecord) -> str:
        if number not in self.state.ledger.generations:
            return "retired"
        if number == self.state.ledger.active:
            return "active"
        return "superseded" if entry.superseded else "new"


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)


@dataclass
class RotationResult:
    """What a run did.

    Attributes:
        done: the steps, in order.
        proofs: that were made, in order.
        removed: key ids of left-over credentials that were removed; None where nobody could look for them.
        status: of the stack at the end.
        pull_request: address of the pull request; empty if there is none.
    """

    done: list[RotationStep] = field(default_factory=list)
    proofs: list[Proof] = field(default_factory=list)
    removed: list[str] | None = field(default_factory=list)
    status: RotationStatus | None = None
    pull_request: str = ""

    @property
    def failed(self) -> Proof | None:
        """The proof that ended the run, if one did."""
        return self.proofs[-1] if self.proofs and not self.proofs[-1].passed else None

    def as_json(self) -> dict[str, Any]:
        """As a JSON object."""
        failed = self.failed
        return {
            "done": [step.as_json() for step in self.done],
            "proofs": [proof.as_json() for proof in self.proofs],
            "repair": failed.repair if failed else "",
            "leftovers_removed": self.removed,
            "pull_request": self.pull_request or None,
            **(self.status.as_json() if self.status else {}),
        }


def read_status(stack: OpenStack, file: SettingsFile, request: RotationRequest, now: datetime) -> RotationStatus:
    """The status of a stack's credential, and what is next; nothing is written or waited for."""
    state = stack.runner.state(show_secrets=True).credential_state(where=stack.where)
    return status_of(state, file.read(), request, now)


def status_of(
    state: CredentialState, section: CredentialSettings, request: RotationRequest, now: datetime
) -> RotationStatus:
    """The status of a credential by the stack's state and file, and what is next."""
    agrees = section.generation_set.same_as(state.ledger)
    step = next_step(rotation_state(state, section), request, now)
    return RotationStatus(state.outputs.stack, state, step, agrees, now)


def rotation_state(state: CredentialState, section: CredentialSettings, *, may_begin: bool = True) -> RotationState:
    """What `next_step` decides by, out of the stack's state and file."""
    newest = max(section.generation_set.generations)
    return RotationState(
        live=state.ledger.generations,
        active=state.ledger.active,
        entries=state.entries,
        complete=state.complete,
        made=frozenset(state.credentials),
        may_begin=may_begin,
        begun=newest if newest > max(state.entries) else None,
        revoked=state.revoked,
        ordered=frozenset(section.revoked) & set(state.ledger.generations) - state.revoked,
        idle=checks.NO_SECRET if checks.has_nothing_to_rotate(state, section) else "",
    )
