"""State in memory, written through to SQLite before a request is answered.

Readers get Python objects; nothing is parsed on the way. Writers replace an object as a whole, they never change
one in place: that is what lets reads lag behind writes (`Lag`) and lets a failed request leave no trace.

Lag models replicas as Microsoft Entra has them: a request is answered by a replica that may not have a recent write
yet. Such a replica does not find a new object, whether the request reads or changes it.
Source: https://devblogs.microsoft.com/identity/designing-for-eventual-consistency-for-microsoft-entra
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from orgcal_emulator.clock import Clock
from orgcal_emulator.errors import StateError
from orgcal_emulator.state_versions import bring_up_to_date


class StateInUseError(StateError):
    """Another process holds this state directory."""


T = TypeVar("T")
"""A dataclass whose fields JSON can hold."""


_LOAD = "SELECT key, document FROM objects WHERE kind = ? ORDER BY rowid"
_SAVE = (
    "INSERT INTO objects (kind, key, document) VALUES (?, ?, ?)"
    " ON CONFLICT (kind, key) DO UPDATE SET document = excluded.document"
)


class Database:
    """The SQLite file behind the tables, or nothing at all for an emulator in memory.

    WAL without a sync at each commit: a commit outlives `kill -9` of this process, though not a power failure.

    Raises:
        StateInUseError: another emulator holds the file.
        StateError: the file is no state, or one of a newer version.
    """

    def __init__(self, path: Path | None) -> None:
        self._connection: sqlite3.Connection | None = None
        if path is None:
            return
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        path.chmod(0o600)
        connection = sqlite3.connect(path, check_same_thread=False, timeout=0.2)
        try:
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS objects (kind TEXT, key TEXT, document TEXT, UNIQUE (kind, key))"
            )
            connection.execute(_SAVE, ("lock", "lock", "null"))
            bring_up_to_date(connection, path)
            connection.commit()
        except sqlite3.OperationalError as error:
            connection.close()
            raise StateInUseError(f"another emulator uses {path.parent} ({error})") from error
        except sqlite3.DatabaseError as error:
            connection.close()
            raise StateError(f"{path} is no state of an emulator ({error}); use another folder") from error
        except StateError:
            connection.close()
            raise
        self._connection = connection

    def load(self, kind: str) -> Iterator[tuple[str, Any]]:
        """Key and document of every stored object of `kind`, in the order of creation."""
        if self._connection is not None:
            for key, text in self._connection.execute(_LOAD, (kind,)):
                yield key, json.loads(text)

    def save(self, kind: str, key: str, document: object) -> None:
        """Store an object; it is safe after the next `commit`."""
        if self._connection is not None:
            self._connection.execute(_SAVE, (kind, key, json.dumps(document)))

    def remove(self, kind: str, key: str) -> None:
        """Forget an object at the next `commit`."""
        if self._connection is not None:
            self._connection.execute("DELETE FROM objects WHERE kind = ? AND key = ?", (kind, key))

    def clear(self) -> None:
        """Forget every object at the next `commit`."""
        if self._connection is not None:
            self._connection.execute("DELETE FROM objects")

    def commit(self) -> None:
        """Make everything saved so far outlive this process."""
        if self._connection is not None and self._connection.in_transaction:
            self._connection.commit()

    def close(self) -> None:
        """Commit and let go of the file."""
        if self._connection is not None:
            self._connection.commit()
            self._connection.close()
            self._connection = None


@dataclass
class Lag:
    """How far a replica stays behind writes.

    Attributes:
        reads: a write is seen by the read after this many reads of the same object; a change that is answered 404
            because the object has not arrived yet counts as a read.
        seconds: a write is seen this much emulated time later.
    """

    reads: int = 0
    seconds: float = 0.0

    def __bool__(self) -> bool:
        return self.reads > 0 or self.seconds > 0


@dataclass
class _Behind(Generic[T]):
    """What reads of one object still see."""

    value: T | None
    reads_left: int
    visible_at: float


class View(Generic[T]):
    """How one kind of readers sees a table. Views lag independently: Graph may show what Entra does not know yet.

    Args:
        newest: the table's objects.
        clock: time for lag in seconds.
    """

    def __init__(self, newest: dict[str, T], clock: Clock) -> None:
        self.lag = Lag()
        self._newest = newest
        self._clock = clock
        self._behind: dict[str, _Behind[T]] = {}

    def __len__(self) -> int:
        return len(self._newest)

    def get(self, key: str) -> T | None:
        """The object as these readers see it; counts as a read."""
        if not self._behind or key not in self._behind:
            return self._newest.get(key)
        behind = self._behind[key]
        if behind.reads_left <= 0 and self._clock.now() >= behind.visible_at:
            del self._behind[key]
            return self._newest.get(key)
        behind.reads_left -= 1
        return behind.value

    def lacks(self, key: str, test: Callable[[T], bool]) -> bool:
        """Whether these readers lack what a change is about, because it has not arrived yet; then it counts as a read.

        Args:
            key: of an object that is there.
            test: whether an object has what the change is about.
        """
        behind = self._behind.get(key)
        if behind is None or (behind.value is not None and test(behind.value)):
            return False
        seen = self.get(key)
        return seen is None or not test(seen)

    def all(self) -> list[T]:
        """Every object as these readers see it, in the order of creation."""
        if not self._behind:
            return list(self._newest.values())
        keys = list(dict.fromkeys([*self._newest, *self._behind]))
        return [value for value in map(self.get, keys) if value is not None]

    def before_write(self, key: str) -> None:
        """Keep what is seen now, if reads lag."""
        if self.lag:
            until = self._clock.now() + self.lag.seconds
            seen = self._behind[key].value if key in self._behind else self._newest.get(key)
            self._behind[key] = _Behind(seen, self.lag.reads, until)
        else:
            self._behind.pop(key, None)

    def clear(self) -> None:
        """Forget what lags."""
        self._behind.clear()


class Table(Generic[T]):
    """Objects of one kind by their key.

    Args:
        kind: name of the kind in the database.
        model: dataclass of the kind.
        database: where writes go.
        clock: time for lag in seconds.

    Raises:
        StateError: the database holds what is no such object.

    Attributes:
        graph: what Graph's readers see.
        entra: what the token endpoint sees.
    """

    def __init__(self, kind: str, model: type[T], database: Database, clock: Clock) -> None:
        self.kind = kind
        self.model = model
        self._database = database
        try:
            self._newest: dict[str, T] = {key: model(**document) for key, document in database.load(kind)}
        except (TypeError, ValueError) as error:
            raise StateError(f"the state holds a {kind} that is none ({error}); use another state folder") from error
        self.graph: View[T] = View(self._newest, clock)
        self.entra: View[T] = View(self._newest, clock)

    @property
    def lag(self) -> Lag:
        """How far reads lag; setting it sets it for every view."""
        return self.graph.lag

    @lag.setter
    def lag(self, lag: Lag) -> None:
        self.graph.lag, self.entra.lag = lag, Lag(lag.reads, lag.seconds)

    def get(self, key: str) -> T | None:
        """The newest object: what writers decide on."""
        return self._newest.get(key)

    def seen(self, key: str) -> T | None:
        """The object as Graph's readers see it, which may lag behind."""
        return self.graph.get(key)

    def newest(self) -> list[T]:
        """Every object, as writers see them."""
        return list(self._newest.values())

    def all_seen(self) -> list[T]:
        """Every object as Graph's readers see them."""
        return self.graph.all()

    def put(self, key: str, value: T) -> None:
        """Write `value`, replacing what was there."""
        self.graph.before_write(key)
        self.entra.before_write(key)
        self._newest[key] = value
        self._database.save(self.kind, key, vars(value))

    def remove(self, key: str) -> None:
        """Remove the object; nothing happens if it is not there."""
        self.graph.before_write(key)
        self.entra.before_write(key)
        self._newest.pop(key, None)
        self._database.remove(self.kind, key)

    def clear(self) -> None:
        """Remove every object from memory (the database is cleared by its owner)."""
        self._newest.clear()
        self.graph.clear()
        self.entra.clear()

    def export(self) -> dict[str, dict[str, Any]]:
        """Every object as JSON can hold it."""
        return {key: dict(vars(value)) for key, value in self._newest.items()}

    def __len__(self) -> int:
        return len(self._newest)
