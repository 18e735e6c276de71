"""Runs of `benchmarks.verify`: workers started by turns, their figures, and what the emulator saw of them."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import platformdirs

from benchmarks.verify_stage import Stage, staged

HERE = Path(__file__).parent
WORKER_S = 300.0
"""A worker that takes longer is ended and its scenario fails; the slowest, msgraph-sdk, takes a minute."""
INSTALL_S = 600.0

Figures = dict[str, Any]
Worker = Callable[[Stage], Figures]


def peers_python() -> str | None:
    """The interpreter of the peers' environment, made if need be; None where it cannot be made."""
    folder = Path(platformdirs.user_cache_dir("orgcal", appauthor=False)) / "bench-peers"
    python = folder / "bin" / "python"
    done = folder / "complete"
    wanted = (HERE / "verify_peers.txt").read_text()
    if done.exists() and done.read_text() == wanted:
        return str(python)
    say("making the peers' environment, once")
    try:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True, capture_output=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "-r", str(HERE / "verify_peers.txt")]
        subprocess.run(install, check=True, capture_output=True, timeout=INSTALL_S)
        # Not measured: the first import of msgraph-sdk compiles thousands of modules.
        compiled = [str(python), "-m", "compileall", "-q", str(folder / "lib")]
        subprocess.run(compiled, check=False, capture_output=True, timeout=INSTALL_S)
    except (subprocess.SubprocessError, OSError) as error:
        say(f"the peers cannot be installed ({error}); their figures will be null")
        return None
    done.write_text(wanted)
    return str(python)


def ours(
    concurrency: int = 0, limits: dict[str, Any] | None = None, faults: list[dict[str, Any]] | None = None
) -> Worker:
    """Our tool; concurrency 0 adapts, limits are the emulator's own unless given, faults none."""
    return lambda stage: _run(
        stage,
        [sys.executable, "-m", "benchmarks.verify_ours"],
        limits or {},
        faults or [],
        concurrency=concurrency,
        witness=limits is not None,
    )


def peer(script: str, python: str | None, concurrency: int) -> list[Worker]:
    """A peer, where it could be installed."""
    if python is None:
        return []
    return [lambda stage: _run(stage, [python, str(HERE / f"{script}.py")], {}, [], concurrency=concurrency)]


class Bench:
    """Runs scenarios and keeps every run.

    Args:
        folder: for emulators.
        repeats: of each scenario.
        scale: of every number of users and organisations; 1 is what the figures are about.
    """

    def __init__(self, folder: Path, repeats: int, scale: float = 1.0) -> None:
        self._folder = folder
        self._repeats = repeats
        self._scale = scale
        self.runs: dict[str, list[Figures]] = {}

    def sized(self, number: int) -> int:
        """`number` of users or organisations, by the scale."""
        return max(1, round(number * self._scale))

    def scenario(
        self,
        name: str,
        workers: list[Worker],
        *,
        users: int,
        latency_s: float,
        organisations: int = 1,
        repeats: int = 0,
    ) -> list[list[Figures]]:
        """Run the workers by turns; the figures of each worker's runs."""
        kept = self.runs.setdefault(name, [])
        columns: list[list[Figures]] = [[] for _ in workers]
        with staged(self._folder / name, organisations=organisations, users=users) as stage:
            stage.slow(latency_s)
            for _ in range(repeats or self._repeats):
                for worker, column in zip(workers, columns, strict=True):
                    column.append(worker(stage))
                    kept.append(column[-1])
        seconds = [f"{median(column, 'wall_s'):.2f} s" for column in columns]
        say(f"{name}: {', '.join(seconds)}")
        return columns


def median(figures: list[Figures], name: str) -> float:
    """Of one figure over the repeats."""
    return float(statistics.median(item[name] for item in figures))


def ratio(columns: list[list[Figures]], name: str) -> float | None:
    """The peer's figure over ours; None without a peer."""
    return median(columns[1], name) / median(columns[0], name) if len(columns) == 2 else None


def say(text: str) -> None:
    """Tell who waits."""
    sys.stderr.write(f"{text}\n")


def _run(
    stage: Stage, command: list[str], limits: dict[str, Any], faults: list[dict[str, Any]], **more: Any
) -> Figures:
    """Run one worker; its figures and what the emulator saw of it."""
    script = command[-1].removesuffix(".py").replace("/", ".").split(".")[-1]
    before_cpu = stage.cpu_s()
    stage.control("DELETE", "/journal")
    dropped = stage.control("GET", "/journal")["dropped"]
    stage.control("POST", "/limits", limits)
    stage.control("DELETE", "/faults")
    stage.control("POST", "/faults", {"faults": faults})
    ended = subprocess.run(
        command,
        input=json.dumps(stage.spec(**more)),
        env={**os.environ, "REQUESTS_CA_BUNDLE": str(stage.endpoints.ca_file)},
        cwd=HERE.parent,
        capture_output=True,
        text=True,
        timeout=WORKER_S,
        check=False,
    )
    if ended.returncode:
        raise RuntimeError(f"{script}: {ended.stderr[-2000:]}")
    figures: Figures = json.loads(ended.stdout)
    wanted = len(stage.tenant_ids) * stage.users
    if figures["users"] != wanted:
        raise RuntimeError(f"{script} read {figures['users']} users instead of {wanted}")
    counted = stage.control("GET", "/limits")
    return {
        "script": script,
        **figures,
        "refused": counted["refused"],
        "emulator_cpu_s": round(stage.cpu_s() - before_cpu, 3),
        "witnessed_requests": _witnessed(stage, dropped),
    }


def _witnessed(stage: Stage, dropped: int) -> int | None:
    """Requests that the emulator's journal holds, batches as one each; None where it could not hold them all."""
    journal = stage.control("GET", "/journal")
    if journal["dropped"] > dropped:
        return None
    return sum(not entry.get("batch") and not entry["path"].startswith("/_emulator") for entry in journal["entries"])
