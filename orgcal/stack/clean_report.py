"""`python -m orgcal.stack.clean_report`: prints what `make clean` leaves outside the checkout; removes nothing."""

from __future__ import annotations

import os
import sys

from orgcal.engine.cache import cache_dir
from orgcal.stack.files import data_dir

if __name__ == "__main__":
    for what, path in (
        ("states, passphrases and registries of your own stacks", data_dir(os.environ)),
        ("the Pulumi engine", cache_dir(os.environ)),
    ):
        if path.exists():
            sys.stdout.write(f"kept: {what}: {path}\n")
