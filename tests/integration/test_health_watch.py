"""`orgcal watch` as a process, and several of them on one PostgreSQL."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import requests

from orgcal.patience import Patience
from orgcal.tenants.claims import Claims
from orgcal.tenants.registry import Registry, RegistryUnavailable
from tests.support.health import Project
from tests.support.postgresql import PASSWORD, PostgresqlServer

MOST_MIB = 150


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    return Project(tmp_path, monkeypatch)


class Watching:
    """The process, and the address that it serves."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "orgcal.cli", "watch", "--stack", "prod", "--no-rotate", "--listen", "127.0.0.1:0"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        self.said = ""
        self.address = re.findall(r"(http://127\.0\.0\.1:[0-9]+)/", self.until("the page at"))[0]

    def until(self, words: str) -> str:
        """The line that has these words."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said += line
            if words in line:
                return line
        raise AssertionError(self.said)

    def end(self, how: signal.Signals) -> int:
        self.process.send_signal(how)
        self.said += self.process.communicate(timeout=60)[0]
        return self.process.returncode


@contextmanager
def watching() -> Iterator[Watching]:
    watch = Watching()
    try:
        yield watch
    finally:
        if watch.process.poll() is None:
            watch.end(signal.SIGKILL)


def test_watch_serves_the_page_ends_cleanly_and_goes_on_after_a_kill(project: Project) -> None:
    with watching() as killed:
        killed.until("messages sent")
        killed.end(signal.SIGKILL)
    with watching() as watch:
        watch.until("messages sent")
        page = requests.get(f"{watch.address}/", timeout=20)
        answers = [requests.get(f"{watch.address}/{path}", timeout=20).status_code for path in ("metrics", "healthz")]
        held_mib = psutil.Process(watch.process.pid).memory_info().rss / 2**20
        assert (page.status_code, answers) == (200, [200, 200])
        assert "Health of orgcal/prod" in page.text
        assert watch.end(signal.SIGTERM) == 0, watch.said
        assert held_mib < MOST_MIB
        assert "Traceback" not in watch.said


def test_work_is_claimed_by_one_of_several_processes_and_freed_when_it_dies(
    server: PostgresqlServer, tmp_path: Path
) -> None:
    url = server.new_registry()
    registries = [Registry(url, connector=name, operator="ada") for name in ("orgcal/prod", "orgcal/prod", "orgcal/b")]
    first, second, other = (Claims(registry, tmp_path) for registry in registries)

    assert (first.take("verify a"), second.take("verify a"), second.take("verify b")) == (True, False, True)
    assert other.take("verify a"), "of another connector"
    first.give_back("verify a")
    assert second.take("verify a")
    second.close()  # as where its process dies: the server hears of it a moment later
    assert Patience(10.0, first_s=0.01).until(bool, lambda: first.take("verify a"))
    for claims in (first, other):
        claims.close()
    for registry in registries:
        registry.close()


def test_claims_survive_a_database_that_goes_away(server: PostgresqlServer, tmp_path: Path) -> None:
    registry = Registry(server.new_registry(), connector="orgcal/prod", operator="ada")
    claims = Claims(registry, tmp_path)
    assert claims.take("verify a")
    server.stop()
    with pytest.raises(RegistryUnavailable) as away:
        claims.take("verify b")
    server.start()

    assert PASSWORD not in str(away.value)
    assert claims.take("verify b")
    claims.close()
    registry.close()
