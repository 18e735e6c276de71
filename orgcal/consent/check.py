"""Keeps the registry true: what a probe says about every organisation becomes its state."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from orgcal import __version__
from orgcal.consent.recording import Declared
from orgcal.consent.service import AT_ONCE, ConsentService
from orgcal.entra.probe import TenantAccess
from orgcal.entra.role_relation import included_in
from orgcal.patience import Clock
from orgcal.stack.known_credentials import note_credentials
from orgcal.tenants.history import KEEP, Run, add_runs
from orgcal.tenants.model import ACTIVE, State, Tenant
from orgcal.tenants.states import Cause, Move, after_probe

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
        lost: names of permissions that it had consented to, and that are not effective any more though they are
            declared; also on later days, until it consents again or is removed.
    """

    tenant: Tenant
    before: State
    probe: TenantAccess
    lost: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The probe, as a JSON object."""
        return {
            "before": self.before.value,
            "access": self.probe.access,
            "effective": None if self.probe.effective is None else sorted(self.probe.effective),
            "missing": list(self.probe.missing),
            "surplus": list(self.probe.surplus),
            "lost": list(self.lost),
            "sentence": self.probe.sentence,
            "repair": self.probe.repair_for(self.tenant.tenant_id),
        }


def check_tenants(
    service: ConsentService, tenants: Iterable[Tenant], *, keep: timedelta = KEEP
) -> Iterator[CheckedTenant]:
    """Probe `tenants` and write the result into the registry; in the order in which answers come.

    Where nobody can tell (no network, our own credential refused), the state stays as it is. Only the caller's thread
    writes: dozens of writers at once would make a SQLite file wait longer than it may.

    Args:
        keep: how long the history is kept, to which each organisation adds a row.
    """
    note_credentials(service.registry, service.outputs)
    prober = service.new_prober(RememberedCredential(service.credential))
    waiting = iter(tenants)
    running: dict[Future[TenantAccess], Tenant] = {}
    # Written together at the end: most are unchanged, and each transaction waits for the disk.
    unchanged: list[str] = []
    runs: list[Run] = []
    try:
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="check") as pool:
            while True:
                while len(running) < 2 * AT_ONCE and (tenant := next(waiting, None)) is not None:
                    running[pool.submit(prober.probe, tenant.tenant_id)] = tenant
                if not running:
                    return
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    tenant = running.pop(future)
                    checked = write_down(service, tenant, future.result())
                    if checked.tenant is tenant:
                        unchanged.append(tenant.tenant_id)
                    if checked.tenant.state not in (State.INVITED, State.REMOVED):
                        runs.append(_run(checked, service.registry.now()))
                    yield checked
    finally:
        if unchanged:
            service.registry.checked(unchanged)
        add_runs(service.registry, runs, keep=keep)


def _run(checked: CheckedTenant, now: datetime) -> Run:
    """The row of the history."""
    probe = checked.probe
    failed = "fail" if probe.decided else "error"
    passed = probe.access == "granted"
    return Run(
        at=now,
        tenant_id=checked.tenant.tenant_id,
        kind="check",
        version=__version__,
        verdict="pass" if passed else failed,
        state=checked.tenant.state,
        roles=tuple(sorted(probe.effective or ())),
        checks={} if passed else {"token" if probe.effective is None else "roles": failed},
        cause="" if passed else probe.sentence,
    )


def write_down(service: ConsentService, tenant: Tenant, probe: TenantAccess) -> CheckedTenant:
    """Bring the registry up to a probe."""
    declared, now = Declared.of(service.outputs), service.registry.now()

    def decide(known: Tenant) -> Move | None:
        """By the state now: it may have changed meanwhile, as by a consent that was just proved."""
        state, reason = after_probe(known, probe)
        changed: dict[str, Any] = {}
        if probe.access == "granted":
            changed = {**declared.as_fields(), "consented_at": known.consented_at or now}
        same = (state, reason) == (known.state, known.reason) and _has(known, changed)
        return None if same else Move(state, reason, {**changed, "checked_at": now})

    after = tenant if decide(tenant) is None else service.registry.move(tenant.tenant_id, Cause.CHECK, decide)
    return CheckedTenant(after, tenant.state, probe, lost_permissions(tenant, probe, declared))


def lost_permissions(tenant: Tenant, probe: TenantAccess, declared: Declared) -> tuple[str, ...]:
    """Names of the declared permissions that `tenant`, as it was before the probe, has consented to and lost."""
    had = set(tenant.permissions)
    if not had and (tenant.state in ACTIVE or tenant.state is State.REVOKED):
        # Recorded by an orgcal that kept only the hash: of another one nobody knows what it stands for.
        same = tenant.permission_hash in ("", declared.permission_hash) or probe.access != "partial"
        had = set(declared.permissions) if same else set()
    if probe.access in ("none", "no tenant"):
        return tuple(sorted(had))
    return tuple(sorted(included_in(had).intersection(probe.missing))) if probe.access == "partial" else ()


def _has(tenant: Tenant, fields: dict[str, Any]) -> bool:
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
    return all(getattr(tenant, name) == value for name, value in values.items())


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
