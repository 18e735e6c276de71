"""The kind passes the suite that every kind must pass."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from orgcal.platforms import open_platform
from orgcal.platforms.testing import Case, PlatformSuite


class TestSqlite(PlatformSuite):
    """See `PlatformSuite`."""

    @pytest.fixture
    def case(self, tmp_path: Path) -> Case:
        """An empty database."""
        path = tmp_path / "app.db"
        settings = {"kind": "sqlite", "path": str(path), "callback_url": "https://app.example.com/cb"}

        def meddle() -> None:
            with closing(sqlite3.connect(path)) as database, database:
                database.execute("UPDATE connectors SET client_secret = 'typed-in'")

        return Case(settings, {}, open_platform(settings, {}), meddle=meddle)
