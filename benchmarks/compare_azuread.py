"""`make compare-azuread`: the real azuread plugin and the stand-in side by side, for people who have the real one.

Runs the recorded program's scenarios with both, each on an emulator of its own, and prints every difference in state
and in requests that `docs/standin.md` does not allow. Exit code 0 without differences, 1 with, 5 where the real plugin
is missing. The real plugin polls: this takes some minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.azuread_plan import Plan
from benchmarks.azuread_recorder import Exchange, Recorder
from benchmarks.azuread_stack import Project, arm_variables, emulator_process, engine_bin
from benchmarks.azuread_states import state_differences
from benchmarks.azuread_wire import differences
from orgcal.engine.find import find_engine
from orgcal.engine.plugins import installed_azuread
from orgcal.engine.versions import AZUREAD_PLUGIN_VERSION

MISSING = 5


@dataclass(frozen=True, slots=True)
class Run:
    """One scenario with one plugin; `base` is the address that the requests went to."""

    exchanges: list[Exchange]
    state: dict[str, dict[str, Any]]
    base: str


def main() -> None:
    """Compares, prints, and ends with the exit code described above."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    if not installed_azuread(find_engine(), os.environ):
        print(
            f"The real azuread plugin {AZUREAD_PLUGIN_VERSION} is not installed, so there is nothing to compare with.\n"
            f"  repair: pulumi plugin install resource azuread {AZUREAD_PLUGIN_VERSION}",
            file=sys.stderr,
        )
        raise SystemExit(MISSING)
    plan = Plan.first()
    real, standin = runs(plan, standin=False), runs(plan, standin=True)
    count = 0
    for name, expected in real.items():
        found = standin[name]
        lines = differences(
            [_rebased(exchange, expected.base) for exchange in expected.exchanges], found.exchanges, base=found.base
        )
        lines = [f"request: {line}" for line in lines]
        lines += [f"state: {line}" for line in state_differences(expected.state, found.state)]
        print(f"{name}: {len(lines) or 'no'} difference{'' if len(lines) == 1 else 's'}")
        for line in lines:
            print(f"  {line}")
        count += len(lines)
    raise SystemExit(1 if count else 0)


def runs(plan: Plan, *, standin: bool) -> dict[str, Run]:
    """Every scenario with one of the plugins, on a fresh emulator."""
    result = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (
            emulator_process(folder) as ready,
            Recorder(ready["port"], Path(ready["ca_file"]), folder) as recorder,
        ):
            environ = arm_variables(ready, host=recorder.host, ca_file=recorder.ca_file)
            project = Project(folder / "project", engine_bin(), environ, standin=standin)
            for scenario, run in scenarios(project, plan):
                run()
                result[scenario] = Run(recorder.take(), project.state(), f"https://{recorder.host}")
    return result


def scenarios(project: Project, plan: Plan) -> Iterator[tuple[str, Callable[[], str]]]:
    """Name and engine call of each recorded scenario, in order; a plan is written before its scenario is given."""
    project.plan(plan)
    yield "create", project.up
    yield "refresh", lambda: project.pulumi("preview", "--refresh", "--expect-no-changes")
    plan = plan.updated()
    project.plan(plan)
    yield "update", project.up
    project.plan(replace(plan, passwords=(1, 2)))
    yield "rotate-add", project.up
    project.plan(replace(plan, passwords=(2,)))
    yield "rotate-retire", project.up
    yield "destroy", lambda: project.pulumi("destroy", "--yes", "--skip-preview")


def _rebased(exchange: Exchange, base: str) -> Exchange:
    """The exchange with `{base}` for the address that its plugin was told."""
    return replace(exchange, body=json.loads(json.dumps(exchange.body).replace(base, "{base}")))


if __name__ == "__main__":
    main()
