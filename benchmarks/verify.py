"""Verification beside its peers: prints one JSON object of medians.

    requests_over_goal           requests / (N/20 * 1.02 + ceil(N/999) + 3), token and discovery included; at most 1
    connections_beyond_concurrency   connections opened minus batches in flight; at most 2
    early_retries                requests that left before a `Retry-After` they could know of was over, under limits
                                 that refuse again and again; 0
    faulty_requests_over_goal    the same where each hundredth read in a batch is answered by 502, and no mailbox fails;
                                 at most 1.03
    rss_growth_mib               peak memory at 100,000 users minus that at 10,000; at most 15
    cpu_us_per_user              client's processor time for each user, at 100,000; at most 35
    wall_over_floor              wall / max(list chain, quota, calendars), 100,000 users at 100 ms, adaptive start;
                                 at most 1.1
    faster_than_office365_10k, _50k   Office365-REST-Python-Client's wall / ours, both at fixed concurrency 64;
                                 at least 6 and 7
    memory_over_office365_50k    our peak memory / its; at most 0.167
    faster_than_msgraph_sdk_2k   msgraph-sdk's wall / ours (it is unbatched, 16 at a time); at least 50
    orgs_200_s                   200 organisations of 500 users each at 50 ms; at most 9

msgraph-sdk is measured unbatched, because its `$batch` cannot do this job: the module cannot be imported on a clean
install (https://github.com/microsoftgraph/msgraph-sdk-python-core/issues/1030), and once that is repaired the bodies of
the answers are dropped (https://github.com/microsoft/kiota-python/issues/737).

Client and emulator share the machine. Runs are interleaved, ours and a peer's by turns. The figures of every run are
kept in `benchmarks/results/`: a complete run at full size as `verify.json`, which is committed, any other with its time
in its name. The peers live in an environment of their own, made once from `benchmarks/verify_peers.txt`.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.verify_runs import HERE, Bench, Figures, median, ours, peer, peers_python, ratio, say

RESULTS = HERE / "results"
QUOTA_PER_S = 13_000
"""Requests of one application in all tenants. Source: https://learn.microsoft.com/en-us/graph/throttling-limits"""
CAP = 64
MSGRAPH_AT_ONCE = 16
PEER_LATENCY_S = 0.02


def goal(users: int) -> float:
    """Requests that one organisation may need."""
    return users / 20 * 1.02 + math.ceil(users / 999) + 3


def floor_s(users: int, latency_s: float) -> float:
    """Seconds that no client can beat: pages are a chain, batches need connections, the quota is Microsoft's."""
    pages = math.ceil(users / 999)
    return max(pages * latency_s, users / 20 * latency_s / CAP, (users + pages) / QUOTA_PER_S)


def one_organisation(bench: Bench) -> Figures:
    """Requests, connections, memory, processor time and wall of one organisation, small and large."""
    few, many = bench.sized(10_000), bench.sized(100_000)
    small = bench.scenario("one-10k", [ours()], users=few, latency_s=0.02)[0]
    large = bench.scenario("one-100k", [ours()], users=many, latency_s=0.1)[0]
    for item in small + large:
        if item["witnessed_requests"] not in (None, item["requests"]):
            raise RuntimeError(f"we count {item['requests']} requests, the journal {item['witnessed_requests']}")
    over = [item["requests"] / goal(users) for users, runs in ((few, small), (many, large)) for item in runs]
    return {
        "requests_over_goal": max(over),
        "connections_beyond_concurrency": max(item["connections"] - item["concurrency"] for item in small + large),
        "rss_growth_mib": median(large, "peak_mib") - median(small, "peak_mib"),
        "cpu_us_per_user": median(large, "cpu_s") / many * 1e6,
        "wall_over_floor": median(large, "wall_s") / floor_s(many, 0.1),
    }


def limits(bench: Bench) -> Figures:
    """Requests that came too early, under limits that refuse again and again."""
    users = bench.sized(10_000)
    # A thousand users in a second: less than any machine reads, so that the limits refuse on a slow one too.
    tight = {"global_requests": max(100, users // 5), "global_s": 2, "identity_large": 2, "identity_s": 2}
    runs = bench.scenario("limits", [ours(limits=tight)], users=users, latency_s=0.02)[0]
    if not all(item["refused"] and item["waits"] for item in runs):
        raise RuntimeError("the limits refused nothing, so nothing is proved")
    return {"early_retries": sum(item["early"] for item in runs)}


def faulty(bench: Bench) -> Figures:
    """Requests where a server behind Graph trips now and then."""
    users = bench.sized(10_000)
    trips = {"path": "/calendars", "status": 502, "code": "UnknownError", "message": "", "every": 100}
    runs = bench.scenario("faulty", [ours(faults=[{**trips, "times": 1_000_000}])], users=users, latency_s=0.02)[0]
    if any(item["exit_code"] or not item["retries"] for item in runs):
        raise RuntimeError("a mailbox failed, or none was answered by a fault")
    return {"faulty_requests_over_goal": max(item["requests"] / goal(users) for item in runs)}


def office365_10k(bench: Bench) -> Figures:
    """Office365-REST-Python-Client and we, 10,000 users."""
    columns = bench.scenario("office365-10k", _beside_office365(), users=bench.sized(10_000), latency_s=PEER_LATENCY_S)
    return {"faster_than_office365_10k": ratio(columns, "wall_s")}


def office365_50k(bench: Bench) -> Figures:
    """Office365-REST-Python-Client and we, 50,000 users."""
    columns = bench.scenario("office365-50k", _beside_office365(), users=bench.sized(50_000), latency_s=PEER_LATENCY_S)
    memory = ratio(columns, "peak_mib")
    return {
        "faster_than_office365_50k": ratio(columns, "wall_s"),
        "memory_over_office365_50k": memory and 1 / memory,
    }


def msgraph_sdk(bench: Bench) -> Figures:
    """Microsoft's own client and we, 2,000 users."""
    workers = [ours(CAP), *peer("verify_msgraph", peers_python(), MSGRAPH_AT_ONCE)]
    # Once: it needs most of a minute, and a factor of a hundred is not in doubt.
    columns = bench.scenario("msgraph-2k", workers, users=bench.sized(2_000), latency_s=PEER_LATENCY_S, repeats=1)
    return {"faster_than_msgraph_sdk_2k": ratio(columns, "wall_s")}


def many_organisations(bench: Bench) -> Figures:
    """200 organisations of 500 users each."""
    runs = bench.scenario("orgs-200", [ours()], organisations=bench.sized(200), users=500, latency_s=0.05)[0]
    return {"orgs_200_s": median(runs, "wall_s")}


SCENARIOS: dict[str, tuple[Callable[[Bench], Figures], tuple[str, ...]]] = {
    "one": (
        one_organisation,
        (
            "requests_over_goal", "connections_beyond_concurrency", "rss_growth_mib", "cpu_us_per_user",
            "wall_over_floor",
        ),
    ),
    "limits": (limits, ("early_retries",)),
    "faulty": (faulty, ("faulty_requests_over_goal",)),
    "office365-10k": (office365_10k, ("faster_than_office365_10k",)),
    "office365-50k": (office365_50k, ("faster_than_office365_50k", "memory_over_office365_50k")),
    "msgraph-2k": (msgraph_sdk, ("faster_than_msgraph_sdk_2k",)),
    "orgs-200": (many_organisations, ("orgs_200_s",)),
}  # fmt: skip
"""Name -> what runs it, and the figures that it gives."""


def measure(bench: Bench, names: list[str]) -> tuple[Figures, bool]:
    """The figures of the scenarios `names`, and whether all of them ended; those of one that broke are None."""
    found: Figures = {}
    whole = True
    for name in names:
        run, figures = SCENARIOS[name]
        began = time.monotonic()
        try:
            found |= {figure: value if value is None else round(value, 3) for figure, value in run(bench).items()}
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            say(f"{name}: {error}")
            found |= dict.fromkeys(figures)
            whole = False
        say(f"{name} took {time.monotonic() - began:.0f} s")
    return found, whole


def keep(found: Figures, bench: Bench, path: Path) -> None:
    """Write the figures of every run."""
    path.parent.mkdir(exist_ok=True)
    machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.system()}
    kept = {"at": datetime.now(UTC).isoformat(), "machine": machine, "medians": found, "runs": bench.runs}
    path.write_text(json.dumps(kept, indent=1) + "\n")
    say(f"figures of every run: {path.relative_to(HERE.parent)}")


def main() -> None:
    """Measure, keep, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=list(SCENARIOS), help="this scenario; repeatable")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each worker (3)")
    parser.add_argument("--scale", type=float, default=1.0, help="of users and organisations, to try it quickly (1)")
    arguments = parser.parse_args()
    names = arguments.only or list(SCENARIOS)
    with tempfile.TemporaryDirectory(prefix="orgcal-bench-") as folder:
        bench = Bench(Path(folder), arguments.repeats, arguments.scale)
        found, whole = measure(bench, names)
    complete = whole and arguments.scale == 1 and set(names) == set(SCENARIOS) and None not in found.values()
    keep(found, bench, RESULTS / ("verify.json" if complete else f"verify-{datetime.now(UTC):%Y%m%d-%H%M%S}.json"))
    print(json.dumps(found))
    sys.exit(0 if whole else 1)


def _beside_office365() -> list[Callable[..., Figures]]:
    return [ours(CAP), *peer("verify_office365", peers_python(), CAP)]


if __name__ == "__main__":
    main()
