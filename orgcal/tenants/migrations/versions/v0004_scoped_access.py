"""Organisations that limit the connector to some mailboxes: the profile, the group, and two mailboxes to test with."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; who is known limits nothing."""
    op.add_column("tenants", sa.Column("access", sa.String(10), nullable=False, server_default="all"))
    op.add_column("tenants", sa.Column("scope_group", sa.String(256), nullable=False, server_default=""))
    for name in ("group_id", "inside", "outside"):
        op.add_column("tenants", sa.Column(name, sa.String(36), nullable=False, server_default=""))
    op.add_column("tenants", sa.Column("awaited_since", sa.DateTime(timezone=True)))
