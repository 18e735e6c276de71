"""What follows from a proof: the organisation's state, and its connection in the platform."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orgcal.entra.probe import TenantAccess
from orgcal.errors import OrgcalError
from orgcal.platforms import open_platform
from orgcal.stack.outputs import StackOutputs
from orgcal.tenants import links
from orgcal.tenants.model import Link, Tenant
from orgcal.tenants.registry import Registry
from orgcal.tenants.states import Move, after_consent


@dataclass(frozen=True, slots=True)
class Declared:
    """The permissions that a proof asks for, by name, and the hash that stands for them."""

    permissions: tuple[str, ...]
    permission_hash: str

    @classmethod
    def of(cls, outputs: StackOutputs) -> Declared:
        """Those that a stack declares."""
        return cls(tuple(sorted(item.name for item in outputs.permissions)), outputs.permission_hash)

    @classmethod
    def of_link(cls, link: Link, outputs: StackOutputs) -> Declared:
        """Those that a link asks for, whenever the server was started; the stack's where the link has no names."""
        return cls(tuple(sorted(link.permissions)), link.permission_hash) if link.permissions else cls.of(outputs)

    def as_fields(self) -> dict[str, Any]:
        """Fields of the organisation that has proved them."""
        return {"permission_hash": self.permission_hash, "permissions": list(self.permissions)}


def record(registry: Registry, link: Link, declared: Declared, probe: TenantAccess) -> Tenant | None:
    """Write down the proof that followed the use of `link`; the organisation then, or None if the proof has ended.

    Args:
        declared: what the proof asked for; recorded where it was granted.
    """

    def decide(tenant: Tenant) -> Move | None:
        state, reason = after_consent(tenant, probe)
        now = registry.now()
        changed: dict[str, Any] = {"checked_at": now}
        if probe.access == "granted":
            changed |= {**declared.as_fields(), "consented_at": now}
            changed |= {"verified_at": now} if probe.users_readable else {}
        elif (state, reason) == (tenant.state, tenant.reason):
            return None
        return Move(state, reason, changed)

    return links.conclude(registry, link, decide)


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
