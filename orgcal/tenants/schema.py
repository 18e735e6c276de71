"""Tables of the registry. Migrations in `migrations/` make them; a test holds the two together."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, Index, Integer, MetaData, String, Text, TypeDecorator
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orgcal.tenants.model import HASH_LENGTH, NAME_LENGTH, VERDICT_LENGTH

HEAD = "0002"
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
