"""The command `orgcal`: `python -m orgcal.cli`, or `.venv/bin/orgcal`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer


def main() -> None:
    """Runs a command; turns what we can explain into one sentence on standard error, and into an exit code."""
    import typer

    from orgcal.cli.commands import build_app
    from orgcal.errors import OrgcalError

    arguments = sys.argv[1:]
    try:
        command = typer.main.get_command(build_app(arguments))
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
    except Exception as error:
        if os.environ.get("ORGCAL_DEBUG"):
            raise
        sys.stderr.write(f"orgcal: internal error, {type(error).__name__} at {_place_of(error)}\n")
        sys.stderr.write("  repair: please report it; ORGCAL_DEBUG=1 shows the whole trace, which may hold secrets\n")
        code = 3
    if code == 130:
        sys.stderr.write("orgcal: interrupted; the next run goes on from here\n")
    sys.exit(code if isinstance(code, int) else 0)


def _wrong_words(error: typer.TyperException) -> str:
    """What is wrong with the words of a command; its help where it was called without any."""
    context = getattr(error, "ctx", None)
    said = error.format_message()
    if said.startswith("Usage:"):
        return f"{said}\n"
    what = said.replace("Value error, ", "").rstrip(".")
    return f"orgcal: {what[:1].lower()}{what[1:]}\n  repair: {context.command_path if context else 'orgcal'} --help\n"


def _place_of(error: BaseException) -> str:
    """File and line of the innermost frame that is ours."""
    import traceback
    from pathlib import Path

    root = Path(__file__).parent.parent.parent
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if root in Path(frame.filename).parents and ".venv" not in frame.filename]
    last = (ours or frames)[-1]
    return f"{Path(last.filename).name}:{last.lineno}"
