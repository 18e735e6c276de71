"""The registry of customer tenants of one connector: a SQLite file, or a PostgreSQL database by URL.

    registry = Registry("sqlite:///tenants.sqlite", connector="orgcal/prod", operator="ada")
    registry.add(tenant_id, "Contoso", domain="contoso.com")
    registry.set_state(tenant_id, State.REVOKED, reason="the grant is gone")

Every change is one transaction with its row in the log.
"""

from __future__ import annotations

import difflib
import getpass
import os
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from orgcal.entra.discovery import is_domain, is_guid
from orgcal.errors import UsageError
from orgcal.tenants.database import URL_VARIABLE, RegistryUnavailable, available, migrate, open_database
from orgcal.tenants.model import LogEntry, State, Tenant
from orgcal.tenants.schema import LogRow, TenantRow

__all__ = ["URL_VARIABLE", "Registry", "RegistryUnavailable", "open_stack_registry", "operator_of", "registry_url"]

FILE_NAME = "tenants.sqlite"


def registry_url(stack_dir: Path, environ: Mapping[str, str]) -> str:
    """Where a stack's registry is: `ORGCAL_REGISTRY_URL`, or a file in the stack's own directory."""
    return environ.get(URL_VARIABLE) or f"sqlite:///{stack_dir / FILE_NAME}"


def operator_of(environ: Mapping[str, str]) -> str:
    """Who is acting, for the log: `ORGCAL_OPERATOR`, the person who started a CI job, or the user of this machine."""
    named = environ.get("ORGCAL_OPERATOR") or environ.get("GITHUB_ACTOR")
    if named:
        return named
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a user without a name
        return f"uid {os.getuid()}"


def open_stack_registry(stack_dir: Path, project: str, stack: str, environ: Mapping[str, str]) -> Registry:
    """The registry of the connector that `stack` of a Pulumi project deploys; raises as `Registry` does."""
    return Registry(registry_url(stack_dir, environ), connector=f"{project}/{stack}", operator=operator_of(environ))


class Registry:
    """Organisations of one connector; safe to share between threads.

    Args:
        url: of the database, whose tables are made or migrated if need be.
        connector: names the connector, as `project/stack`; several may share a database.
        operator: who is acting, for the log.
        now: the time in UTC.

    Raises:
        UsageError: `url` is no database of a kind we have a driver for, or a newer orgcal made it.
        RegistryUnavailable: the database cannot be reached.
    """

    def __init__(
        self, url: str, *, connector: str, operator: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.connector = connector
        self.operator = operator
        self.now = now
        self._engine = open_database(url)
        try:
            with available():
                migrate(self._engine)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session whose changes are all made, or none.

        Raises:
            RegistryUnavailable: the database cannot be asked now.
        """
        with available(), Session(self._engine) as session, session.begin():
            yield session

    # --- organisations ---

    def add(self, tenant_id: str, name: str, *, domain: str = "") -> Tenant:
        """Take an organisation in as `invited`; one that is known keeps its state and gets the new name.

        Raises:
            UsageError: a name or domain is longer than a database keeps.
            RegistryUnavailable: the database cannot be asked now.
        """
        _refuse_long(name, domain)
        now = self.now()
        with self.transaction() as session:
            row = session.get(TenantRow, (self.connector, tenant_id.lower()))
            known = row is not None and row.state != State.REMOVED
            if row is None:
                row = TenantRow(connector=self.connector, tenant_id=tenant_id.lower(), added_at=now)
                session.add(row)
            row.name, row.domain, row.changed_at = name, domain, now
            if not known:
                row.state, row.reason = State.INVITED.value, ""
            session.flush()  # fills in what is empty at first
            self.write_log(session, "add", row.tenant_id, "known" if known else "added", name=name, domain=domain)
            return _tenant(row)

    def get(self, wanted: str) -> Tenant | None:
        """The organisation with this tenant id, domain or name.

        Raises:
            UsageError: several are called so.
        """
        lowered = wanted.strip().lower()
        with self.transaction() as session:
            known = session.get(TenantRow, (self.connector, lowered))
            if known is not None:
                return _tenant(known)
            rows = session.scalars(
                select(TenantRow).where(
                    TenantRow.connector == self.connector,
                    or_(func.lower(TenantRow.domain) == lowered, func.lower(TenantRow.name) == lowered),
                )
            ).all()
            if len(rows) > 1:
                raise UsageError(
                    f"{len(rows)} organisations are called {wanted!r}", where="TENANT", repair="name the tenant id"
                )
            return _tenant(rows[0]) if rows else None

    def wanted(self, wanted: str) -> Tenant:
        """As `get`, for an organisation that must be known; `UsageError` where it is not."""
        found = self.get(wanted)
        if found is None:
            known = [name for tenant in self.tenants() for name in (tenant.name, tenant.domain) if name]
            repair = meant_by(wanted, known, self.connector)
            raise UsageError(f"no organisation is called {wanted!r}", where="TENANT", repair=repair)
        return found

    def current(self, wanted: str) -> Tenant:
        """As `wanted`, for an organisation that must not have been removed; `UsageError` where it was."""
        found = self.wanted(wanted)
        if found.state is State.REMOVED:
            repair = f"to take it in again: {command_to_add(found.domain or found.tenant_id, self.connector)}"
            raise UsageError(f"{found.name} was removed", where="TENANT", repair=repair)
        return found

    def tenants(self) -> Iterator[Tenant]:
        """All organisations but the removed, by name; read in parts, so that memory stays flat."""
        with self.transaction() as session:
            rows = session.scalars(
                select(TenantRow)
                .where(TenantRow.connector == self.connector, TenantRow.state != State.REMOVED)
                .order_by(TenantRow.name, TenantRow.tenant_id)
                .execution_options(yield_per=200)
            )
            for row in rows:
                yield _tenant(row)

    def set_state(
        self, tenant_id: str, state: State, *, reason: str = "", action: str = "check", **changed: Any
    ) -> Tenant:
        """Put an organisation into `state`.

        Args:
            action: what was done, for the log.
            changed: further fields of `Tenant`, such as `permission_hash`.
        """
        with self.transaction() as session:
            row = session.get(TenantRow, (self.connector, tenant_id.lower()))
            if row is None:
                raise UsageError(f"no organisation has tenant id {tenant_id}", where="registry")
            before = row.state
            row.state, row.reason, row.changed_at = state.value, reason, self.now()
            for name, value in changed.items():
                setattr(row, name, value)
            self.write_log(session, action, row.tenant_id, state.value, before=before, reason=reason)
            return _tenant(row)

    def take_in(self, tenant: Tenant) -> bool:
        """Take an organisation over from another registry, as it is; whether it was new. A known one stays as it is."""
        with self.transaction() as session:
            known = session.get(TenantRow, (self.connector, tenant.tenant_id.lower()))
            if known is not None and known.state != State.REMOVED:
                return False
            values = {field.name: getattr(tenant, field.name) for field in fields(Tenant)}
            row = known or TenantRow(connector=self.connector)
            for name, value in {**values, "state": tenant.state.value, "tenant_id": tenant.tenant_id.lower()}.items():
                setattr(row, name, value)
            session.add(row)
            self.write_log(session, "import", row.tenant_id, tenant.state.value, name=tenant.name)
            return True

    # --- the log ---

    def write_log(self, session: Session, action: str, subject: str, result: str, **detail: Any) -> None:
        """Add a row to the log within a transaction; empty details are left out."""
        session.add(
            LogRow(
                at=self.now(),
                connector=self.connector,
                operator=self.operator[:200],
                action=action,
                subject=subject,
                result=result,
                detail={name: value for name, value in detail.items() if value not in ("", None)},
            )
        )

    def note(self, action: str, subject: str, result: str, **detail: Any) -> None:
        """Add a row to the log about something that changes no organisation, such as a push or a step of a rotation.

            registry.note("push", outputs.client_id, "pushed", generation=4)

        Args:
            action: what was done, in a word: `push`, `rotate`.
            subject: what it was done to, such as the application's client id.
            result: how it ended, in a word or two, at most 40 characters.
            detail: what else a reader needs; no secret, as rows stay for ever.

        Raises:
            RegistryUnavailable: the database cannot be asked now.
        """
        with self.transaction() as session:
            self.write_log(session, action, subject, result, **detail)

    def last(self, action: str, subject: str) -> LogEntry | None:
        """The last row of the log about `action` on `subject`; None without any."""
        query = select(LogRow).where(
            LogRow.connector == self.connector, LogRow.action == action, LogRow.subject == subject
        )
        with self.transaction() as session:
            row = session.scalars(query.order_by(LogRow.entry.desc()).limit(1)).first()
            return None if row is None else _entry(row)

    def log(self, subject: str = "") -> Iterator[LogEntry]:
        """What was done, oldest first; of one subject, or of all."""
        query = select(LogRow).where(LogRow.connector == self.connector).order_by(LogRow.entry)
        if subject:
            query = query.where(LogRow.subject == subject)
        with self.transaction() as session:
            for row in session.scalars(query.execution_options(yield_per=500)):
                yield _entry(row)


def meant_by(wanted: str, known: Sequence[str], connector: str) -> str:
    """Which of the `known` names and domains is called nearly so, or how to take a new organisation in."""
    near = difflib.get_close_matches(wanted, known, n=1)
    return f"did you mean {near[0]!r}?" if near else command_to_add(wanted, connector)


def command_to_add(name: str, connector: str) -> str:
    """The command that takes an organisation in; its domain is to be filled in where `name` is only a name."""
    named = name if is_guid(name) or is_domain(name) else f"DOMAIN --name {shlex.quote(name)}"
    return f"orgcal tenants add {named} --stack {connector.partition('/')[2]}"


def _refuse_long(name: str, domain: str) -> None:
    """PostgreSQL refuses what SQLite would take; say so before."""
    for what, text, column in (("name", name, TenantRow.name), ("domain", domain, TenantRow.domain)):
        longest = column.type.length
        if len(text) > longest:
            raise UsageError(f"the {what} has {len(text)} characters, and {longest} are kept", where=f"{text[:40]}…")


def _entry(row: LogRow) -> LogEntry:
    return LogEntry(row.entry, row.at, row.operator, row.action, row.subject, row.result, row.detail)


def _tenant(row: TenantRow) -> Tenant:
    values = {field.name: getattr(row, field.name) for field in fields(Tenant)}
    return Tenant(**{**values, "state": State(row.state)})
