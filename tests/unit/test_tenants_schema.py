"""The tables of a registry: as the migrations make them, with rows of earlier versions, and with values in UTC."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.schema import CreateTable

from orgcal.errors import UsageError
from orgcal.tenants import alerts, database, links
from orgcal.tenants.credentials import KnownCredential, KnownCredentials, known_credentials, remember_credentials
from orgcal.tenants.database import migrate, open_database
from orgcal.tenants.history import add_runs, runs
from orgcal.tenants.model import Link, LogEntry, State, Tenant
from orgcal.tenants.registry import Registry
from orgcal.tenants.schema import HEAD, METADATA, UtcDateTime
from tests.support.first_registry import make_first_version, write
from tests.support.health import a_run
from tests.support.registry import empty_registry, new_link

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


def keys_of(connection: Connection) -> dict[str, list[str]]:
    """The columns of each table's key, as the database has them."""
    made = inspect(connection)
    return {table: made.get_pk_constraint(table)["constrained_columns"] for table in METADATA.tables}


KEYS = {name: [column.name for column in table.primary_key] for name, table in METADATA.tables.items()}


def test_migrations_make_the_tables_that_the_code_has() -> None:
    engine = open_database("sqlite://")
    migrate(engine)

    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert context.get_current_revision() == HEAD
        assert compare_metadata(context, METADATA) == []
        assert keys_of(connection) == KEYS
    engine.dispose()


def write_log(registry: Registry) -> None:
    registry.note("push", "client", "pushed")
    assert [registry.last("push", "client")] == list(registry.log())


def write_history(registry: Registry) -> None:
    add_runs(registry, [a_run(at=NOW)])
    assert list(runs(registry)) == [a_run(at=NOW)]


def write_credentials(registry: Registry) -> None:
    remember_credentials(registry, 1, [KnownCredential(1, "secret", NOW)])
    assert known_credentials(registry) == KnownCredentials(NOW, 1, (KnownCredential(1, "secret", NOW),))


def write_alerts(registry: Registry) -> None:
    with alerts.alert_session(registry) as session:
        session.put(alerts.OpenAlert("access-lost", "contoso", 1, NOW, "it is gone"))
        session.add_message("a", {"ops": NOW}, "access-lost", "contoso", {})
    assert (len(alerts.open_alerts(registry)), alerts.waiting(registry)) == (1, 1)


def write_link(registry: Registry) -> None:
    made = new_link(registry)
    assert links.of_state(registry, made.state) == made.link


def write_organisation(registry: Registry) -> None:
    assert registry.add("2" * 8 + "-2222-4222-8222-" + "2" * 12) == next(registry.tenants())


WRITERS: Mapping[str, Callable[[Registry], None]] = {
    "tenants": write_organisation,
    "consent_links": write_link,
    "log": write_log,
    "history": write_history,
    "connectors": write_credentials,
    "alerts": write_alerts,
    "alert_cursors": write_alerts,
    "alert_messages": write_alerts,
}


@pytest.mark.parametrize("table", METADATA.tables)
def test_table_that_takes_a_row_is_the_one_that_the_code_has(tmp_path: Path, table: str) -> None:
    with empty_registry(tmp_path, lambda: NOW) as registry:
        WRITERS[table](registry)

        with registry.transaction() as connection:
            assert connection.execute(text(f"SELECT count(*) FROM {table}")).scalar() == 1
            assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
            assert keys_of(connection) == KEYS

    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    there = str(CreateTable(METADATA.tables[table]).compile(dialect=dialect))
    assert "WITHOUT TIME ZONE" not in there
    assert "entry INTEGER" not in there or table == "alert_cursors", "PostgreSQL counts the rows itself"


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


def test_time_is_kept_in_utc_and_one_without_a_zone_is_refused() -> None:
    dialect = sqlite.dialect()
    kind, east = UtcDateTime(), datetime.fromisoformat("2026-11-28T14:00:00+02:00")

    kept = kind.process_bind_param(east, dialect)
    assert kept is not None
    assert (kept, kept.utcoffset()) == (NOW, timedelta(0))
    assert kind.process_bind_param(None, dialect) is None
    with pytest.raises(ValueError, match="a time without a zone"):
        kind.process_bind_param(east.replace(tzinfo=None), dialect)
    for stored in (east, NOW, NOW.replace(tzinfo=None)):
        read = kind.process_result_value(stored, dialect)
        assert read is not None
        assert (read, read.tzinfo) == (NOW, UTC)
    assert kind.process_result_value(None, dialect) is None
