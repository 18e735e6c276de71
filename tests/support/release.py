"""A release of this checkout, and machines on which it is installed: wheels, pip, virtual environments."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from orgcal.engine.cache import CACHE_VARIABLE, EngineCache, cache_dir
from tests.support.azuread_plugin import plugin_variables
from tests.support.checkout import ROOT, Checkout, Ran, copy_sources, environ_of_a_person

_OF_THE_CHECKOUT = ("ARM_", "AZURE_", "PULUMI_", "ORGCAL_", "AZUREAD_", "XDG_", "PYTHON", "VIRTUAL_ENV")


def build_dist(folder: Path, umask: int = 0o022) -> Path:
    """dist/ of a copy of this checkout in `folder`."""
    copy_sources(folder)
    done = subprocess.run(
        [sys.executable, "-m", "scripts.dist"], cwd=folder, capture_output=True, text=True, check=False, umask=umask
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "dist"


@dataclass
class Release:
    """Built wheels, and a machine that has nothing of the checkout: an empty home, and pip, which finds the wheels.

    Attributes:
        folder: where the machine's files are.
    """

    folder: Path

    @cached_property
    def wheels(self) -> Path:
        """What the lock of a project names: our wheels, built, and those of others, downloaded once."""
        dist, wheels = build_dist(self.folder / "built"), self.folder / "wheels"
        options = ["--quiet", "--no-deps", "--require-hashes", "--dest", str(wheels)]
        lock = dist.parent / "template" / "requirements.txt"
        links = f"{dist} {os.environ.get('PIP_FIND_LINKS', '')}"
        done = subprocess.run(
            [sys.executable, "-m", "pip", "download", *options, "--requirement", str(lock)],
            env={**os.environ, "PIP_FIND_LINKS": links},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return wheels

    @cached_property
    def environ(self) -> dict[str, str]:
        """A shell's environment there."""
        inherited = environ_of_a_person(*_OF_THE_CHECKOUT)
        path = [part for part in inherited.get("PATH", os.defpath).split(os.pathsep) if ROOT not in Path(part).parents]
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        return {
            **inherited,
            "HOME": str(home),
            "PATH": os.pathsep.join(path),
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.wheels),
            "PIP_NO_COMPILE": "1",  # takes longer than all the rest of an installation, for files that few tests import
            **plugin_variables(),
        }

    def run(self, *command: str, cwd: Path | None = None, environ: Mapping[str, str] | None = None) -> Ran:
        """A finished command in the folder of the machine, or in `cwd`."""
        done = subprocess.run(
            command,
            cwd=cwd or self.folder,
            env={**self.environ, **(environ or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def install(self, venv: Path, *words: str) -> Path:
        """Makes a virtual environment and lets its pip install `words`; the folder of its programs."""
        made = self.run(sys.executable, "-m", "venv", str(venv))
        assert made.code == 0, made.text
        installed = self.run(str(venv / "bin" / "pip"), "install", "--quiet", *words, cwd=venv.parent)
        assert installed.code == 0, installed.text
        return venv / "bin"

    def project(self, folder: Path) -> InstalledProject:
        """The project in `folder`, used with its own virtual environment."""
        return InstalledProject(folder, self.folder / "home", release=self)


@dataclass(kw_only=True)
class InstalledProject(Checkout):
    """A project that uses an installed orgcal, in a shell in which its virtual environment is active."""

    release: Release

    @property
    def environ(self) -> dict[str, str]:
        venv, path = self.path / ".venv", self.release.environ["PATH"]
        active = {"VIRTUAL_ENV": str(venv), "PATH": f"{venv / 'bin'}{os.pathsep}{path}"}
        return {**self.release.environ, CACHE_VARIABLE: str(cache_dir(os.environ)), **active, **self.extra}

    @property
    def command(self) -> tuple[str, ...]:
        return ("orgcal",)

    def with_own_cache(self) -> tuple[InstalledProject, Path]:
        """The same, with a cache of its own that holds a copy of the engine where the user's does; and that cache."""
        cache, engine = self.path.parent / "cache", EngineCache(os.environ)
        if engine.home.is_dir():
            shutil.copytree(engine.home, cache / "engine" / engine.name)
        return replace(self, extra={**self.extra, CACHE_VARIABLE: str(cache)}), cache
