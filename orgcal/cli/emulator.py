"""`orgcal emulator start|stop|status`: the emulator that a stack lives on."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from orgcal.cli.common import JsonOption, StackOption, print_result
from orgcal.cli.grammar import CommandGroup
from orgcal.errors import CloudMismatch
from orgcal.files.whole import private_dir
from orgcal.settings import read_core_settings
from orgcal.stack.emulator import EmulatorOfStack, EmulatorProcess
from orgcal.stack.files import DEV_STACK, emulator_home
from orgcal.stack.project import find_project

app = CommandGroup(help="The local emulator of Entra ID, Microsoft Graph and an integration platform.")


@app.command()
def start(
    stack: StackOption = DEV_STACK,
    port: Annotated[
        int | None, typer.Option(help="Port from now on; 0 takes a free one.", metavar="PORT", min=0, max=65535)
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Start it unless it runs.

    It keeps its port, and what it holds, between runs.
    """
    process, started = emulator_of(stack).start(port=port)
    _tell(process, "started" if started else "already running", as_json)


@app.command()
def stop(stack: StackOption = DEV_STACK, as_json: JsonOption = False) -> None:
    """Stop it; what it holds is kept."""
    stopped = emulator_of(stack).stop()
    text = "the emulator has stopped; its state is kept" if stopped else "the emulator was not running"
    print_result({"stopped": stopped}, [text], as_json=as_json)


@app.command()
def status(stack: StackOption = DEV_STACK, as_json: JsonOption = False) -> None:
    """Say whether it runs, and where.

    Exit code 1 where it does not run.
    """
    process = emulator_of(stack).running()
    if process is None:
        print_result({"running": False}, ["the emulator is not running"], as_json=as_json, ok=False)
        return
    _tell(process, "running", as_json)


def emulator_of(stack: str) -> EmulatorOfStack:
    """The emulator of `stack`; a `CloudMismatch` if the stack lives in a real cloud."""
    project = find_project(os.environ)
    core = read_core_settings(project, stack)
    cloud = core.entra.cloud
    if cloud != "emulator":
        raise CloudMismatch(f"stack {stack!r} lives in the {cloud} cloud and has no emulator", where=f"--stack {stack}")
    return EmulatorOfStack(private_dir(emulator_home(project, core, os.environ)))


def _tell(process: EmulatorProcess, state: str, as_json: bool) -> None:
    ready = process.ready
    lines = [f"the emulator is {state}: {process.base_url} (pid {process.pid})"]
    for tenant in ready["tenants"]:
        role = "home tenant" if tenant["home"] else "customer"
        lines.append(f"  {tenant['display_name']:<20} {role:<12} {tenant['default_domain']:<20} {tenant['tenant_id']}")
    print_result({"running": True, **ready}, lines, as_json=as_json)
