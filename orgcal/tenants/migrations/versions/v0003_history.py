"""The history of verifications and checks, what is known of a connector's credentials, and its alerts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    _make_history()
    op.create_table(
        "connectors",
        sa.Column("connector", sa.String(200), primary_key=True),
        sa.Column("known_at", _TIME, nullable=False),
        sa.Column("active", sa.Integer, nullable=False),
        sa.Column("credentials", sa.JSON, nullable=False),
    )
    _make_alerts()


def _make_history() -> None:
    counts = ("users", "calendars", "readable", "no_mailbox", "restricted", "deleted", "failed", "not_read")
    op.create_table(
        "history",
        sa.Column("entry", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("connector", sa.String(200), nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("version", sa.String(40), nullable=False),
        sa.Column("verdict", sa.String(10), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        *(sa.Column(name, sa.Integer) for name in counts),
        sa.Column("roles", sa.JSON, nullable=False),
        sa.Column("checks", sa.JSON, nullable=False),
        sa.Column("duration_s", sa.Float, nullable=False),
        sa.Column("requests", sa.Integer, nullable=False),
        sa.Column("throttled_s", sa.Float, nullable=False),
        sa.Column("cause", sa.Text, nullable=False),
    )
    # With what the page shows of each run, so that it reads the index alone.
    op.create_index("history_by_tenant", "history", ["connector", "kind", "tenant_id", "entry", "verdict", "readable"])
    op.create_index("history_by_time", "history", ["connector", "at"])


def _make_alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("connector", sa.String(200), primary_key=True),
        sa.Column("rule", sa.String(40), primary_key=True),
        sa.Column("subject", sa.String(200), primary_key=True),
        sa.Column("stage", sa.Integer, nullable=False),
        sa.Column("since", _TIME, nullable=False),
        sa.Column("sentence", sa.Text, nullable=False),
    )
    op.create_table(
        "alert_cursors",
        sa.Column("connector", sa.String(200), primary_key=True),
        sa.Column("floor", sa.Integer, nullable=False),
        sa.Column("entry", sa.Integer, nullable=False),
    )
    op.create_table(
        "alert_messages",
        sa.Column("message", sa.String(36), primary_key=True),
        sa.Column("target", sa.String(40), primary_key=True),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("connector", sa.String(200), nullable=False),
        sa.Column("rule", sa.String(40), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("content", sa.JSON, nullable=False),
        sa.Column("made_at", _TIME, nullable=False),
        sa.Column("due_at", _TIME, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
    )
    op.create_index("alert_messages_waiting", "alert_messages", ["connector", "state", "due_at"])
