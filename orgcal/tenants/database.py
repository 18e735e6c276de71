"""The registry's database, a SQLite file or PostgreSQL, with the schema of this code; errors hold no secret.

Nothing here waits for ever: a consent page must be able to say "try again" while the database is away.
"""

from __future__ import annotations

import importlib
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnectionLeft

from orgcal.entra.secret_text import bare
from orgcal.errors import OrgcalError, UsageError
from orgcal.formats import newer_format
from orgcal.patience import Patience
from orgcal.tenants.schema import HEAD, TENANTS

URL_VARIABLE = "ORGCAL_REGISTRY_URL"

CONNECT_TIMEOUT_S = 5
STATEMENT_TIMEOUT_S = 15
POOL_TIMEOUT_S = 15.0
"""How long a thread waits for a connection while others have them all."""

_DRIVER = "postgresql+psycopg"
_REPAIR = f"sqlite:///PATH, or {_DRIVER}://USER:PASSWORD@HOST/NAME with every special character of the password as %XX"
_SERVER_OPTIONS: dict[str, Any] = {
    "connect_timeout": CONNECT_TIMEOUT_S,
    "tcp_user_timeout": STATEMENT_TIMEOUT_S * 1000,
    "options": f"-c statement_timeout={STATEMENT_TIMEOUT_S}s -c lock_timeout={STATEMENT_TIMEOUT_S}s",
    "application_name": "orgcal",
}
"""What libpq is told, unless the address says something else.

Source: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS"""

_ALEMBIC = threading.Lock()
"""Alembic keeps what it works on in its own module, so one thread of a process at a time."""


class RegistryUnavailable(OrgcalError):
    """The database cannot be asked now."""


def open_database(url: str) -> Engine:
    """Connections to the database at `url`; a SQLite file is made if need be, for its owner only.

    Raises:
        UsageError: `url` is no database of a kind we have a driver for, or the driver is not installed. Nothing of
            `url` is shown: it may hold a password.
    """
    try:
        parsed = make_url(bare(url))
        if parsed.drivername in ("postgres", "postgresql"):  # as providers write it
            parsed = parsed.set(drivername=_DRIVER)
        # A host with an @ holds a part of the password.
        if parsed.host and "@" in parsed.host:
            raise _UnusableError("a password whose special characters are not written as %XX")
        if parsed.drivername not in ("sqlite", _DRIVER):
            raise _UnusableError("a database of another kind")
        if parsed.get_backend_name() == "sqlite":
            return _open_file(parsed)
        more = {name: value for name, value in _SERVER_OPTIONS.items() if name not in parsed.query}
        return create_engine(
            parsed, pool_pre_ping=True, pool_size=5, max_overflow=15, pool_timeout=POOL_TIMEOUT_S, connect_args=more
        )
    except ImportError:
        raise UsageError(
            "the driver for PostgreSQL is not installed", where=URL_VARIABLE, repair="pip install 'orgcal[postgresql]'"
        ) from None
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        found = str(error) if isinstance(error, _UnusableError) else "what is no address of a database"
        raise UsageError(
            f"the registry's address cannot be used: found {found}; expected sqlite:/// or {_DRIVER}://",
            where=URL_VARIABLE,
            repair=_REPAIR,
        ) from None


class _UnusableError(ValueError):
    """Says what was found in an address, and nothing of the address itself."""


def _open_file(url: URL) -> Engine:
    if url.database:
        path = Path(url.database)
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise UsageError(f"the registry cannot be opened ({error.strerror})", where=str(path)) from error
    engine = create_engine(url)
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: Any, record: object) -> None:  # noqa: ARG001  # SQLAlchemy's signature
    """Several processes may write: wait for each other, and do not block readers."""
    connection.execute(f"PRAGMA busy_timeout = {STATEMENT_TIMEOUT_S * 1000}").close()
    _use_write_ahead_log(connection)


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Have readers and a writer not wait for each other; the file keeps this, so its first opening decides.

    SQLite does not wait here as `busy_timeout` says: the switch begins as a reader, and a reader that wants to write is
    refused at once, so that two of them do not wait for each other. So it is tried again.

    Source: the comment above `btreeBeginTrans` in src/btree.c of github.com/sqlite/sqlite at 925d2e136a59
    """
    patience = Patience(STATEMENT_TIMEOUT_S, first_s=0.01, longest_s=0.1)
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").close()
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or not patience.wait():
                raise


@contextmanager
def available() -> Iterator[None]:
    """Databases that are away, locked or broken become one error of ours, without statement and address in it."""
    try:
        yield
    except OperationalError as error:
        raise RegistryUnavailable(
            f"the registry cannot be asked now ({str(error.orig).splitlines()[0][:200]})",
            where="registry",
            repair="try again; if it stays, check the database that ORGCAL_REGISTRY_URL names",
        ) from None
    except NoConnectionLeft:
        what = f"all connections to the registry were in use for {POOL_TIMEOUT_S:.0f} s"
        raise RegistryUnavailable(what, where="registry", repair="try again") from None
    except SQLAlchemyError as error:
        raise RegistryUnavailable(f"the registry refused ({type(error).__name__})", where="registry") from None


def insert_into(connection: Connection, table: Table) -> Any:
    """An INSERT in the words of this database, which can say what to do where the row is there already."""
    dialect = connection.dialect.name  # importing that of PostgreSQL imports each of its drivers
    return importlib.import_module(f"sqlalchemy.dialects.{dialect}").insert(table)


def insert_tenant(connection: Connection, values: Mapping[str, Any]) -> bool:
    """Insert an organisation unless there is one with its key, also one that another process is inserting now.

    Args:
        values: of columns of `TENANTS`.

    Returns:
        Whether it was new.
    """
    statement = insert_into(connection, TENANTS).values(**values).on_conflict_do_nothing()
    return connection.scalars(statement.returning(TENANTS.c.tenant_id)).first() is not None


def migrate(engine: Engine) -> None:
    """Run the migrations that the database lacks; quick where it lacks none, as Alembic is then not even imported.

    Raises:
        UsageError: the database was made by a newer orgcal.
    """
    with engine.connect() as connection:
        found = _revision(connection)
    if found == HEAD:
        return
    if found > HEAD:
        raise newer_format("the registry", found, HEAD, where=engine.url.render_as_string(hide_password=True))
    with _ALEMBIC, engine.begin() as connection:
        # Two processes that start at once take turns; the second finds nothing to do.
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(7215091)"))
        else:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        if _revision(connection) != HEAD:
            _upgrade(connection)


def _revision(connection: Connection) -> str:
    """The revision of the schema that the database has; empty without any."""
    made = inspect(connection).has_table("alembic_version")
    return (connection.execute(text("SELECT version_num FROM alembic_version")).scalar() if made else "") or ""


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
