"""The check of an organisation that limits the connector: by its token, its group, and two mailboxes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from orgcal.consent.proof import ConsentProber
from orgcal.entra.auth import TokenSource
from orgcal.entra.exchange_roles import reaching_every_mailbox, removal_command, split_permissions
from orgcal.entra.graph import GraphClient
from orgcal.entra.probe import TenantAccess, probe_tenant
from orgcal.errors import explained
from orgcal.tenants.model import State, Tenant
from orgcal.tenants.scope import MailboxScope, ScopedAccess, ScopeVerdict, awaited_since, is_waiting, judge_scope
from orgcal.tenants.states import Move, after_scope
from verify.scope import see_scope

_BUDGET_S = 30.0
"""Seconds that one call of the check may wait for throttling."""


def probe_scope(prober: ConsentProber, tenant: Tenant, scope: MailboxScope) -> ScopedAccess:
    """What is true of an organisation that limits the connector; never raises, whatever a server answers."""
    declared = frozenset(split_permissions(prober.declared).in_entra)
    try:
        return _probe(prober, tenant, scope, declared)
    except Exception as error:  # noqa: BLE001  # whatever an answer breaks is this organisation's, not the run's end
        known = explained(error)
        return ScopedAccess(TenantAccess("unknown", known.what, known.repair, error=known))


def _probe(prober: ConsentProber, tenant: Tenant, scope: MailboxScope, declared: frozenset[str]) -> ScopedAccess:
    tokens = TokenSource(prober.endpoints, tenant.tenant_id, prober.client_id, prober.credential(), prober.session)
    access = probe_tenant(prober.endpoints, tokens, prober.session, prober.client_id, declared)
    reaching = reaching_every_mailbox(access.effective or ())
    access = replace(access, surplus=tuple(sorted(set(access.surplus) - set(reaching))))
    if access.access != "granted":
        return ScopedAccess(access, reaching)
    graph = GraphClient(prober.endpoints, tokens, prober.session, budget_s=_BUDGET_S)
    return ScopedAccess(access, reaching, *see_scope(graph, scope))


def scope_move(tenant: Tenant, seen: ScopedAccess, now: datetime) -> Move | None:
    """Where the organisation goes, by what was seen of it; None where everything is as it was."""
    if not seen.access.decided:
        return None
    state, reason = after_scope(tenant, seen, now)
    changed: dict[str, Any] = {"awaited_since": awaited_since(tenant, state, now)}
    if seen.group is not None and seen.group.group_id:
        changed["group_id"] = seen.group.group_id
    for name, mailbox in (("inside", seen.inside), ("outside", seen.outside)):
        if mailbox is not None and mailbox.seen in ("read", "refused") and not seen.reaching:
            changed[name] = mailbox.user_id.lower()
    if state is State.VERIFIED:
        changed["permissions"] = sorted(split_permissions(seen.access.effective or ()).in_entra)
        if tenant.consented_at is None:
            changed["consented_at"] = now
        if tenant.verified_at is None:
            changed["verified_at"] = now
    same = (state, reason) == (tenant.state, tenant.reason) and all(
        (list(value) if isinstance(value := getattr(tenant, name), tuple) else value) == new
        for name, new in changed.items()
    )
    return None if same else Move(state, reason, {**changed, "checked_at": now})


def verdict_of(tenant: Tenant, seen: ScopedAccess, now: datetime) -> ScopeVerdict:
    """What follows for an organisation as it was before it was looked at."""
    if seen.access.access != "granted" and not seen.reaching:
        return ScopeVerdict(None, seen.access.sentence)
    return judge_scope(seen, waiting=is_waiting(tenant, now))


def scope_repair(tenant: Tenant, seen: ScopedAccess, client_id: str, stack: str) -> str:
    """What to do about an organisation whose scope is not as it should be."""
    if seen.reaching:
        return removal_command(client_id, seen.reaching)
    return f"orgcal consent script {tenant.tenant_id} --stack {stack}"
