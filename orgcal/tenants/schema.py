"""Tables of the registry. Migrations in `migrations/` make them; a test holds the two together."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    Dialect,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.types import TypeEngine

from orgcal.tenants.model import GROUP_LENGTH, HASH_LENGTH, NAME_LENGTH, VERDICT_LENGTH

HEAD = "0004"
"""Revision that this code needs; the newest in `migrations/versions`."""


class UtcDateTime(TypeDecorator[datetime]):
    """A time in UTC; SQLite forgets time zones, so they are put back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is not None and value.tzinfo is None:
            raise ValueError("a time without a zone")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


METADATA = MetaData()


def _column(name: str, of: TypeEngine[Any] | type[TypeEngine[Any]], **more: Any) -> Column[Any]:
    """A column that always has a value, unless `nullable` says otherwise."""
    return Column(name, of, **{"nullable": False, **more})


TENANTS = Table(
    "tenants",
    METADATA,
    _column("connector", String(200), primary_key=True),
    _column("tenant_id", String(36), primary_key=True),
    _column("name", String(NAME_LENGTH)),
    _column("name_key", Text),
    _column("domain", String(253)),
    _column("state", String(20)),
    _column("reason", Text),
    _column("permission_hash", String(HASH_LENGTH)),
    _column("permissions", JSON),
    _column("added_at", UtcDateTime),
    _column("changed_at", UtcDateTime),
    _column("consented_at", UtcDateTime, nullable=True),
    _column("invited_by", String(NAME_LENGTH)),
    _column("verified_at", UtcDateTime, nullable=True),
    _column("checked_at", UtcDateTime, nullable=True),
    _column("verdict", String(VERDICT_LENGTH)),
    _column("access", String(10)),
    _column("scope_group", String(GROUP_LENGTH)),
    _column("group_id", String(36)),
    _column("inside", String(36)),
    _column("outside", String(36)),
    _column("awaited_since", UtcDateTime, nullable=True),
)
"""A customer organisation of one connector; `orgcal.tenants.registry` gives each of its values."""


LINKS = Table(
    "consent_links",
    METADATA,
    _column("state_hash", String(64), primary_key=True),
    _column("connector", String(200)),
    _column("client_id", String(36)),
    _column("tenant_id", String(36)),
    _column("redirect_uri", Text),
    _column("permission_hash", String(64)),
    _column("permissions", JSON, default=list),
    _column("created_at", UtcDateTime),
    _column("expires_at", UtcDateTime),
    _column("used_at", UtcDateTime, nullable=True),
    _column("revoked_at", UtcDateTime, nullable=True),
    _column("result_hash", String(64), default="", index=True),
    _column("outcome", String(20), default=""),
    _column("detail", Text, default=""),
    _column("finished_at", UtcDateTime, nullable=True),
    Index("consent_links_by_tenant", "connector", "tenant_id"),
)
"""A consent link. The state in it is not kept, only its hash."""


LOG = Table(
    "log",
    METADATA,
    _column("entry", Integer, primary_key=True, autoincrement=True),
    _column("at", UtcDateTime),
    _column("connector", String(200)),
    _column("operator", String(200)),
    _column("action", String(40)),
    _column("subject", String(200), index=True),
    _column("result", String(40)),
    _column("detail", JSON),
)
"""Something that was done; rows are only ever added."""


HISTORY = Table(
    "history",
    METADATA,
    _column("entry", Integer, primary_key=True, autoincrement=True),
    _column("at", UtcDateTime),
    _column("connector", String(200)),
    _column("tenant_id", String(36)),
    _column("kind", String(10)),
    _column("version", String(40)),
    _column("verdict", String(VERDICT_LENGTH)),
    _column("state", String(20)),
    _column("users", Integer, nullable=True),
    _column("calendars", Integer, nullable=True),
    _column("readable", Integer, nullable=True),
    _column("no_mailbox", Integer, nullable=True),
    _column("restricted", Integer, nullable=True),
    _column("deleted", Integer, nullable=True),
    _column("failed", Integer, nullable=True),
    _column("not_read", Integer, nullable=True),
    _column("roles", JSON, default=list),
    _column("checks", JSON, default=dict),
    _column("duration_s", Float),
    _column("requests", Integer),
    _column("throttled_s", Float),
    _column("cause", Text),
    Index("history_by_tenant", "connector", "kind", "tenant_id", "entry", "verdict", "readable"),
    Index("history_by_time", "connector", "at"),
)
"""How one verification or check of one organisation ended; fields as those of `orgcal.tenants.history.Run`."""


CONNECTORS = Table(
    "connectors",
    METADATA,
    _column("connector", String(200), primary_key=True),
    _column("known_at", UtcDateTime),
    _column("active", Integer),
    _column("credentials", JSON),
)
"""What was last known of a connector's credentials, for those who cannot ask the engine."""


ALERTS = Table(
    "alerts",
    METADATA,
    _column("connector", String(200), primary_key=True),
    _column("rule", String(40), primary_key=True),
    _column("subject", String(200), primary_key=True),
    _column("stage", Integer),
    _column("since", UtcDateTime),
    _column("sentence", Text),
)
"""What is wrong now: a rule, and whom or what it speaks of; gone when it is well again."""


ALERT_CURSORS = Table(
    "alert_cursors",
    METADATA,
    _column("connector", String(200), primary_key=True),
    _column("floor", Integer),
    _column("entry", Integer),
)
"""Which entries of the log messages were made of: those after `floor`, up to `entry`."""


ALERT_MESSAGES = Table(
    "alert_messages",
    METADATA,
    _column("message", String(36), primary_key=True),
    _column("target", String(40), primary_key=True),
    _column("position", Integer),
    _column("connector", String(200)),
    _column("rule", String(40)),
    _column("subject", String(200)),
    _column("content", JSON),
    _column("made_at", UtcDateTime),
    _column("due_at", UtcDateTime),
    _column("attempts", Integer),
    _column("state", String(10)),
    Index("alert_messages_waiting", "connector", "state", "due_at"),
)
"""A message to one target; `waiting` until somebody claims it, then `sent` or, after days, `given up`."""
