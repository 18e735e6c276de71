"""Kind `sqlite`: an application that reads its connectors from a table of a SQLite database."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, ClassVar, Literal

from orgcal.errors import PlatformError
from orgcal.fields import setting
from orgcal.patience import Clock
from orgcal.platforms import (
    Capabilities,
    CatalogField,
    ConnectorEntry,
    ConnectorSettings,
    Platform,
    PlatformCredential,
    StoredCredential,
)
from orgcal.platforms.model import CATALOG, PROJECT_VARIABLE
from orgcal.platforms.settings import CONFIGURED_CALLBACK, PlatformSettings, callback_setting, kind_setting

CREDENTIAL = ("client_id", "client_secret", "generation")


class SqliteSettings(PlatformSettings):
    """Settings of the kind `sqlite`."""

    capabilities: ClassVar[Capabilities] = Capabilities(
        callback="configured",
        reads_back="value",
        catalog=frozenset(CATALOG),
        credential_kinds=frozenset({"secret"}),
    )
    kind: Literal["sqlite"] = kind_setting("sqlite", "An application that reads a table of a SQLite database.")
    path: str = setting(
        expected="the path of a database",
        example="app.db",
        about="The database, by its path from the project's folder.",
    )
    callback_url: str = callback_setting(about=CONFIGURED_CALLBACK, min_length=1)

    @property
    def place(self) -> str:
        """The database."""
        return self.path

    def open(self, environ: Mapping[str, str], clock: Clock | None = None) -> SqlitePlatform:  # noqa: ARG002 - nothing here waits
        """See `PlatformSettings.open`."""
        return SqlitePlatform(self, Path(environ.get(PROJECT_VARIABLE) or Path.cwd()) / self.path)


class SqlitePlatform(Platform):
    """A connector's row in the table `connectors`."""

    called = "a SQLite database"
    capabilities = SqliteSettings.capabilities

    def __init__(self, settings: SqliteSettings, path: Path) -> None:
        self.place = str(path)
        self._settings = settings
        self._path = path

    def read_connector(self, key: str) -> ConnectorEntry | None:
        row = self._row(key)
        if row.get("display_name") is None:
            return None
        return ConnectorEntry(
            key,
            self._settings.callback_url,
            display_name=row["display_name"],
            description=row["description"],
            scopes=tuple(json.loads(row["scopes"])),
            published=bool(row["published"]),
        )

    def update_connector(self, declared: ConnectorSettings, changed: Sequence[CatalogField]) -> ConnectorEntry:
        values: dict[str, Any] = {name: getattr(declared, name) for name in changed}
        if "scopes" in values:
            values["scopes"] = json.dumps(values["scopes"])
        self._set(declared.key, values)
        entry = self.read_connector(declared.key)
        assert entry is not None
        return entry

    def delete_connector(self, key: str, *, connected_too: bool = False) -> None:  # noqa: ARG002 - nobody connects
        self._set(key, dict.fromkeys(CATALOG))

    def push_credentials(self, key: str, credential: PlatformCredential) -> StoredCredential:
        self._set(key, credential.fields())
        return StoredCredential(credential.client_id, credential.generation)

    def read_credentials(self, key: str) -> StoredCredential | None:
        row = self._row(key)
        if row.get("client_id") is None:
            return None
        credential = PlatformCredential.from_fields(row)
        return StoredCredential(credential.client_id, credential.generation, credential=credential)

    def remove_credentials(self, key: str) -> None:
        self._set(key, dict.fromkeys(CREDENTIAL))

    def _row(self, key: str) -> dict[str, Any]:
        with self._connected() as database:
            row = database.execute("SELECT * FROM connectors WHERE key = ?", (key,)).fetchone()
        return dict(row) if row is not None else {}

    def _set(self, key: str, values: Mapping[str, Any]) -> None:
        """Set columns of a row in one transaction; the row is made where it is missing."""
        with self._connected() as database, database:
            database.execute("INSERT OR IGNORE INTO connectors (key) VALUES (?)", (key,))
            for name, value in values.items():
                database.execute(f"UPDATE connectors SET {name} = ? WHERE key = ?", (value, key))  # noqa: S608

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        """Open the database, which only its owner may read, with its table."""
        columns = ", ".join(("key PRIMARY KEY", *CATALOG, *CREDENTIAL))
        try:
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
            with closing(sqlite3.connect(self._path)) as database:
                database.row_factory = sqlite3.Row
                database.execute(f"CREATE TABLE IF NOT EXISTS connectors ({columns})")
                yield database
        except (OSError, sqlite3.Error) as error:
            raise PlatformError(f"cannot be used ({error})", where=self.place) from error
