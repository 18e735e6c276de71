"""Real processes at the same moment, over and over: a registry, the record of a rotation and its lock lose nothing."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orgcal.tenants.links import make_link
from orgcal.tenants.registry import Registry
from tests.support.postgresql import PostgresqlServer, running_postgresql
from tests.support.racing import (
    CLIENT,
    CONNECTOR,
    PROCESSES,
    ROUNDS,
    Adds,
    Edits,
    Locks,
    Moves,
    OpensFirst,
    RacingProcesses,
    Records,
    Spends,
    TakesIn,
    git,
    tenant_id,
)

EACH = ROUNDS // 2
"""Rounds on each of the two databases."""
FEWER = 10
"""Rounds of what is seldom done, or takes long: a push is some twenty programs of git."""


@pytest.fixture(scope="module")
def racing() -> Iterator[RacingProcesses]:
    with RacingProcesses() as processes:
        yield processes


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where the system has one: who waits for whom is tested, and not how fast a disk is."""
    memory = Path("/dev/shm")  # of Linux; the folder in it is private
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="orgcal-races-", dir=memory) as made:
        yield Path(made)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresqlServer]:
    with running_postgresql() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, folder: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{folder}/tenants.sqlite"
    server: PostgresqlServer = request.getfixturevalue("server")
    return server.new_database()


@pytest.fixture
def registry(url: str) -> Iterator[Registry]:
    with closing(Registry(url, connector=CONNECTOR, operator="ada")) as registry:
        yield registry


def test_new_registry_file_is_opened_by_several_processes_at_once(racing: RacingProcesses, folder: Path) -> None:
    results = racing.race(OpensFirst(folder))

    assert results == [[None] * PROCESSES] * ROUNDS
    for turn in range(ROUNDS):
        with closing(sqlite3.connect(folder / f"{turn}.sqlite")) as made:
            assert made.execute("SELECT count(*) FROM log").fetchone() == (PROCESSES,)


def test_organisation_added_by_several_at_once_is_added_once_and_has_the_name_that_each_was_told(
    racing: RacingProcesses, registry: Registry, url: str
) -> None:
    results = racing.race(Adds(url, datetime.now(UTC)), EACH)

    names = {tenant.tenant_id: tenant.name for tenant in registry.tenants()}
    assert results == [[names[tenant_id(turn)]] * PROCESSES for turn in range(EACH)]
    added = [entry.subject for entry in registry.log() if entry.result == "added"]
    assert sorted(added) == [tenant_id(turn) for turn in range(EACH)]


def test_organisation_imported_by_several_at_once_is_new_to_one_of_them(
    racing: RacingProcesses, registry: Registry, url: str
) -> None:
    exported = registry.add(tenant_id(FEWER), "Contoso")

    results = racing.race(TakesIn(url, exported), FEWER)

    assert [sorted(told) for told in results] == [[False] * (PROCESSES - 1) + [True]] * FEWER


def test_link_used_by_several_at_once_works_for_one_of_them(
    racing: RacingProcesses, registry: Registry, url: str
) -> None:
    registry.add(tenant_id(0), "Contoso")
    given = {"client_id": CLIENT, "redirect_uri": "https://a.example/", "permission_hash": "h"}
    states = [make_link(registry, tenant_id(0), lifetime=timedelta(days=7), **given).state for _ in range(EACH)]

    results = racing.race(Spends(url, states), EACH)

    assert [sorted(map(str, told)) for told in results] == [["True", *["used"] * (PROCESSES - 1)]] * EACH


def test_moves_of_several_at_once_follow_from_each_other_in_the_log(
    racing: RacingProcesses, registry: Registry, url: str
) -> None:
    registry.add(tenant_id(0), "Contoso")

    results = racing.race(Moves(url), EACH)

    moves = [entry for entry in registry.log(tenant_id(0)) if entry.action == "set"]
    assert sorted(entry.detail["reason"] for entry in moves) == sorted(reason for told in results for reason in told)
    states = ["invited", *(entry.result for entry in moves)]
    assert [entry.detail["before"] for entry in moves] == states[:-1]


def test_lock_of_a_rotation_is_held_by_one_process_at_a_time(racing: RacingProcesses, folder: Path) -> None:
    results = racing.race(Locks(folder))

    assert all(True in told and set(told) <= {True, None} for told in results), results


def test_file_edited_by_several_at_once_loses_no_line(racing: RacingProcesses, folder: Path) -> None:
    path = folder / "Pulumi.prod.yaml"

    results = racing.race(Edits(path))

    assert results == [[None] * PROCESSES] * ROUNDS
    written = sorted(path.read_text().splitlines())
    assert written == sorted(f"{number} {turn}" for number in range(PROCESSES) for turn in range(ROUNDS))


def test_records_pushed_by_several_at_once_are_all_kept(racing: RacingProcesses, folder: Path) -> None:
    git(folder, "init", "-q", "--bare", "remote.git")
    first = folder / "copy-0"
    git(folder, "clone", "-q", "remote.git", "copy-0")
    for number in range(PROCESSES):
        text = "config:\n  orgcal:entra: {cloud: public}\n  orgcal:credential:\n    generations: [1]\n    active: 1\n"
        (first / f"Pulumi.s{number}.yaml").write_text(text)
    git(first, "add", "-A")
    git(first, "commit", "-q", "-m", "as cloned")
    git(first, "push", "-q", "--set-upstream", "origin", "main")
    for number in range(1, PROCESSES):
        git(folder, "clone", "-q", "remote.git", f"copy-{number}")

    results = racing.race(Records(folder), FEWER)

    assert results == [[None] * PROCESSES] * FEWER
    subjects = git(folder / "remote.git", "log", "--format=%s", "main").splitlines()
    steps = [f"stack s{number}: step {turn}" for number in range(PROCESSES) for turn in range(FEWER)]
    assert sorted(subjects) == sorted(["as cloned", *steps])
    for number in range(PROCESSES):
        kept = git(folder / "remote.git", "show", f"main:Pulumi.s{number}.yaml")
        assert f"active: {FEWER + 1}" in kept
