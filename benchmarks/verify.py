"""Verification beside its peers: prints one JSON object of medians.

    requests_over_goal           requests / (N/20 * 1.02 + ceil(N/999) + 3), token and discovery included; at most 1
    connections_beyond_concurrency   connections opened minus batches in flight; at most 2
    early_retries                requests before a `Retry-After` was over, by the emulator's own count, limits on; 0
    rss_growth_mib               peak memory at 100,000 users minus that at 10,000
    cpu_us_per_user              client's processor time for each user, at 100,000
    wall_over_floor              wall / max(list chain, quota, calendars), 100,000 users at 100 ms, adaptive start
    faster_than_office365_10k, _50k   Office365-REST-Python-Client's wall / ours, both at fixed concurrency 64
    memory_over_office365_50k    our peak memory / its
    faster_than_msgraph_sdk_2k   msgraph-sdk's wall / ours (it is unbatched, 16 at a time)
    orgs_200_s                   200 organisations of 500 users each at 50 ms

Client and emulator share the machine. Runs are interleaved, ours and a peer's by turns; figures of every run are kept
in `benchmarks/results/`. The peers live in an environment of their own, made once from `benchmarks/verify_peers.txt`.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import platformdirs

from benchmarks.verify_stage import Stage, staged

HERE = Path(__file__).parent
RESULTS = HERE / "results"
QUOTA_PER_S = 13_000
"""Requests of one application in all tenants. Source: https://learn.microsoft.com/en-us/graph/throttling-limits"""
CAP = 64

Figures = dict[str, Any]


def peers_python() -> str | None:
    """The interpreter of the peers' environment, made if need be; None where it cannot be made."""
    folder = Path(platformdirs.user_cache_dir("orgcal", appauthor=False)) / "bench-peers"
    python = folder / "bin" / "python"
    done = folder / "complete"
    wanted = (HERE / "verify_peers.txt").read_text()
    if done.exists() and done.read_text() == wanted:
        return str(python)
    try:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True, capture_output=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "-r", str(HERE / "verify_peers.txt")]
        subprocess.run(install, check=True, capture_output=True, timeout=900)
    except (subprocess.SubprocessError, OSError) as error:
        sys.stderr.write(f"the peers cannot be installed ({error}); their figures will be null\n")
        return None
    done.write_text(wanted)
    return str(python)


def worker(stage: Stage, script: str, python: str = sys.executable, **more: Any) -> Figures:
    """Run one worker; its figures and what the emulator saw of it."""
    before_cpu = stage.cpu_s()
    stage.control("DELETE", "/journal")
    stage.control("POST", "/limits", {})
    environ = {**os.environ, "REQUESTS_CA_BUNDLE": str(stage.world.ca_file)}
    if python == sys.executable:
        command = [python, "-m", f"benchmarks.{script}"]
    else:
        command = [python, str(HERE / f"{script}.py")]
    ended = subprocess.run(
        command,
        input=json.dumps(stage.spec(**more)),
        env=environ,
        cwd=HERE.parent,
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    if ended.returncode:
        raise RuntimeError(f"{script}: {ended.stderr[-2000:]}")
    figures: Figures = json.loads(ended.stdout)
    limits = stage.control("GET", "/limits")
    wanted = len(stage.tenant_ids) * stage.users
    if figures["users"] != wanted:
        raise RuntimeError(f"{script} read {figures['users']} users instead of {wanted}")
    figures |= {"script": script, "early": limits["early"], "refused": limits["refused"]}
    figures["emulator_cpu_s"] = round(stage.cpu_s() - before_cpu, 3)
    figures["witnessed_requests"] = _witnessed(stage, wanted)
    return figures


def _witnessed(stage: Stage, users: int) -> int | None:
    """Requests that the emulator's journal holds, batches as one each; None where it cannot hold them all."""
    if users > 15_000:
        return None
    journal = stage.control("GET", "/journal")["entries"]
    return sum(not entry.get("batch") and not entry["path"].startswith("/_emulator") for entry in journal)


def goal(users: int) -> float:
    """Requests that one organisation may need."""
    return users / 20 * 1.02 + math.ceil(users / 999) + 3


def floor_s(users: int, latency_s: float) -> float:
    """Seconds that no client can beat: pages are a chain, batches need connections, the quota is Microsoft's."""
    pages = math.ceil(users / 999)
    return max(pages * latency_s, users / 20 * latency_s / CAP, (users + pages) / QUOTA_PER_S)


class Bench:
    """Runs scenarios and keeps every run.

    Args:
        folder: for emulators.
        repeats: of each scenario.
    """

    def __init__(self, folder: Path, repeats: int) -> None:
        self._folder = folder
        self._repeats = repeats
        self.runs: dict[str, list[Figures]] = {}

    def scenario(
        self,
        name: str,
        run: list[Callable[[Stage], Figures]],
        *,
        organisations: int,
        users: int,
        latency_s: float,
        repeats: int = 0,
    ) -> list[list[Figures]]:
        """Run the workers by turns; figures for each worker."""
        with staged(self._folder / name, organisations=organisations, users=users) as stage:
            stage.slow(latency_s)
            rounds = [[one(stage) for one in run] for _ in range(repeats or self._repeats)]
        columns = [list(column) for column in zip(*rounds, strict=True)]
        self.runs[name] = [figures for column in columns for figures in column]
        seconds = [f"{median(column, 'wall_s'):.2f} s" for column in columns]
        sys.stderr.write(f"{name}: {', '.join(seconds)}\n")
        return columns


def median(figures: list[Figures], name: str) -> float:
    """Of one figure over the repeats."""
    return float(statistics.median(item[name] for item in figures))


def ours(concurrency: int = 0) -> Callable[[Stage], Figures]:
    """Our tool; 0 adapts."""
    return lambda stage: worker(stage, "verify_ours", concurrency=concurrency)


def peer(script: str, python: str | None) -> list[Callable[[Stage], Figures]]:
    """A peer, where it could be installed."""
    return [lambda stage: worker(stage, script, python, concurrency=CAP)] if python else []


def measure(bench: Bench) -> Figures:
    """All scenarios."""
    python = peers_python()
    found: Figures = {}
    plain = bench.scenario("10k", [ours()], organisations=1, users=10_000, latency_s=0.02)[0]
    large = bench.scenario("100k", [ours()], organisations=1, users=100_000, latency_s=0.1)[0]
    found["requests_over_goal"] = max(item["requests"] / goal(10_000) for item in plain)
    found["requests_over_goal"] = max(found["requests_over_goal"], *(i["requests"] / goal(100_000) for i in large))
    if any(item["witnessed_requests"] != item["requests"] for item in plain):
        raise RuntimeError("the emulator's journal does not confirm the number of requests")
    found["connections_beyond_concurrency"] = max(item["connections"] - item["concurrency"] for item in plain + large)
    found["rss_growth_mib"] = median(large, "peak_mib") - median(plain, "peak_mib")
    found["cpu_us_per_user"] = median(large, "cpu_s") / 100_000 * 1e6
    found["wall_over_floor"] = median(large, "wall_s") / floor_s(100_000, 0.1)
    for users, label in ((10_000, "10k"), (50_000, "50k")):
        columns = bench.scenario(
            f"office365-{label}", [ours(CAP), *peer("verify_office365", python)],
            organisations=1, users=users, latency_s=0.02,
        )  # fmt: skip
        found[f"faster_than_office365_{label}"] = ratio(columns, "wall_s")
        if label == "50k":
            over = ratio(columns, "peak_mib")
            found["memory_over_office365_50k"] = 1 / over if over else None
    small = bench.scenario(
        "msgraph-2k", [ours(CAP), *peer("verify_msgraph", python)],
        organisations=1, users=2_000, latency_s=0.02, repeats=1,  # the peer needs most of a minute
    )  # fmt: skip
    found["faster_than_msgraph_sdk_2k"] = ratio(small, "wall_s")
    many = bench.scenario("200-orgs", [ours()], organisations=200, users=500, latency_s=0.05)[0]
    found["orgs_200_s"] = median(many, "wall_s")
    found["early_retries"] = sum(item["early"] for runs in bench.runs.values() for item in runs)
    return {name: None if value is None else round(value, 3) for name, value in found.items()}


def ratio(columns: list[list[Figures]], name: str) -> float | None:
    """The peer's figure over ours; None without a peer."""
    return median(columns[1], name) / median(columns[0], name) if len(columns) == 2 else None


def main() -> None:
    """Measure, keep, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="orgcal-bench-") as folder:
        bench = Bench(Path(folder), arguments.repeats)
        found = measure(bench)
    RESULTS.mkdir(exist_ok=True)
    machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()}
    at = datetime.now(UTC)
    kept = {"at": at.isoformat(), "machine": machine, "medians": found, "runs": bench.runs}
    (RESULTS / f"verify-{at:%Y%m%d-%H%M%S}.json").write_text(json.dumps(kept, indent=1) + "\n")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
