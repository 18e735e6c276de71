"""`make setup`: make `.venv` from requirements.lock. Any Python can read this file, to say that it is too old.

With `--witnesses` and `--docs`, as `make test` and `make docs` ask for: also the packages of
requirements.witnesses.lock and requirements.docs.lock.
With `--engine`, as `make setup` asks for: also build the Pulumi engine meanwhile, where it has to be built.
"""

import os
import sys


def main():  # type: () -> int
    """Hand over to `venv_maker.py` where this Python is new enough; the exit status."""
    if sys.version_info < (3, 11):  # noqa: UP036  # the very Pythons that this line is for
        sys.stderr.write(
            "setup: orgcal needs Python 3.11 or newer and %s is %s\n"  # noqa: UP031
            "  repair: make setup PYTHON=/path/to/python3.11\n" % (sys.executable, sys.version.split()[0])
        )
        return 1
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    from scripts.venv_maker import make_venv

    added = [what for what in ("witnesses", "docs") if "--" + what in sys.argv[1:]]
    return make_venv(added=added, engine="--engine" in sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
