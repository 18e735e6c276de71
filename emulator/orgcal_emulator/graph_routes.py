"""Every Graph route of the emulator."""

from __future__ import annotations

from orgcal_emulator.calendars.models import Users
from orgcal_emulator.calendars.routes import calendar_routes
from orgcal_emulator.clock import Clock
from orgcal_emulator.directory.models import Directory
from orgcal_emulator.directory.routes import directory_routes
from orgcal_emulator.exchange.models import ExchangeRights
from orgcal_emulator.exchange.routes import ExchangeRoutes
from orgcal_emulator.graph.routing import Route


def graph_routes(directory: Directory, users: Users, exchange: ExchangeRights, clock: Clock) -> list[Route]:
    """Routes of the directory, of calendars, and of Exchange's roles."""
    return [
        *directory_routes(directory, users.is_user, users.shape),
        *calendar_routes(users, clock, exchange),
        *ExchangeRoutes(exchange, directory, users).routes(),
    ]
