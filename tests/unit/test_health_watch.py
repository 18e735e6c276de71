"""What `orgcal watch` does, and when: by the registry alone, with commands that only leave their trace in it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from orgcal.errors import UsageError
from orgcal.health.schedule import AHEAD, JITTER, Intervals, due_to_check, due_to_verify, is_due
from orgcal.health.snapshot import read_snapshot
from orgcal.health.watch import Watch, Work
from orgcal.tenants.claims import Claims
from orgcal.tenants.history import add_runs
from orgcal.tenants.model import State
from orgcal.tenants.registry import Registry, RegistryUnavailable
from tests.support.health import CONTOSO, FABRIKAM, NIGHT, a_run
from tests.support.registry import new_database

HOUR = timedelta(hours=1)
INTERVALS = Intervals()


class Watched:
    """A registry with two organisations, a time that tests move, and commands that write what real ones would.

    Attributes:
        ran: words of the commands.
        broken: commands leave no trace.
        verdict: of verifications.
    """

    def __init__(self, folder: Path) -> None:
        self.now = NIGHT
        self.folder = folder
        self.registry = Registry(new_database(folder), connector="orgcal/prod", operator="ada", now=lambda: self.now)
        self.ran: list[list[str]] = []
        self.broken = False
        self.verdict = "pass"
        self.claims = Claims(self.registry, folder)
        for tenant_id, name in ((CONTOSO, "Contoso"), (FABRIKAM, "Fabrikam")):
            self.registry.add(tenant_id, name)

    def command(self, words: Sequence[str]) -> int:
        self.ran.append(list(words))
        if self.broken:
            return 3
        ids = [word for word in words if word in (CONTOSO, FABRIKAM)]
        if words[0] == "verify":
            add_runs(self.registry, [a_run(tenant_id, self.now, verdict=self.verdict) for tenant_id in ids])
        if words[:2] == ["consent", "check"]:
            self.registry.checked(ids)
        return 0

    def watch(self, **work: object) -> Watch:
        return Watch(self.registry, self.claims, Work("prod", **work), self.command)  # type: ignore[arg-type]

    def done(self, watch: Watch) -> list[str]:
        """First words of what one look runs."""
        self.ran.clear()
        watch.tick(threading.Event())
        return [words[0] for words in self.ran]


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    watched = Watched(tmp_path)
    yield watched
    watched.claims.close()
    watched.registry.close()


def consented(watched: Watched) -> None:
    for tenant_id in (CONTOSO, FABRIKAM):
        watched.registry.set_state(tenant_id, State.VERIFIED)


def test_organisation_is_verified_once_a_day_and_hourly_while_it_is_not_well(watched: Watched) -> None:
    consented(watched)
    watch = watched.watch()
    assert watched.done(watch) == ["verify", "alerts"]
    assert watched.ran[0] == ["verify", "--quiet", "--tenant", CONTOSO, "--tenant", FABRIKAM, "--stack", "prod"]
    watched.now += 20 * HOUR
    assert "verify" not in watched.done(watch)
    watched.now += 4 * HOUR
    watched.verdict = "fail"
    assert watched.done(watch)[0] == "verify"
    watched.now += HOUR / 2
    assert "verify" not in watched.done(watch)
    watched.now += HOUR / 2
    assert watched.done(watch)[0] == "verify"


@pytest.mark.parametrize("state", [State.WAITING, State.TOO_MUCH, State.TOO_LITTLE])
def test_limited_organisation_that_is_not_proved_is_verified_hourly_whatever_its_last_run(
    watched: Watched, state: State
) -> None:
    watched.registry.set_state(CONTOSO, state)
    watched.registry.set_state(FABRIKAM, State.VERIFIED)
    runs = [a_run(tenant_id, watched.now, verdict="warn") for tenant_id in (CONTOSO, FABRIKAM)]
    add_runs(watched.registry, runs)
    watched.now += HOUR

    assert due_to_verify(read_snapshot(watched.registry), INTERVALS) == [CONTOSO]


def test_process_that_starts_anew_does_nothing_twice(watched: Watched) -> None:
    consented(watched)
    watched.watch().tick(threading.Event())

    assert watched.done(watched.watch()) == ["alerts"]


def test_consent_of_the_invited_is_looked_for_hourly(watched: Watched) -> None:
    watch = watched.watch()
    assert watched.done(watch) == ["consent", "alerts"]
    assert watched.ran[0] == ["consent", "check", CONTOSO, FABRIKAM, "--stack", "prod"]
    watched.now += HOUR / 2
    assert "consent" not in watched.done(watch)
    watched.now += HOUR / 2
    assert watched.done(watch)[0] == "consent"


def test_rotation_is_asked_for_once_a_day_whoever_watches(watched: Watched) -> None:
    work = {"rotate": ("--if-expiring-within", "30d", "--record", "file")}
    assert "rotate" in watched.done(watched.watch(**work))
    assert ["rotate", "--if-expiring-within", "30d", "--record", "file", "--stack", "prod"] in watched.ran
    assert "rotate" not in watched.done(watched.watch(**work))
    watched.now += 24 * HOUR
    assert "rotate" in watched.done(watched.watch(**work))
    assert "rotate" not in watched.done(watched.watch())


def test_command_that_leaves_no_trace_is_not_tried_at_once_again(watched: Watched) -> None:
    consented(watched)
    watched.broken = True
    watch = watched.watch()

    assert watched.done(watch)[0] == "verify"
    assert "verify" not in watched.done(watch)


def test_alerts_are_sent_where_something_was_written_and_hourly_otherwise(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    consented(watched)
    watch, passed = watched.watch(), [0.0]
    watched.done(watch)
    began = time.monotonic()
    monkeypatch.setattr("orgcal.health.watch.time.monotonic", lambda: began + passed[0])

    told = {}
    for minutes in (1, 6, 12, 18, 24, 70):
        passed[0] = minutes * 60.0
        if minutes == 12:
            watched.registry.note("consent", CONTOSO, "done")
        told[minutes] = watched.done(watch)

    assert told == {1: [], 6: [], 12: ["alerts"], 18: [], 24: [], 70: []}
    passed[0] = 80 * 60.0
    assert watched.done(watch) == ["alerts"], "an hour after the last time"


def test_watch_is_alive_while_a_long_command_runs_and_not_when_it_looks_no_more(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = watched.watch()
    began, passed = time.monotonic(), [0.0]
    monkeypatch.setattr("orgcal.health.watch.time.monotonic", lambda: began + passed[0])
    seen: list[bool] = []

    def slow(words: Sequence[str]) -> int:
        passed[0] += 3600
        seen.append(watch.alive)
        return watched.command(words)

    watch._command = slow
    watch.tick(threading.Event())
    seen.append(watch.alive)
    passed[0] += 3600

    assert seen == [True, True, True]
    assert not watch.alive


def test_work_that_somebody_else_did_meanwhile_is_left_alone(watched: Watched) -> None:
    consented(watched)
    watch = watched.watch()
    take = watched.claims.take

    def slow(key: str) -> bool:
        add_runs(watched.registry, [a_run(key.split()[1], watched.now)])
        return take(key)

    watched.claims.take = slow  # type: ignore[method-assign]

    assert "verify" not in watched.done(watch)


def test_second_watch_on_a_registry_in_a_file_is_refused_until_the_first_ends(watched: Watched) -> None:
    with pytest.raises(UsageError, match="another orgcal watch works on this registry"):
        Claims(watched.registry, watched.folder)
    watched.claims.close()

    Claims(watched.registry, watched.folder).close()


def test_database_that_is_away_ends_nothing(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    stopping = threading.Event()
    waits: list[float] = []

    def away(_: object) -> object:
        raise RegistryUnavailable("the registry cannot be asked now (gone)")

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        if len(waits) == 3:
            monkeypatch.undo()
        if len(waits) == 4:
            stopping.set()
        return True

    monkeypatch.setattr("orgcal.health.watch.read_snapshot", away)
    stopping.wait = wait  # type: ignore[method-assign,assignment]
    watched.watch().run(stopping)

    assert len(waits) == 4
    assert waits[0] < waits[2] <= 60
    assert [words[0] for words in watched.ran] == ["consent", "alerts"]


def test_watch_that_is_to_do_its_work_once_ends_when_nothing_is_due(watched: Watched) -> None:
    consented(watched)
    watched.watch().run(threading.Event(), once=True)

    assert [words[0] for words in watched.ran] == ["verify", "alerts"]


def test_organisations_come_a_little_early_each_by_a_part_of_its_own() -> None:
    names = [f"{number:08d}-0000-4000-8000-000000000000" for number in range(500)]
    day = timedelta(days=1)
    early = {name for name in names if is_due(name, NIGHT, day, NIGHT + day * (1 - JITTER / 2))}

    assert 200 < len(early) < 300
    assert not [name for name in names if is_due(name, NIGHT, day, NIGHT + day * (1 - JITTER) * 0.99)]
    assert all(is_due(name, NIGHT, day, NIGHT + day) for name in names)


def test_moment_of_a_clock_that_was_ahead_counts_for_nothing() -> None:
    assert is_due(CONTOSO, NIGHT + AHEAD * 2, HOUR, NIGHT)
    assert not is_due(CONTOSO, NIGHT + AHEAD / 2, HOUR, NIGHT)


def test_longest_waiting_organisation_comes_first_and_the_invited_is_not_verified(watched: Watched) -> None:
    consented(watched)
    add_runs(watched.registry, [a_run(CONTOSO, NIGHT - timedelta(days=2)), a_run(FABRIKAM, NIGHT - timedelta(days=3))])
    snapshot = read_snapshot(watched.registry)
    assert due_to_verify(snapshot, INTERVALS) == [FABRIKAM, CONTOSO]
    assert due_to_check(snapshot, INTERVALS) == []
    watched.registry.set_state(FABRIKAM, State.INVITED)
    assert due_to_verify(read_snapshot(watched.registry), INTERVALS) == [CONTOSO]
