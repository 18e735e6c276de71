"""A PostgreSQL server of the tests' own, from the system's package; reachable by a socket in a private folder."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from orgcal.tenants.database import migrate, open_database

USER = "orgcal"
PASSWORD = "a-password-nobody-may-see"
START_TIMEOUT_S = 60.0


def programs() -> Path:
    """Where `initdb` and `postgres` are; the test is skipped where they are not, except in CI."""
    found = shutil.which("postgres")
    if found is not None:
        return Path(os.path.realpath(found)).parent
    packaged = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if not packaged:
        message = "no PostgreSQL: apt-get install postgresql"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(message)
    return packaged[-1].parent


@dataclass
class PostgresqlServer:
    """A server whose files lie in `folder`, that can be stopped and started again."""

    folder: Path
    bin_dir: Path
    process: subprocess.Popen[bytes] | None = None
    has_tables: bool = False

    def start(self) -> None:
        """Start it unless it runs, and wait until it answers."""
        if self.process is not None:
            return
        self.process = self._begin(
            "postgres", "-D", f"{self.folder}/data", "-k", f"{self.folder}", "-c", "listen_addresses=",
            "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=60",
        )  # fmt: skip
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                self.connect("postgres").close()
                return
            except psycopg.OperationalError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError((self.folder / "log").read_text(errors="replace")[-2000:]) from None
                time.sleep(0.05)

    def stop(self) -> None:
        """End it, breaking its connections."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    def connect(self, database: str) -> psycopg.Connection[tuple[object, ...]]:
        """A connection outside of what is tested; each statement is its own transaction."""
        return psycopg.connect(
            host=str(self.folder), user=USER, password=PASSWORD, dbname=database, connect_timeout=5, autocommit=True
        )

    def new_database(self, *, like: str = "template1") -> str:
        """An empty database, or a copy of another; its URL."""
        return self._make(f"orgcal-{secrets.token_hex(6)}", like)

    def new_registry(self) -> str:
        """A database with the tables of a registry, which are copied, as making them takes longer; its URL."""
        if not self.has_tables:
            engine = open_database(self._make("tables", "template1"))
            migrate(engine)
            engine.dispose()
            self.has_tables = True
        return self.new_database(like="tables")

    def _make(self, name: str, like: str) -> str:
        with self.connect("postgres") as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{like}"'.encode())
        return f"postgresql+psycopg://{USER}:{PASSWORD}@/{name}?host={self.folder}"

    def initialise(self) -> None:
        """Make the cluster, with a password for its only user."""
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)  # the folder is private
        made = self._begin(
            "initdb", "-D", f"{self.folder}/data", "-U", USER, "--pwfile", str(secret), "--auth=scram-sha-256",
            "--no-sync", "--encoding=UTF8", "--locale=C",
        )  # fmt: skip
        if made.wait(START_TIMEOUT_S):
            raise RuntimeError((self.folder / "log").read_text(errors="replace")[-2000:])

    def _begin(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        """A program of the server; it refuses to run as root, so it runs as somebody with fewer rights then."""
        account = _account()
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [str(self.bin_dir / program), *arguments],
                cwd=self.folder,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                user=account.pw_uid if account else None,
                group=account.pw_gid if account else None,
                extra_groups=[] if account else None,
            )


def _account() -> pwd.struct_passwd | None:
    """Whom to become where the tests run as root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]


@contextmanager
def running_postgresql() -> Iterator[PostgresqlServer]:
    """A server for as long as the context lasts; nothing of it stays."""
    bin_dir = programs()
    folder = Path(tempfile.mkdtemp(prefix="orgcal-pg-"))  # a socket's path may have 107 bytes: pytest's are longer
    account = _account()
    if account is not None:
        os.chown(folder, account.pw_uid, account.pw_gid)
    server = PostgresqlServer(folder, bin_dir)
    try:
        server.initialise()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
