"""Permissions by name, the time of the last try beside that of the last success, and a key that names are found by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from orgcal.tenants.names import name_key

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_NONE = sa.text("'[]'")


def upgrade() -> None:
    """Add the columns, and fill them from what is known."""
    op.add_column("tenants", sa.Column("name_key", sa.Text, nullable=False, server_default=""))
    op.add_column("tenants", sa.Column("permissions", sa.JSON, nullable=False, server_default=_NONE))
    op.add_column("tenants", sa.Column("checked_at", sa.DateTime(timezone=True)))
    op.add_column("consent_links", sa.Column("permissions", sa.JSON, nullable=False, server_default=_NONE))
    _fill_names()
    # `verified_at` was the time of the last try, however that ended.
    op.execute("UPDATE tenants SET checked_at = verified_at")
    op.execute("UPDATE tenants SET verified_at = NULL WHERE verdict NOT IN ('pass', 'warn')")
    if op.get_bind().dialect.name == "sqlite":  # INSERT OR REPLACE deletes a row without its trigger
        op.execute(
            "CREATE TRIGGER log_no_replace BEFORE INSERT ON log "
            "WHEN EXISTS (SELECT 1 FROM log WHERE entry = NEW.entry) "
            "BEGIN SELECT RAISE(ABORT, 'the log only grows'); END"
        )


def _fill_names() -> None:
    tenants = sa.table("tenants", *map(sa.column, ("connector", "tenant_id", "name", "name_key", "domain")))
    connection = op.get_bind()
    for row in connection.execute(sa.select(tenants)).all():
        connection.execute(
            tenants.update()
            .where(tenants.c.connector == row.connector, tenants.c.tenant_id == row.tenant_id)
            .values(name_key=name_key(row.name), domain=row.domain.lower())
        )
