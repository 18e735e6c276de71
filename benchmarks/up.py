"""`make bench-up`: how long an update takes with everything built, on a checkout and an emulator of its own.

Prints one JSON object: `create_s` (all resources from nothing, preview included, as typed), `noop_s`
(`--skip-preview`, no change), `provider_start_s` (the slower of our two plugins, until it tells its port),
`peak_mib` (largest sum of resident memory of the command and all its children); `engine_floor_s` (`pulumi up`, preview
included, of an empty program without change), `up_noop_over_floor` and `up_create_over_floor` (`orgcal up`, plan
included, without change and from nothing, as multiples of that), `cli_start_s` (`orgcal --help`). Medians of `--runs`;
what is compared is measured in the same round.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
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
    floor_command = empty_program(checkout)
    orgcal = f"{checkout.path / '.venv' / 'bin' / 'python'} -m orgcal.cli"
    create, noop, peak = [], [], 0.0
    floor, ours_create, ours_noop, start = [], [], [], []
    for _ in range(runs):
        seconds, mib = timed_shell(checkout, "pulumi up --yes --stack dev")
        create.append(seconds)
        peak = max(peak, mib)
        seconds, mib = timed_shell(checkout, "pulumi up --yes --skip-preview --stack dev")
        noop.append(seconds)
        peak = max(peak, mib)
        remove_all(checkout)
        floor.append(timed_shell(checkout, floor_command)[0])
        ours_create.append(timed_shell(checkout, f"{orgcal} up --yes --allow recycle-bin")[0])
        ours_noop.append(timed_shell(checkout, f"{orgcal} up --yes")[0])
        start.append(timed_shell(checkout, f"{orgcal} --help")[0])
        remove_all(checkout)
    plugins = (checkout.path / ".venv" / "bin" / ORGCAL_PROGRAM, write_standin(checkout.home) / AZUREAD_PROGRAM)
    starts = [max(map(plugin_start_s, plugins)) for _ in range(runs)]
    return {
        "create_s": round(statistics.median(create), 2),
        "noop_s": round(statistics.median(noop), 2),
        "provider_start_s": round(statistics.median(starts), 2),
        "peak_mib": round(peak),
        "engine_floor_s": round(statistics.median(floor), 2),
        "up_noop_over_floor": round(ratio(ours_noop, floor), 2),
        "up_create_over_floor": round(ratio(ours_create, floor), 2),
        "cli_start_s": round(statistics.median(start), 2),
    }


def empty_program(checkout: Checkout) -> str:
    """A project with an empty program, deployed; the command that deploys it again."""
    folder = checkout.home / "empty"
    (folder / "state").mkdir(parents=True)
    (folder / "Pulumi.yaml").write_text("name: empty\nruntime: python\n")
    (folder / "__main__.py").write_text("")
    inside = f"cd {folder} && export PULUMI_BACKEND_URL={(folder / 'state').as_uri()}"
    made = checkout.shell(f"{inside} && pulumi stack init empty && pulumi up --yes --stack empty")
    if made.code:
        raise SystemExit(made.text)
    return f"/bin/sh -c '{inside} && exec pulumi up --yes --stack empty'"


def remove_all(checkout: Checkout) -> None:
    """Removes everything of stack `dev`."""
    destroyed = checkout.shell("pulumi destroy --yes --skip-preview --stack dev")
    if destroyed.code:
        raise SystemExit(destroyed.text)


def ratio(ours: Sequence[float], floor: Sequence[float]) -> float:
    """Median over the rounds of what we need as a multiple of the floor."""
    return statistics.median(mine / least for mine, least in zip(ours, floor, strict=True))


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
