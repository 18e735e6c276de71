"""What a registry knows of a connector at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from orgcal.tenants.alerts import OpenAlert, open_alerts
from orgcal.tenants.credentials import KnownCredentials, known_credentials
from orgcal.tenants.history import Run, last_runs
from orgcal.tenants.model import Tenant
from orgcal.tenants.registry import Registry


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A connector, its organisations and its credentials.

    Attributes:
        connector: as `project/stack`.
        at: when it was read, UTC.
        tenants: all organisations but the removed.
        verified: the last verification of each organisation, by tenant id, whatever came of it.
        decided: the last verification that says something about the organisation.
        credentials: None where nobody has read the stack's outputs yet.
        alerts: what was wrong when alerts were last looked for.
    """

    connector: str
    at: datetime
    tenants: tuple[Tenant, ...]
    verified: Mapping[str, Run]
    decided: Mapping[str, Run]
    credentials: KnownCredentials | None
    alerts: tuple[OpenAlert, ...] = ()


def read_snapshot(registry: Registry) -> Snapshot:
    """The snapshot of a registry now.

    Raises:
        RegistryUnavailable: the database cannot be asked now.
    """
    verified = last_runs(registry, "verify")
    unsure = any(not run.decided for run in verified.values())
    return Snapshot(
        registry.connector,
        registry.now(),
        tuple(registry.tenants()),
        verified,
        last_runs(registry, "verify", decided=True) if unsure else verified,
        known_credentials(registry),
        tuple(open_alerts(registry)),
    )
