"""One organisation of a registry, its consent links, and the time."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import cast

from sqlalchemy import event
from sqlalchemy.pool import Pool

from orgcal.tenants.database import migrate, open_database
from orgcal.tenants.links import NewLink, make_link
from orgcal.tenants.registry import Registry
from tests.support.deployed_connector import CONTOSO, FABRIKAM

CLIENT = "cccccccc-0000-4000-8000-000000000001"
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


@cache
def tables() -> bytes:
    """A database with the tables of a registry, which take a tenth of a second to make."""
    engine = open_database("sqlite://")
    migrate(engine)
    with engine.connect() as connection:
        made: bytes = cast(sqlite3.Connection, connection.connection.dbapi_connection).serialize()
    engine.dispose()
    return made


def new_database(folder: Path) -> str:
    """The URL of a file in a folder; it has the tables of a registry, unless there is a file."""
    file = folder / "tenants.sqlite"
    if not file.exists():
        file.write_bytes(tables())
    return f"sqlite:///{file}"


def in_memory(now: Callable[[], datetime]) -> Registry:
    """An empty registry of the connector `orgcal/prod` in memory."""
    made = tables()

    def fill(connection: sqlite3.Connection, _: object) -> None:
        connection.deserialize(made)

    event.listen(Pool, "connect", fill)
    try:
        return Registry("sqlite://", connector="orgcal/prod", operator="ada", now=now)
    finally:
        event.remove(Pool, "connect", fill)


@contextmanager
def registry_of_customers(folder: Path) -> Iterator[Registry]:
    """A registry in a file that knows the emulator's two customer organisations."""
    with closing(Registry(new_database(folder), connector="orgcal/test", operator="ada")) as registry:
        registry.add(CONTOSO, "Contoso", domain="contoso.example")
        registry.add(FABRIKAM, "Fabrikam", domain="fabrikam.example")
        yield registry


@contextmanager
def empty_registry(
    folder: Path, now: Callable[[], datetime], *, connector: str = "orgcal/prod", operator: str = "ada"
) -> Iterator[Registry]:
    """A registry in a file of a folder, empty unless there is one already."""
    with closing(Registry(new_database(folder), connector=connector, operator=operator, now=now)) as registry:
        yield registry


@contextmanager
def two_registries(folder: Path, now: Callable[[], datetime]) -> Iterator[tuple[Registry, Registry]]:
    """Registries of the connectors `orgcal/prod` and `orgcal/test` in one file, empty."""
    with (
        empty_registry(folder, now, connector="orgcal/prod") as prod,
        empty_registry(folder, now, connector="orgcal/test") as test,
    ):
        yield prod, test
