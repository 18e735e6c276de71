"""The registry of customer tenants of one connector: a SQLite file, or a PostgreSQL database by URL.

    registry = Registry.open("sqlite:///tenants.sqlite", connector="orgcal/prod", operator="ada")
    registry.add(tenant_id, "Contoso", domain="contoso.com")
    registry.set_state(tenant_id, State.REVOKED, reason="the grant is gone")

Every change is one transaction with its row in the log.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, func, or_, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from orgcal.errors import OrgcalError, UsageError
from orgcal.tenants.migrate import migrate
from orgcal.tenants.model import LogEntry, State, Tenant
from orgcal.tenants.schema import LogRow, TenantRow

URL_VARIABLE = "ORGCAL_REGISTRY_URL"
FILE_NAME = "tenants.sqlite"


class RegistryUnavailable(OrgcalError):
    """The database cannot be asked now."""


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


def open_stack_registry(stack_dir: Path, stack: str, environ: Mapping[str, str]) -> Registry:
    """The registry of the connector that `stack` deploys; raises as `Registry.open` does.

    Args:
        stack_dir: the stack's own directory.
        stack: its name.
        environ: the process environment.
    """
    return Registry.open(registry_url(stack_dir, environ), connector=f"orgcal/{stack}", operator=operator_of(environ))


class Registry:
    """Organisations of one connector; safe to share between threads.

    Args:
        engine: of a database with the right schema; use `open`.
        connector: names the connector, as `project/stack`; several may share a database.
        operator: who is acting, for the log.
        now: the time in UTC.
    """

    def __init__(self, engine: Engine, connector: str, *, operator: str, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self.connector = connector
        self.operator = operator
        self.now = now

    @classmethod
    def open(
        cls,
        url: str,
        *,
        connector: str,
        operator: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> Registry:
        """The registry at `url`, made or migrated if need be.

        Raises:
            UsageError: `url` is no database of a kind we have a driver for, or a newer orgcal made it.
            RegistryUnavailable: the database cannot be reached.
        """
        try:
            parsed = make_url(url)
            if parsed.get_backend_name() == "sqlite" and parsed.database:
                path = Path(parsed.database)
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            engine = create_engine(parsed, pool_pre_ping=True)
        except (ArgumentError, NoSuchModuleError, ImportError) as error:
            raise UsageError(
                f"the registry's address cannot be used ({type(error).__name__})",
                where=URL_VARIABLE,
                repair="sqlite:///PATH, or postgresql+psycopg://USER@HOST/NAME with the package psycopg installed",
            ) from error
        except OSError as error:
            raise UsageError(f"the registry cannot be opened ({error.strerror})", where=str(parsed.database)) from error
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _prepare_sqlite)
        with _available():
            migrate(engine)
        return cls(engine, connector, operator=operator, now=now)

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session whose changes are all made, or none.

        Raises:
            RegistryUnavailable: the database cannot be asked now.
        """
        with _available(), Session(self._engine) as session, session.begin():
            yield session

    # --- organisations ---

    def add(self, tenant_id: str, name: str, *, domain: str = "") -> Tenant:
        """Take an organisation in as `invited`; one that is known keeps its state and gets the new name."""
        now = self.now()
        with self.transaction() as session:
            row = session.get(TenantRow, (self.connector, tenant_id.lower()))
            known = row is not None and row.state != State.REMOVED
            if row is None:
                row = TenantRow(connector=self.connector, tenant_id=tenant_id.lower(), added_at=now, state="")
                for column in ("reason", "permission_hash", "invited_by", "verdict"):
                    setattr(row, column, "")
                session.add(row)
            row.name, row.domain, row.changed_at = name, domain, now
            if not known:
                row.state, row.reason = State.INVITED.value, ""
            self.write_log(session, "add", row.tenant_id, "known" if known else "added", name=name, domain=domain)
            return _tenant(row)

    def get(self, wanted: str) -> Tenant | None:
        """The organisation with this tenant id, domain or name."""
        lowered = wanted.strip().lower()
        with self.transaction() as session:
            rows = session.scalars(
                select(TenantRow).where(
                    TenantRow.connector == self.connector,
                    or_(
                        TenantRow.tenant_id == lowered,
                        func.lower(TenantRow.domain) == lowered,
                        func.lower(TenantRow.name) == lowered,
                    ),
                )
            ).all()
            exact = [row for row in rows if row.tenant_id == lowered] or list(rows)
            if len(exact) > 1:
                raise UsageError(
                    f"{len(exact)} organisations are called {wanted!r}", where="TENANT", repair="name the tenant id"
                )
            return _tenant(exact[0]) if exact else None

    def wanted(self, wanted: str) -> Tenant:
        """As `get`, for an organisation that must be known.

        Raises:
            UsageError: it is not.
        """
        found = self.get(wanted)
        if found is None:
            raise UsageError(
                f"no organisation is called {wanted!r}", where="TENANT", repair=f"orgcal tenants add {wanted}"
            )
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
            tenant_id: of the organisation.
            state: the new state.
            reason: why.
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
                operator=self.operator,
                action=action,
                subject=subject,
                result=result,
                detail={name: value for name, value in detail.items() if value not in ("", None)},
            )
        )

    def log(self, subject: str = "") -> Iterator[LogEntry]:
        """What was done, oldest first; of one subject, or of all."""
        query = select(LogRow).where(LogRow.connector == self.connector).order_by(LogRow.entry)
        if subject:
            query = query.where(LogRow.subject == subject)
        with self.transaction() as session:
            for row in session.scalars(query.execution_options(yield_per=500)):
                yield LogEntry(row.entry, row.at, row.operator, row.action, row.subject, row.result, row.detail)


def _tenant(row: TenantRow) -> Tenant:
    values = {field.name: getattr(row, field.name) for field in fields(Tenant)}
    return Tenant(**{**values, "state": State(row.state)})


def _prepare_sqlite(connection: Any, record: object) -> None:  # noqa: ARG001  # SQLAlchemy's signature
    """Several processes may write: wait for each other, and do not block readers."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout = 5000")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.close()


@contextmanager
def _available() -> Iterator[None]:
    """Databases that are away, locked or broken become one error of ours, without the statement in it."""
    try:
        yield
    except OperationalError as error:
        raise RegistryUnavailable(
            f"the registry cannot be asked now ({str(error.orig).splitlines()[0][:200]})",
            where="registry",
            repair="try again; if it stays, check the database that ORGCAL_REGISTRY_URL names",
        ) from None
    except SQLAlchemyError as error:
        raise RegistryUnavailable(f"the registry refused ({type(error).__name__})", where="registry") from None
