"""`make compare-azuread`: the real azuread plugin and the stand-in side by side, for people who have the real one.

Runs the recorded program's scenarios with both, each on an emulator of its own, and prints every difference in state
and in requests that `docs/standin.md` does not allow. Exit code 0 without differences, 1 with, 2 where a run failed or
something is missing, 5 where the real plugin is. The real plugin polls: this takes some minutes.
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
from benchmarks.azuread_stack import Project, RunFailed, arm_variables, emulator_process, engine_bin
from benchmarks.azuread_states import state_differences
from benchmarks.azuread_wire import differences
from orgcal.engine.find import look_for_engine
from orgcal.engine.plugins import installed_azuread
from orgcal.engine.versions import AZUREAD_PLUGIN_VERSION
from orgcal.entra.cloud_guard import azuread_on_path, is_standin
from orgcal.errors import EngineError, OrgcalError, UsageError

FAILED, MISSING = 2, 5

TIMEOUT_S = 900.0
"""For one scenario: the real plugin polls a deletion until it was answered 404 five times in a row."""


class NoRealPlugin(UsageError):
    """There is nothing to compare the stand-in with."""


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
    try:
        count = compared()
    except OrgcalError as error:
        print(f"compare-azuread: {error}", file=sys.stderr)
        raise SystemExit(MISSING if isinstance(error, NoRealPlugin) else FAILED) from error
    raise SystemExit(1 if count else 0)


def compared() -> int:
    """Runs both plugins, prints every difference, and counts them.

    Raises:
        NoRealPlugin: the real plugin is not installed.
        OrgcalError: something else is missing, or a run failed.
    """
    require_real_plugin()
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
        print(f"{name}: {len(lines) or 'no'} difference{'' if len(lines) == 1 else 's'}", flush=True)
        for line in lines:
            print(f"  {line}")
        count += len(lines)
    return count


def require_real_plugin() -> None:
    """Refuse to compare the stand-in with itself, or with nothing.

    Raises:
        NoRealPlugin: the real plugin is not installed.
        UsageError: the stand-in is on PATH, where the engine looks first.
    """
    on_path = azuread_on_path(os.environ)
    if on_path is not None and is_standin(on_path):
        raise UsageError(
            "the azuread stand-in is on PATH, so the engine would take it for the real plugin",
            where=str(on_path),
            repair=f"remove {on_path.parent} from PATH",
        )
    engine = look_for_engine(os.environ)
    if isinstance(engine, str):
        raise EngineError("there is no Pulumi engine yet", repair="make setup")
    if on_path is None and not installed_azuread(engine, os.environ):
        raise NoRealPlugin(
            f"the real azuread plugin {AZUREAD_PLUGIN_VERSION} is not installed, so there is nothing to compare with",
            repair=f"pulumi plugin install resource azuread {AZUREAD_PLUGIN_VERSION}",
        )


def runs(plan: Plan, *, standin: bool) -> dict[str, Run]:
    """Every scenario with one of the plugins, on a fresh emulator.

    Raises:
        EngineError: a scenario failed.
    """
    result = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (
            emulator_process(folder) as ready,
            Recorder(ready["port"], Path(ready["ca_file"]), folder) as recorder,
        ):
            environ = arm_variables(ready, host=recorder.host, ca_file=recorder.ca_file)
            project = Project(folder / "project", engine_bin(), environ, standin=standin, timeout_s=TIMEOUT_S)
            for scenario, run in scenarios(project, plan):
                try:
                    run()
                except RunFailed as error:
                    raise _failed(scenario, error, standin=standin) from error
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


def _failed(scenario: str, error: RunFailed, *, standin: bool) -> EngineError:
    plugin = "the stand-in" if standin else f"the real plugin {AZUREAD_PLUGIN_VERSION}"
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", prefix="compare-azuread-", delete=False) as kept:
        kept.write(error.output)
    return EngineError(
        f"scenario {scenario} failed with {plugin}: {error.reason}", repair=f"read what the engine said in {kept.name}"
    )


def _rebased(exchange: Exchange, base: str) -> Exchange:
    """The exchange with `{base}` for the address that its plugin was told."""
    return replace(exchange, body=json.loads(json.dumps(exchange.body).replace(base, "{base}")))


if __name__ == "__main__":
    main()
