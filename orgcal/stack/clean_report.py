"""`python -m orgcal.stack.clean_report`: prints what `make clean` leaves, and where; removes nothing."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from orgcal.engine.cache import cache_dir
from orgcal.stack.files import data_dir


def kept_places() -> list[tuple[str, Path]]:
    """What lies outside the checkout: a description and where, for each that exists."""
    places = [
        ("states, passphrases and registries of your own stacks", data_dir(os.environ)),
        ("the Pulumi engine", cache_dir(os.environ)),
    ]
    return [(what, path) for what, path in places if path.exists()]


def main() -> None:
    """Prints one line for each place."""
    for what, path in kept_places():
        sys.stdout.write(f"kept: {what}: {path}\n")


if __name__ == "__main__":
    main()
