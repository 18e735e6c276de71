"""Killed after each request of the create scenario in turn: the state is never corrupt, and the next run goes on.

Where the killed run left a service principal, a federated credential or a grant that the state does not know, the next
one is refused, as by the real plugin, until the object is imported.
"""

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
from orgcal_emulator.server import RunningEmulator

from benchmarks.azuread_directory import SeenDirectory, disagreements
from benchmarks.azuread_plan import Plan
from benchmarks.azuread_recorder import Exchange, Recorder
from benchmarks.azuread_stack import ROOT, Project, arm_variables, seed_with_rights

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


ONE_OF_A_KIND = {
    "servicePrincipal:ServicePrincipal": "already exists: To be managed via Terraform",
    "applicationFederatedIdentityCredential:ApplicationFederatedIdentityCredential": "409 Request_MultipleObjectsWith",
    "appRoleAssignment:AppRoleAssignment": "Permission being assigned already exists on the object",
}
"""Type of what cannot exist twice -> how its creation is refused."""


def _left_behind(project: Project, seen: dict[str, dict[str, Any]]) -> dict[str, dict[str, str]]:
    """What the directory has of `ONE_OF_A_KIND` and the state has not: name in the program -> entry of an import file.

    Objects of an application that the state does not know do not count: the next run makes another application.
    """
    state = _kept_state(project)
    known = {item.get("id") for item in state.values()}
    application = state.get("app", {}).get("outputs", {})
    found: dict[str, dict[str, str]] = {}
    for resource_id, item in seen.items():
        if "/appRoleAssignedTo/" in resource_id:
            kind, name = "appRoleAssignment:AppRoleAssignment", f"grant-{item['appRoleId']}"
            ours = item["principalId"] in {
                each["id"] for each in seen.values() if each.get("appId") == application.get("clientId")
            }
        elif "/federatedIdentityCredential/" in resource_id:
            kind, name = "applicationFederatedIdentityCredential:ApplicationFederatedIdentityCredential", "federated"
            ours = resource_id.startswith(f"{application.get('objectId')}/")
        elif resource_id.startswith("/servicePrincipals/"):
            kind, name = "servicePrincipal:ServicePrincipal", "principal"
            ours = item["appId"] == application.get("clientId")
        else:
            continue
        if ours and resource_id not in known:
            found[name] = {"type": f"azuread:index/{kind}", "name": name, "id": resource_id}
    return found


def _import(project: Project, wanted: dict[str, dict[str, str]]) -> None:
    (project.folder / "import.json").write_text(json.dumps({"resources": list(wanted.values())}))
    project.pulumi(
        "import", "--file", "import.json", "--yes", "--skip-preview", "--generate-code=false", "--protect=false"
    )


def _check_recovery(project: Project, emulator: RunningEmulator, after: int) -> None:
    shutil.rmtree(project.folder / "state" / ".pulumi" / "locks", ignore_errors=True)  # as `pulumi cancel` does
    for attributes in (project.folder / "state").rglob("*.attrs"):
        # The engine's file store writes these in place: killed meanwhile, it leaves an empty one and then says "failed
        # to load checkpoint: EOF". Without the file it goes on.
        if not attributes.stat().st_size:
            attributes.unlink()
    before = _kept_state(project)
    directory = SeenDirectory(emulator.ready)
    try:
        output = project.up(code=None)
        # Looked for now and not before: requests of the killed run were still on their way.
        left = _left_behind(project, directory.objects())
        assert ("error: update failed" in output) == bool(left), (after, left, output)
        for entry in left.values():
            assert ONE_OF_A_KIND[entry["type"].partition("/")[2]] in output, (after, output)
        if left:
            _import(project, left)
            output += project.up()
        state = _kept_state(project)
        told = disagreements(state, directory.objects())
    finally:
        directory.close()
    assert "Traceback" not in output, after
    assert len([item for item in state.values() if item["type"].startswith("azuread:index/")]) == 7, (after, output)
    for name, item in before.items():
        assert state[name].get("id") == item.get("id"), (after, name)  # nothing that was known is made anew
    assert all(line.startswith("in the directory only:") for line in told), (after, told)
