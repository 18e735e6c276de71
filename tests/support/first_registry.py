"""A registry as its first version made and filled it."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, text

from orgcal.tenants import database

MOMENT = "2026-11-01 00:00:00+00:00"
ROWS = {
    "tenants": {
        "connector": "orgcal/prod", "tenant_id": "2222", "name": "Contoso", "domain": "contoso.com",
        "state": "verified", "reason": "", "permission_hash": "hash", "added_at": MOMENT, "changed_at": MOMENT,
        "invited_by": "ada", "verdict": "pass",
    },
    "consent_links": {
        "state_hash": "state", "connector": "orgcal/prod", "client_id": "client", "tenant_id": "2222",
        "redirect_uri": "https://app", "permission_hash": "hash", "created_at": MOMENT, "expires_at": MOMENT,
        "result_hash": "", "outcome": "", "detail": "",
    },
    "log": {
        "at": MOMENT, "connector": "orgcal/prod", "operator": "ada", "action": "add", "subject": "2222",
        "result": "added", "detail": "{}",
    },
}  # fmt: skip
"""By table, as the first version has its columns."""


def write(connection: Connection, table: str, **changed: str) -> None:
    """A row of `ROWS`, with what is changed of it."""
    row = {**ROWS[table], **changed}
    places = ", ".join(f":{name}" for name in row)
    connection.execute(text(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})"), row)


def make_first_version(engine: Engine) -> None:
    """The tables as the first version made them, empty."""
    config = Config()
    config.set_main_option("script_location", str(Path(database.__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
