"""A migration of the registry that is killed at any of its statements loses no row, and the next command ends it."""

from __future__ import annotations

import os
import signal
from multiprocessing.connection import Connection

import pytest
from sqlalchemy import Engine, create_engine, event, inspect, text

from orgcal.tenants import database
from orgcal.tenants.schema import HEAD
from tests.support.failing_writes import PROCESSES, preload, start
from tests.support.first_registry import ROWS, make_first_version, write

preload(__name__)


def first_version(url: str) -> None:
    """The registry as its first version makes it, with a row in each table."""
    engine = create_engine(url)
    make_first_version(engine)
    with engine.begin() as connection:
        for table in ROWS:
            write(connection, table)
    engine.dispose()


def migrate(url: str, kill_at: int, told: Connection) -> None:
    """Migrate, and die before statement or commit number `kill_at`; tell how many there were, if it lives."""
    seen = 0

    def count(*_: object) -> None:
        nonlocal seen
        seen += 1
        if seen == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "before_cursor_execute", count)
    event.listen(Engine, "commit", count)
    engine = database.open_database(url)
    database.migrate(engine)
    engine.dispose()
    told.send(seen)


def ended(url: str, kill_at: int = 0) -> int | None:
    """How many statements and commits a migration had; None if it was killed."""
    told, end = PROCESSES.Pipe(duplex=False)
    process = start(migrate, url, kill_at, end)
    end.close()
    process.join(60)
    if process.exitcode == -signal.SIGKILL:
        return None
    assert process.exitcode == 0
    count: int = told.recv()
    return count


def rows(url: str) -> dict[str, int]:
    """Number of rows of each table that there is."""
    engine = create_engine(url)
    with engine.connect() as connection:
        made = set(inspect(connection).get_table_names())
        found = {name: connection.execute(text(f"SELECT count(*) FROM {name}")).scalar() for name in made & {*ROWS}}
    engine.dispose()
    return {name: count or 0 for name, count in found.items()}


@pytest.mark.parametrize("filled", [True, False], ids=["first version", "empty"])
def test_migration_killed_at_any_statement_is_ended_by_the_next(empty_url: str, filled: bool) -> None:
    if filled:
        first_version(empty_url)
    whole = dict.fromkeys(ROWS, int(filled))
    before = rows(empty_url)
    kills = 0

    while ended(empty_url, kills + 1) is None:
        kills += 1
        found = rows(empty_url)
        assert found in (before, whole), f"killed before statement {kills}"

    assert kills >= 2
    assert rows(empty_url) == whole
    engine = create_engine(empty_url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == HEAD
    engine.dispose()
