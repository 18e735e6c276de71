"""actionlint, the checker of workflow files: built once from Go modules that `go.sum` pins, as the engine is."""

from __future__ import annotations

from pathlib import Path

from tests.support.cached_tools import go_program

MODULE = Path(__file__).with_name("actionlint_module")
PROGRAM = "github.com/rhysd/actionlint/cmd/actionlint"


def actionlint() -> Path:
    """The program, in the user's cache; made first if it is not there."""
    return go_program(MODULE, PROGRAM)
