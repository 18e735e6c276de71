"""actionlint, the checker of workflow files: built once from Go modules that `go.sum` pins, as the engine is."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import filelock

from orgcal.engine.build import go_environment
from orgcal.engine.cache import cache_dir, remove_tree
from orgcal.engine.progress import Progress
from orgcal.engine.toolchain import Toolchain, fetch_go, go_on_path

MODULE = Path(__file__).with_name("actionlint_module")
PROGRAM = "github.com/rhysd/actionlint/cmd/actionlint"


def actionlint() -> Path:
    """The program, in the user's cache; made first if it is not there."""
    digest = hashlib.sha256((MODULE / "go.sum").read_bytes()).hexdigest()[:16]
    home = cache_dir(os.environ) / "tests"
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    program = home / f"actionlint-{digest}"
    with filelock.FileLock(home / "actionlint.lock"):
        if not program.exists():
            staging = Path(tempfile.mkdtemp(dir=home, prefix=".making-"))
            try:
                _build(staging).replace(program)
            finally:
                remove_tree(staging)
    return program


def _build(staging: Path) -> Path:
    found: Toolchain | str = go_on_path(os.environ)
    if isinstance(found, str):
        found = fetch_go(staging, os.environ, Progress(), python=Path(sys.executable))
    environ = go_environment(os.environ, staging, found)
    for name in ("GOMODCACHE", "GOCACHE", "GOTMPDIR", "GOPATH"):
        Path(environ[name]).mkdir(parents=True, exist_ok=True)
    shutil.copytree(MODULE, staging / "module")
    made = staging / "actionlint"
    subprocess.run(
        [str(found.go), "build", "-mod=readonly", "-o", str(made), PROGRAM],
        cwd=staging / "module",
        env=environ,
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    )
    return made
