"""`make bench-azuread`: how long the azuread stand-in takes for the recorded program, on an emulator of its own.

Prints one JSON object: `create_s` (`pulumi up --skip-preview` that creates everything, the emulator consistent at
once), `noop_s` (the same without a change), `plugin_start_s` (until the plugin tells its port). Medians of `--runs`.
Goals on 2 cores: 4 s, 3 s, 0.6 s.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.azuread_plan import Plan
from benchmarks.azuread_stack import ROOT, Project, arm_variables, emulator_process, engine_bin
from orgcal.engine.plugins import write_standin
from orgcal.entra.cloud_guard import AZUREAD_PROGRAM
from orgcal.errors import OrgcalError


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="runs of each figure (default 3)")
    runs = parser.parse_args().runs
    try:
        figures = measured(runs)
    except OrgcalError as error:
        raise SystemExit(f"bench-azuread: {error}") from error
    json.dump({name: round(statistics.median(values), 2) for name, values in figures.items()}, sys.stdout)
    print()


def measured(runs: int) -> dict[str, list[float]]:
    """Seconds of every run, by figure.

    Raises:
        OrgcalError: there is no engine, or no emulator.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with emulator_process(folder) as ready:
            project = Project(folder / "project", engine_bin(), arm_variables(ready))
            project.plan(Plan.first())
            create, noop = [], []
            for _ in range(runs):
                create.append(seconds_of(project.up))
                noop.append(seconds_of(project.up))
                project.pulumi("destroy", "--yes", "--skip-preview")
        plugin = write_standin(folder) / AZUREAD_PROGRAM
        starts = [plugin_start_s(plugin) for _ in range(runs)]
    return {"create_s": create, "noop_s": noop, "plugin_start_s": starts}


def seconds_of(action: Callable[[], object]) -> float:
    """Seconds that `action` takes."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def plugin_start_s(plugin: Path) -> float:
    """Seconds from starting the plugin as the engine does until it tells its port."""
    began = time.perf_counter()
    with subprocess.Popen([str(plugin), "127.0.0.1:0"], cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        port = process.stdout.readline()
        took = time.perf_counter() - began
        process.terminate()
    if not port.strip().isdigit():
        raise SystemExit("the plugin did not start")
    return took


if __name__ == "__main__":
    main()
