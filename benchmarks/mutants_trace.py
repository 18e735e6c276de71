"""Which functions a process calls, and the file that it writes them to.

Used by `benchmarks/mutants_plugin.py` inside pytest, and in the children of tests by a `sitecustomize` on their path.
So nothing is imported here that a child would have to pay for.
"""

from __future__ import annotations

import atexit
import inspect
import json
import os
import sys
import threading
from contextlib import suppress
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

RECORD = "MUTANTS_RECORD"
"""Variable: the folder into which every process of a recording writes. Tests keep ORGCAL_* from their children."""
ROOT = Path(__file__).resolve().parents[1]


class Trace:
    """The functions that were called since it was last asked, in every thread that began after it."""

    def __init__(self) -> None:
        self._called: set[CodeType] = set()

    def start(self) -> None:
        """Listens to calls, and to nothing inside of functions, which keeps the tests fast."""
        sys.settrace(self._note)
        threading.settrace(self._note)

    def take(self, areas: list[str]) -> list[str]:
        """`path:qualified name` of each function of these folders that was called, and forgets them."""
        called, self._called = self._called, set()
        names = set()
        for code in called:
            path = code.co_filename.removeprefix(f"{ROOT}{os.sep}").replace(os.sep, "/")
            # Bodies of modules and classes run once, in whichever test comes first.
            if code.co_flags & inspect.CO_OPTIMIZED and path.startswith(tuple(f"{area}/" for area in areas)):
                names.add(f"{path}:{code.co_qualname}")
        return sorted(names)

    def _note(self, frame: FrameType, _event: str, _argument: Any) -> None:
        self._called.add(frame.f_code)


def write_down(kind: str, record: dict[str, Any]) -> None:
    """Appends a line to this process's own file of the recording."""
    with (Path(os.environ[RECORD]) / f"{kind}-{os.getpid()}.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def areas() -> list[str]:
    """The folders whose functions are recorded."""
    found: list[str] = json.loads((Path(os.environ[RECORD]) / "areas.json").read_text(encoding="utf-8"))
    return found


def record_child() -> None:
    """Records what this child of a test calls until it ends; a child that is killed leaves nothing."""
    test, trace = os.environ["PYTEST_CURRENT_TEST"].rpartition(" ")[0], Trace()
    trace.start()

    def end() -> None:
        with suppress(OSError):  # the recording may be over
            write_down("child", {"test": test, "ran": trace.take(areas())})

    atexit.register(end)
