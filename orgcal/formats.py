"""The format of a stack's state, and the refusal of what a newer orgcal wrote.

A format is raised only when an older orgcal could no longer read the data rightly. The registry counts revisions of its
schema (`orgcal.tenants.schema.HEAD`), the emulator versions of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orgcal import __version__
from orgcal.errors import UsageError

STATE_FORMAT = 1
"""Of the record in a stack's outputs, which has it as `schema_version`."""
LEDGER_FORMAT = 2
"""The newest of a stack's ledger, which has it as `format`; left out for 1.

The ledger is asked before anything is written, so there an older orgcal refuses to deploy. A ledger is written in the
lowest format that says what it knows: 2 once a generation was revoked, which an older orgcal would forget."""
FORMAT_KEY = "format"
USE_NEWER = "use the orgcal that wrote it, or a newer one, by the project's requirements.txt (docs/upgrade.md)"
"""The repair of data that a newer orgcal wrote. Never to remove them: they are of use."""


def newer_format(what: str, found: object, known: object, *, where: str) -> UsageError:
    """The refusal of data that a newer orgcal wrote.

    Args:
        what: the data, such as `the registry`.
        found: its format.
        known: the newest format that this orgcal reads.
        where: stack, file or address of the data.
    """
    return UsageError(
        f"{what} has format {found}, and orgcal {__version__} reads formats up to {known}; nothing was changed",
        where=where,
        repair=USE_NEWER,
    )


def refuse_newer_state(ledger: Mapping[str, Any], *, where: str) -> None:
    """Raise `newer_format` if a newer orgcal wrote the state whose ledger has these inputs; empty without a ledger."""
    found = ledger.get(FORMAT_KEY, 1)
    if not isinstance(found, int) or found > LEDGER_FORMAT:
        raise newer_format("the stack's state", found, LEDGER_FORMAT, where=where)
