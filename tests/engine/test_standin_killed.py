"""Killed after each request of the create scenario in turn: the state is never corrupt, and the next run goes on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.azuread_directory import SeenDirectory, disagreements
from benchmarks.azuread_plan import Plan
from benchmarks.azuread_recorder import Exchange, Recorder
from benchmarks.azuread_stack import ROOT, Project, arm_variables, seed_with_rights
from emulator.server import RunningEmulator

SHARES = 4
"""The test is cut into so many, each taking every fourth request, so that one alone stays short."""


@pytest.fixture(scope="module")
def engine_bin() -> Path:
    """Folder of the engine."""
    done = subprocess.run(
        [sys.executable, "-m", "orgcal.engine", "path"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return Path(done.stdout.strip())


class Killing:
    """Runs `pulumi up` and kills engine, language host and plugin together after a given number of requests."""

    def __init__(self, project: Project, recorder: Recorder) -> None:
        self.project, self.recorder = project, recorder

    def up(self, after: int) -> bool:
        """Whether the run was killed; False where it ended before it made that many requests."""
        process: list[subprocess.Popen[str]] = []
        started, lock, seen = threading.Event(), threading.Lock(), set[tuple[str, str]]()

        def answered(exchange: Exchange) -> None:
            started.wait(10)
            with lock:
                repeated = (exchange.method, exchange.path) in seen  # while polling; kills nothing that is new
                seen.add((exchange.method, exchange.path))
                if not repeated and len(seen) == after:
                    os.killpg(process[0].pid, signal.SIGKILL)

        self.recorder.take()
        self.recorder.answered = answered
        process.append(self.project.start("up", "--yes", "--skip-preview"))
        started.set()
        output, _ = process[0].communicate(timeout=120)
        self.recorder.answered = None
        assert process[0].returncode in (0, -signal.SIGKILL), output
        return process[0].returncode != 0


@pytest.mark.timeout(600)
@pytest.mark.parametrize("share", range(SHARES))
def test_standin_killed_after_each_request_next_up_succeeds(
    tmp_path: Path, engine_bin: Path, start_emulator: Callable[..., RunningEmulator], share: int
) -> None:
    emulator = start_emulator(seed=seed_with_rights(tmp_path))
    plan = Plan.first()
    with Recorder(emulator.ready["port"], Path(emulator.ready["ca_file"]), tmp_path) as recorder:
        environ = arm_variables(emulator.ready, host=recorder.host, ca_file=recorder.ca_file)
        fresh = Project(tmp_path / "fresh", engine_bin, environ)
        fresh.plan(plan)
        after, killed = share + 1, True
        while killed:
            emulator.reset()
            folder = tmp_path / f"killed-{after}"
            shutil.copytree(fresh.folder, folder)
            project = Project(folder, engine_bin, environ)
            killed = Killing(project, recorder).up(after)
            if killed:
                _check_recovery(project, emulator, after)
            shutil.rmtree(folder)
            after += SHARES
    assert after > 20


def _kept_state(project: Project) -> dict[str, dict[str, Any]]:
    """Resources in the state file by name: much faster than `pulumi stack export`, of which this test needs many."""
    kept = json.loads((project.folder / "state" / ".pulumi" / "stacks" / "trial" / "trial.json").read_text())
    return {item["urn"].split("::")[-1]: item for item in kept["checkpoint"]["latest"].get("resources", [])}


def _check_recovery(project: Project, emulator: RunningEmulator, after: int) -> None:
    shutil.rmtree(project.folder / "state" / ".pulumi" / "locks", ignore_errors=True)  # as `pulumi cancel` does
    before = _kept_state(project)
    output = project.up(code=None)
    state = _kept_state(project)
    directory = SeenDirectory(emulator.ready)
    try:
        told = disagreements(state, directory.objects())
    finally:
        directory.close()
    assert "Traceback" not in output, after
    assert len([item for item in state.values() if item["type"].startswith("azuread:index/")]) == 7, (after, output)
    for name, item in before.items():
        assert state[name].get("id") == item.get("id"), (after, name)  # nothing that was known is made anew
    assert all(line.startswith("in the directory only:") for line in told), (after, told)
