"""`orgcal new`: a project, whole or not at all, from wheels that were built before."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import zipfile
from collections.abc import Callable
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from orgcal.cli import main
from orgcal.engine.child import ProcessResult
from orgcal.entra.clouds import CLOUDS
from orgcal.errors import OrgcalError, UsageError
from orgcal.operations import new_project
from orgcal.operations.doctor import differing_packages
from orgcal.operations.new_project import FILES, NewProject, write_project, write_template
from orgcal.operations.project_lock import OWN, Pin, own_pins, pins_of_files
from orgcal.platforms import KINDS
from orgcal.settings import read_settings
from orgcal.stack.project import find_project

ROOT = Path(__file__).resolve().parents[2]
RUNNING = version("orgcal")
PINS = (Pin("orgcal", RUNNING, ("a" * 64,)), Pin("orgcal-emulator", RUNNING, ("b" * 64,)))


class Ended(NamedTuple):
    """How a command ended."""

    returncode: Any
    stdout: str
    stderr: str


def wheel(folder: Path, name: str, number: str = RUNNING) -> str:
    """An empty wheel, and its SHA-256."""
    stem = f"{name.replace('-', '_')}-{number}"
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{stem}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n")
        archive.writestr(f"{stem}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{stem}.dist-info/RECORD", "")
    return sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def release(tmp_path: Path) -> dict[str, str]:
    """An environment in which pip finds our distributions, in a folder."""
    (tmp_path / "wheels").mkdir()
    for name in OWN:
        wheel(tmp_path / "wheels", name)
    found = {"PIP_FIND_LINKS": str(tmp_path / "wheels"), "PIP_NO_INDEX": "1", "PIP_REQUIRE_HASHES": "1", "CI": "true"}
    return {**os.environ, **found, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "emulator")])}


def run_new(
    folder: Path, environ: dict[str, str], *words: str, stdin: int = subprocess.DEVNULL, stderr: int = subprocess.PIPE
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "orgcal.cli", "new", *words]
    return subprocess.run(
        command, cwd=folder, env=environ, stdin=stdin, stdout=subprocess.PIPE, stderr=stderr, text=True, check=False
    )


@pytest.fixture
def new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Types `orgcal new` in this process and a folder, with pins that nobody has to ask pip for."""

    def run(*words: str, folder: Path = tmp_path) -> Ended:
        monkeypatch.setattr("orgcal.operations.project_lock.own_pins", lambda _: PINS)
        monkeypatch.setattr(sys, "argv", ["orgcal", "new", *words])
        monkeypatch.setenv("CI", "true")
        monkeypatch.chdir(folder)
        with pytest.raises(SystemExit) as ended:
            main()
        return Ended(ended.value.code, *capsys.readouterr())

    return run


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_new_writes_a_project_that_is_found_and_whose_settings_are_right(
    tmp_path: Path, release: dict[str, str]
) -> None:
    ended = run_new(tmp_path, release, "infra/calendar")

    folder = tmp_path / "infra" / "calendar"
    assert ended.returncode == 0, ended.stderr
    assert names_in(folder) == set(FILES)
    assert find_project({}, folder) == folder
    assert read_settings(folder, "dev").project == "calendar"
    assert "  cd infra/calendar\n  python3 -m venv .venv\n" in ended.stdout
    assert ended.stdout.endswith("  orgcal demo\n")
    assert "${" not in "".join((folder / name).read_text() for name in FILES)
    assert names_in(tmp_path) == {"infra", "wheels"}


def test_new_pins_what_runs_and_what_is_tested_with_hashes(tmp_path: Path, release: dict[str, str]) -> None:
    ended = run_new(tmp_path, release, "calendar", "--json")

    text = (tmp_path / "calendar" / "requirements.txt").read_text()
    for name in OWN:
        file = tmp_path / "wheels" / f"{name.replace('-', '_')}-{RUNNING}-py3-none-any.whl"
        assert f"\n{name}=={RUNNING} \\\n    --hash=sha256:{sha256(file.read_bytes()).hexdigest()}\n" in text
    pinned = [line for line in text.splitlines() if line[:1].isalnum()]
    assert all("==" in line and line.endswith("\\") for line in pinned)
    assert differing_packages(tmp_path / "calendar" / "requirements.txt") == []
    assert json.loads(ended.stdout)["files"] == list(FILES)


def test_new_takes_name_platform_and_cloud(tmp_path: Path, new: Callable[..., Ended]) -> None:
    ended = new("x", "--name", "acme", "--platform", "file", "--cloud", "usgov")

    assert ended.returncode == 0, ended.stderr
    (tmp_path / "x" / "Pulumi.prod.yaml.example").rename(tmp_path / "x" / "Pulumi.prod.yaml")
    settings = read_settings(tmp_path / "x", "prod")
    assert (settings.project, settings.entra.cloud, settings.platform()["kind"]) == ("acme", "usgov", "file")


def test_new_asks_on_a_terminal_for_what_is_not_given(tmp_path: Path, release: dict[str, str]) -> None:
    del release["CI"]
    main, terminal = pty.openpty()
    os.write(main, b"acme\nfile\n\n")

    ended = run_new(tmp_path, release, "x", stdin=terminal, stderr=terminal)

    asked = os.read(main, 10_000).decode()
    os.close(main)
    os.close(terminal)
    assert ended.returncode == 0, asked
    assert yaml.safe_load((tmp_path / "x" / "Pulumi.yaml").read_text())["name"] == "acme"
    assert "Name of the project [x]" in asked
    assert "Cloud of your tenant [public]" in asked


def test_new_asks_nothing_in_ci(tmp_path: Path, release: dict[str, str]) -> None:
    main, terminal = pty.openpty()

    ended = run_new(tmp_path, release, "x", stdin=terminal)

    os.close(main)
    os.close(terminal)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""


def test_new_in_an_empty_repository_leaves_the_repository_alone(tmp_path: Path, new: Callable[..., Ended]) -> None:
    folder = tmp_path / "own"
    (folder / ".git").mkdir(parents=True)

    ended = new(".", folder=folder)

    assert ended.returncode == 0, ended.stderr
    assert names_in(folder) == {".git", *FILES}
    assert "cd " not in ended.stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["used"], "the folder is not empty: file"),
        (["used/file"], "this is a file"),
        (["used/file/below"], "cannot be written (Not a directory)"),
        (["my calendar"], "--name: 'my calendar' is not a valid project name"),
        (["x", "--name", ".."], "--name: '..' is not a valid project name"),
        (["x", "--name", ""], "--name: '' is not a valid project name"),
        (["x", "--platform", "zapier"], "--platform: there is no 'zapier'; known are local,"),
        (["x", "--cloud", "mars"], "--cloud: there is no 'mars'; known are emulator, public,"),
        (["x", "--platform", "local", "--cloud", "public"], "platform local is the emulator's own"),
    ],
)
def test_new_refuses_bad_input_with_a_sentence_and_writes_nothing(
    tmp_path: Path, new: Callable[..., Ended], words: list[str], sentence: str
) -> None:
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").write_text("mine")

    ended = new(*words)

    assert ended.returncode == 2
    assert sentence in ended.stderr
    assert names_in(tmp_path) == {"used"}
    assert names_in(tmp_path / "used") == {"file"}


def test_new_without_its_own_hashes_says_where_they_come_from(tmp_path: Path, release: dict[str, str]) -> None:
    ended = run_new(tmp_path, {**release, "PIP_FIND_LINKS": str(tmp_path / "gone")}, "x")

    assert ended.returncode == 1
    assert "pip does not find the release that runs here: no index that it asks has it" in ended.stderr
    assert "PIP_FIND_LINKS" in ended.stderr
    assert names_in(tmp_path) == {"wheels"}


def test_new_takes_a_folder_of_wheels_from_where_it_runs_and_no_module(tmp_path: Path, release: dict[str, str]) -> None:
    (tmp_path / "pip.py").write_text("raise SystemExit('a module of the working directory')")

    ended = run_new(tmp_path, {**release, "PIP_FIND_LINKS": "wheels", "PIP_USER": "1"}, "x")

    assert ended.returncode == 0, ended.stderr
    assert names_in(tmp_path / "x") == set(FILES)


def test_new_without_pip_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = ProcessResult(1, ("/venv/bin/python: No module named pip",), timed_out=False, seconds=0.1)
    monkeypatch.setattr("orgcal.operations.project_lock.run_child", lambda *_, **__: ended)

    with pytest.raises(OrgcalError, match="this Python has no pip") as refused:
        own_pins({})

    assert refused.value.repair.startswith("python -m ensurepip")


def test_new_without_a_network_says_so_and_shows_no_password(tmp_path: Path, release: dict[str, str]) -> None:
    index = "http://somebody:hush@127.0.0.1:9/simple"
    nowhere = {"PIP_INDEX_URL": index, "PIP_NO_INDEX": "", "PIP_FIND_LINKS": "", "PIP_RETRIES": "1"}

    ended = run_new(tmp_path, {**release, **nowhere}, "x")

    assert ended.returncode == 1
    assert "pip does not find the release that runs here: no network (" in ended.stderr
    assert "hush" not in ended.stderr
    assert names_in(tmp_path) == {"wheels"}


@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize("platform", KINDS)
def test_example_of_a_stack_is_accepted_as_it_is_written(tmp_path: Path, platform: str, cloud: str) -> None:
    project = NewProject("acme", platform, cloud)
    if platform == "local" and cloud != "emulator":
        with pytest.raises(UsageError, match="the emulator's own"):
            project.check()
        return
    project.check()
    texts = project.texts(PINS)
    (tmp_path / "Pulumi.yaml").write_text(texts["Pulumi.yaml"])
    (tmp_path / "Pulumi.prod.yaml").write_text(texts["Pulumi.prod.yaml.example"])

    settings = read_settings(tmp_path, "prod")

    assert (settings.entra.cloud, settings.platform()["kind"]) == (cloud, platform)


def test_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    rename = Path.rename

    def fail_at_readme(path: Path, target: Path) -> Path:
        if path.name in ("README.md", "new"):
            raise PermissionError(13, "Permission denied", str(target))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail_at_readme)
    for folder in (tmp_path / "empty", tmp_path / "new" / "below"):
        with pytest.raises(UsageError, match="cannot be written \\(Permission denied\\)"):
            write_project(folder, NewProject("x").texts(PINS))

    assert names_in(tmp_path) == {"empty"}
    assert names_in(tmp_path / "empty") == set()


def test_write_into_a_folder_that_somebody_has_filled_meanwhile_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(new_project, "refuse_used_folder", lambda *_: (tmp_path / "x" / "mine").mkdir(parents=True))
    monkeypatch.setattr(Path, "exists", lambda path: path != tmp_path / "x")

    with pytest.raises(UsageError, match="cannot be written"):
        write_project(tmp_path / "x", {"file": "text"})

    assert [path.name for path in (tmp_path / "x").iterdir()] == ["mine"]


def test_own_pins_of_an_installation_from_wheels_ask_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    class Installed:
        version = RUNNING

        def read_text(self, name: str) -> str:
            assert name == "direct_url.json"
            archive = {"hash": "sha256=0", "hashes": {"sha256": "c" * 64}}
            return json.dumps({"url": f"file:///wheels/orgcal-{RUNNING}-py3-none-any.whl", "archive_info": archive})

    monkeypatch.setattr("orgcal.operations.project_lock.Distribution.from_name", lambda _: Installed())
    monkeypatch.setattr("orgcal.operations.project_lock.run_child", None)

    assert own_pins({}) == tuple(Pin(name, RUNNING, ("c" * 64,)) for name in OWN)


def test_pins_of_a_releases_files_have_the_hash_of_each(tmp_path: Path) -> None:
    first = wheel(tmp_path, "orgcal", "1.0")
    second = wheel(tmp_path, "orgcal-emulator", "1.0")
    (tmp_path / "orgcal-1.0.tar.gz").write_text("sources")

    sources = sha256(b"sources").hexdigest()
    assert pins_of_files(tmp_path) == (
        Pin("orgcal", "1.0", tuple(sorted([first, sources]))),
        Pin("orgcal-emulator", "1.0", (second,)),
    )
    wheel(tmp_path, "orgcal-emulator", "1.1")
    with pytest.raises(OrgcalError, match=r"expected one version of orgcal and orgcal-emulator"):
        pins_of_files(tmp_path)


def test_template_of_a_release_has_the_lock_of_a_project(tmp_path: Path) -> None:
    write_template(tmp_path / "template", PINS)

    text = (tmp_path / "template" / "requirements.txt").read_text()
    assert text == NewProject("x").texts(PINS)["requirements.txt"]
    assert names_in(tmp_path / "template") == {*FILES, ".venv"}
