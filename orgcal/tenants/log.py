"""The log of a registry, which only grows, and the transactions that its rows are written in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from orgcal.tenants.database import available, migrate, open_database
from orgcal.tenants.model import LogEntry
from orgcal.tenants.schema import LOG
from orgcal.tenants.states import Cause

IMPORT = "import"
"""Action of an organisation that was taken over from another registry."""

ROTATE, RUN, FAILED = "rotate", "run", "failed"
"""Action, subject and result of a rotation that failed."""


class LoggedDatabase:
    """The database of one connector's registry, with its log; arguments and errors as `Registry` says."""

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

    @property
    def is_file(self) -> bool:
        """Whether the database is a file of this machine."""
        return self._engine.dialect.name == "sqlite"

    def connect(self) -> Connection:
        """A connection of the caller's own, whose statements are each a transaction; the caller closes it."""
        return self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A connection whose changes are all made, or none.

        Raises:
            RegistryUnavailable: the database cannot be asked now.
        """
        with available(), self._engine.begin() as connection:
            yield connection

    def write_log(self, connection: Connection, action: str, subject: str, result: str, **detail: Any) -> None:
        """Add a row to the log within a transaction; empty details are left out."""
        connection.execute(
            insert(LOG).values(
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
        with self.transaction() as connection:
            self.write_log(connection, action, subject, result, **detail)

    def last(self, action: str, subject: str) -> LogEntry | None:
        """The last row of the log about `action` on `subject`; None without any."""
        query = select(LOG).where(LOG.c.connector == self.connector, LOG.c.action == action, LOG.c.subject == subject)
        with self.transaction() as connection:
            row = connection.execute(query.order_by(LOG.c.entry.desc()).limit(1)).first()
            return None if row is None else _entry(row)

    def log(self, subject: str = "") -> Iterator[LogEntry]:
        """What was done, oldest first; of one subject, or of all."""
        query = select(LOG).where(LOG.c.connector == self.connector).order_by(LOG.c.entry)
        if subject:
            query = query.where(LOG.c.subject == subject)
        with self.transaction() as connection:
            for row in connection.execute(query.execution_options(yield_per=500)):
                yield _entry(row)

    def name_at(self, connection: Connection, tenant_id: str, moment: datetime) -> str:
        """The name that an organisation had; empty where it was not known."""
        mine = (LOG.c.connector == self.connector, LOG.c.subject == tenant_id)
        named = select(LOG.c.detail).where(*mine, LOG.c.action.in_((Cause.ADD, IMPORT)), LOG.c.at < moment)
        detail = connection.scalars(named.order_by(LOG.c.entry.desc()).limit(1)).first()
        return "" if detail is None else str(detail.get("name", ""))


def _entry(row: Row[Any]) -> LogEntry:
    return LogEntry(row.entry, row.at, row.operator, row.action, row.subject, row.result, row.detail)
