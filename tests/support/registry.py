"""One organisation of a registry, its consent links, and the time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from orgcal.tenants.links import NewLink, make_link
from orgcal.tenants.registry import Registry

CLIENT = "cccccccc-0000-4000-8000-000000000001"
CONTOSO = "22222222-2222-2222-2222-222222222222"
WEEK = timedelta(days=7)


class Clock:
    """A time that moves when a test says so."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def new_link(registry: Registry, client_id: str = CLIENT) -> NewLink:
    """A link of Contoso that works for a week."""
    return make_link(
        registry,
        CONTOSO,
        client_id=client_id,
        redirect_uri="https://a.example/consent/callback",
        permission_hash="h",
        permissions=["Calendars.Read"],
        lifetime=WEEK,
    )
