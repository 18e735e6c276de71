"""The stand-in's requests against those recorded from the real plugin, scenario by scenario; and with lagging reads."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from emulator_testing.azuread_replay import RECORDED
from orgcal_emulator.server import RunningEmulator
from orgcal_emulator.store import Lag

from benchmarks.azuread_directory import SeenDirectory, disagreements
from benchmarks.azuread_plan import Plan
from benchmarks.azuread_recorder import Exchange, Recorder
from benchmarks.azuread_stack import ROOT, Project, arm_variables, seed_with_rights
from benchmarks.azuread_wire import differences, normalised
from benchmarks.compare_azuread import scenarios

pytestmark = [pytest.mark.judged("requests of the real plugin"), pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def engine_bin() -> Path:
    """Folder of the engine."""
    done = subprocess.run(
        [sys.executable, "-m", "orgcal.engine", "path"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return Path(done.stdout.strip())


@pytest.fixture
def emulator(tmp_path: Path, start_emulator: Callable[..., RunningEmulator]) -> RunningEmulator:
    """One whose operator may do what the recorded program does."""
    return start_emulator(seed=seed_with_rights(tmp_path))


@pytest.fixture
def directory(emulator: RunningEmulator) -> Iterator[SeenDirectory]:
    """What `emulator` holds."""
    seen = SeenDirectory(emulator.ready)
    yield seen
    seen.close()


def test_standin_requests_equal_the_recorded_ones_in_every_scenario(
    tmp_path: Path, engine_bin: Path, emulator: RunningEmulator
) -> None:
    plan = Plan.first()
    substitutes = plan.substitutes(RECORDED)
    told: dict[str, list[str]] = {}
    with Recorder(emulator.ready["port"], Path(emulator.ready["ca_file"]), tmp_path) as recorder:
        environ = arm_variables(emulator.ready, host=recorder.host, ca_file=recorder.ca_file)
        project = Project(tmp_path / "project", engine_bin, environ)
        for name, run in scenarios(project, plan):
            run()
            expected = [
                Exchange(entry["method"], entry["path"], entry["status"], entry.get("body") or None)
                for entry in RECORDED[name]
            ]
            made = recorder.take()
            told[name] = differences(expected, made, base=f"https://{recorder.host}", substitutes=substitutes)
            assert len(normalised(made)[0]) == len(normalised(expected)[0])
    assert told == {name: [] for name in RECORDED}


@pytest.mark.parametrize("lag", [Lag(reads=3), Lag(seconds=0.7)], ids=["reads", "seconds"])
def test_standin_with_lagging_reads_every_scenario_passes(
    tmp_path: Path, engine_bin: Path, emulator: RunningEmulator, directory: SeenDirectory, lag: Lag
) -> None:
    held = emulator.cloud.directory
    tables = (held.applications, held.service_principals, held.assignments)
    plan = Plan.first()
    project = Project(tmp_path / "project", engine_bin, arm_variables(emulator.ready))
    for name, run in scenarios(project, plan):
        for table in tables:
            table.lag = Lag(lag.reads, lag.seconds)
        run()
        for table in tables:
            table.lag = Lag()
        emulator.move_clock(1.0)
        state = project.state()
        for _ in range(lag.reads + 1):
            seen = directory.objects()
        assert disagreements(state, seen) == [], name
    assert seen == {}
