"""`make bench-health`: what operators ask every night, on 1,000 organisations.

Prints one JSON object:

    metrics_1000_s          `orgcal metrics` as a command, median of --runs; the registry has 400 runs of each
    report_1000_s           processor time of the page's text out of the same registry, median of --runs
    report_1000_mib         its size
    watch_idle_mib          resident memory of `orgcal watch` after its first look, while nothing is due
    watch_idle_cpu_percent  of one core, its commands included, over --idle seconds
    day_1000_orgs_s         `orgcal watch --once`: consent of all is looked for, and all of 500 users each are verified,
                            at a latency of 50 ms; the emulator is on the same machine

`--organisations 100` is a small one; `--only day` (or registry) runs one part.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import yaml

from benchmarks.consent import consent_all, emulator, ran, take_in
from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.session import new_session
from orgcal.health.page import page_of
from orgcal.settings import AlertSettings
from orgcal.tenants.history import Run, add_runs
from orgcal.tenants.model import State
from orgcal.tenants.registry import Registry
from tests.support.checkout import make_checkout
from tests.support.health import SETTINGS

RUNS_EACH = 400
USERS = 500
LATENCY_S = 0.05

Figures = dict[str, float]


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--organisations", type=int, default=1000, help="in the registry (default 1000)")
    parser.add_argument("--runs", type=int, default=5, help="runs of the short figures (default 5)")
    parser.add_argument("--idle", type=int, default=330, help="seconds that the idle watch is looked at (default 330)")
    parser.add_argument("--only", choices=["registry", "day"], help="run one part")
    given = parser.parse_args()
    parts: dict[str, Callable[[Path], Figures]] = {
        "registry": lambda folder: of_registry(folder, given.organisations, given.runs, given.idle),
        "day": lambda folder: of_day(folder, given.organisations),
    }
    figures: Figures = {}
    for name, measure in parts.items():
        if given.only in (None, name):
            with tempfile.TemporaryDirectory(prefix="orgcal-bench-") as folder:
                figures |= measure(Path(folder))
    print(json.dumps(figures))


def of_registry(folder: Path, organisations: int, runs: int, idle_s: int) -> Figures:
    """The figures that need a registry alone."""
    (folder / "Pulumi.yaml").write_text("name: orgcal\nruntime: python\nplugins: {providers: [{name: orgcal}]}\n")
    (folder / "Pulumi.prod.yaml").write_text(yaml.safe_dump({"config": SETTINGS}))
    url = f"sqlite:///{folder}/tenants.sqlite"
    environ = {
        **os.environ, "ORGCAL_PROJECT": str(folder), "ORGCAL_DATA_DIR": str(folder / "data"), "ORGCAL_REGISTRY_URL": url
    }  # fmt: skip
    registry = Registry(url, connector="orgcal/prod", operator="bench")
    fill(registry, organisations)
    seconds = [timed([*orgcal("metrics"), "--output", str(folder / "orgcal.prom")], environ) for _ in range(runs)]
    pages = [of_page(registry) for _ in range(runs)]
    registry.close()
    return {
        "metrics_1000_s": round(statistics.median(seconds), 2),
        "report_1000_s": round(statistics.median(taken for taken, _ in pages), 2),
        "report_1000_mib": round(pages[0][1] / 2**20, 1),
        **of_idle_watch(environ, idle_s),
    }


def fill(registry: Registry, organisations: int) -> None:
    """Organisations that were verified every day until an hour ago."""
    ids = [f"{number:08d}-0000-4000-8000-000000000000" for number in range(organisations)]
    now = datetime.now(UTC)
    for number, tenant_id in enumerate(ids):
        registry.add(tenant_id, f"Organisation {number}")
        registry.set_state(tenant_id, State.VERIFIED, consented_at=now, verified_at=now, checked_at=now)
    roles = ("Calendars.Read", "Directory.Read.All")
    for day in range(RUNS_EACH):
        at = now - timedelta(days=RUNS_EACH - 1 - day, hours=1)
        shared: dict[str, Any] = {
            "kind": "verify", "version": "0.1.0", "verdict": "pass", "state": State.VERIFIED, "roles": roles,
            "users": USERS, "calendars": 600, "no_mailbox": 50, "restricted": 10, "duration_s": 1.5, "requests": 30,
        }  # fmt: skip
        readable = [430 + (day + number) % 10 for number in range(organisations)]
        add_runs(registry, [Run(at, each, readable=count, **shared) for each, count in zip(ids, readable, strict=True)])


def orgcal(name: str) -> list[str]:
    """A command on the benchmark's stack."""
    return [sys.executable, "-m", "orgcal.cli", name, "--stack", "prod"]


def timed(command: list[str], environ: dict[str, str]) -> float:
    """Seconds of a command."""
    began = time.perf_counter()
    subprocess.run(command, env=environ, check=True)
    return time.perf_counter() - began


def of_page(registry: Registry) -> tuple[float, int]:
    """Processor seconds and bytes of the page."""
    began = time.process_time()
    page = page_of(registry, AlertSettings())
    return time.process_time() - began, len(page.encode())


def of_idle_watch(environ: dict[str, str], idle_s: int) -> Figures:
    """Memory and processor time of a watch that has nothing to do."""
    command = [*orgcal("watch"), "--no-rotate", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            while "messages sent" not in process.stdout.readline():  # its first look is over
                pass
            watching = psutil.Process(process.pid)
            before = watching.cpu_times()
            time.sleep(idle_s)
            after = watching.cpu_times()
            held = watching.memory_info().rss / 2**20
        finally:
            process.terminate()
    used = sum(getattr(after, name) - getattr(before, name) for name in after._fields)
    return {"watch_idle_mib": round(held), "watch_idle_cpu_percent": round(100 * used / idle_s, 2)}


def of_day(folder: Path, organisations: int) -> Figures:
    """Seconds in which a day's work is done."""
    checkout = make_checkout(folder)
    with emulator(checkout, organisations, users=USERS) as endpoints:
        ran(checkout, "up")
        take_in(checkout, organisations)
        client_id = json.loads(ran(checkout, "status", "--json"))["client_id"]
        consent_all(endpoints, client_id, range(organisations))
        slow(endpoints)
        began = time.perf_counter()
        ran(checkout, "watch", "--once", "--no-rotate", timeout_s=1800)
        seconds = time.perf_counter() - began
        tenants = json.loads(ran(checkout, "tenants", "list", "--json"))["organisations"]
    verified = sum(tenant["state"] == State.VERIFIED for tenant in tenants)
    if verified != organisations:
        raise SystemExit(f"{verified} of {organisations} organisations were verified")
    return {"day_1000_orgs_s": round(seconds)}


def slow(endpoints: CloudEndpoints) -> None:
    """Let every page of users, batch of 20 and token take `LATENCY_S`."""
    assert endpoints.emulated is not None
    token = endpoints.emulated.control_token_file.read_text().strip()
    # Exchange works on four reads of a batch at a time, so a full batch takes five of them.
    wanted = {"identity_s": LATENCY_S, "outlook_s": LATENCY_S / 5, "entra_s": LATENCY_S}
    with new_session(endpoints) as session:
        url = f"{endpoints.emulated.control_url}/latency"
        session.post(url, json=wanted, headers={"Authorization": f"Bearer {token}"}).raise_for_status()


if __name__ == "__main__":
    main()
