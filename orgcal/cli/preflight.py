"""`orgcal preflight`: would the home tenant allow what a stack asks for?"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from orgcal.entra.home.preflight import PreflightCheck

_MARKS = {"ok": "ok     ", "warning": "WARNING", "bad": "BAD    ", "unknown": "unknown"}


def preflight(
    stack: Annotated[str, typer.Option("--stack", "-s", help="Stack to look at.")] = "dev",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check rights, policy, name, room, owners, publisher before deploying; exit 1 if something stands in the way."""
    from orgcal.entra.home import preflight as home
    from orgcal.operations.home_graph import home_graph
    from orgcal.settings import read_settings
    from orgcal.stack.environment import original_environment, stack_environment
    from orgcal.stack.files import project_dir
    from orgcal.stack.held import deployed_application

    settings = read_settings(project_dir(), stack)
    before = original_environment(os.environ)
    environment = stack_environment(project_dir(), stack, before)
    endpoints, intent = environment.running_endpoints(), settings.intent()
    deployed = deployed_application(environment, before)
    with home_graph(endpoints, settings.entra.tenant_id, environment.to_environ(before)) as graph:
        findings = home.preflight(graph, intent, deployed)
    ok = not any(finding.verdict == "bad" for finding in findings)
    if as_json:
        typer.echo(json.dumps({"stack": stack, "ok": ok, "checks": [asdict(finding) for finding in findings]}))
    else:
        for finding in findings:
            _show(finding)
    if not ok:
        raise typer.Exit(1)


def _show(finding: PreflightCheck) -> None:
    typer.echo(f"{_MARKS[finding.verdict]}  {finding.name:<11}  {finding.says}")
    if finding.repair and finding.verdict != "ok":
        typer.echo(f"{'':<22}repair: {finding.repair}")
