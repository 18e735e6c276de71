"""Keeps the registry true: what a probe says about every organisation becomes its state."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from orgcal import __version__
from orgcal.consent.proof import ConsentProber
from orgcal.consent.recording import Declared
from orgcal.consent.scoped import probe_scope, scope_move, verdict_of
from orgcal.consent.service import AT_ONCE, ConsentService
from orgcal.entra.probe import TenantAccess
from orgcal.entra.role_relation import included_in
from orgcal.patience import Clock
from orgcal.stack.known_credentials import note_credentials
from orgcal.tenants.history import KEEP, Run, add_runs
from orgcal.tenants.model import ACTIVE, State, Tenant
from orgcal.tenants.scope import MailboxScope, ScopedAccess, ScopeVerdict
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
        scope: what was seen of an organisation that limits the connector to some mailboxes; None of others.
        verdict: what follows from that.
    """

    tenant: Tenant
    before: State
    probe: TenantAccess
    lost: tuple[str, ...] = ()
    scope: ScopedAccess | None = None
    verdict: ScopeVerdict | None = None

    @property
    def failed(self) -> bool:
        """Whether it could not be checked, revoked or lost access, or its scope is not as it should be."""
        verdict, undecided = self.verdict, self.probe.access == "granted"
        wrong = verdict is not None and (
            verdict.state in (State.TOO_MUCH, State.TOO_LITTLE) or (verdict.state is None and undecided)
        )
        return not self.probe.decided or bool(self.lost) or wrong or self.tenant.state is State.REVOKED

    def as_json(self) -> dict[str, Any]:
        """The probe, as a JSON object."""
        return {
            "before": self.before.value,
            "token_access": self.probe.access,
            "effective": None if self.probe.effective is None else sorted(self.probe.effective),
            "missing": list(self.probe.missing),
            "surplus": list(self.probe.surplus),
            "lost": list(self.lost),
            "sentence": self.probe.sentence,
            "repair": self.probe.repair_for(self.tenant.tenant_id),
            **({} if self.scope is None else {"scope": self._scope_json(self.scope)}),
        }

    def _scope_json(self, scope: ScopedAccess) -> dict[str, Any]:
        group, verdict = scope.group, self.verdict
        return {
            "reaching": list(scope.reaching),
            "members": None if group is None else len(group.members),
            "inside": None if scope.inside is None else scope.inside.seen,
            "outside": None if scope.outside is None else scope.outside.seen,
            "sentence": "" if verdict is None else verdict.sentence,
            "warnings": [] if verdict is None else list(verdict.warnings),
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
    running: dict[Future[TenantAccess | ScopedAccess], Tenant] = {}
    # Written together at the end: most are unchanged, and each transaction waits for the disk.
    unchanged: list[str] = []
    runs: list[Run] = []
    try:
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="check") as pool:
            while True:
                while len(running) < 2 * AT_ONCE and (tenant := next(waiting, None)) is not None:
                    running[pool.submit(_looked_at, prober, tenant, service.registry.now())] = tenant
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
    probe, verdict = checked.probe, checked.verdict
    failed = "fail" if probe.decided else "error"
    passed = probe.access == "granted" and not checked.failed
    waiting = passed and verdict is not None and verdict.state is State.WAITING
    sentence = verdict.sentence if verdict is not None and verdict.sentence else probe.sentence
    return Run(
        at=now,
        tenant_id=checked.tenant.tenant_id,
        kind="check",
        version=__version__,
        verdict="warn" if waiting else "pass" if passed else failed,
        state=checked.tenant.state,
        roles=tuple(sorted(probe.effective or ())),
        checks={} if passed else {"token" if probe.effective is None else "roles": failed},
        cause="" if passed and not waiting else sentence,
    )


def _looked_at(prober: ConsentProber, tenant: Tenant, now: datetime) -> TenantAccess | ScopedAccess:
    """What is true of an organisation, in the way of its access profile."""
    scope = MailboxScope.of(tenant, now)
    return prober.probe(tenant.tenant_id) if scope is None else probe_scope(prober, tenant, scope)


def write_down(service: ConsentService, tenant: Tenant, found: TenantAccess | ScopedAccess) -> CheckedTenant:
    """Bring the registry up to what was found."""
    if isinstance(found, ScopedAccess):
        return _write_scope(service, tenant, found)
    probe = found
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


def _write_scope(service: ConsentService, tenant: Tenant, seen: ScopedAccess) -> CheckedTenant:
    """Bring the registry up to what was seen of an organisation that limits the connector."""
    now = service.registry.now()

    def decide(known: Tenant) -> Move | None:
        """Nothing where its profile has changed meanwhile: it was looked at in the wrong way."""
        return scope_move(known, seen, now) if known.access == "scoped" else None

    after = tenant if decide(tenant) is None else service.registry.move(tenant.tenant_id, Cause.CHECK, decide)
    if after.state is State.VERIFIED and tenant.state is not State.VERIFIED:
        service.register(tenant.tenant_id)  # no consent page told the platform of it
    lost = tuple(sorted(tenant.permissions)) if seen.access.access in ("none", "no tenant") else ()
    return CheckedTenant(after, tenant.state, seen.access, lost, seen, verdict_of(tenant, seen, now))


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
        self._kept: tuple[Credential, float] | None = None
        """The credential, and until when it is given out."""

    def __call__(self) -> Credential:
        with self._lock:
            if self._kept is None or self._monotonic() >= self._kept[1]:
                self._kept = self._read(), self._monotonic() + REMEMBERED_S
            return self._kept[0]
