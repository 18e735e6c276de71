"""Graph routes of users and calendars."""

from __future__ import annotations

from emulator.calendars.models import Users
from emulator.clock import Clock
from emulator.graph.routing import Route


def calendar_routes(users: Users, clock: Clock) -> list[Route]:
    """Routes of users, calendars and events."""
    return []
