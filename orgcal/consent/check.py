"""Keeps the registry true: what fresh tokens say about every organisation becomes its state."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orgcal.consent.proof import Finding
from orgcal.tenants.model import ACTIVE, State, Tenant

if TYPE_CHECKING:
    from orgcal.consent.service import ConsentService

AT_ONCE = 16
"""Organisations looked at together. Each needs two requests to Entra ID one after the other, so never more are in
flight; 64 would be polite too, but more threads than this gain nothing in one process."""


@dataclass(frozen=True, slots=True)
class Checked:
    """One organisation after the check.

    Attributes:
        before: its state before.
    """

    tenant: Tenant
    before: State
    finding: Finding

    def as_json(self) -> dict[str, Any]:
        """What was found, as a JSON object."""
        return {
            "before": self.before.value,
            "access": self.finding.access,
            "missing": list(self.finding.missing),
            "surplus": list(self.finding.surplus),
            "sentence": self.finding.sentence,
        }


def check_tenants(service: ConsentService, tenants: Iterable[Tenant]) -> Iterator[Checked]:
    """Look at `tenants` with fresh tokens and write down what is true; in the order in which answers come.

    Where nobody can tell (no network, our own credential refused), the state stays as it is.
    """
    waiting = iter(tenants)
    running: dict[Future[Checked], Tenant] = {}
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="check") as pool:
        while True:
            while len(running) < 2 * AT_ONCE and (tenant := next(waiting, None)) is not None:
                running[pool.submit(check_tenant, service, tenant)] = tenant
            if not running:
                return
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                del running[future]
                yield future.result()


def check_tenant(service: ConsentService, tenant: Tenant) -> Checked:
    """Look at one organisation."""
    finding = service.prover.look(tenant.tenant_id)
    state, reason = next_state(tenant, finding)
    changed: dict[str, Any] = {}
    if finding.access == "granted":
        changed["permission_hash"] = service.outputs.permission_hash
        if tenant.consented_at is None:
            changed["consented_at"] = service.registry.now()
    if (state, reason) == (tenant.state, tenant.reason) and changed.items() <= {
        "permission_hash": tenant.permission_hash
    }.items():
        return Checked(tenant, tenant.state, finding)
    return Checked(service.registry.set_state(tenant.tenant_id, state, reason=reason, **changed), tenant.state, finding)


def next_state(tenant: Tenant, finding: Finding) -> tuple[State, str]:
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
