"""`make bench-setup`: from nothing to the end of the first demo, the engine built from Go modules.

Takes a copy of this checkout with empty caches: no `.venv`, no engine, no Go modules, nothing of pip's. Prints one
JSON object: `setup_s` (`make setup`), `first_demo_s` (that and the demo after it), `processor_s` (time of all cores).
Takes minutes and 5 GB of disk in `--folder`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from tests.support.checkout import copy_sources


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=None, help="where to work (default: the temporary directory)")
    with tempfile.TemporaryDirectory(dir=parser.parse_args().folder) as folder:
        print(json.dumps(measure(Path(folder))))


def measure(folder: Path) -> dict[str, float]:
    """The figures; what the programs say goes to standard error."""
    checkout = folder / "checkout"
    copy_sources(checkout)
    caches = {"ORGCAL_CACHE_DIR": "cache", "PIP_CACHE_DIR": "pip", "XDG_DATA_HOME": "data"}
    environ = {**os.environ, "ENGINE": "build", **{name: str(folder / path) for name, path in caches.items()}}
    before = _processor_s()
    setup_s = timed_make("setup", checkout, environ)
    demo_s = timed_make("demo", checkout, environ)
    return {
        "setup_s": round(setup_s, 1),
        "first_demo_s": round(setup_s + demo_s, 1),
        "processor_s": round(_processor_s() - before, 1),
    }


def timed_make(target: str, checkout: Path, environ: Mapping[str, str]) -> float:
    """Seconds of `make <target>`."""
    start = time.monotonic()
    subprocess.run(["make", target], cwd=checkout, env=environ, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=True)
    return time.monotonic() - start


def _processor_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
