"""What uninstalling removes and keeps: never a stack that holds resources, nor what belongs to a state elsewhere."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import filelock
import pytest

from orgcal.errors import OrgcalError
from orgcal.operations import uninstall
from orgcal.operations.uninstall import UninstallPlan, remove_all
from tests.support.machine import ENGINE, Machine, held


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def whys(plan: UninstallPlan) -> dict[str, str]:
    return {kept.what: kept.why for kept in plan.kept}


def test_destroyed_stacks_and_the_engine_go_and_leave_no_folder(machine: Machine, tmp_path: Path) -> None:
    machine.engine()
    (machine.cache / "azuread-6.11.1.failed").write_text("{}")
    machine.folder("prod")
    machine.state("prod")
    machine.folder("test", "calendar")
    machine.state("test", "calendar")
    (machine.project / ".local/dev/emulator").mkdir(parents=True)
    (machine.project / "Pulumi.yaml").touch()

    plan = machine.uninstall()

    assert plan.kept == ()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["project"]
    assert [path.name for path in machine.project.iterdir()] == ["Pulumi.yaml"]
    assert machine.plan().removable == ()


def test_state_of_a_stack_that_is_called_as_a_removed_ones_file_stays(machine: Machine) -> None:
    machine.folder("prod")
    machine.state("prod")
    kept = machine.held_state("prod.json.old")

    machine.uninstall()

    assert kept.exists()
    assert not (kept.parent / "prod.json").exists()


def test_plan_changes_nothing_and_counts_each_byte_once(machine: Machine, tmp_path: Path) -> None:
    machine.engine()
    machine.folder("prod")
    machine.state("prod")

    def files() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    before = files()
    plan = machine.plan()

    assert files() == before
    assert sum(item.size for item in plan.removable) == sum(map(len, before.values()))


def test_stack_that_holds_resources_keeps_everything_of_its_own(machine: Machine) -> None:
    kept = [machine.folder("prod"), machine.held_state("prod")]
    gone = [machine.folder("old"), machine.state("old")]

    plan = machine.uninstall()

    (told,) = plan.kept
    assert (told.what, told.path, told.why) == ("stack prod", kept[0], "it holds 1 resource")
    assert told.repair.startswith("orgcal destroy --stack prod, in its project; if it was moved to another backend")
    assert all(path.exists() for path in (*kept, kept[0] / "passphrase", kept[0] / "tenants.sqlite"))
    assert (machine.data / "state/.pulumi/history/orgcal/prod/1.json").exists()
    assert not any(path.exists() for path in (*gone, machine.data / "state/.pulumi/history/orgcal/old"))


def test_compressed_state_is_read(machine: Machine) -> None:
    path = machine.held_state("prod")
    path.with_name("prod.json.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()

    assert whys(machine.plan()) == {"stack prod of project orgcal": "it holds 1 resource"}


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda path: path.write_text("{"), "its state cannot be read"),
        (lambda path: path.write_text("[]"), "its state cannot be read"),
        (lambda path: path.write_bytes(b"\x1f\x8b"), "its state cannot be read"),
        (lambda path: path.write_bytes(gzip.compress(b"{}")[:10] + b"x" * 20), "its state cannot be read"),
        (lambda path: path.write_text(json.dumps(of_newer())), "has format 3"),
        (lambda path: path.write_text(json.dumps(interrupted())), "an interrupted run may have left something"),
    ],
)
def test_state_that_nobody_can_judge_is_kept(machine: Machine, spoil: Callable[[Path], object], why: str) -> None:
    folder, path = machine.folder("prod"), machine.state("prod")
    spoil(path)

    plan = machine.uninstall()

    assert why in whys(plan)["stack prod"]
    assert path.exists()
    assert (folder / "passphrase").exists()


def of_newer() -> dict[str, Any]:
    deployment = held()["deployment"]
    deployment["resources"][1]["inputs"]["format"] = 3
    return {"checkpoint": {"latest": deployment}}


def interrupted() -> dict[str, Any]:
    operation = {"type": "creating", "resource": {"urn": "urn:pulumi:prod::orgcal::a:b:C::name", "type": "a:b:C"}}
    manifest = {"time": "2026-11-28T05:00:00Z"}
    return {"checkpoint": {"latest": {"manifest": manifest, "pending_operations": [operation]}}}


def test_stack_whose_state_may_be_elsewhere_keeps_its_passphrase(machine: Machine) -> None:
    remote, selected, destroyed = machine.folder("remote"), machine.folder("selected"), machine.folder("destroyed")
    machine.state("selected")
    for path in (machine.data / "state/.pulumi/history/orgcal/selected").iterdir():
        path.unlink()  # it was selected once, by a command without the variable that names the backend
    machine.state("destroyed")

    plan = machine.uninstall()

    assert all("its state may be in a backend elsewhere" in why for why in whys(plan).values())
    assert (remote / "passphrase").exists()
    assert (selected / "passphrase").exists()
    assert not destroyed.exists()


def test_backend_elsewhere_is_named_without_its_password(machine: Machine) -> None:
    machine.folder("prod")
    machine.state("prod")

    plan = machine.plan(PULUMI_BACKEND_URL="postgres://ada:secret@db/states")

    assert "in a backend elsewhere (postgres)" in whys(plan)["stack prod"]
    assert "secret" not in repr(plan)


def test_shell_that_is_set_up_for_a_stack_changes_nothing(machine: Machine) -> None:
    machine.folder("prod")
    machine.state("prod")

    plan = machine.plan(ORGCAL_ENV="PULUMI_BACKEND_URL", PULUMI_BACKEND_URL="file:///elsewhere")

    assert plan.kept == ()


def test_stacks_of_two_projects_are_told_apart(machine: Machine) -> None:
    ours, other = machine.folder("prod"), machine.folder("prod", "calendar")
    machine.state("prod")
    machine.held_state("prod", "calendar")

    plan = machine.uninstall()

    assert whys(plan) == {"stack prod of project calendar": "it holds 1 resource"}
    assert not ours.exists()
    assert (other / "passphrase").exists()


def test_shared_folder_is_kept_for_a_project_without_a_folder_of_its_own(machine: Machine) -> None:
    folder = machine.folder("prod")
    machine.held_state("prod", "renamed")

    assert whys(machine.uninstall()) == {"stack prod": "it holds 1 resource"}
    assert (folder / "passphrase").exists()


def test_stack_dev_that_holds_resources_is_kept_with_the_way_to_destroy_it(machine: Machine) -> None:
    dev = machine.project / ".local/dev"
    path = machine.held_state("dev", backend=dev / "state")

    (kept,) = machine.uninstall().kept

    assert (kept.path, kept.why) == (dev, "it holds 1 resource")
    assert kept.repair == "orgcal emulator start && orgcal destroy --stack dev --yes && orgcal emulator stop"
    assert path.exists()


def test_engine_that_another_process_makes_is_kept(machine: Machine) -> None:
    program = machine.engine()
    with filelock.FileLock(machine.cache / "engine" / f"{ENGINE}.lock"):
        plan = machine.uninstall()

    assert whys(plan) == {"the Pulumi engine": "another process makes it"}
    assert program.exists()


def test_engine_that_runs_is_kept(machine: Machine) -> None:
    program = machine.engine()
    shutil.copy(shutil.which("cat") or "", program)
    with subprocess.Popen(["cat"], executable=program, stdin=subprocess.PIPE) as running:
        plan = machine.uninstall()

    assert whys(plan) == {"the Pulumi engine": f"it runs now (pid {running.pid})"}
    assert program.exists()


def test_what_is_not_ours_in_named_folders_stays(machine: Machine, tmp_path: Path) -> None:
    machine.engine()
    others = [
        machine.cache / "engine/readme",
        machine.cache / "tests/x",
        machine.data / "notes",
        machine.data / "state/x",
    ]
    for path in others:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "file").write_text("mine")
    machine.state("prod")
    (machine.data / "stacks").mkdir()
    (machine.data / "stacks/prod").symlink_to(linked)

    machine.uninstall()

    assert all(path.exists() for path in others)
    assert (linked / "file").exists()
    assert not (machine.data / "stacks").exists()


def test_plugin_of_pulumi_is_told_and_kept(machine: Machine, tmp_path: Path) -> None:
    plugin = tmp_path / "pulumi/plugins/resource-azuread-v6.11.1"
    plugin.mkdir(parents=True)

    plan = machine.uninstall()

    assert "pulumi plugin rm resource azuread 6.11.1" in plan.further[0]
    assert plugin.exists()


def test_what_cannot_be_removed_is_named_after_the_rest_is_gone(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.engine()
    folder = machine.folder("prod")
    machine.state("prod")
    plan = machine.plan()
    monkeypatch.setattr(uninstall, "remove_tree", lambda path: None if path == folder else shutil.rmtree(path))

    with pytest.raises(OrgcalError, match=f"{folder}: it cannot be removed\n"):
        remove_all(plan)

    assert not (machine.cache / "engine" / ENGINE).exists()
