"""What follows from a probe: the organisation's state, and its connection in the platform."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orgcal.entra.probe import TenantAccess
from orgcal.errors import OrgcalError
from orgcal.platforms import open_platform
from orgcal.stack.outputs import StackOutputs
from orgcal.tenants.model import ACTIVE, Link, State, Tenant
from orgcal.tenants.registry import Registry


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
    """The state that follows from a probe of an organisation that the registry has as `tenant`, and why."""
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


def record(registry: Registry, link: Link, probe: TenantAccess) -> None:
    """Write down the proof that followed the use of `link`."""
    tenant = registry.wanted(link.tenant_id)
    state, reason = state_after_consent(tenant, probe)
    granted: dict[str, Any] = {}
    if probe.access == "granted":
        granted = {"permission_hash": link.permission_hash, "consented_at": registry.now()}
    if granted or (state, reason) != (tenant.state, tenant.reason):
        registry.set_state(link.tenant_id, state, reason=reason, action="consent", **granted)


def record_refusal(registry: Registry, link: Link, code: str) -> None:
    """Write down that Entra ID answered with an error that no administrator chose."""
    tenant = registry.wanted(link.tenant_id)
    if tenant.state in (State.INVITED, State.FAILED):  # others keep the access that they have
        reason = f"Entra ID answered the consent with {code}"
        registry.set_state(link.tenant_id, State.FAILED, reason=reason, action="consent")


def register(registry: Registry, outputs: StackOutputs, environ: Mapping[str, str], tenant_id: str) -> None:
    """Tell a platform that keeps organisations; its refusal does not undo the consent, and is in the log."""
    result, detail = "registered", ""
    try:
        platform = open_platform(outputs.platform, environ)
        if platform.capabilities.connections != "registered":
            return
        platform.register_connection(outputs.connector_key, tenant_id)
    except OrgcalError as error:
        result, detail = "refused", error.what
    registry.note("platform", tenant_id, result, detail=detail)
