"""`orgcal new`: a project of one's own, in a folder of one's own."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from orgcal.cli.common import JsonOption, print_result
from orgcal.cli.completion import complete_cloud, complete_platform_kind
from orgcal.printable import counted


def new(
    directory: Annotated[Path, typer.Argument(help="Folder of the project, new or empty.", metavar="DIR")],
    name: Annotated[
        str | None, typer.Option(help="Name of the project; the folder's unless given.", metavar="NAME")
    ] = None,
    platform: Annotated[
        str | None,
        typer.Option(
            help="Kind of your integration platform, for the example of a stack; nango unless given.",
            metavar="KIND",
            autocompletion=complete_platform_kind,
        ),
    ] = None,
    cloud: Annotated[
        str | None,
        typer.Option(
            help="Cloud of your tenant, for the example of a stack; public unless given.",
            metavar="CLOUD",
            autocompletion=complete_cloud,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a project: settings, program, lock, README and a smoke test; asks on a terminal for what is not given."""
    from orgcal.operations.new_project import (
        DEFAULT_CLOUD,
        DEFAULT_PLATFORM,
        NewProject,
        refuse_used_folder,
        write_project,
    )
    from orgcal.operations.project_lock import own_pins
    from orgcal.stack.project import absolute

    folder = absolute(directory).resolve()
    refuse_used_folder(folder)
    asked = _asked if _has_terminal(as_json) else _default
    name = asked("Name of the project", folder.name) if name is None else name
    usual = DEFAULT_PLATFORM if cloud != "emulator" else "local"
    platform = asked("Kind of your integration platform", usual) if platform is None else platform
    usual = DEFAULT_CLOUD if platform != "local" else "emulator"
    cloud = asked("Cloud of your tenant", usual) if cloud is None else cloud
    project = NewProject(name, platform, cloud)
    project.check()
    texts = project.texts(own_pins(os.environ))
    write_project(folder, texts)
    commands = list(_next_commands(folder))
    lines = [
        f"project {project.name} is written: {counted(len(texts), 'file')} in {folder}",
        "next:",
        *(f"  {command}" for command in commands),
    ]
    result = {"name": project.name, "folder": str(folder), "files": list(texts), "next": commands}
    print_result(result, lines, as_json=as_json)


def _next_commands(folder: Path) -> Iterator[str]:
    if folder != Path.cwd():
        yield f"cd {shlex.quote(os.path.relpath(folder))}"
    yield "python3 -m venv .venv"
    yield ".venv/bin/pip install --require-hashes -r requirements.txt"
    yield ". .venv/bin/activate"
    yield "orgcal demo"


def _has_terminal(as_json: bool) -> bool:
    """Whether somebody can be asked."""
    return not as_json and not os.environ.get("CI") and sys.stdin.isatty() and sys.stderr.isatty()


def _asked(question: str, default: str) -> str:
    return str(typer.prompt(question, default=default, err=True))


def _default(_: str, default: str) -> str:
    return default
