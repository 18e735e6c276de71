"""`make setup`: nothing to do, something to do, killed, failed; without asking a package index."""

from __future__ import annotations

import importlib.util
import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.venv_maker import Installation, Setup, SetupError
from tests.support.fake_programs import write_program

ROOT = Path(__file__).resolve().parents[2]


class _Recorded(Setup):
    """Writes down commands instead of running them; making `.venv` leaves a Python in it."""

    def __init__(self, root: Path, fails_at: str = "") -> None:
        super().__init__(root)
        self.did: list[str] = []
        self.fails_at = fails_at

    def command(self, command: list[str], what: str, limit_s: float, followed: Installation | None = None) -> None:
        self.did.append(what)
        if what == self.fails_at:
            raise SetupError(f"{what} failed: the disk is full")
        if what == "making .venv":
            write_program(self.python, "#!/bin/sh\n")
            (self.venv / "made").write_text(self.wanted["lock"], encoding="utf-8")


ALL = ["making .venv", "installing packages", "installing the project"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "requirements.lock").write_text("a==1 \\\n    --hash=sha256:00\n", encoding="utf-8")
    (tmp_path / "requirements.witnesses.lock").write_text("b==1 \\\n    --hash=sha256:00\n", encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text("[project]\n", encoding="utf-8")
    (tmp_path / "emulator").mkdir()
    (tmp_path / "emulator" / "pyproject.toml").write_text("[project]\n", encoding="utf-8")
    (tmp_path / "scripts").mkdir()
    return tmp_path


def test_setup_fresh_checkout_makes_everything(checkout: Path) -> None:
    setup = _Recorded(checkout)
    assert "is ready" in setup.run()
    assert setup.did == ALL


def test_setup_tells_how_many_packages_are_fetched_and_installed(tmp_path: Path) -> None:
    packages = tmp_path / "lib" / "python3.11" / "site-packages"
    (packages / "pip-23.dist-info").mkdir(parents=True)
    pip = Installation(tmp_path, 3)
    told = [pip.state()]
    for line in (
        "Requirement already satisfied: filelock==3 in ./lib",
        "Collecting attrs==23 (from -r x.lock (line 1))",
        "  Using cached attrs-23-py3-none-any.whl",
        "Collecting pydantic-core==2 (from -r x.lock (line 2))",
        "Installing collected packages: attrs, pydantic-core",
    ):
        pip.read(line)
        told.append(pip.state())
    (packages / "attrs-23.dist-info").mkdir()
    told.append(pip.state())

    assert told == [
        "0 of 3 fetched",
        "1 of 3 fetched (filelock)",
        "2 of 3 fetched (attrs)",
        "2 of 3 fetched (attrs)",
        "3 of 3 fetched (pydantic-core)",
        "0 of 2 installed",
        "1 of 2 installed",
    ]


def test_setup_second_run_does_nothing(checkout: Path) -> None:
    _Recorded(checkout).run()
    setup = _Recorded(checkout)
    assert setup.run() == ".venv is up to date"
    assert setup.did == []


def test_setup_changed_project_installs_only_the_project(checkout: Path) -> None:
    _Recorded(checkout).run()
    (checkout / "pyproject.toml").write_text("[project]\nname = 'b'\n", encoding="utf-8")
    setup = _Recorded(checkout)
    setup.run()
    assert setup.did == ["installing the project"]
    assert _Recorded(checkout).run() == ".venv is up to date"


def test_setup_changed_lock_makes_a_new_venv_and_drops_the_old(checkout: Path) -> None:
    _Recorded(checkout).run()
    (checkout / "requirements.lock").write_text("a==2\n", encoding="utf-8")
    setup = _Recorded(checkout)
    setup.run()
    assert setup.did == ALL
    assert (setup.venv / "made").read_text(encoding="utf-8") == setup.wanted["lock"]
    assert not setup.aside.exists()


def test_setup_witnesses_are_added_once_and_again_when_their_lock_has_changed(checkout: Path) -> None:
    for expected in (["installing packages"], []):
        setup = _Recorded(checkout)
        setup.run()
        setup.did.clear()
        setup.add("witnesses")
        assert setup.did == expected
    (checkout / "requirements.witnesses.lock").write_text("b==2\n", encoding="utf-8")
    setup = _Recorded(checkout)
    assert setup.run() == ".venv is up to date"
    setup.add("witnesses")
    assert setup.did == ["installing packages"]


def test_setup_changed_lock_asks_for_the_witnesses_anew(checkout: Path) -> None:
    first = _Recorded(checkout)
    first.run()
    first.add("witnesses")
    (checkout / "requirements.lock").write_text("a==2\n", encoding="utf-8")
    setup = _Recorded(checkout)
    setup.run()
    assert not (setup.venv / "orgcal-witnesses").exists()


@pytest.mark.parametrize("fails_at", ALL)
def test_setup_failed_change_brings_the_working_venv_back(checkout: Path, fails_at: str) -> None:
    first = _Recorded(checkout)
    first.run()
    lock = (checkout / "requirements.lock").read_text(encoding="utf-8")
    (checkout / "requirements.lock").write_text("a==2\n", encoding="utf-8")
    with pytest.raises(SetupError):
        _Recorded(checkout, fails_at).run()
    assert (first.venv / "made").read_text(encoding="utf-8") == first.wanted["lock"]
    (checkout / "requirements.lock").write_text(lock, encoding="utf-8")
    assert _Recorded(checkout).run() == ".venv is up to date"


def test_setup_killed_run_is_made_anew(checkout: Path) -> None:
    setup = _Recorded(checkout)
    setup.create()  # and then killed: no stamp
    again = _Recorded(checkout)
    again.run()
    assert again.did == ALL
    assert _Recorded(checkout).run() == ".venv is up to date"


def test_setup_python_that_is_gone_is_replaced(checkout: Path) -> None:
    setup = _Recorded(checkout)
    setup.run()
    setup.python.unlink()
    setup.python.symlink_to(checkout / "no-such-python")
    again = _Recorded(checkout)
    again.run()
    assert again.did == ALL


def test_setup_moved_checkout_is_made_anew(checkout: Path, tmp_path: Path) -> None:
    _Recorded(checkout).run()
    moved = tmp_path / "moved"
    shutil.copytree(checkout, moved, ignore=shutil.ignore_patterns("moved"))
    setup = _Recorded(moved)
    setup.run()
    assert setup.did == ALL


def test_setup_too_little_disk_is_said_before_anything_is_made(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.venv_maker.DISK_NEEDED_BYTES", 10**18)
    setup = _Recorded(checkout)
    with pytest.raises(SetupError, match="MB of free disk"):
        setup.run()
    assert setup.did == []


def _without(monkeypatch: pytest.MonkeyPatch, *missing: str) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in missing else find_spec(name))


def test_setup_no_ensurepip_fetches_virtualenv(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _without(monkeypatch, "ensurepip", "virtualenv")
    setup = _Recorded(checkout)
    setup.run()
    assert setup.did == ["fetching virtualenv", *ALL]
    assert "PYTHONPATH" not in setup.environ


def test_setup_no_ensurepip_and_no_pip_says_what_to_install(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _without(monkeypatch, "ensurepip", "virtualenv", "pip")
    setup = _Recorded(checkout)
    with pytest.raises(SetupError, match=r"apt install python3\.\d+-venv"):
        setup.run()
    assert not setup.venv.exists()


def test_setup_without_an_index_is_one_sentence_and_leaves_nothing(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "PIP_CONFIG_FILE": os.devnull}.items():
        monkeypatch.setenv(name, value)
    (checkout / "requirements.lock").write_text(f"a==1 --hash=sha256:{'0' * 64}\n", encoding="utf-8")
    setup = Setup(checkout)
    with pytest.raises(SetupError, match="installing packages failed: no network") as caught:
        setup.run()
    assert "Traceback" not in str(caught.value)
    assert not setup.venv.exists()


def test_setup_old_python_is_told_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 4))
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(str(ROOT / "scripts" / "setup_venv.py"), run_name="__main__")
    assert caught.value.code == 1
    assert "needs Python 3.11 or newer" in capsys.readouterr().err


def test_setup_needs_nothing_but_the_standard_library() -> None:
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import scripts.venv_maker"
    # -S: no site-packages, as on a fresh machine.
    ended = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
    assert ended.stderr == ""
    assert ended.returncode == 0


def test_setup_stamp_names_lock_project_python_and_place(checkout: Path) -> None:
    setup = _Recorded(checkout)
    setup.run()
    assert set(json.loads(setup.stamp.read_text(encoding="utf-8"))) == {"lock", "project", "python", "root"}
