"""The states of an organisation: who may move it from where to where, and what follows from what was found.

Nothing else decides a state. `Registry.move` writes what is decided here, if the organisation still is where it was.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from orgcal.tenants.model import ACTIVE, State, Tenant

if TYPE_CHECKING:
    from orgcal.entra.probe import TenantAccess


class Cause(enum.StrEnum):
    """What moves an organisation; the action of its row in the log."""

    ADD = "add"
    """An operator takes it in (`orgcal tenants add`)."""
    CONSENT = "consent"
    """An administrator's answer, and the proof that follows it."""
    CHECK = "check"
    """A probe (`orgcal consent check`)."""
    VERIFY = "verify"
    """A verification (`orgcal verify`)."""
    REMOVE = "remove"
    """An operator removes it (`orgcal tenants remove`), or its stack is purged."""
    SET = "set"
    """Code of the operator's own (`Registry.set_state`)."""


_KNOWN = frozenset(State) - {State.REMOVED}
_LESS_THAN_VERIFIED = _KNOWN - {State.VERIFIED}
_HAD_ACCESS = ACTIVE | {State.REVOKED}

MOVES: Mapping[Cause, Mapping[State, frozenset[State]]] = {
    Cause.ADD: {State.INVITED: frozenset({State.REMOVED})},
    Cause.CONSENT: {
        State.VERIFIED: _KNOWN,
        State.CONSENTED: _KNOWN,
        State.RECONSENT_NEEDED: _HAD_ACCESS,
        State.REVOKED: ACTIVE,
        State.FAILED: _KNOWN,
    },
    Cause.CHECK: {
        State.CONSENTED: _LESS_THAN_VERIFIED,
        State.RECONSENT_NEEDED: _HAD_ACCESS,
        State.REVOKED: ACTIVE,
        State.FAILED: _KNOWN,
    },
    # Only a success moves upwards, and then to `verified`: every other move leads to less than there was.
    Cause.VERIFY: {
        State.VERIFIED: _KNOWN,
        State.CONSENTED: frozenset({State.VERIFIED}),
        State.RECONSENT_NEEDED: frozenset({State.VERIFIED, State.CONSENTED}),
        State.REVOKED: ACTIVE,
        State.FAILED: ACTIVE | {State.INVITED},
    },
    Cause.REMOVE: {State.REMOVED: _KNOWN},
    Cause.SET: dict.fromkeys(State, _KNOWN),
}
"""Cause -> state after -> states before. What is not here is not done; to stay where one is needs no entry."""


@dataclass(frozen=True, slots=True)
class Move:
    """Where an organisation is to go.

    Attributes:
        reason: why.
        changed: further fields of `Tenant`, such as `permissions`.
    """

    state: State
    reason: str = ""
    changed: Mapping[str, Any] = field(default_factory=dict)


def may_move(cause: Cause, before: State, after: State) -> bool:
    """Whether `cause` may take an organisation from `before` to `after`; `removed` is left by `add` alone."""
    if before is State.REMOVED and cause is not Cause.ADD:
        return False
    return before is after or before in MOVES[cause].get(after, frozenset())


def after_probe(tenant: Tenant, probe: TenantAccess) -> tuple[State, str]:
    """The state that follows from a probe of an organisation that the registry has as `tenant`, and why."""
    if probe.access == "no tenant":
        return State.FAILED, probe.sentence
    if probe.access == "granted":
        state = State.VERIFIED if tenant.state is State.VERIFIED else State.CONSENTED
        return state, probe.sentence if probe.surplus else ""
    if probe.access == "partial" and tenant.state in _HAD_ACCESS:
        return State.RECONSENT_NEEDED, probe.sentence
    if probe.access == "none" and tenant.state in _HAD_ACCESS:
        return State.REVOKED, probe.sentence
    return tenant.state, tenant.reason


def after_consent(tenant: Tenant, probe: TenantAccess) -> tuple[State, str]:
    """The state that follows from the proof after an administrator's answer, and why.

    As `after_probe`, but an organisation that never had access and still has none has failed.
    """
    if probe.access == "granted":
        state = State.VERIFIED if probe.users_readable else State.CONSENTED
        return state, probe.sentence if probe.surplus else ""
    if probe.decided and tenant.state in (State.INVITED, State.FAILED):
        return State.FAILED, probe.sentence
    return after_probe(tenant, probe)


def after_refused_consent(tenant: Tenant, reason: str) -> tuple[State, str]:
    """The state after an error of Entra ID's that no administrator chose: who has access keeps it."""
    if tenant.state in (State.INVITED, State.FAILED):
        return State.FAILED, reason
    return tenant.state, tenant.reason


def after_failed_verification(tenant: Tenant, found: State | None, reason: str) -> tuple[State, str]:
    """The state after a verification that failed: what it found, where that is less than what was known.

    Args:
        found: the state that the failure proves; None where it proves none.
        reason: the failure, in a sentence.
    """
    if found is None or found in (State.VERIFIED, tenant.state) or not may_move(Cause.VERIFY, tenant.state, found):
        return tenant.state, tenant.reason
    return found, reason
