"""Writes down what a proof found: the organisation's state, and its connection in the platform."""

from __future__ import annotations

from collections.abc import Mapping

from orgcal.consent.outcomes import Outcome
from orgcal.consent.proof import Finding
from orgcal.errors import OrgcalError
from orgcal.outputs import StackOutputs
from orgcal.tenants.model import Link, State
from orgcal.tenants.registry import Registry


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

    def record(self, link: Link, finding: Finding) -> tuple[Outcome, str]:
        """Write down the proof that followed the use of `link`; how it ended, and why if it did not end well."""
        if finding.access == "unknown":  # we could not tell, so the state stays; `orgcal consent check` tells later
            return Outcome.NOT_ARRIVED, finding.sentence
        if finding.access != "granted":
            self._registry.set_state(link.tenant_id, State.FAILED, reason=finding.sentence, action="consent")
            return Outcome.NOT_ARRIVED, finding.sentence
        self._registry.set_state(
            link.tenant_id,
            State.VERIFIED if finding.users_readable else State.CONSENTED,
            reason=finding.sentence if finding.surplus else "",
            action="consent",
            permission_hash=link.permission_hash,
            consented_at=self._registry.now(),
        )
        self._register(link.tenant_id)
        return Outcome.DONE, ""

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
        with self._registry.transaction() as session:
            self._registry.write_log(session, "platform", tenant_id, result, detail=detail)
