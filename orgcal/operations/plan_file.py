"""Keeps a reviewed plan in a file, as the engine writes it (`pulumi preview --save-plan`).

It holds settings and the inputs of resources, secrets encrypted with the stack's own key; nobody else may read it.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orgcal.errors import UsageError
from orgcal.files.whole import write_whole


@contextmanager
def kept_plan(file: Path | None) -> Iterator[Path | None]:
    """Where the engine is to write its plan, which is then kept in `file`; None where nothing is kept."""
    if file is None:
        yield None
        return
    target = file.absolute()
    if not target.parent.is_dir():
        raise UsageError("there is no such folder", where=str(target.parent), repair="name a file in another folder")
    with tempfile.TemporaryDirectory(prefix="orgcal-plan-") as folder:
        written = Path(folder, "plan.json")
        yield written
        write_whole(target, written.read_text(encoding="utf-8"))


def read_plan_file(file: Path, *, stack: str, project: str) -> Path:
    """The absolute path of a kept plan.

    Raises:
        UsageError: it cannot be read, is no plan, or another stack's.
    """
    repair = f"orgcal up --stack {stack} --preview --plan {file}"
    try:
        resources = json.loads(file.read_text(encoding="utf-8"))["resourcePlans"]
        urns = list(dict(resources))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UsageError(f"the plan cannot be read: {reason}", where=str(file), repair=repair) from None
    except (ValueError, KeyError, TypeError):
        raise UsageError("this is no plan", where=str(file), repair=repair) from None
    if not all(urn.startswith(f"urn:pulumi:{stack}::{project}::") for urn in urns):
        raise UsageError("the plan is another stack's", where=str(file), repair=repair)
    return file.absolute()
