"""What is wrong now, and the messages about it that wait to be sent, in a registry's database.

`alert_session` lets one job of a connector at a time compare what is wrong with what was; messages are then claimed
one by one, so that of two jobs that send at once each message is sent by one.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, func, or_, select, update

from orgcal.tenants.database import insert_into
from orgcal.tenants.log import FAILED, ROTATE, RUN
from orgcal.tenants.model import JsonRecord
from orgcal.tenants.registry import Registry
from orgcal.tenants.schema import ALERT_CURSORS, ALERT_MESSAGES, ALERTS, HISTORY, LOG

WAITING, SENDING, SENT, GIVEN_UP = "waiting", "sending", "sent", "given up"
"""States of a message to one target."""

CLAIM = timedelta(minutes=5)
"""A message that was claimed and is neither sent nor given back after this is claimed by somebody else."""

KEPT = timedelta(days=30)
"""So long messages are kept, sent or not."""

_LATE_ENTRIES, _LATE = 100, timedelta(hours=1)
"""On PostgreSQL a row of the log may become visible after one with a higher number; so far back is looked again."""

_NAMESPACE = uuid.UUID("6f0d3b0e-8a3b-4c59-9a1f-0d2c1d1c7c25")


@dataclass(frozen=True, slots=True)
class OpenAlert(JsonRecord):
    """Something that is wrong.

    Attributes:
        rule: as `orgcal.settings.RuleName` has it.
        subject: tenant id, or what else it speaks of.
        stage: grows as it gets worse.
        since: when it was first found, UTC.
    """

    rule: str
    subject: str
    stage: int
    since: datetime
    sentence: str


@dataclass(frozen=True, slots=True)
class ConsentEvent:
    """How an administrator's answer ended, out of the log."""

    entry: int
    at: datetime
    tenant_id: str
    outcome: str
    detail: str


@dataclass(frozen=True, slots=True)
class Message:
    """A message to one target.

    Attributes:
        message: the same id for each target and each try.
        content: JSON, as `orgcal.health.messages` makes it.
    """

    message: str
    target: str
    rule: str
    subject: str
    content: Mapping[str, Any]
    made_at: datetime
    attempts: int


class AlertSession:
    """Alerts of one connector while nobody else changes them."""

    def __init__(self, registry: Registry, connection: Connection, floor: int, entry: int) -> None:
        self._registry = registry
        self._connection = connection
        self._floor = floor
        self._entry = entry

    def open_alerts(self) -> dict[tuple[str, str], OpenAlert]:
        """What was wrong, by rule and subject."""
        rows = self._connection.execute(select(ALERTS).where(ALERTS.c.connector == self._registry.connector))
        return {(row.rule, row.subject): _alert(row) for row in rows}

    def put(self, alert: OpenAlert) -> None:
        """Write down what is wrong, or how it is now."""
        key = {"connector": self._registry.connector, "rule": alert.rule, "subject": alert.subject}
        values = {"stage": alert.stage, "since": alert.since, "sentence": alert.sentence}
        statement = insert_into(self._connection, ALERTS).values(**key, **values)
        self._connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=values))

    def close(self, rule: str, subject: str) -> None:
        """Forget what is well again."""
        mine = ALERTS.c.connector == self._registry.connector
        self._connection.execute(delete(ALERTS).where(mine, ALERTS.c.rule == rule, ALERTS.c.subject == subject))

    def consents(self) -> list[ConsentEvent]:
        """Answers of administrators that ended since the last call, or whose rows were late; each may come again."""
        late = self._registry.now() - _LATE
        rows = self._connection.execute(
            select(LOG)
            .where(
                LOG.c.connector == self._registry.connector,
                LOG.c.action == "consent",
                LOG.c.entry > self._floor,
                or_(LOG.c.entry > self._entry, (LOG.c.entry > self._entry - _LATE_ENTRIES) & (LOG.c.at >= late)),
            )
            .order_by(LOG.c.entry)
        ).all()
        # Rows that moved an organisation tell where from; the others tell how an answer ended.
        ended = [row for row in rows if "before" not in row.detail]
        newest = _newest_entry(self._connection)
        mine = ALERT_CURSORS.c.connector == self._registry.connector
        self._connection.execute(update(ALERT_CURSORS).where(mine).values(entry=newest))
        return [
            ConsentEvent(row.entry, row.at, row.subject, row.result, str(row.detail.get("detail", ""))) for row in ended
        ]

    def add_message(
        self, key: str, targets: Mapping[str, datetime], rule: str, subject: str, content: Mapping[str, Any]
    ) -> bool:
        """Add a message unless there is one with this key; whether it was added.

        Args:
            key: names what it is about, and is the same for whoever makes it.
            targets: name -> when it is due.
        """
        message = str(uuid.uuid5(_NAMESPACE, f"{self._registry.connector} {key}"))
        position = self._connection.scalar(select(func.count()).select_from(ALERT_MESSAGES)) or 0
        now, added = self._registry.now(), False
        for target, due_at in targets.items():
            statement = insert_into(self._connection, ALERT_MESSAGES).values(
                message=message,
                target=target,
                position=position,
                connector=self._registry.connector,
                rule=rule,
                subject=subject,
                content={**content, "id": message},
                made_at=now,
                due_at=due_at,
                attempts=0,
                state=WAITING,
            )
            inserted = self._connection.scalars(statement.on_conflict_do_nothing().returning(ALERT_MESSAGES.c.message))
            added |= inserted.first() is not None
        return added


@contextmanager
def alert_session(registry: Registry) -> Iterator[AlertSession]:
    """One transaction on the alerts of a connector, which no other job changes meanwhile.

    Raises:
        RegistryUnavailable: the database cannot be asked now.
    """
    with registry.transaction() as connection:
        newest = select(func.coalesce(func.max(LOG.c.entry), 0)).scalar_subquery()
        row = insert_into(connection, ALERT_CURSORS).values(connector=registry.connector, floor=newest, entry=newest)
        # The first statement writes, so that from here on this job has the row, on SQLite the whole file, to itself.
        connection.execute(
            row.on_conflict_do_update(index_elements=["connector"], set_={"floor": ALERT_CURSORS.c.floor})
        )
        mine = select(ALERT_CURSORS).where(ALERT_CURSORS.c.connector == registry.connector)
        cursor = connection.execute(mine).one()
        old = ALERT_MESSAGES.c.made_at < registry.now() - KEPT
        connection.execute(delete(ALERT_MESSAGES).where(ALERT_MESSAGES.c.connector == registry.connector, old))
        yield AlertSession(registry, connection, cursor.floor, cursor.entry)


def open_alerts(registry: Registry) -> list[OpenAlert]:
    """What is wrong now, oldest first; as of the last time that alerts were looked for.

    Raises:
        RegistryUnavailable: the database cannot be asked now.
    """
    query = select(ALERTS).where(ALERTS.c.connector == registry.connector)
    with registry.transaction() as connection:
        rows = connection.execute(query.order_by(ALERTS.c.since, ALERTS.c.rule, ALERTS.c.subject))
        return [_alert(row) for row in rows]


def rotation_failure(registry: Registry) -> str:
    """Why the last rotation failed; empty where it did not.

    Raises:
        RegistryUnavailable: the database cannot be asked now.
    """
    last = registry.last(ROTATE, RUN)
    return str(last.detail.get("why") or "it failed") if last is not None and last.result == FAILED else ""


def claim(registry: Registry, target: str) -> Message | None:
    """Take the next message to a target that is due; None where there is none, or where the target rests.

    Whoever takes it has `CLAIM` to say what came of it. A target rests while somebody else sends to it, and after a try
    that failed, so that no message overtakes an earlier one.

    Raises:
        RegistryUnavailable: the database cannot be asked now.
    """
    now = registry.now()
    mine = (ALERT_MESSAGES.c.connector == registry.connector, ALERT_MESSAGES.c.target == target)
    tried = or_(
        ALERT_MESSAGES.c.state == SENDING, (ALERT_MESSAGES.c.state == WAITING) & (ALERT_MESSAGES.c.attempts > 0)
    )
    resting = select(ALERT_MESSAGES.c.message).where(*mine, tried, ALERT_MESSAGES.c.due_at > now).limit(1)
    due = (ALERT_MESSAGES.c.state.in_((WAITING, SENDING)), ALERT_MESSAGES.c.due_at <= now)
    first = select(ALERT_MESSAGES).where(*mine, *due).order_by(ALERT_MESSAGES.c.made_at, ALERT_MESSAGES.c.position)
    with registry.transaction() as connection:
        row = connection.execute(first.limit(1)).first()
        if row is None or connection.scalar(resting) is not None:
            return None
        taken = connection.execute(
            update(ALERT_MESSAGES)
            .where(
                ALERT_MESSAGES.c.message == row.message,
                ALERT_MESSAGES.c.target == target,
                ALERT_MESSAGES.c.state == row.state,
                ALERT_MESSAGES.c.due_at == row.due_at,
            )
            .values(state=SENDING, due_at=now + CLAIM, attempts=ALERT_MESSAGES.c.attempts + 1)
        )
        if taken.rowcount != 1:  # somebody else was quicker
            return None
        return Message(row.message, target, row.rule, row.subject, row.content, row.made_at, row.attempts + 1)


def settle(registry: Registry, message: Message, state: str, *, due_at: datetime | None = None, why: str = "") -> None:
    """Write down what came of a message that was claimed; what is final goes into the log too.

    Args:
        state: `SENT`, `GIVEN_UP`, or `WAITING` for another try.
        due_at: of that.
        why: it was not sent, in a sentence without secrets.

    Raises:
        RegistryUnavailable: the database cannot be asked now.
    """
    with registry.transaction() as connection:
        connection.execute(
            update(ALERT_MESSAGES)
            .where(ALERT_MESSAGES.c.message == message.message, ALERT_MESSAGES.c.target == message.target)
            .values(state=state, due_at=due_at or registry.now())
        )
        if state != WAITING:
            kind = message.content.get("kind")
            registry.write_log(
                connection,
                "alert",
                message.subject,
                state,
                rule=message.rule,
                kind=kind,
                target=message.target,
                why=why,
            )


def waiting(registry: Registry) -> int:
    """How many messages are not sent yet."""
    query = select(func.count()).where(
        ALERT_MESSAGES.c.connector == registry.connector, ALERT_MESSAGES.c.state.in_((WAITING, SENDING))
    )
    with registry.transaction() as connection:
        return connection.scalar(query) or 0


def newest_entries(registry: Registry) -> tuple[int, int]:
    """Numbers of the newest rows of log and history; while they stay, nothing was written that alerts depend on."""
    with registry.transaction() as connection:
        history = connection.scalar(select(func.coalesce(func.max(HISTORY.c.entry), 0))) or 0
        return _newest_entry(connection), history


def _newest_entry(connection: Connection) -> int:
    return connection.scalar(select(func.coalesce(func.max(LOG.c.entry), 0))) or 0


def _alert(row: Row[Any]) -> OpenAlert:
    return OpenAlert(row.rule, row.subject, row.stage, row.since, row.sentence)
