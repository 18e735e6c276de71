"""The state of an organisation that follows from a probe."""

from __future__ import annotations

from orgcal.entra.probe import TenantAccess
from orgcal.tenants.model import ACTIVE, State, Tenant


def state_after_consent(tenant: Tenant, probe: TenantAccess) -> tuple[State, str]:
    """The state that follows from the proof after an administrator's answer, and why; as `next_state`, but an
    organisation that never had access and still has none has failed."""
    if probe.access == "granted":
        state = State.VERIFIED if probe.users_readable else State.CONSENTED
        return state, probe.sentence if probe.surplus else ""
    if probe.decided and tenant.state in (State.INVITED, State.FAILED):
        return State.FAILED, probe.sentence
    return next_state(tenant, probe)


def next_state(tenant: Tenant, probe: TenantAccess) -> tuple[State, str]:
    """The state that follows from a probe, and why.

    Args:
        tenant: as the registry has it.
        probe: of the organisation.
    """
    if probe.access == "no tenant":
        return State.FAILED, probe.sentence
    if probe.access == "granted":
        state = State.VERIFIED if tenant.state is State.VERIFIED else State.CONSENTED
        return state, probe.sentence if probe.surplus else ""
    had_access = tenant.state in ACTIVE or tenant.state is State.REVOKED
    if probe.access == "partial" and had_access:
        return State.RECONSENT_NEEDED, probe.sentence
    if probe.access == "none" and had_access:
        return State.REVOKED, probe.sentence
    return tenant.state, tenant.reason
