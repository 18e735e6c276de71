"""Claims on work that several processes share: advisory locks of PostgreSQL, or a lock of the SQLite file's own.

PostgreSQL gives a lock back when the process or its connection ends, however that happens.
Source: https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
"""

from __future__ import annotations

import contextlib
import zlib
from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy import Connection, text

from orgcal.errors import UsageError
from orgcal.tenants.database import available
from orgcal.tenants.registry import Registry

_CLASS = 7215092
"""Of our advisory locks; the second number of each is a hash of what is claimed."""

_FILE = ".watch.lock"


class Claims:
    """What one process claims of a connector's work; used by one thread.

    Args:
        folder: where the lock of a registry in a file lies; one process at a time may have it.
    """

    def __init__(self, registry: Registry, folder: Path) -> None:
        self._registry = registry
        self._connection: Connection | None = None
        self._file: FileLock | None = None
        if registry.is_file:
            self._file = FileLock(folder / _FILE, mode=0o600)
            try:
                self._file.acquire(timeout=0)
            except Timeout:
                raise UsageError(
                    "another orgcal watch works on this registry",
                    where=str(folder),
                    repair="end it, or share the work on PostgreSQL (docs/health.md)",
                ) from None

    def take(self, key: str) -> bool:
        """Claim a piece of work; False where another process has it.

        Raises:
            RegistryUnavailable: the database cannot be asked now; every claim is lost.
        """
        if self._file is not None:
            return True
        return self._ask("SELECT pg_try_advisory_lock(:kind, :key)", key)

    def give_back(self, key: str) -> None:
        """End a claim; one that was lost needs no end."""
        if self._connection is not None:
            self._ask("SELECT pg_advisory_unlock(:kind, :key)", key)

    def close(self) -> None:
        """End all claims."""
        self._drop()
        if self._file is not None:
            self._file.release()

    def _ask(self, statement: str, key: str) -> bool:
        number = zlib.crc32(f"{self._registry.connector} {key}".encode()) - 2**31
        try:
            with available():
                if self._connection is None:
                    self._connection = self._registry.connect()
                return bool(self._connection.execute(text(statement), {"kind": _CLASS, "key": number}).scalar())
        except BaseException:
            self._drop()
            raise

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):  # the database may be away; the locks end with the connection
                connection.invalidate()
                connection.close()
