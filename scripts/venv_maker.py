"""Makes `.venv` with exactly the packages of requirements.lock, this project and the emulator's; others when asked.

The others are the clients that witness the emulator, and what builds the site of the docs.

Builds the Pulumi engine meanwhile, when asked for and where it has to be built.

Needs the standard library only; repairs what a killed run left; does nothing when nothing has changed.
Where packages come from is pip's own setting (pip.conf, PIP_INDEX_URL, PIP_FIND_LINKS).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

# All of these need nothing but the standard library.
from orgcal.engine.child import run_child
from orgcal.engine.errors import trouble_in
from orgcal.engine.progress import Progress, in_words
from orgcal.errors import OrgcalError
from scripts.engine_ahead import FIRST_PACKAGES, EngineAhead, build_with_packages_of

ROOT = Path(__file__).resolve().parent.parent
DISK_NEEDED_BYTES = 800_000_000  # measured 430 MB for .venv, and pip's downloads while it works
ADDED = {
    "witnesses": 700_000_000,  # measured 460 MB, most of them the generated models of msgraph-sdk
    "docs": 200_000_000,  # measured 115 MB: the icons of mkdocs-material 62, languages of babel 36
}
"""What is installed on top when it is asked for, each from its lock, and the free disk in bytes that it needs."""
PIP_LIMIT_S = 1800.0
VENV_LIMIT_S = 300.0
PIP = ["-m", "pip", "--disable-pip-version-check", "--no-input"]
# Settings of pip that would put packages elsewhere than into .venv.
MISLEADING = {"PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_REQUIRE_VIRTUALENV", "PYTHONPATH", "PYTHONHOME"}


class SetupError(Exception):
    """One sentence for the user, with its repair."""


class Setup:
    """One run in the checkout `root`.

    Args:
        root: the checkout.
        progress: told what is done; standard error if None.
        engine: is built while the packages are installed; nothing is if None.
    """

    def __init__(self, root: Path, progress: Progress | None = None, engine: EngineAhead | None = None) -> None:
        self.root = root
        self.progress = Progress() if progress is None else progress
        self.engine = engine
        self.venv = root / ".venv"
        self.python = self.venv / "bin" / "python"
        self.aside = root / ".local" / "venv.old"
        self.stamp = self.venv / "orgcal-setup.json"
        self.environ = {name: value for name, value in os.environ.items() if name not in MISLEADING}
        self.wanted = {
            "python": f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}",
            "root": str(root),
            "lock": digest(root / "requirements.lock"),
            "project": digest(root / "pyproject.toml") + digest(root / "emulator" / "pyproject.toml"),
        }

    def run(self) -> str:
        """Bring `.venv` up to date and say in a few words what was done."""
        found = self.found()
        if found == self.wanted:
            return ".venv is up to date"
        if {**found, "project": self.wanted["project"]} == self.wanted:
            self.stamp.unlink()
            self.install_project()
            self.write_stamp()
            return "the project was installed anew into .venv"
        self.check_disk(DISK_NEEDED_BYTES)
        self.set_aside()
        try:
            self.create()
            if self.engine:
                self.install_first()
                self.engine.start(self.environ, self.python)
            self.install_lock(self.root / "requirements.lock")
            self.install_project()
        except BaseException:
            if self.engine:
                self.engine.end()  # before `.venv`, whose packages it uses
            self.bring_back()
            raise
        self.write_stamp()
        shutil.rmtree(self.aside, ignore_errors=True)
        return f".venv is ready (Python {self.wanted['python']})"

    def add(self, what: str) -> str:
        """Install what `ADDED` names into an up-to-date `.venv`, and say what was done."""
        lock = self.root / f"requirements.{what}.lock"
        stamp = self.venv / f"orgcal-{what}"
        if stamp.exists() and stamp.read_text(encoding="utf-8") == digest(lock):
            return f"its {what} too"
        self.check_disk(ADDED[what])
        self.install_lock(lock)
        stamp.write_text(digest(lock), encoding="utf-8")
        return f"its {what} were installed"

    def found(self) -> dict[str, str]:
        """What the last complete run left; empty after a killed one."""
        if not self.python.exists():  # also where it is a link to a Python that is gone
            return {}
        try:
            said = json.loads(self.stamp.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return said if isinstance(said, dict) else {}

    def check_disk(self, needed_bytes: int) -> None:
        free = shutil.disk_usage(self.root).free
        if free < needed_bytes:
            raise SetupError(
                f"installing the packages needs {needed_bytes // 10**6} MB of free disk in {self.root} "
                f"and there are {free // 10**6}\n  repair: free some space, then make setup"
            )

    def set_aside(self) -> None:
        """Keep a complete `.venv` until the new one stands; drop what a killed run left."""
        if self.stamp.exists():
            shutil.rmtree(self.aside, ignore_errors=True)
            self.aside.parent.mkdir(exist_ok=True)
            self.venv.rename(self.aside)
        elif self.venv.exists():
            self.say("the .venv found here was never finished; making it anew")
            shutil.rmtree(self.venv)

    def bring_back(self) -> None:
        shutil.rmtree(self.venv, ignore_errors=True)
        if self.aside.exists():
            self.aside.rename(self.venv)

    def create(self) -> None:
        """An empty `.venv` with pip; by `venv`, or by virtualenv where Debian took ensurepip away."""
        if importlib.util.find_spec("ensurepip") and importlib.util.find_spec("venv"):
            self.command([sys.executable, "-m", "venv", str(self.venv)], "making .venv", VENV_LIMIT_S)
            return
        self.say("this Python has no ensurepip; using virtualenv instead")
        if importlib.util.find_spec("virtualenv"):
            self.command([sys.executable, "-m", "virtualenv", str(self.venv)], "making .venv", VENV_LIMIT_S)
            return
        if not importlib.util.find_spec("pip"):
            raise SetupError(
                "this Python has neither ensurepip nor virtualenv nor pip to make .venv with\n  repair: install "
                f"python3-venv (Debian, Ubuntu: apt install python{sys.version_info[0]}.{sys.version_info[1]}-venv), "
                "or use another Python: make setup PYTHON=/path/to/python3.11"
            )
        tool = self.root / ".local" / "virtualenv"
        shutil.rmtree(tool, ignore_errors=True)
        lock = str(self.root / "scripts" / "bootstrap.lock")
        options = ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--target", str(tool), "-r", lock]
        try:
            self.command([sys.executable, *PIP, "install", *options], "fetching virtualenv", PIP_LIMIT_S)
            self.environ["PYTHONPATH"] = str(tool)
            self.command([sys.executable, "-m", "virtualenv", str(self.venv)], "making .venv", VENV_LIMIT_S)
        finally:
            self.environ.pop("PYTHONPATH", None)
            shutil.rmtree(tool, ignore_errors=True)

    def install_first(self) -> None:
        """The packages that the engine's build needs, as they are locked."""
        lock = (self.root / "requirements.lock").read_text(encoding="utf-8")
        first = self.venv / "first.lock"
        first.write_text("".join(locked(lock, name) for name in FIRST_PACKAGES), encoding="utf-8")
        self.pip_install(first)
        first.unlink()

    def install_lock(self, lock: Path) -> None:
        self.say(f"installing {packages_in(lock)} packages into .venv, once")
        self.pip_install(lock)

    def pip_install(self, lock: Path) -> None:
        options = ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--progress-bar", "off", "-r", str(lock)]
        followed = Installation(self.venv, packages_in(lock))
        self.command([str(self.python), *PIP, "install", *options], "installing packages", PIP_LIMIT_S, followed)

    def install_project(self) -> None:
        # Its build tools (hatchling, editables) are locked too, so nothing is downloaded here.
        options = ["--no-deps", "--no-build-isolation", "--no-index"]
        projects = [word for folder in (self.root, self.root / "emulator") for word in ("--editable", str(folder))]
        self.command([str(self.python), *PIP, "install", *options, *projects], "installing the project", VENV_LIMIT_S)

    def write_stamp(self) -> None:
        temporary = self.stamp.with_suffix(".new")
        temporary.write_text(json.dumps(self.wanted) + "\n", encoding="utf-8")
        temporary.replace(self.stamp)

    def command(self, command: list[str], what: str, limit_s: float, followed: Installation | None = None) -> None:
        """Run a command; `followed` tells how far it is."""

        def tell(seconds: float) -> None:
            far = f": {followed.state()}" if followed else ""
            self.progress.pulse(f"setup: {what}{far}, {in_words(seconds)}")

        ended = run_child(
            command,
            env=self.environ,
            cwd=self.root,
            limit_s=limit_s,
            on_line=followed.read if followed else None,
            on_tick=tell,
        )
        self.progress.clear()
        if ended.status != 0:
            trouble, repair = trouble_in(ended)
            raise SetupError(f"{what} failed: {trouble}\n  repair: {repair or 'make setup'}")

    def say(self, text: str) -> None:
        say(self.progress, text)


class Installation:
    """How far pip is: it names what it fetches, and of what it installs only the traces can be counted.

    Args:
        venv: into which it installs.
        count: of packages.
    """

    def __init__(self, venv: Path, count: int) -> None:
        self._venv = venv
        self._count = count
        self._fetched = 0
        self._name = ""
        self._before: int | None = None
        self._new = count

    def read(self, line: str) -> None:
        """Take in a line of pip's output."""
        if found := re.match(r"(?:Collecting|Requirement already satisfied:) ([A-Za-z0-9._-]+)", line):
            self._fetched += 1
            self._name = found[1]
        elif line.startswith("Installing collected packages:"):
            self._new = line.count(",") + 1
            self._before = self._installed()

    def state(self) -> str:
        """Such as `57 of 102 fetched (pydantic)` or `40 of 102 installed`."""
        if self._before is None:
            name = f" ({self._name})" if self._name else ""
            return f"{min(self._fetched, self._count)} of {self._count} fetched{name}"
        return f"{min(self._installed() - self._before, self._new)} of {self._new} installed"

    def _installed(self) -> int:
        return sum(1 for _ in self._venv.glob("lib/python*/site-packages/*.dist-info"))


def packages_in(lock: Path) -> int:
    """How many packages a lock file names."""
    return sum(line[:1].isalnum() for line in lock.read_text(encoding="utf-8").splitlines())


def locked(lock: str, package: str) -> str:
    """The lines of a lock file about one package: its version and its hashes."""
    found = re.search(rf"^{re.escape(package)}==.*\n(?:[ \t].*\n?)*", lock, re.MULTILINE)
    return found[0] if found else ""


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def say(progress: Progress, text: str) -> None:
    progress.say(f"setup: {text}")


@contextlib.contextmanager
def alone(root: Path, progress: Progress) -> Iterator[None]:
    """Hold the checkout, so that two runs do not write one `.venv`; the lock needs no file of its own."""
    handle = os.open(root, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say(progress, "another make setup is at work here; waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def make_venv(root: Path = ROOT, *, added: Sequence[str] = (), engine: bool = False) -> int:
    """Make or repair `.venv` in the checkout `root`; the exit status.

    Args:
        root: the checkout.
        added: names of `ADDED` to install on top.
        engine: where `.venv` has to be made, build the engine meanwhile, if it has to be built.
    """
    if sys.prefix != sys.base_prefix:  # started from .venv itself, which this run may replace
        base = getattr(sys, "_base_executable", "") or sys.executable
        if base != sys.executable:
            return subprocess.run([base, *sys.argv], check=False).returncode
    progress = Progress()
    try:
        with EngineAhead(progress, build_with_packages_of) as ahead:
            with alone(root, progress):
                setup = Setup(root, progress, ahead if engine else None)
                done = [setup.run(), *(setup.add(what) for what in added)]
                say(progress, ", ".join(done))
            ahead.wait()
    except SetupError as error:
        say(progress, str(error))
        return 1
    except OrgcalError as error:
        progress.say(str(error))
        return error.exit_code
    except OSError as error:
        place = error.filename or root
        say(progress, f"{place}: {error.strerror}\n  repair: look at the disk and the rights there; make setup")
        return 1
    except KeyboardInterrupt:
        say(progress, "interrupted; the next make setup goes on")
        return 130
    return 0
