"""`make bench-demo`: how long the demo takes with everything built, on checkouts of their own.

Prints one JSON object: `demo_s` (from a fresh checkout), `second_demo_s`, both medians of `--runs`, and `peak_mib`
(largest sum of resident memory of the demo, the emulator and all their children).
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.memory import PeakMemory
from tests.support.checkout import Checkout, make_checkout


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="fresh checkouts to measure on (default 3)")
    first: list[float] = []
    second: list[float] = []
    peak = 0.0
    for _ in range(parser.parse_args().runs):
        with tempfile.TemporaryDirectory() as folder:
            checkout = make_checkout(Path(folder))
            for seconds in (first, second):
                took, mib = timed_demo(checkout)
                seconds.append(took)
                peak = max(peak, mib)
    figures = {
        "demo_s": round(statistics.median(first), 2),
        "second_demo_s": round(statistics.median(second), 2),
        "peak_mib": round(peak),
    }
    print(json.dumps(figures))


def timed_demo(checkout: Checkout) -> tuple[float, float]:
    """Seconds and MiB of one demo."""
    start = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "orgcal.cli", "demo"],
        cwd=checkout.path,
        env=checkout.environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    watcher = PeakMemory(process.pid)
    said, _ = process.communicate()
    seconds = time.monotonic() - start
    watcher.stop()
    if process.returncode:
        raise SystemExit(said)
    return seconds, watcher.peak_mib


if __name__ == "__main__":
    main()
