"""Keeps the registry true: what fresh tokens say about every organisation becomes its state."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orgcal.consent.next_state import next_state
from orgcal.consent.proof import ConsentProbe
from orgcal.consent.service import AT_ONCE, ConsentService
from orgcal.tenants.model import State, Tenant

if TYPE_CHECKING:
    from orgcal.entra.credentials import Credential

REMEMBERED_S = 10.0
"""The connector's credential is read once in this time, not for each organisation; a rotation keeps the old one good
for days."""


@dataclass(frozen=True, slots=True)
class CheckedTenant:
    """One organisation after the check.

    Attributes:
        before: its state before.
    """

    tenant: Tenant
    before: State
    finding: ConsentProbe

    def as_json(self) -> dict[str, Any]:
        """What was found, as a JSON object."""
        return {
            "before": self.before.value,
            "access": self.finding.access,
            "missing": list(self.finding.missing),
            "surplus": list(self.finding.surplus),
            "sentence": self.finding.sentence,
        }


def check_tenants(service: ConsentService, tenants: Iterable[Tenant]) -> Iterator[CheckedTenant]:
    """Look at `tenants` with fresh tokens and write down what is true; in the order in which answers come.

    Where nobody can tell (no network, our own credential refused), the state stays as it is. Only the caller's thread
    writes: dozens of writers at once would make a SQLite file wait longer than it may.
    """
    prover = service.new_prover(_Remembered(service.credential))
    waiting = iter(tenants)
    running: dict[Future[ConsentProbe], Tenant] = {}
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="check") as pool:
        while True:
            while len(running) < 2 * AT_ONCE and (tenant := next(waiting, None)) is not None:
                running[pool.submit(prover.look, tenant.tenant_id)] = tenant
            if not running:
                return
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield write_down(service, running.pop(future), future.result())


def check_tenant(service: ConsentService, tenant: Tenant) -> CheckedTenant:
    """Look at one organisation, and write down what is true."""
    return write_down(service, tenant, service.prover.look(tenant.tenant_id))


def write_down(service: ConsentService, tenant: Tenant, finding: ConsentProbe) -> CheckedTenant:
    """Bring the registry up to a finding."""
    if _change(service, tenant, finding) is None:
        return CheckedTenant(tenant, tenant.state, finding)
    # Something else may have been found meanwhile, such as a consent that was just proved: decide by what is known now.
    known = service.registry.get(tenant.tenant_id) or tenant
    change = _change(service, known, finding)
    if known.state is State.REMOVED or change is None:
        return CheckedTenant(known, tenant.state, finding)
    state, reason, changed = change
    return CheckedTenant(
        service.registry.set_state(known.tenant_id, state, reason=reason, **changed), tenant.state, finding
    )


def _change(service: ConsentService, tenant: Tenant, finding: ConsentProbe) -> tuple[State, str, dict[str, Any]] | None:
    """State, reason and fields that follow from a finding; None where all is as it was."""
    state, reason = next_state(tenant, finding)
    changed: dict[str, Any] = {}
    if finding.access == "granted":
        if tenant.permission_hash != service.outputs.permission_hash:
            changed["permission_hash"] = service.outputs.permission_hash
        if tenant.consented_at is None:
            changed["consented_at"] = service.registry.now()
    if (state, reason) == (tenant.state, tenant.reason) and not changed:
        return None
    return state, reason, changed


class _Remembered:
    """A credential that is read anew after `REMEMBERED_S`, by one thread while the others wait."""

    def __init__(self, read: Callable[[], Credential]) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._held: Credential | None = None
        self._until = 0.0

    def __call__(self) -> Credential:
        with self._lock:
            if self._held is None or time.monotonic() >= self._until:
                self._held = self._read()
                self._until = time.monotonic() + REMEMBERED_S
            return self._held
