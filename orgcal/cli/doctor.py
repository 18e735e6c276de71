"""`orgcal doctor`: is everything there that a stack needs, and if not, how to get it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from orgcal.cli.common import JsonOption, StackOption, print_result
from orgcal.cli.grammar import project_named

if TYPE_CHECKING:
    from orgcal.operations.doctor import DoctorCheck


def doctor(
    stack: StackOption = "dev",
    as_json: JsonOption = False,
) -> None:
    """Check project, Python, engine, plugins, emulator, trust, backend and cloud; exit 0 only if all is well."""
    checks = examine(stack, os.environ, named_by="-C" if project_named() else "")
    ok = all(check.ok for check in checks)
    print_result(as_object(stack, checks), as_lines(checks), as_json=as_json, ok=ok)


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


def as_object(stack: str, checks: Sequence[DoctorCheck]) -> dict[str, object]:
    """The checks for JSON: `{"stack", "checks": [{"name", "verdict", "says", "repair"}]}`."""
    listed = [
        {"name": check.name, "verdict": verdict_of(check), "says": check.says, "repair": check.repair}
        for check in checks
    ]
    return {"stack": stack, "checks": listed}


def verdict_of(check: DoctorCheck) -> str:
    """The word for how a check ended."""
    return "ok" if check.ok else "failed"


def as_lines(checks: Sequence[DoctorCheck]) -> Iterator[str]:
    """The checks for people: a line each, the repair below the ones that need it."""
    width = max(len(check.name) for check in checks)
    for check in checks:
        yield f"{verdict_of(check):<6}  {check.name:<{width}}  {check.says}"
        if check.repair and not check.ok:
            yield f"{'':<6}  {'':<{width}}  repair: {check.repair}"
