"""The states of an organisation: who may move it from where to where, and what follows from what was found.

Nothing else decides a state. `Registry.move` writes what is decided here, if the organisation still is where it was.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from orgcal.tenants.model import ACTIVE, OF_SCOPED, Access, State, Tenant
from orgcal.tenants.scope import ScopedAccess, is_waiting, judge_scope

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
_OF_SCOPED: Mapping[State, frozenset[State]] = dict.fromkeys(OF_SCOPED, _KNOWN)

MOVES: Mapping[Cause, Mapping[State, frozenset[State]]] = {
    # Another profile of a known one: what it has is then too much, or too little.
    Cause.ADD: {
        State.INVITED: frozenset({State.REMOVED}),
        State.TOO_MUCH: ACTIVE,
        State.WAITING: ACTIVE,
        State.RECONSENT_NEEDED: ACTIVE,
    },
    Cause.CONSENT: {
        State.VERIFIED: _KNOWN,
        State.CONSENTED: _KNOWN,
        State.RECONSENT_NEEDED: _HAD_ACCESS,
        State.REVOKED: ACTIVE,
        State.FAILED: _KNOWN,
        State.TOO_MUCH: _KNOWN,
    },
    Cause.CHECK: {
        **_OF_SCOPED,
        State.VERIFIED: _KNOWN,  # of scoped organisations, whose test mailboxes were read
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
        **dict.fromkeys(OF_SCOPED, ACTIVE),
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
    if probe.access == "granted" and tenant.access == "scoped":
        return State.TOO_MUCH, "the consent page granted everything, and this organisation limits the connector"
    if probe.access == "granted":
        state = State.VERIFIED if probe.users_readable else State.CONSENTED
        return state, probe.sentence if probe.surplus else ""
    if probe.decided and tenant.state in (State.INVITED, State.FAILED):
        return State.FAILED, probe.sentence
    return after_probe(tenant, probe)


def after_scope(tenant: Tenant, seen: ScopedAccess, now: datetime) -> tuple[State, str]:
    """The state that follows from what was seen of an organisation that limits the connector, and why."""
    if seen.access.access != "granted" and not seen.reaching:
        return after_probe(tenant, seen.access)
    verdict = judge_scope(seen, waiting=is_waiting(tenant, now))
    if verdict.state is None:  # its directory can be read, which is all that is known
        state = State.WAITING if tenant.state not in ACTIVE else tenant.state
        return state, verdict.sentence
    return verdict.state, verdict.sentence


def after_profile(tenant: Tenant, access: Access) -> tuple[State, str]:
    """The state of a known organisation that is to have another access profile from now on, and why."""
    if tenant.state not in ACTIVE or tenant.access == access:
        return tenant.state, tenant.reason
    if access == "scoped":
        return State.TOO_MUCH, "it had consented for all mailboxes, and that grant is to be removed in Entra"
    return State.RECONSENT_NEEDED, "it limited the connector until now, and has to consent for all mailboxes"


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
