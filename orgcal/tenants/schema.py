"""Tables of the registry. Migrations in `migrations/` make them; a test holds the two together."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, Float, Index, Integer, MetaData, String, Text, TypeDecorator
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

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


class Base(DeclarativeBase):
    """Of all tables."""

    metadata = MetaData()
    type_annotation_map = {  # noqa: RUF012  # SQLAlchemy reads it as such
        datetime: UtcDateTime,
        dict[str, Any]: JSON,
        list[str]: JSON,
        list[dict[str, Any]]: JSON,
    }


class TenantRow(Base):
    """A customer organisation of one connector."""

    __tablename__ = "tenants"

    connector: Mapped[str] = mapped_column(String(200), primary_key=True)
    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    name_key: Mapped[str] = mapped_column(Text, default="")
    domain: Mapped[str] = mapped_column(String(253), default="")
    state: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(Text, default="")
    permission_hash: Mapped[str] = mapped_column(String(HASH_LENGTH), default="")
    permissions: Mapped[list[str]] = mapped_column(default=list)
    added_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    consented_at: Mapped[datetime | None]
    invited_by: Mapped[str] = mapped_column(String(NAME_LENGTH), default="")
    verified_at: Mapped[datetime | None]
    checked_at: Mapped[datetime | None]
    verdict: Mapped[str] = mapped_column(String(VERDICT_LENGTH), default="")
    access: Mapped[str] = mapped_column(String(10), default="all")
    scope_group: Mapped[str] = mapped_column(String(GROUP_LENGTH), default="")
    group_id: Mapped[str] = mapped_column(String(36), default="")
    inside: Mapped[str] = mapped_column(String(36), default="")
    outside: Mapped[str] = mapped_column(String(36), default="")
    awaited_since: Mapped[datetime | None]


class LinkRow(Base):
    """A consent link. The state in it is not kept, only its hash."""

    __tablename__ = "consent_links"
    __table_args__ = (Index("consent_links_by_tenant", "connector", "tenant_id"),)

    state_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    connector: Mapped[str] = mapped_column(String(200))
    client_id: Mapped[str] = mapped_column(String(36))
    tenant_id: Mapped[str] = mapped_column(String(36))
    redirect_uri: Mapped[str] = mapped_column(Text)
    permission_hash: Mapped[str] = mapped_column(String(64))
    permissions: Mapped[list[str]] = mapped_column(default=list)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    result_hash: Mapped[str] = mapped_column(String(64), default="", index=True)
    outcome: Mapped[str] = mapped_column(String(20), default="")
    detail: Mapped[str] = mapped_column(Text, default="")
    finished_at: Mapped[datetime | None]


class LogRow(Base):
    """Something that was done; rows are only ever added."""

    __tablename__ = "log"

    entry: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    at: Mapped[datetime]
    connector: Mapped[str] = mapped_column(String(200))
    operator: Mapped[str] = mapped_column(String(200))
    action: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(200), index=True)
    result: Mapped[str] = mapped_column(String(40))
    detail: Mapped[dict[str, Any]]


class HistoryRow(Base):
    """How one verification or check of one organisation ended; fields as those of `orgcal.tenants.history.Run`."""

    __tablename__ = "history"
    __table_args__ = (
        Index("history_by_tenant", "connector", "kind", "tenant_id", "entry", "verdict", "readable"),
        Index("history_by_time", "connector", "at"),
    )

    entry: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    at: Mapped[datetime]
    connector: Mapped[str] = mapped_column(String(200))
    tenant_id: Mapped[str] = mapped_column(String(36))
    kind: Mapped[str] = mapped_column(String(10))
    version: Mapped[str] = mapped_column(String(40))
    verdict: Mapped[str] = mapped_column(String(VERDICT_LENGTH))
    state: Mapped[str] = mapped_column(String(20))
    users: Mapped[int | None] = mapped_column(Integer)
    calendars: Mapped[int | None] = mapped_column(Integer)
    readable: Mapped[int | None] = mapped_column(Integer)
    no_mailbox: Mapped[int | None] = mapped_column(Integer)
    restricted: Mapped[int | None] = mapped_column(Integer)
    deleted: Mapped[int | None] = mapped_column(Integer)
    failed: Mapped[int | None] = mapped_column(Integer)
    not_read: Mapped[int | None] = mapped_column(Integer)
    roles: Mapped[list[str]] = mapped_column(default=list)
    checks: Mapped[dict[str, Any]] = mapped_column(default=dict)
    duration_s: Mapped[float] = mapped_column(Float)
    requests: Mapped[int] = mapped_column(Integer)
    throttled_s: Mapped[float] = mapped_column(Float)
    cause: Mapped[str] = mapped_column(Text)


class ConnectorRow(Base):
    """What was last known of a connector's credentials, for those who cannot ask the engine."""

    __tablename__ = "connectors"

    connector: Mapped[str] = mapped_column(String(200), primary_key=True)
    known_at: Mapped[datetime]
    active: Mapped[int] = mapped_column(Integer)
    credentials: Mapped[list[dict[str, Any]]]


class AlertRow(Base):
    """What is wrong now: a rule, and whom or what it speaks of; gone when it is well again."""

    __tablename__ = "alerts"

    connector: Mapped[str] = mapped_column(String(200), primary_key=True)
    rule: Mapped[str] = mapped_column(String(40), primary_key=True)
    subject: Mapped[str] = mapped_column(String(200), primary_key=True)
    stage: Mapped[int] = mapped_column(Integer)
    since: Mapped[datetime]
    sentence: Mapped[str] = mapped_column(Text)


class AlertCursorRow(Base):
    """Which entries of the log messages were made of: those after `floor`, up to `entry`."""

    __tablename__ = "alert_cursors"

    connector: Mapped[str] = mapped_column(String(200), primary_key=True)
    floor: Mapped[int] = mapped_column(Integer)
    entry: Mapped[int] = mapped_column(Integer)


class AlertMessageRow(Base):
    """A message to one target; `waiting` until somebody claims it, then `sent` or, after days, `given up`."""

    __tablename__ = "alert_messages"
    __table_args__ = (Index("alert_messages_waiting", "connector", "state", "due_at"),)

    message: Mapped[str] = mapped_column(String(36), primary_key=True)
    target: Mapped[str] = mapped_column(String(40), primary_key=True)
    position: Mapped[int] = mapped_column(Integer)
    connector: Mapped[str] = mapped_column(String(200))
    rule: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(200))
    content: Mapped[dict[str, Any]]
    made_at: Mapped[datetime]
    due_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(String(10))
