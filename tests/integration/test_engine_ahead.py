"""`make setup` builds the engine while it installs the packages: at once, ended with one another, and killed."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from orgcal.engine.cache import EngineCache
from orgcal.engine.find import Engine, look_for_engine
from orgcal.engine.progress import Progress
from orgcal.errors import EngineError
from scripts import venv_maker
from scripts.engine_ahead import FIRST_PACKAGES, EngineAhead
from scripts.venv_maker import Installation, Setup, SetupError, locked, make_venv
from tests.support.fake_programs import build_environ, builds, endless_build, write_program

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 30.0
Build = Callable[[Mapping[str, str], Progress, Path], None]
Begin = Callable[[Path, str, dict[str, str]], "subprocess.Popen[str]"]


class _Pretended(Setup):
    """Makes a `.venv` of one file; `on_command` sees what would be run."""

    on_command: Callable[[str], None] = staticmethod(lambda what: None)

    def command(self, command: list[str], what: str, limit_s: float, followed: Installation | None = None) -> None:
        if what == "making .venv":
            write_program(self.python, "#!/bin/sh\n")
        self.on_command(what)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty checkout in which `make_venv` pretends to install packages."""
    root = tmp_path / "checkout"
    root.mkdir()
    (root / "requirements.lock").write_text("filelock==1\nplatformdirs==1\na==1\n", encoding="utf-8")
    (root / "pyproject.toml").write_text("[project]\n", encoding="utf-8")
    (root / "emulator").mkdir()
    (root / "emulator" / "pyproject.toml").write_text("[project]\n", encoding="utf-8")
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)  # or make_venv goes on with another Python
    monkeypatch.setattr(venv_maker, "Setup", _Pretended)
    return root


def _set_up(checkout: Path, monkeypatch: pytest.MonkeyPatch, build: Build, on_command: Callable[[str], None]) -> int:
    monkeypatch.setattr(_Pretended, "on_command", staticmethod(on_command))
    monkeypatch.setattr(venv_maker, "build_with_packages_of", build)
    return make_venv(checkout, engine=True)


def test_setup_builds_the_engine_while_packages_are_installed(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    did: list[str] = []
    building, packages_done = threading.Event(), threading.Event()

    def build(environ: Mapping[str, str], progress: Progress, python: Path) -> None:
        assert python == checkout / ".venv" / "bin" / "python"
        building.set()
        assert packages_done.wait(LIMIT_S)
        did.append("engine built")

    def on_command(what: str) -> None:
        did.append(what)
        if what == "installing the project":
            assert building.wait(LIMIT_S)
            packages_done.set()

    assert _set_up(checkout, monkeypatch, build, on_command) == 0
    assert did == ["making .venv", *["installing packages"] * 2, "installing the project", "engine built"]


def test_setup_nothing_to_install_builds_nothing(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Path] = []

    def build(environ: Mapping[str, str], progress: Progress, python: Path) -> None:
        started.append(python)

    for _ in range(2):
        assert _set_up(checkout, monkeypatch, build, lambda what: None) == 0
        assert len(started) == 1


def test_setup_that_fails_ends_the_build_first_and_says_one_sentence(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    building, ended = threading.Event(), threading.Event()

    def build(environ: Mapping[str, str], progress: Progress, python: Path) -> None:
        building.set()
        try:
            while True:
                progress.pulse("engine: 1 s")
                threading.Event().wait(0.01)
        finally:
            assert python.exists()
            ended.set()

    def on_command(what: str) -> None:
        if what == "installing the project":
            assert building.wait(LIMIT_S)
            raise SetupError("installing the project failed: the disk is full")

    assert _set_up(checkout, monkeypatch, build, on_command) == 1
    assert ended.is_set()
    assert not (checkout / ".venv").exists()
    said = capsys.readouterr().err
    assert said.splitlines()[-1] == "setup: installing the project failed: the disk is full"
    assert "Traceback" not in said


def test_setup_engine_that_cannot_be_built_leaves_the_venv_and_says_one_sentence(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def build(environ: Mapping[str, str], progress: Progress, python: Path) -> None:
        raise EngineError("the engine could not be built: no network", repair="connect to the network")

    assert _set_up(checkout, monkeypatch, build, lambda what: None) == 1
    assert capsys.readouterr().err.splitlines()[-3:] == [
        f"setup: .venv is ready (Python {sys.version.split()[0]})",
        "the engine could not be built: no network",
        "  repair: connect to the network",
    ]
    assert _set_up(checkout, monkeypatch, build, lambda what: None) == 0
    assert "up to date" in capsys.readouterr().err


# A set-up that runs a shell command for pip, and builds with the `go` on PATH.
_REAL_PROGRAMS = """
import sys
from pathlib import Path
from scripts import venv_maker
from orgcal.engine import build
from orgcal.engine.find import build_ahead

class WithShell(venv_maker.Setup):
    def command(self, command, what, limit_s, followed=None):
        if what == "making .venv":
            self.python.parent.mkdir(parents=True)
            self.python.touch()
        elif what == "installing packages" and not str(command[-1]).endswith("first.lock"):
            super().command(["/bin/sh", "-c", sys.argv[2]], what, limit_s)

build.DISK_NEEDED_BYTES = 1
sys.prefix = sys.base_prefix
venv_maker.Setup = WithShell
venv_maker.build_with_packages_of = lambda environ, progress, python: build_ahead(
    environ, progress=progress, python=python
)
sys.exit(venv_maker.make_venv(Path(sys.argv[1]), engine=True))
"""


@pytest.fixture
def begin() -> Iterator[Begin]:
    """Starts a set-up whose packages are installed by a shell command; ends it with the test."""
    with ExitStack() as running:

        def start(checkout: Path, install: str, environ: dict[str, str]) -> subprocess.Popen[str]:
            process = running.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", _REAL_PROGRAMS, str(checkout), install],
                    cwd=ROOT,
                    env=environ,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
            running.callback(process.kill)
            return process

        yield start


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_setup_killed_ends_both_and_the_next_one_makes_both(
    checkout: Path,
    tmp_path: Path,
    begin: Begin,
    how: signal.Signals,
) -> None:
    fifo = tmp_path / "started"
    os.mkfifo(fifo)
    environ = build_environ(tmp_path, FAKE_GO_BUILD=endless_build(fifo))
    run = begin(checkout, f"echo $$ > {fifo}; exec sleep 600", environ)
    both: list[psutil.Process] = []
    while len(both) < 2:  # each line is one program; they may come together
        both += [psutil.Process(int(line)) for line in fifo.read_text(encoding="utf-8").splitlines()]
    run.send_signal(how)
    _, said = run.communicate(timeout=LIMIT_S)
    for program in both:
        program.wait(timeout=10.0)
    cache = EngineCache(environ)
    assert cache.manifest() is None
    assert (run.returncode, "Traceback" in said) == (130 if how == signal.SIGINT else -how, False)
    if how == signal.SIGINT:
        assert said.splitlines()[-1] == "setup: interrupted; the next make setup goes on"
        assert list(cache.root.glob(".making-*")) == []
        assert not (checkout / ".venv").exists()

    again = _Pretended(checkout)
    assert again.found() == {}
    quiet = {**environ, "FAKE_GO_BUILD": ""}
    progress = Progress(io.StringIO())
    with EngineAhead(progress, _build_really) as ahead:
        again.environ, again.engine, again.progress = quiet, ahead, progress
        assert "is ready" in again.run()
        ahead.wait()
    found = look_for_engine(quiet)
    assert isinstance(found, Engine)
    assert found.reason == "Pulumi 3.274.1 was built from Go modules"
    assert list(cache.root.glob(".making-*")) == []
    assert "pulumi" in builds(tmp_path)


def test_setup_interrupted_after_its_packages_ends_the_build_and_leaves_the_venv(
    checkout: Path, tmp_path: Path, begin: Begin
) -> None:
    fifo = tmp_path / "started"
    os.mkfifo(fifo)
    environ = build_environ(tmp_path, FAKE_GO_BUILD=endless_build(fifo))
    run = begin(checkout, "true", environ)
    assert run.stderr is not None
    said = ""
    while "is ready" not in said:
        said = run.stderr.readline()
        assert said
    go = psutil.Process(int(fifo.read_text(encoding="utf-8")))
    run.send_signal(signal.SIGINT)
    _, last = run.communicate(timeout=LIMIT_S)
    go.wait(timeout=10.0)
    assert run.returncode == 130
    assert last.splitlines()[-1] == "setup: interrupted; the next make setup goes on"
    assert list(EngineCache(environ).root.glob(".making-*")) == []
    assert _Pretended(checkout).found() != {}


def _build_really(environ: Mapping[str, str], progress: Progress, python: Path) -> None:
    from orgcal.engine import build
    from orgcal.engine.find import build_ahead

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(build, "DISK_NEEDED_BYTES", 1)
        build_ahead(environ, progress=progress, python=python)


def test_first_packages_are_all_that_the_build_imports(tmp_path: Path) -> None:
    import filelock
    import platformdirs

    for package in (filelock, platformdirs):
        assert package.__name__ in FIRST_PACKAGES
        folder = Path(str(package.__file__)).parent
        (tmp_path / folder.name).symlink_to(folder)
    code = (
        f"import sys; sys.path += [{str(ROOT)!r}, {str(tmp_path)!r}]; import orgcal.engine.find as find; "
        "print(find.EngineCache({'HOME': '/'}).root)"
    )
    # -S: no site-packages.
    ended = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
    assert ended.stderr == ""
    assert ended.stdout.strip().endswith("engine")


def test_first_packages_are_locked_with_their_hashes() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    for package in FIRST_PACKAGES:
        lines = locked(lock, package).splitlines()
        assert lines[0].startswith(f"{package}==")
        assert len(lines) > 1
        assert all(line.strip().startswith("--hash=sha256:") for line in lines[1:])
