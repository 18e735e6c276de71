"""The registry: tenants, consent links, and a log that only grows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables, and the triggers that keep the log append-only."""
    op.create_table(
        "tenants",
        sa.Column("connector", sa.String(200), primary_key=True),
        sa.Column("tenant_id", sa.String(36), primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("domain", sa.String(253), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("permission_hash", sa.String(64), nullable=False),
        sa.Column("added_at", _TIME, nullable=False),
        sa.Column("changed_at", _TIME, nullable=False),
        sa.Column("consented_at", _TIME),
        sa.Column("invited_by", sa.String(200), nullable=False),
        sa.Column("verified_at", _TIME),
        sa.Column("verdict", sa.String(10), nullable=False),
    )
    op.create_table(
        "consent_links",
        sa.Column("state_hash", sa.String(64), primary_key=True),
        sa.Column("connector", sa.String(200), nullable=False),
        sa.Column("client_id", sa.String(36), nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("redirect_uri", sa.Text, nullable=False),
        sa.Column("permission_hash", sa.String(64), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("used_at", _TIME),
        sa.Column("revoked_at", _TIME),
        sa.Column("result_hash", sa.String(64), nullable=False),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("finished_at", _TIME),
    )
    op.create_index("consent_links_by_tenant", "consent_links", ["connector", "tenant_id"])
    op.create_index("ix_consent_links_result_hash", "consent_links", ["result_hash"])
    op.create_table(
        "log",
        sa.Column("entry", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("connector", sa.String(200), nullable=False),
        sa.Column("operator", sa.String(200), nullable=False),
        sa.Column("action", sa.String(40), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("result", sa.String(40), nullable=False),
        sa.Column("detail", sa.JSON, nullable=False),
    )
    op.create_index("ix_log_subject", "log", ["subject"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION log_only_grows() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'the log only grows'; END $$"
        )
        op.execute(
            "CREATE TRIGGER log_only_grows BEFORE UPDATE OR DELETE ON log "
            "FOR EACH ROW EXECUTE FUNCTION log_only_grows()"
        )
        op.execute(
            "CREATE TRIGGER log_is_never_emptied BEFORE TRUNCATE ON log "
            "FOR EACH STATEMENT EXECUTE FUNCTION log_only_grows()"
        )
        return
    for change in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER log_no_{change.lower()} BEFORE {change} ON log "
            "BEGIN SELECT RAISE(ABORT, 'the log only grows'); END"
        )
