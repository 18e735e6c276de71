"""The state of an organisation that follows from what a fresh token said."""

from __future__ import annotations

from orgcal.consent.proof import ConsentProbe
from orgcal.tenants.model import ACTIVE, State, Tenant


def state_after_consent(tenant: Tenant, finding: ConsentProbe) -> tuple[State, str]:
    """The state that follows from the proof after an administrator's answer, and why; as `next_state`, but an
    organisation that never had access and still has none has failed."""
    if finding.access == "granted":
        state = State.VERIFIED if finding.users_readable else State.CONSENTED
        return state, finding.sentence if finding.surplus else ""
    if finding.access != "unknown" and tenant.state in (State.INVITED, State.FAILED):
        return State.FAILED, finding.sentence
    return next_state(tenant, finding)


def next_state(tenant: Tenant, finding: ConsentProbe) -> tuple[State, str]:
    """The state that follows from a finding, and why.

    Args:
        tenant: as the registry knows it.
        finding: what a fresh token said.
    """
    if finding.access == "unknown":
        return tenant.state, tenant.reason
    if finding.access == "no tenant":
        return State.FAILED, finding.sentence
    if finding.access == "granted":
        state = State.VERIFIED if tenant.state is State.VERIFIED else State.CONSENTED
        return state, finding.sentence if finding.surplus else ""
    known = tenant.state in ACTIVE or tenant.state is State.REVOKED
    if finding.access == "partial" and known:
        return State.RECONSENT_NEEDED, finding.sentence
    if finding.access == "none" and known:
        return State.REVOKED, finding.sentence
    return tenant.state, tenant.reason
