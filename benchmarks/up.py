"""`make bench-up`: how long `pulumi up` takes with everything built, on a checkout and an emulator of its own.

Prints one JSON object: `create_s` (all resources from nothing, preview included, as typed), `noop_s`
(`--skip-preview`, no change), `provider_start_s` (the slower of our two plugins, until it tells its port),
`peak_mib` (largest sum of resident memory of the command and all its children). Medians of `--runs`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.memory import PeakMemory
from orgcal.engine.plugins import ORGCAL_PROGRAM, write_standin
from orgcal.entra.cloud_guard import AZUREAD_PROGRAM
from tests.support.checkout import Checkout, make_checkout


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="runs of each figure (default 3)")
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        checkout = make_checkout(Path(folder))
        started = checkout.orgcal("emulator", "start")
        if started.code:
            raise SystemExit(started.text)
        try:
            print(json.dumps(measure(checkout, runs)))
        finally:
            checkout.orgcal("emulator", "stop")


def measure(checkout: Checkout, runs: int) -> dict[str, float]:
    """The figures."""
    checkout.shell("pulumi stack init dev")
    create, noop, peak = [], [], 0.0
    for _ in range(runs):
        seconds, mib = timed_shell(checkout, "pulumi up --yes --stack dev")
        create.append(seconds)
        peak = max(peak, mib)
        seconds, mib = timed_shell(checkout, "pulumi up --yes --skip-preview --stack dev")
        noop.append(seconds)
        peak = max(peak, mib)
        destroyed = checkout.shell("pulumi destroy --yes --skip-preview --stack dev")
        if destroyed.code:
            raise SystemExit(destroyed.text)
    plugins = (checkout.path / ".venv" / "bin" / ORGCAL_PROGRAM, write_standin(checkout.home) / AZUREAD_PROGRAM)
    starts = [max(map(plugin_start_s, plugins)) for _ in range(runs)]
    return {
        "create_s": round(statistics.median(create), 2),
        "noop_s": round(statistics.median(noop), 2),
        "provider_start_s": round(statistics.median(starts), 2),
        "peak_mib": round(peak),
    }


def timed_shell(checkout: Checkout, command: str) -> tuple[float, float]:
    """Seconds and largest resident memory (MiB, children included) of one command, set-up of the shell aside."""
    python = checkout.path / ".venv" / "bin" / "python"
    script = f'eval "$({python} -m orgcal.cli env)"\necho ready; read go\nexec {command}'
    process = subprocess.Popen(
        ["/bin/sh", "-c", script],
        cwd=checkout.path,
        env=checkout.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdout.readline()
    watcher = PeakMemory(process.pid)
    start = time.monotonic()
    process.stdin.write("go\n")
    process.stdin.close()
    said = process.stdout.read()
    code = process.wait()
    seconds = time.monotonic() - start
    watcher.stop()
    if code:
        raise SystemExit(said)
    return seconds, watcher.peak_mib


def plugin_start_s(plugin: Path) -> float:
    """Seconds until a plugin tells its port, which is when the engine goes on."""
    start = time.monotonic()
    # The engine gives its own address as the only argument; nothing listens there, and nothing is sent at start.
    with subprocess.Popen([str(plugin), "127.0.0.1:9"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        process.stdout.readline()
        seconds = time.monotonic() - start
        process.terminate()
    return seconds


if __name__ == "__main__":
    main()
