"""Our plugins as processes: how they start, and when they end."""

from __future__ import annotations

import ast
import contextlib
import os
import subprocess
import sys
from pathlib import Path

import psutil

PROJECT_ROOT = Path(__file__).resolve().parents[2]
PLUGIN = PROJECT_ROOT / "orgcal" / "provider" / "connector" / "pulumi-resource-orgcal"


def test_plugin_started_from_anywhere_says_its_port_and_ends_with_its_engine() -> None:
    """The executable finds its environment by itself; the process that started it stands for the engine."""
    engine = f"""
import subprocess, sys
plugin = subprocess.Popen([{str(PLUGIN)!r}, "127.0.0.1:1"], stdout=subprocess.PIPE)
sys.stdout.write(f"{{plugin.pid}} {{plugin.stdout.readline().decode()}}")
"""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    said = subprocess.run(
        [sys.executable, "-c", engine], cwd="/", env=environ, capture_output=True, text=True, timeout=30, check=True
    ).stdout.split()
    pid, port = int(said[0]), int(said[1])
    assert port > 0
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(pid).wait(timeout=20)  # raises TimeoutExpired for a plugin that stays
    assert not psutil.pid_exists(pid)


def test_plugin_loads_at_its_start_only_what_it_needs() -> None:
    """Every pulumi command pays for the start: HTTP and cryptography load with the first call that needs them."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", "import orgcal.provider.connector.__main__, sys; print(sorted(sys.modules))"],
        env={**os.environ, "PYTHONPATH": str(PROJECT_ROOT)},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    loaded = set(ast.literal_eval(done.stdout))
    assert loaded.isdisjoint({"requests", "cryptography", "pydantic", "msal", "starlette", "sqlalchemy"})
