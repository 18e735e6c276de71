"""`orgcal-emulator`, or `python -m orgcal_emulator`: serve until stopped; see docs/emulator.md."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

_FAILED = 2


def main(arguments: list[str] | None = None) -> int:
    """Run the emulator.

    Returns:
        0 after a clean stop, 2 if it could not start (the reason is on stderr).
    """
    parser = argparse.ArgumentParser(
        prog="orgcal-emulator",
        description="Entra ID, Microsoft Graph and an integration platform on 127.0.0.1, for tests and demos.",
    )
    parser.add_argument("--seed", type=Path, metavar="FILE", help="YAML with tenants and users (default: built in)")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--state", type=Path, metavar="DIR", help="keep state in this folder")
    where.add_argument("--memory", action="store_true", help="keep no state (the default)")
    parser.add_argument("--port", type=int, default=0, metavar="N", help="port of 127.0.0.1 (default: a free one)")
    parser.add_argument(
        "--names", action="store_true", help="also answer to Microsoft's host names, for clients with fixed addresses"
    )
    given = parser.parse_args(arguments)
    if given.state is not None:
        return _serve(given, given.state, in_memory=False)
    with tempfile.TemporaryDirectory(prefix="emulator-") as folder:
        return _serve(given, Path(folder), in_memory=True)


def _serve(given: argparse.Namespace, folder: Path, *, in_memory: bool) -> int:
    from orgcal_emulator.errors import CannotServeError, SeedError
    from orgcal_emulator.launch import Emulator, run
    from orgcal_emulator.state_directory import StateDirectory

    try:
        emulator = Emulator(
            seed=given.seed, state=StateDirectory(folder), in_memory=in_memory, port=given.port, names=given.names
        )
    except (CannotServeError, SeedError, OSError) as error:
        print(f"emulator: {error}", file=sys.stderr)  # noqa: T201 - the program's own message
        return _FAILED
    run(emulator, announce=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
