"""Keeps the registry true: what a probe says about every organisation becomes its state."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orgcal.consent.recording import next_state
from orgcal.consent.service import AT_ONCE, ConsentService
from orgcal.entra.probe import TenantAccess
from orgcal.patience import Clock
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
    probe: TenantAccess

    def as_json(self) -> dict[str, Any]:
        """The probe, as a JSON object."""
        return {
            "before": self.before.value,
            "access": self.probe.access,
            "effective": None if self.probe.effective is None else sorted(self.probe.effective),
            "missing": list(self.probe.missing),
            "surplus": list(self.probe.surplus),
            "sentence": self.probe.sentence,
            "repair": self.probe.repair_for(self.tenant.tenant_id),
        }


def check_tenants(service: ConsentService, tenants: Iterable[Tenant]) -> Iterator[CheckedTenant]:
    """Probe `tenants` and write the result into the registry; in the order in which answers come.

    Where nobody can tell (no network, our own credential refused), the state stays as it is. Only the caller's thread
    writes: dozens of writers at once would make a SQLite file wait longer than it may.
    """
    prober = service.new_prober(RememberedCredential(service.credential))
    waiting = iter(tenants)
    running: dict[Future[TenantAccess], Tenant] = {}
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="check") as pool:
        while True:
            while len(running) < 2 * AT_ONCE and (tenant := next(waiting, None)) is not None:
                running[pool.submit(prober.probe, tenant.tenant_id)] = tenant
            if not running:
                return
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield write_down(service, running.pop(future), future.result())


def write_down(service: ConsentService, tenant: Tenant, probe: TenantAccess) -> CheckedTenant:
    """Bring the registry up to a probe."""
    known = tenant
    if _changed(service, tenant, probe):
        # The registry may have changed meanwhile, as by a consent that was just proved: decide by its state now.
        known = service.registry.get(tenant.tenant_id) or tenant
        changed = _changed(service, known, probe)
        if changed and known.state is not State.REMOVED:
            known = service.registry.set_state(known.tenant_id, **changed)
    return CheckedTenant(known, tenant.state, probe)


def _changed(service: ConsentService, tenant: Tenant, probe: TenantAccess) -> dict[str, Any]:
    """State, reason and other fields that follow from a probe; empty where all is as it was."""
    state, reason = next_state(tenant, probe)
    fields: dict[str, Any] = {"state": state, "reason": reason}
    if probe.access == "granted":
        fields["permission_hash"] = service.outputs.permission_hash
        fields["consented_at"] = tenant.consented_at or service.registry.now()
    return fields if any(getattr(tenant, name) != value for name, value in fields.items()) else {}


class RememberedCredential:
    """A credential that is read anew after `REMEMBERED_S`, by one thread while the others wait."""

    def __init__(self, read: Callable[[], Credential], clock: Clock | None = None) -> None:
        self._read = read
        self._monotonic = (clock or Clock()).monotonic
        self._lock = threading.Lock()
        self._credential: Credential | None = None
        self._until = 0.0

    def __call__(self) -> Credential:
        with self._lock:
            if self._credential is None or self._monotonic() >= self._until:
                self._credential = self._read()
                self._until = self._monotonic() + REMEMBERED_S
            return self._credential
