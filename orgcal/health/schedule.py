"""Which organisations are due: each once a day, those that are not well once an hour, never all at the same moment.

Everything follows from the registry, so that a process that starts anew goes on where a killed one stopped.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from orgcal.health.snapshot import Snapshot
from orgcal.tenants.model import OF_SCOPED, State, Tenant

JITTER = 0.1
"""So much earlier than its time an organisation may come, each always by the same part of it."""

AHEAD = timedelta(minutes=5)
"""A moment that lies further ahead was written by a clock that jumped, and counts for nothing."""


@dataclass(frozen=True, slots=True)
class Intervals:
    """How often organisations are looked at.

    Attributes:
        every: those that are well.
        red: those that are not, and consent of those that have not given it.
    """

    every: timedelta = timedelta(hours=24)
    red: timedelta = timedelta(hours=1)


def due_to_verify(snapshot: Snapshot, intervals: Intervals) -> list[str]:
    """Tenant ids of organisations to verify now, longest waiting first."""
    waiting = [
        (moment or datetime.min.replace(tzinfo=snapshot.at.tzinfo), tenant.tenant_id)
        for tenant, moment, interval in _verified(snapshot, intervals)
        if is_due(tenant.tenant_id, moment, interval, snapshot.at)
    ]
    return [tenant_id for _, tenant_id in sorted(waiting)]


def due_to_check(snapshot: Snapshot, intervals: Intervals) -> list[str]:
    """Tenant ids of organisations that were invited, and whose consent is to be looked for now."""
    return [
        tenant.tenant_id
        for tenant in snapshot.tenants
        if tenant.state is State.INVITED and is_due(tenant.tenant_id, tenant.checked_at, intervals.red, snapshot.at)
    ]


def is_due(name: str, last: datetime | None, interval: timedelta, now: datetime) -> bool:
    """Whether something that was done at `last`, or never, is to be done again.

    Args:
        name: decides how much earlier than `interval` it comes.
    """
    if last is None or last > now + AHEAD:
        return True
    early = interval * (JITTER * zlib.crc32(name.encode()) / 2**32)
    return now - last >= interval - early


def _verified(snapshot: Snapshot, intervals: Intervals) -> Iterator[tuple[Tenant, datetime | None, timedelta]]:
    for tenant in snapshot.tenants:
        if tenant.state is State.INVITED:
            continue
        run = snapshot.verified.get(tenant.tenant_id)
        well = run is not None and run.verdict in ("pass", "warn") and tenant.state not in OF_SCOPED
        yield tenant, run.at if run is not None else None, intervals.every if well else intervals.red
