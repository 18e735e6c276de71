"""`orgcal doctor`: is everything there that a stack needs, and if not, how to get it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from orgcal.operations.doctor import DoctorCheck


def doctor(
    context: typer.Context,
    stack: Annotated[str, typer.Option("--stack", "-s", help="Stack to look at.")] = "dev",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check project, Python, engine, plugins, emulator, trust, backend and cloud; exit 0 only if all is well."""
    named = bool(context.find_root().params.get("_project"))
    checks = examine(stack, os.environ, named_by="-C" if named else "")
    typer.echo(as_object(stack, checks) if as_json else as_lines(checks))
    if not all(check.ok for check in checks):
        raise typer.Exit(1)


def examine(stack: str, environ: Mapping[str, str], *, named_by: str = "") -> list[DoctorCheck]:
    """Checks of everything that `stack` needs, in the order in which it should be repaired.

    Args:
        stack: name of a stack.
        environ: the process environment, as the shell has it.
        named_by: the option that named the project; empty without one.
    """
    from orgcal.errors import OrgcalError
    from orgcal.operations import doctor as machine
    from orgcal.operations import doctor_stack as surroundings
    from orgcal.settings import load_stack_file
    from orgcal.stack.environment import original_environment
    from orgcal.stack.open_stack import OpenStack
    from orgcal.stack.project import find_project

    before = original_environment(environ)
    engine_check, engine = machine.check_engine(before)
    try:
        project = find_project(environ)
    except OrgcalError as error:
        return [machine.failed("project", error), engine_check]
    opened = OpenStack(stack, environ, project=project)
    checks = [
        machine.checked("project", lambda: surroundings.check_project(project, before, named_by)),
        machine.checked("python", lambda: machine.check_python(project)),
        engine_check,
        machine.checked("language host", lambda: machine.check_language_host(engine, before)),
        machine.checked("plugin orgcal", lambda: machine.check_our_plugin(project, before)),
    ]
    try:
        environment, tenant_id = opened.environment, opened.core.entra.tenant_id
        salt = load_stack_file(project, stack).values.get("encryptionsalt")
    except OrgcalError as error:
        return [*checks, machine.failed("cloud", error)]
    of_stack: dict[str, Callable[[], DoctorCheck]] = {
        "plugin azuread": lambda: machine.check_azuread(engine, environment, opened.environ, tenant_id),
        "emulator": lambda: surroundings.check_emulator(environment),
        "trust": lambda: surroundings.check_trust(environment.endpoints, environment.variables),
        "proxy": lambda: surroundings.check_proxy(stack, environ),
        "backend": lambda: surroundings.check_backend(environment, before, salt),
        "settings": lambda: surroundings.check_settings(project, stack),
        "cloud": lambda: surroundings.check_cloud(environment, tenant_id, environ),
    }
    return [*checks, *(machine.checked(name, check) for name, check in of_stack.items())]


def as_object(stack: str, checks: Sequence[DoctorCheck]) -> str:
    """The checks as one JSON object: `{"stack", "ok", "checks": [{"name", "ok", "says", "repair"}]}`."""
    listed = [asdict(check) for check in checks]
    return json.dumps({"stack": stack, "ok": all(check.ok for check in checks), "checks": listed}, indent=2)


def as_lines(checks: Sequence[DoctorCheck]) -> str:
    """The checks for people: a line each, the repair below the ones that need it."""
    width = max(len(check.name) for check in checks)
    lines = []
    for check in checks:
        lines.append(f"{'ok ' if check.ok else 'BAD'}  {check.name:<{width}}  {check.says}")
        if check.repair and not check.ok:
            lines.append(f"     {'':<{width}}  repair: {check.repair}")
    return "\n".join(lines)
