"""A checkout of its own: the real program, engine, plugins and emulator, and nothing shared with the user's."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from orgcal.engine.cache import CACHE_VARIABLE, cache_dir
from tests.support.azuread_plugin import limit_s, plugin_variables

ROOT = Path(__file__).resolve().parents[2]


def environ_of_a_person(*prefixes: str) -> dict[str, str]:
    """This process's environment without variables of these prefixes, and without what says that CI runs it."""
    return {name: value for name, value in os.environ.items() if name != "CI" and not name.startswith(prefixes)}


@dataclass
class Ran:
    """A finished command."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return f"{self.out}\n{self.err}"


@dataclass
class Checkout:
    """A copy of the tracked files, with the checkout's virtual environment, and a home of its own.

    Shared with the user are only the cache, which holds the engine, and the azuread plugin where AZUREAD_PLUGIN=real
    asks for the real one. Time-outs are those with the stand-in, and longer with the real one.
    """

    path: Path
    home: Path
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        return {
            **environ_of_a_person("ARM_", "AZURE_", "PULUMI_", "ORGCAL_", "AZUREAD_", "XDG_"),
            "HOME": str(self.home),
            CACHE_VARIABLE: str(cache_dir(os.environ)),
            "PYTHONPATH": f"{self.path}{os.pathsep}{self.path / 'emulator'}",
            **plugin_variables(),
            **self.extra,
        }

    @property
    def command(self) -> tuple[str, ...]:
        """The command `orgcal` of this checkout."""
        return (sys.executable, "-m", "orgcal.cli")

    def run(self, *command: str, environ: Mapping[str, str] | None = None, timeout_s: float = 120) -> Ran:
        done = subprocess.run(
            command,
            cwd=self.path,
            env={**self.environ, **(environ or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=limit_s(timeout_s),
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def orgcal(self, *words: str, environ: Mapping[str, str] | None = None, timeout_s: float = 120) -> Ran:
        return self.run(*self.command, *words, environ=environ, timeout_s=timeout_s)

    def shell(self, script: str, *, timeout_s: float = 120) -> Ran:
        """Runs what a user would type after `eval "$(orgcal env)"`."""
        prefix = f'set -e\neval "$({shlex.join(self.command)} env)"\n'
        return self.run("/bin/sh", "-c", prefix + script, timeout_s=timeout_s)

    def configure(self, **sections: Mapping[str, Any]) -> None:
        """Changes settings of stack `dev`, section by section."""
        path = self.path / "Pulumi.dev.yaml"
        said = yaml.safe_load(path.read_text())
        for section, values in sections.items():
            said["config"].setdefault(f"orgcal:{section}", {}).update(values)
        path.write_text(yaml.safe_dump(said, sort_keys=False))

    def set(self, key: str, value: Any) -> None:
        """Sets one setting of stack `dev` that is no mapping."""
        path = self.path / "Pulumi.dev.yaml"
        said = yaml.safe_load(path.read_text())
        said["config"][f"orgcal:{key}"] = value
        path.write_text(yaml.safe_dump(said, sort_keys=False))

    @property
    def ready(self) -> dict[str, Any]:
        ready: dict[str, Any] = json.loads((self.path / ".local/dev/emulator/ready.json").read_text())
        return ready


def make_checkout(folder: Path) -> Checkout:
    copy, home = folder / "checkout", folder / "home"
    home.mkdir()
    copy_sources(copy)
    (copy / ".venv").symlink_to(ROOT / ".venv")
    # What Python has compiled counts for the copy too, as times and sizes of the sources are the same.
    for package in ("emulator", "orgcal", "provisioning", "verify"):
        for compiled in (ROOT / package).rglob("__pycache__/*.pyc"):
            target = copy / compiled.relative_to(ROOT)
            if target.parent.parent.is_dir():
                target.parent.mkdir(exist_ok=True)
                shutil.copy2(compiled, target)
    return Checkout(copy, home)


def copy_sources(copy: Path) -> None:
    """Copies what git would commit, tests aside, as it is in the working tree."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        source, target = ROOT / name, copy / name
        if source.is_file() and not name.startswith("tests/"):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
