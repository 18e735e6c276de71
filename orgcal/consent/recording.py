"""What follows from a probe: the organisation's state, and its connection in the platform."""

from __future__ import annotations

from collections.abc import Mapping

from orgcal.consent.outcomes import ConsentOutcome
from orgcal.entra.probe import TenantAccess
from orgcal.errors import OrgcalError
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


class Recorder:
    """Keeps registry and platform up to the proofs of one connector.

    Args:
        registry: of its customer tenants.
        outputs: of its stack.
        environ: the process environment.
    """

    def __init__(self, registry: Registry, outputs: StackOutputs, environ: Mapping[str, str]) -> None:
        self._registry = registry
        self._outputs = outputs
        self._environ = environ

    def record(self, link: Link, probe: TenantAccess) -> tuple[ConsentOutcome, str]:
        """Write down the proof that followed the use of `link`; how it ended, and why if it did not end well."""
        tenant = self._registry.wanted(link.tenant_id)
        state, reason = state_after_consent(tenant, probe)
        if probe.access != "granted":
            if (state, reason) != (tenant.state, tenant.reason):
                self._registry.set_state(link.tenant_id, state, reason=reason, action="consent")
            return ConsentOutcome.NOT_ARRIVED, probe.sentence
        self._registry.set_state(
            link.tenant_id,
            state,
            reason=reason,
            action="consent",
            permission_hash=link.permission_hash,
            consented_at=self._registry.now(),
        )
        self._register(link.tenant_id)
        return ConsentOutcome.DONE, ""

    def refused(self, link: Link, code: str) -> None:
        """Write down that Entra ID answered with an error that no administrator chose."""
        tenant = self._registry.wanted(link.tenant_id)
        if tenant.state in (State.INVITED, State.FAILED):  # others keep the access that they have
            reason = f"Entra ID answered the consent with {code}"
            self._registry.set_state(link.tenant_id, State.FAILED, reason=reason, action="consent")

    def _register(self, tenant_id: str) -> None:
        """Tell a platform that keeps organisations; its refusal does not undo the consent, and is in the log."""
        from orgcal.platforms import open_platform

        result, detail = "registered", ""
        try:
            platform = open_platform(self._outputs.platform, self._environ)
            if platform.capabilities.connections != "registered":
                return
            platform.register_connection(self._outputs.connector_key, tenant_id)
        except OrgcalError as error:
            result, detail = "refused", error.what
        self._registry.note("platform", tenant_id, result, detail=detail)
