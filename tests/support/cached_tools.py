"""Programs that tests need and that are no packages of ours: made once from locked files, in the user's cache.

Each lies in `<cache>/tests/<name>-<digest of what it is made of>`; two runs of tests never make one at the same time.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import filelock

from orgcal.engine.build import go_environment
from orgcal.engine.cache import cache_dir, remove_tree
from orgcal.engine.progress import Progress
from orgcal.engine.toolchain import Toolchain, fetch_go, go_on_path

MAKING_LIMIT_S = 900.0
"""Seconds that one installation or build may take on a slow network; each is measured in under two minutes."""


def cached_tool(name: str, made_of: Iterable[Path], make: Callable[[Path], None]) -> Path:
    """The folder of a tool, made first if it is not there.

    Args:
        name: of the tool.
        made_of: files whose content decides what the tool is; another content is another folder.
        make: fills an empty folder, which `cached_tool` then moves; nothing made may hold its own path.
    """
    digest = hashlib.sha256()
    for path in sorted(made_of):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    home = cache_dir(os.environ) / "tests"
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    tool = home / f"{name}-{digest.hexdigest()[:16]}"
    with filelock.FileLock(home / f"{name}.lock"):
        if not tool.exists():
            staging = Path(tempfile.mkdtemp(dir=home, prefix=f".making-{name}-"))
            try:
                (staging / "tool").mkdir()
                make(staging / "tool")
                (staging / "tool").replace(tool)
            finally:
                remove_tree(staging)
    return tool


def run_maker(command: list[str], cwd: Path, environ: dict[str, str]) -> None:
    """Run a command that installs or builds a tool.

    Raises:
        AssertionError: it failed; with what it wrote.
    """
    ended = subprocess.run(
        command, cwd=cwd, env=environ, check=False, capture_output=True, text=True, timeout=MAKING_LIMIT_S
    )
    assert ended.returncode == 0, f"{command[0]} ended with {ended.returncode}: {ended.stdout}{ended.stderr}"


def go_program(module: Path, package: str, *, tests: bool = False) -> Path:
    """A program built from a folder with `go.mod` and `go.sum`, which pin every source file by hash.

    Args:
        module: the folder; it is copied, so that nothing is written there.
        package: what to build, as `go build` names it.
        tests: build the program of the package's tests (`go test -c`) instead.
    """

    def make(folder: Path) -> None:
        staging = folder.parent
        found: Toolchain | str = go_on_path(os.environ)
        if isinstance(found, str):
            found = fetch_go(staging, os.environ, Progress(), python=Path(sys.executable))
        environ = go_environment(os.environ, staging, found)
        for name in ("GOMODCACHE", "GOCACHE", "GOTMPDIR", "GOPATH"):
            Path(environ[name]).mkdir(parents=True, exist_ok=True)
        shutil.copytree(module, staging / "module")
        build = ["test", "-c"] if tests else ["build"]
        run_maker(
            [str(found.go), *build, "-mod=readonly", "-o", str(folder / "program"), package],
            staging / "module",
            environ,
        )

    files = (path for path in module.iterdir() if path.is_file())
    return cached_tool(f"{module.parent.name}-{module.name}", files, make) / "program"
