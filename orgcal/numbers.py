"""Numbers in texts of others."""

from __future__ import annotations

import re

_WHOLE = re.compile("[0-9]{1,9}")


def whole_number(text: str) -> int | None:
    """Return the number that `text` is in one to nine ASCII digits; None where it is anything else.

    `str.isdigit` says yes to digits of every script and to superscripts, of which `int` takes some and refuses others.
    """
    return int(text) if _WHOLE.fullmatch(text) else None
