"""The command `orgcal`, also as `python -m orgcal.cli`.

The module of a command is imported when it is called, not before.
"""

from __future__ import annotations

import errno
import gc
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from orgcal import __version__
from orgcal.errors import OrgcalError
from orgcal.masking import masking
from orgcal.output import guarded_output

_REFUSED_BY_DISK = frozenset(
    {errno.EACCES, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOSPC, errno.EPERM, errno.EROFS}
)
PROJECT_OPTION = ("-C", "--project")
# name -> (module, relative to this package, its typer.Typer or function, what it does in a line of `orgcal --help`)
COMMANDS = {
    "new": (".new", "new", "Write a project of your own"),
    "doctor": (".doctor", "doctor", "Check everything that a stack needs"),
    "env": (".env", "env", "Print shell settings for pulumi by hand"),
    "emulator": (".emulator", "app", "Start, stop and find the local emulator"),
    "up": (".stack", "up", "Deploy a stack, as pulumi up does"),
    "destroy": (".stack", "destroy", "Remove everything that a stack made"),
    "ephemeral": (".ephemeral", "app", "Make short-lived copies of a stack"),
    "tenants": (".tenants", "app", "Manage customer organisations"),
    "log": (".tenants", "log", "Show what was done about organisations"),
    "consent": (".consent", "app", "Make consent links, receive answers, check consent"),
    "verify": ("verify.command", "verify", "Prove that users and calendars can be read"),
    "history": (".history", "history", "Show how verifications and checks ended"),
    "metrics": (".metrics", "metrics", "Print metrics for Prometheus or OpenTelemetry"),
    "alerts": (".alerts", "app", "Send messages when something changes"),
    "report": (".report", "report", "Write a page that shows the history"),
    "watch": (".watch", "watch", "Do in one process what jobs of a CI do"),
    "preflight": (".preflight", "preflight", "Check what the home tenant allows"),
    "status": (".status", "status", "Show permissions, credentials and drift"),
    "adopt": (".adopt", "adopt", "Take over an existing application"),
    "ci": (".ci", "app", "Set up CI without a stored secret"),
    "sweep": (".sweep", "sweep", "Find and remove what interrupted runs left"),
    "rotate": (".rotate", "rotate", "Replace the credential without an outage"),
    "demo": (".demo", "demo", "Run the whole job against the emulator"),
    "uninstall": (".uninstall", "uninstall", "Remove what orgcal keeps on this machine"),
}


def main() -> None:
    """Run a command; turn what we can explain into one sentence on standard error, and into an exit code."""
    gc.set_threshold(20_000)  # a command makes many objects and few circles: Python's 700 cost a tenth of a short one
    with guarded_output():
        code = _run(sys.argv[1:])
    sys.exit(code)


def _run(arguments: list[str]) -> int:
    """Run a command; the exit code."""
    try:
        command = typer.main.get_command(build_app(arguments))
        with masking(os.environ):
            code = command.main(args=arguments, prog_name="orgcal", standalone_mode=False)
    except OrgcalError as error:
        sys.stderr.write(f"orgcal: {error}\n")
        code = error.exit_code
    except typer.Exit as error:
        code = error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except typer.TyperException as error:
        sys.stderr.write(_wrong_words(error))
        code = 2
    except BrokenPipeError:
        # The reader went away (`orgcal … | head`). Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:  # noqa: BLE001  # told in one sentence, and as a trace where that is asked for
        if os.environ.get("ORGCAL_DEBUG"):
            traceback.print_exc()
        if isinstance(error, OSError) and error.errno in _REFUSED_BY_DISK:
            sys.stderr.write(disk_refused(error))
            code = 1
        else:
            sys.stderr.write(_internal(error))
            code = 3
    if code == 130:
        sys.stderr.write("orgcal: interrupted; the next run goes on from here\n")
    return code if isinstance(code, int) else 0


def build_app(arguments: Sequence[str]) -> typer.Typer:
    """The command line, with only the command that `arguments` call, or with all where they call none."""
    app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)
    app.callback()(_root)
    called = _called(arguments)
    for name in [called] if called in COMMANDS else COMMANDS:
        module, attribute, short_help = COMMANDS[name]
        command = getattr(importlib.import_module(module, __name__), attribute)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name, short_help=short_help)
        else:
            app.command(name, short_help=short_help)(command)
    return app


def _called(arguments: Sequence[str]) -> str:
    """The first word that is neither an option nor the folder that `-C` or `--project` names; empty without one."""
    before = ""
    for word in arguments:
        if not word.startswith("-") and before not in PROJECT_OPTION:
            return word
        before = "" if before in PROJECT_OPTION else word
    return ""


def _print_version(requested: bool) -> None:
    if requested:
        typer.echo(f"orgcal {__version__}")
        raise typer.Exit


def _name_project(folder: Path | None) -> Path | None:
    if folder is not None:
        from orgcal.stack.project import name_project

        name_project(os.environ, folder)
    return folder


def _root(
    _project: Annotated[
        Path | None,
        typer.Option(
            *reversed(PROJECT_OPTION),
            help="Folder of the project; else ORGCAL_PROJECT, else the nearest Pulumi.yaml upwards.",
            metavar="DIR",
            callback=_name_project,
        ),
    ] = None,
    _: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Deploy an Outlook Calendar (Admin) connector, and verify that it works."""


def _wrong_words(error: typer.TyperException) -> str:
    """What is wrong with the words of a command; its help where it was called without any."""
    context = getattr(error, "ctx", None)
    message = error.format_message()
    if message.startswith("Usage:"):
        return f"{message}\n"
    what = message.replace("Value error, ", "").rstrip(".")
    return f"orgcal: {what[:1].lower()}{what[1:]}\n  repair: {context.command_path if context else 'orgcal'} --help\n"


def disk_refused(error: OSError) -> str:
    """The sentence about a file that could not be read or written, and its repair."""
    return (
        f"orgcal: {error.filename or 'a file'}: cannot be read or written ({error.strerror})\n"
        "  repair: see who owns it and how much room its disk has, then run the command again\n"
    )


def _internal(error: BaseException) -> str:
    return (
        f"orgcal: internal error, {type(error).__name__} at {_place_of(error)}\n"
        "  repair: please report it; ORGCAL_DEBUG=1 shows the whole trace, which may hold secrets\n"
    )


def _place_of(error: BaseException) -> str:
    """File and line of the innermost frame that is ours."""
    root = Path(__file__).parent.parent.parent
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if root in Path(frame.filename).parents and ".venv" not in frame.filename]
    last = (ours or frames)[-1]
    return f"{Path(last.filename).name}:{last.lineno}"
