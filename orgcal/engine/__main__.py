"""`python -m orgcal.engine path|ensure`: have an engine.

`path` prints the folder of the engine's programs and nothing else; `ensure` says which engine it is.
Either makes the engine first if there is none, and reports on standard error.
"""

from __future__ import annotations

import sys

from orgcal.engine.find import find_engine
from orgcal.errors import OrgcalError
from orgcal.output import guarded_output


def main(arguments: list[str]) -> int:
    """Run the command; the exit status."""
    if arguments not in (["path"], ["ensure"]):
        sys.stderr.write("usage: python -m orgcal.engine path|ensure\n")
        return 2
    try:
        engine = find_engine()
    except OrgcalError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted; the next run starts the engine's build again\n")
        return 130
    sys.stdout.write(f"{engine.bin_dir}\n" if arguments == ["path"] else f"engine: {engine.reason}: {engine.pulumi}\n")
    return 0


if __name__ == "__main__":
    with guarded_output():
        sys.exit(main(sys.argv[1:]))
