"""`orgcal doctor`: is everything there that a stack needs, and if not, how to get it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from orgcal.operations.doctor import DoctorCheck


def doctor(
    stack: Annotated[str, typer.Option("--stack", "-s", help="Stack to look at.")] = "dev",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Look at Python, engine, plugins, emulator, trust, backend and cloud; exit 0 only if all is well."""
    findings = examine(stack, os.environ)
    typer.echo(as_object(stack, findings) if as_json else as_lines(findings))
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def examine(stack: str, environ: Mapping[str, str]) -> list[DoctorCheck]:
    """What a look at everything that `stack` needs finds, in the order in which it should be repaired."""
    from orgcal.errors import OrgcalError
    from orgcal.operations import doctor as checkup
    from orgcal.operations import doctor_stack as checkup_stack
    from orgcal.settings import core_settings_of, load_stack_file
    from orgcal.stack.environment import original_environment, stack_environment
    from orgcal.stack.files import project_dir

    project = project_dir()
    before = original_environment(environ)
    python = checkup.checked("python", lambda: checkup.check_python(project))
    found, engine = checkup.check_engine(before)
    findings = [
        python,
        found,
        checkup.checked("language host", lambda: checkup.check_language_host(engine, before)),
        checkup.checked("plugin orgcal", lambda: checkup.check_our_plugin(project, before)),
    ]
    try:
        surroundings = stack_environment(project, stack, before)
        file = load_stack_file(project, stack)
        tenant_id = core_settings_of(file).entra.tenant_id
    except OrgcalError as error:
        return [*findings, checkup.failed("cloud", error)]
    child = surroundings.to_environ(before)
    return [
        *findings,
        checkup.checked(
            "plugin azuread", lambda: checkup.check_azuread(engine, project, surroundings, child, tenant_id)
        ),
        checkup.checked("emulator", lambda: checkup_stack.check_emulator(surroundings)),
        checkup.checked("trust", lambda: checkup_stack.check_trust(surroundings.endpoints, surroundings.variables)),
        checkup.checked("proxy", lambda: checkup_stack.check_proxy(stack, environ)),
        checkup.checked(
            "backend", lambda: checkup_stack.check_backend(surroundings, before, file.values.get("encryptionsalt"))
        ),
        checkup.checked("settings", lambda: checkup_stack.check_settings(project, stack)),
        checkup.checked("cloud", lambda: checkup_stack.check_cloud(surroundings, tenant_id, environ)),
    ]


def as_object(stack: str, findings: Sequence[DoctorCheck]) -> str:
    """The findings as one JSON object: `{"stack", "ok", "checks": [{"name", "ok", "says", "repair"}]}`."""
    checks = [asdict(finding) for finding in findings]
    return json.dumps({"stack": stack, "ok": all(finding.ok for finding in findings), "checks": checks}, indent=2)


def as_lines(findings: Sequence[DoctorCheck]) -> str:
    """The findings for people: a line each, the repair below the ones that need it."""
    width = max(len(finding.name) for finding in findings)
    lines = []
    for finding in findings:
        lines.append(f"{'ok ' if finding.ok else 'BAD'}  {finding.name:<{width}}  {finding.says}")
        if finding.repair and not finding.ok:
            lines.append(f"     {'':<{width}}  repair: {finding.repair}")
    return "\n".join(lines)
