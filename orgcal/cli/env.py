"""`orgcal env`: shell settings so that `pulumi` typed by hand works on a stack.

What it prints names files and never holds a secret. Every variable that it changes is kept aside under
`ORGCAL_OLD_…` by the shell itself, so that `--unset` gives back what was there.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from typing import Annotated

import typer

from orgcal.cli.common import JsonOption, StackOption, open_stack, print_result
from orgcal.stack.environment import CHANGED_VARIABLE, HIDDEN_VARIABLES, KEPT_PREFIX, StackEnvironment


def env(
    stack: StackOption = "dev",
    unset: Annotated[bool, typer.Option("--unset", help="Print what takes the settings back.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Print shell settings for a stack: eval "$(orgcal env)"; take them back: eval "$(orgcal env --unset)"."""
    if unset:
        names = os.environ.get(CHANGED_VARIABLE, "").split()
        script = unset_script(os.environ) or "# orgcal env: this shell is not set up for a stack"
        print_result({"set": {}, "path_first": [], "unset": names}, [script], as_json=as_json)
        return
    # On standard error, which `eval` leaves to the terminal.
    environment = open_stack(stack).shell_environment(lambda missing: typer.echo(f"orgcal env: {missing}", err=True))
    path = [str(part) for part in environment.path_first]
    result = {"set": dict(environment.variables), "path_first": path, "unset": list(environment.removed)}
    print_result(result, filter(None, [unset_script(os.environ), set_script(environment)]), as_json=as_json)


def set_script(environment: StackEnvironment) -> str:
    """POSIX shell text that sets the variables; the shell keeps old values aside, so none is printed."""
    names = [*environment.variables, *environment.removed, *(["PATH"] if environment.path_first else [])]
    lines = [_keep_aside(name) for name in names]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in environment.variables.items()]
    lines += [f"unset {name}" for name in environment.removed]
    if environment.path_first:
        first = "".join(f"{shlex.quote(str(part))}:" for part in environment.path_first)
        lines.append(f'export PATH={first}"$PATH"')
    lines.append(f"export {CHANGED_VARIABLE}={shlex.quote(' '.join(names))}")
    return "\n".join(lines)


def _keep_aside(name: str) -> str:
    """Keeps the old value in the shell; a secret stays a variable of this shell alone, and reaches no child."""
    keep = "" if name in HIDDEN_VARIABLES else "export "
    return f'if [ -n "${{{name}+x}}" ]; then {keep}{KEPT_PREFIX}{name}="${name}"; fi'


def unset_script(environ: Mapping[str, str]) -> str:
    """POSIX shell text that gives back what `set_script` changed; empty where nothing was."""
    names = environ.get(CHANGED_VARIABLE, "").split()
    lines = [
        f'if [ -n "${{{KEPT_PREFIX}{name}+x}}" ]; then export {name}="${KEPT_PREFIX}{name}"; '
        f"unset {KEPT_PREFIX}{name}; else unset {name}; fi"
        for name in names
    ]
    return "\n".join([*lines, f"unset {CHANGED_VARIABLE}"]) if names else ""
