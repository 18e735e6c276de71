"""The tables of a registry: as the migrations make them, with rows of earlier versions, and with values in UTC."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Engine, Table, inspect, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError
from sqlalchemy.schema import CreateTable

from orgcal.errors import UsageError
from orgcal.tenants import database, links
from orgcal.tenants.database import migrate, open_database
from orgcal.tenants.model import Link, LogEntry, State, Tenant
from orgcal.tenants.registry import Registry
from orgcal.tenants.schema import HEAD, METADATA, UtcDateTime
from tests.support.first_registry import make_first_version, write

FIRST = datetime(2026, 11, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A database in a file, without tables."""
    engine = open_database(f"sqlite:///{tmp_path}/tenants.sqlite")
    yield engine
    engine.dispose()


def registry_of(engine: Engine) -> Registry:
    """The registry in that file."""
    return Registry(str(engine.url), connector="orgcal/prod", operator="grace", now=lambda: NOW)


@pytest.fixture(scope="module")
def made() -> Iterator[Connection]:
    """A connection to tables that the migrations made."""
    engine = open_database("sqlite://")
    migrate(engine)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def test_tables_columns_and_indexes_are_those_that_the_migrations_make(made: Connection) -> None:
    context = MigrationContext.configure(made)

    assert context.get_current_revision() == HEAD
    assert compare_metadata(context, METADATA) == []


@pytest.mark.parametrize("table", METADATA.sorted_tables, ids=lambda table: str(table.name))
def test_table_has_the_key_that_the_migrations_give_it(made: Connection, table: Table) -> None:
    key = inspect(made).get_pk_constraint(table.name)["constrained_columns"]

    assert key == [column.name for column in table.primary_key]


def test_times_have_a_zone_and_entries_count_by_themselves_on_postgresql() -> None:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    made = {table.name: str(CreateTable(table).compile(dialect=dialect)) for table in METADATA.sorted_tables}

    assert "WITHOUT TIME ZONE" not in "".join(made.values())
    for name in ("log", "history"):
        assert "entry SERIAL NOT NULL" in made[name]


def test_database_that_lacks_no_migration_is_opened_while_somebody_writes(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(engine)
    monkeypatch.setattr(database, "STATEMENT_TIMEOUT_S", 0)
    other = open_database(str(engine.url))
    with engine.connect() as writer:
        writer.exec_driver_sql("BEGIN IMMEDIATE")

        migrate(other)
    other.dispose()


@pytest.mark.parametrize("revision", ["0005", "9999"])
def test_database_of_a_newer_orgcal_is_refused_and_left_alone(engine: Engine, revision: str) -> None:
    migrate(engine)
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE alembic_version SET version_num = '{revision}'"))

    with pytest.raises(UsageError, match=rf"^[^:]+:[^:]+: the registry has format {revision}, and orgcal") as refused:
        migrate(engine)

    assert refused.value.where == str(engine.url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == revision


CONTOSO = Tenant(
    "2222", "Contoso", "contoso.com", State.VERIFIED,
    permission_hash="hash", added_at=FIRST, changed_at=FIRST, invited_by="ada", verdict="pass",
)  # fmt: skip


def test_row_without_the_columns_of_later_versions_has_nothing_in_them(engine: Engine) -> None:
    migrate(engine)
    with engine.begin() as connection:
        for table in ("tenants", "consent_links", "log"):
            write(connection, table)
        key = connection.execute(text("SELECT name_key FROM tenants")).scalar()

    with closing(registry_of(engine)) as registry:
        assert (list(registry.tenants()), key) == ([CONTOSO], "")
        assert list(registry.log()) == [LogEntry(1, FIRST, "ada", "add", "2222", "added", {})]
        assert links.look_up(registry, "state") == Link(
            "state", "2222", "https://app", "hash", created_at=FIRST, expires_at=FIRST
        )


def test_rows_of_the_first_version_are_brought_up(engine: Engine) -> None:
    make_first_version(engine)
    tried = NOW.strftime("%Y-%m-%d %H:%M:%S.000000")
    verdicts = {"2221": "pass", "2222": "warn", "2223": "fail", "2224": "error", "2225": ""}
    with engine.begin() as connection:
        for tenant_id, verdict in verdicts.items():
            named = {"name": f"ÉCOLE  {tenant_id}", "domain": f"{tenant_id}.Example"}
            write(connection, "tenants", tenant_id=tenant_id, verified_at=tried, verdict=verdict, **named)
        write(connection, "tenants", connector="orgcal/other", name="Theirs")

    with closing(registry_of(engine)) as registry:
        for tenant_id, verdict in verdicts.items():
            assert registry.wanted(f"école {tenant_id}") == replace(
                CONTOSO,
                tenant_id=tenant_id,
                name=f"ÉCOLE  {tenant_id}",
                domain=f"{tenant_id}.example",
                verified_at=NOW if verdict in ("pass", "warn") else None,
                checked_at=NOW,
                verdict=verdict,
            )


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE log SET operator = 'mallory'",
        "DELETE FROM log",
        "INSERT OR REPLACE INTO log SELECT entry, at, connector, 'mallory', action, subject, result, detail FROM log",
    ],
)
def test_log_only_grows(engine: Engine, change: str) -> None:
    migrate(engine)
    with engine.begin() as connection:
        write(connection, "log")

    with engine.begin() as connection, pytest.raises(IntegrityError, match="the log only grows"):
        connection.execute(text(change))

    with engine.connect() as connection:
        assert connection.execute(text("SELECT operator FROM log")).scalars().all() == ["ada"]


def test_time_is_kept_in_utc_and_one_without_a_zone_is_refused(made: Connection) -> None:
    kind, east = UtcDateTime(), datetime.fromisoformat("2026-11-28T14:00:00+02:00")

    kept = kind.process_bind_param(east, made.dialect)
    assert kept is not None
    assert (kept, kept.utcoffset()) == (NOW, timedelta(0))
    assert kind.process_bind_param(None, made.dialect) is None
    with pytest.raises(ValueError, match="a time without a zone"):
        kind.process_bind_param(east.replace(tzinfo=None), made.dialect)
    for stored in (east, NOW, NOW.replace(tzinfo=None)):
        read = kind.process_result_value(stored, made.dialect)
        assert read is not None
        assert (read, read.tzinfo) == (NOW, UTC)
    assert kind.process_result_value(None, made.dialect) is None
