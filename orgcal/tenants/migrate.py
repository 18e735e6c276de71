"""Brings a registry's database to the schema of this code."""

from __future__ import annotations

import threading
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from orgcal.errors import UsageError
from orgcal.tenants.schema import HEAD

_ALEMBIC = threading.Lock()
"""Alembic keeps what it works on in its own module, so one thread of a process at a time."""


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
        raise UsageError(
            f"the registry has schema {found}, and this orgcal knows {HEAD}",
            where=engine.url.render_as_string(hide_password=True),
            repair="use the newer orgcal",
        )
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    with _ALEMBIC, engine.begin() as connection:
        # Two processes that start at once take turns; the second finds nothing to do.
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(7215091)"))
        else:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _revision(connection: Connection) -> str:
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or ""
