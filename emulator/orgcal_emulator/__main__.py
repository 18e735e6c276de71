"""`orgcal-emulator`, or `python -m orgcal_emulator`: serve until stopped; see docs/emulator.md."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import tempfile
from pathlib import Path

_FAILED = 2
_INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """Run the emulator.

    Returns:
        0 after a clean stop, 2 if it could not start (the reason is on stderr), 130 if Ctrl-C ended its start.
    """
    words = sys.argv[1:] if arguments is None else arguments
    if words[:1] == ["start"]:
        return _start(words[1:])
    if words[:1] == ["stop"]:
        return _stop(words[1:])
    parser = _parser(
        "", "Entra ID, Microsoft Graph and an integration platform on 127.0.0.1, for tests and demos; until Ctrl-C."
    )
    parser.epilog = "In the background: orgcal-emulator start --help, orgcal-emulator stop --help."
    _add_options(parser)
    given = parser.parse_args(words)
    if given.state is not None:
        return _serve(given, given.state, in_memory=False)
    with tempfile.TemporaryDirectory(prefix="emulator-") as folder:
        return _serve(given, Path(folder), in_memory=True)


def _parser(command: str, description: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(prog=f"orgcal-emulator {command}".strip(), description=description)


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=Path, metavar="FILE", help="YAML with tenants and users (default: built in)")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--state", type=Path, metavar="DIR", help="keep state in this folder")
    where.add_argument("--memory", action="store_true", help="keep no state (the default)")
    parser.add_argument("--port", type=int, default=0, metavar="N", help="port of 127.0.0.1 (default: a free one)")
    parser.add_argument(
        "--names", action="store_true", help="also answer to Microsoft's host names, for clients with fixed addresses"
    )


def _serve(given: argparse.Namespace, folder: Path, *, in_memory: bool) -> int:
    from orgcal_emulator.errors import CannotServeError, SeedError
    from orgcal_emulator.launch import Emulator, run
    from orgcal_emulator.state_directory import StateDirectory

    try:
        emulator = Emulator(
            seed=given.seed, state=StateDirectory(folder), in_memory=in_memory, port=given.port, names=given.names
        )
    except (CannotServeError, SeedError, OSError) as error:
        return _refuse(error)
    run(emulator, announce=True)
    return 0


def _start(words: list[str]) -> int:
    """Start one in the background, and print the variables that a test needs."""
    parser = _parser("start", "Start an emulator in the background and print variables that a test needs.")
    _add_options(parser)
    parser.add_argument(
        "--format", choices=("shell", "env"), default="shell",
        help='shell: for eval "$(orgcal-emulator start)"; env: NAME=VALUE, as files of variables have it',
    )  # fmt: skip
    given = parser.parse_args(words)
    from orgcal_emulator.background import start_in_background, stop_in_background
    from orgcal_emulator.environment import program_environment, ready_file_of
    from orgcal_emulator.errors import CannotServeError

    seed = ["--seed", str(given.seed)] if given.seed is not None else []
    state = ["--state", str(given.state.absolute())] if given.state is not None else []
    names = ["--names"] if given.names else []
    try:
        ready = start_in_background([*seed, *state, *names, "--port", str(given.port)])
        try:
            variables = program_environment(ready, os.environ)
        except OSError:
            stop_in_background(ready_file_of(ready))
            raise
    except (CannotServeError, OSError) as error:
        return _refuse(error)
    except KeyboardInterrupt:
        return _INTERRUPTED
    for name, value in variables.items():
        # The variables are the program's output.
        print(f"export {name}={shlex.quote(value)}" if given.format == "shell" else f"{name}={value}")  # noqa: T201
    return 0


def _stop(words: list[str]) -> int:
    """Stop one that runs in the background."""
    from orgcal_emulator.environment import READY_VARIABLE

    parser = _parser("stop", "Stop an emulator that `start` has started; what it keeps in a state folder stays.")
    parser.add_argument("--state", type=Path, metavar="DIR", help=f"its folder (default: that of ${READY_VARIABLE})")
    given = parser.parse_args(words)
    from orgcal_emulator.background import stop_in_background
    from orgcal_emulator.errors import CannotServeError
    from orgcal_emulator.files import READY_FILE

    named = os.environ.get(READY_VARIABLE, "")
    if given.state is None and not named:
        return _refuse(f"{READY_VARIABLE} names no emulator; set it as `start` prints it, or give --state DIR.")
    try:
        stopped = stop_in_background(given.state / READY_FILE if given.state is not None else Path(named))
    except (CannotServeError, OSError) as error:
        return _refuse(error)
    print("the emulator has stopped" if stopped else "the emulator was not running")  # noqa: T201
    return 0


def _refuse(reason: object) -> int:
    print(f"emulator: {reason}", file=sys.stderr)  # noqa: T201 - the program's own message
    return _FAILED


if __name__ == "__main__":
    sys.exit(main())
