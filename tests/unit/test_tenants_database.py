"""How a registry's database is opened: addresses, times, files, and what is said where it cannot be asked."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import Connection, Engine, inspect, make_url
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionLeft

from orgcal.errors import UsageError
from orgcal.tenants import database
from orgcal.tenants.database import RegistryUnavailable, available, migrate, open_database
from orgcal.tenants.schema import HEAD

BUSY, BUSY_RECOVERY, BUSY_SNAPSHOT, CANNOT_OPEN = 5, 261, 517, 14
"""Result codes: https://www.sqlite.org/rescode.html; the last byte of an extended one is the code that it extends."""


def refuse_journal(monkeypatch: pytest.MonkeyPatch, code: int, times: int) -> list[str]:
    """Have SQLite refuse the switch of the journal some times; the commands that it got."""
    asked: list[str] = []

    class Refusing(sqlite3.Connection):
        def execute(self, command: str, *more: Any) -> sqlite3.Cursor:
            asked.append(command)
            if "journal_mode" in command and sum("journal_mode" in each for each in asked) <= times:
                error = sqlite3.OperationalError("database is locked")
                error.sqlite_errorcode = code
                raise error
            return super().execute(command, *more)

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3.dbapi2, "connect", lambda *args, **named: connect(*args, factory=Refusing, **named))
    return asked


@pytest.mark.parametrize("code", [BUSY, BUSY_RECOVERY, BUSY_SNAPSHOT])
def test_file_that_another_process_is_opening_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    asked = refuse_journal(monkeypatch, code, times=3)

    with open_database(f"sqlite:///{tmp_path}/tenants.sqlite").connect() as connection:
        mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()

    assert mode == "wal"
    assert asked[0] == "PRAGMA busy_timeout = 15000"


def test_file_that_sqlite_refuses_for_another_reason_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = refuse_journal(monkeypatch, CANNOT_OPEN, times=3)

    with pytest.raises(RegistryUnavailable, match="database is locked"), available():
        open_database(f"sqlite:///{tmp_path}/tenants.sqlite").connect()

    assert len(asked) == 2


def test_file_that_stays_busy_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "STATEMENT_TIMEOUT_S", 0.05)
    refuse_journal(monkeypatch, BUSY, times=10_000)

    with pytest.raises(RegistryUnavailable), available():
        open_database(f"sqlite:///{tmp_path}/tenants.sqlite").connect()


def test_file_and_its_folder_are_made_for_their_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "very" / "new" / "tenants.sqlite"

    open_database(f"sqlite:///{path}")

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) & 0o077 == 0
    open_database(f"sqlite:///{path}")


def test_file_that_is_a_folder_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"the registry cannot be opened \(Is a directory\)") as refused:
        open_database(f"sqlite:///{tmp_path}")

    assert refused.value.where == str(tmp_path)


def postgresql(monkeypatch: pytest.MonkeyPatch, url: str) -> tuple[Any, dict[str, Any]]:
    """The address and the options that the driver gets."""
    made: list[tuple[Any, dict[str, Any]]] = []
    monkeypatch.setattr(database, "create_engine", lambda url, **named: made.append((url, named)))
    open_database(url)
    return made[0]


@pytest.mark.parametrize("kind", ["postgres", "postgresql", "postgresql+psycopg"])
def test_server_is_asked_with_every_wait_bounded(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Source: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS (s, ms)."""
    url, options = postgresql(monkeypatch, f" '{kind}://ada:hush@db.example/registry'\n")

    assert url.drivername == "postgresql+psycopg"
    assert options == {
        "pool_pre_ping": True,  # a server may have been restarted
        "pool_size": 5,
        "max_overflow": 15,
        "pool_timeout": 15.0,
        "connect_args": {
            "connect_timeout": 5,
            "tcp_user_timeout": 15_000,
            "options": "-c statement_timeout=15s -c lock_timeout=15s",
            "application_name": "orgcal",
        },
    }


def test_option_in_the_address_goes_before_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    _, options = postgresql(monkeypatch, "postgresql://db.example/registry?connect_timeout=2")

    assert options["connect_args"].keys() == {"tcp_user_timeout", "options", "application_name"}


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("hush", "what is no address of a database"),
        ("mysql://a:hush@b/c", "a database of another kind"),
        ("postgresql://a:hu@sh@b/c", "a password whose special characters"),
        ("sqlite+pysqlcipher://:hush@/x", "a database of another kind"),
    ],
)
def test_address_that_cannot_be_used_is_not_shown(url: str, found: str) -> None:
    with pytest.raises(UsageError, match=rf"the registry's address cannot be used: found {found}") as refused:
        open_database(url)

    assert "hush" not in str(refused.value)
    assert refused.value.where == "ORGCAL_REGISTRY_URL"
    assert "sqlite:///PATH" in refused.value.repair
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    ("raised", "says", "repair"),
    [
        (
            OperationalError("SELECT hush", {}, Exception(f"server closed{'x' * 300}\nat db.example")),
            f"the registry cannot be asked now (server closed{'x' * 187})",
            "try again; if it stays, check the database that ORGCAL_REGISTRY_URL names",
        ),
        (NoConnectionLeft("pool hush"), "all connections to the registry were in use for 15 s", "try again"),
        (IntegrityError("INSERT hush", {}, Exception("hush")), "the registry refused (IntegrityError)", ""),
    ],
    ids=["away", "no connection left", "refused"],
)
def test_whatever_a_database_answers_is_one_error_without_its_statement(
    raised: Exception, says: str, repair: str
) -> None:
    with pytest.raises(RegistryUnavailable) as refused, available():
        raise raised

    assert (refused.value.what, refused.value.where, refused.value.repair) == (says, "registry", repair)
    assert "hush" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_password_of_a_newer_registry_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_revision", lambda _: "9999")
    engine = SimpleNamespace(connect=nullcontext, url=make_url("postgresql+psycopg://ada:hush@db.example/registry"))

    with pytest.raises(UsageError, match="the registry has format 9999") as refused:
        migrate(cast(Engine, engine))

    assert refused.value.where == "postgresql+psycopg://ada:***@db.example/registry"


def test_nobody_else_writes_while_a_registry_is_migrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upgrade, seen = database._upgrade, []

    def look_first(connection: Connection) -> None:
        with closing(sqlite3.connect(tmp_path / "tenants.sqlite", timeout=0)) as other:
            try:
                other.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                seen.append(str(error))
        upgrade(connection)

    monkeypatch.setattr(database, "_upgrade", look_first)
    engine = open_database(f"sqlite:///{tmp_path}/tenants.sqlite")
    migrate(engine)
    engine.dispose()

    assert seen == ["database is locked"]


def test_migration_that_another_process_ended_is_not_done_again(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = open_database("sqlite://")
    migrate(engine)
    looks = iter(["", HEAD])
    monkeypatch.setattr(database, "_revision", lambda _: next(looks))

    migrate(engine)

    assert next(looks, "none left") == "none left"
    engine.dispose()


def test_migrations_are_found_in_a_folder_with_a_percent_sign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = tmp_path / "100%" / "orgcal"
    installed.mkdir(parents=True)
    (installed / "migrations").symlink_to(Path(database.__file__).parent / "migrations")
    monkeypatch.setattr(database, "__file__", str(installed / "database.py"))
    engine = open_database("sqlite://")

    migrate(engine)

    assert inspect(engine).has_table("tenants")
    engine.dispose()
