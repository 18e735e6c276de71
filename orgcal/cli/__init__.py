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
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from orgcal import __version__
from orgcal.cli.common import begin_output, print_error
from orgcal.cli.completion import COMPLETE_VARIABLE
from orgcal.cli.grammar import DEBUG_VARIABLE, CommandGroup, begin_line, called_command, moved_behind
from orgcal.cli.topics import TOPICS
from orgcal.errors import ExitCode, OrgcalError
from orgcal.masking import masking
from orgcal.output import guarded_output
from orgcal.wrong_words import wrong_words

_REFUSED_BY_DISK = frozenset(
    {errno.EACCES, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOSPC, errno.EPERM, errno.EROFS}
)
_DISK_REPAIR = "see who owns it and how much room its disk has, then run the command again"
_REPORT_IT = "please report it; ORGCAL_DEBUG=1 (or -v) shows the whole trace, which may hold secrets"
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
    "completion": (".completion_script", "completion", "Print the script that completes commands in a shell"),
    "help": (".help", "show_help", "Show the help of a command, or of a topic"),
}


def main() -> None:
    """Run a command; turn what we can explain into one sentence on standard error, and into an exit code."""
    gc.set_threshold(20_000)  # a command makes many objects and few circles: Python's 700 cost a tenth of a short one
    with guarded_output():
        code = _run(sys.argv[1:])
    gc.freeze()  # what is left ends with the process: Python looks for circles in it, for a tenth of a second
    sys.exit(code)


def _run(arguments: list[str]) -> int:
    """Run a command; the exit code."""
    begin_output()
    begin_line()
    words = moved_behind(arguments)
    try:
        if instruction := os.environ.get(COMPLETE_VARIABLE):
            return _complete(instruction)
        command = typer.main.get_command(build_app(words))
        # Not `command.main`: it ends the process with 1 where the reader of a pipe has gone.
        with masking(os.environ), command.make_context("orgcal", words) as context:
            command.invoke(context)
        code = 0
    except typer.Exit as error:
        code = error.exit_code
    except BrokenPipeError:
        # The reader went away (`orgcal … | head`). Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  # told in one sentence, and as a trace where asked for
        code, told, text = _explained(error)
        if code == ExitCode.USAGE and called_command(words) == "up" and "--preview" in words:
            code = ExitCode.FAILED  # there, 2 says that there are changes
        if os.environ.get(DEBUG_VARIABLE) and not isinstance(error, KeyboardInterrupt | typer.TyperException):
            traceback.print_exc()
        sys.stderr.write(text)
        if _wants_json(arguments):
            print_error(told)
    if code == 130:
        sys.stderr.write("orgcal: interrupted; the next run goes on from here\n")
    return code


def _wants_json(arguments: list[str]) -> bool:
    """Whether JSON is asked for, also where a command line cannot be parsed."""
    return "--json" in arguments[: arguments.index("--") if "--" in arguments else len(arguments)]


def _explained(error: BaseException) -> tuple[int, dict[str, str], str]:
    """Exit code, the members of the error in JSON, and what standard error tells."""
    if isinstance(error, OrgcalError):
        return error.exit_code, error.as_json(), f"orgcal: {error}\n"
    if isinstance(error, typer.TyperException):
        told = wrong_words(error)
        if told["kind"] == "help":
            return 2, {**told, "kind": "usage", "what": "no command is named"}, f"{told['what']}\n"
        return 2, told, _sentence(told)
    if isinstance(error, KeyboardInterrupt | typer.Abort | EOFError):
        told = {"kind": "interrupted", "what": "interrupted", "where": "", "repair": "run the command again"}
        return 130, told, ""
    if isinstance(error, OSError) and error.errno in _REFUSED_BY_DISK:
        what = f"cannot be read or written ({error.strerror})"
        told = {"kind": "disk", "what": what, "where": str(error.filename or "a file"), "repair": _DISK_REPAIR}
        return 1, told, disk_refused(error)
    what = f"internal error, {type(error).__name__} at {_place_of(error)}"
    return 3, {"kind": "internal", "what": what, "where": "", "repair": _REPORT_IT}, _internal(error)


def _sentence(told: dict[str, str]) -> str:
    return f"{told['where']}: {told['what']}\n  repair: {told['repair']}\n"


def _complete(instruction: str) -> int:
    """Answer a shell that completes a line; its script is `orgcal completion`."""
    from typer._completion_classes import completion_init
    from typer.completion import shell_complete

    completion_init()
    command = typer.main.get_command(whole_app())
    return shell_complete(command, {}, "orgcal", COMPLETE_VARIABLE, instruction)


def build_app(arguments: Sequence[str]) -> typer.Typer:
    """The command line, with only the command that `arguments` call; where they call none, with the names of all."""
    called = called_command(list(arguments))
    return _app([called]) if called in COMMANDS else _app(COMMANDS, names_only=True)


def whole_app() -> typer.Typer:
    """The command line with all commands, for completion and documentation; slow, as it imports them."""
    return _app(COMMANDS)


def _app(names: Iterable[str], *, names_only: bool = False) -> typer.Typer:
    app = CommandGroup()
    topics = f"`orgcal help COMMAND` shows a command, `orgcal help TOPIC` a topic: {', '.join(TOPICS)}."
    app.callback(help=f"{_root.__doc__}\n\n{topics}")(_root)
    for name in names:
        module, attribute, short_help = COMMANDS[name]
        command = None if names_only else getattr(importlib.import_module(module, __name__), attribute)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name, short_help=short_help)
        else:
            app.command(name, short_help=short_help)(command or (lambda: None))
    return app


def _print_version(requested: bool) -> None:
    if requested:
        typer.echo(f"orgcal {__version__}")
        raise typer.Exit


def _root(
    _: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Deploy an Outlook Calendar (Admin) connector, and verify that it works."""


def disk_refused(error: OSError) -> str:
    """The sentence about a file that could not be read or written, and its repair."""
    what = f"cannot be read or written ({error.strerror})"
    return f"orgcal: {error.filename or 'a file'}: {what}\n  repair: {_DISK_REPAIR}\n"


def _internal(error: BaseException) -> str:
    return f"orgcal: internal error, {type(error).__name__} at {_place_of(error)}\n  repair: {_REPORT_IT}\n"


def _place_of(error: BaseException) -> str:
    """File and line of the innermost frame that is ours."""
    root = Path(__file__).parent.parent.parent
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if root in Path(frame.filename).parents and ".venv" not in frame.filename]
    last = (ours or frames)[-1]
    return f"{Path(last.filename).name}:{last.lineno}"
