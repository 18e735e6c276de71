"""JSON texts as a `TextFormat`; an edited text is laid out anew, with its keys in their order."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from orgcal.errors import PlatformError
from orgcal.files.mapping import change, value_at, with_line_ends


def read(text: str, trail: Sequence[str], *, where: str) -> dict[str, Any]:
    """See `TextFormat.read`."""
    mapping = value_at(_parsed(text, where), trail)
    return mapping if isinstance(mapping, dict) else {}


def edit(text: str, trail: Sequence[str], values: Mapping[str, Any], removed: Sequence[str], *, where: str) -> str:
    """See `TextFormat.edit`."""
    data = _parsed(text, where)
    change(data, trail, values, removed)
    return with_line_ends(json.dumps(data, indent=2, ensure_ascii=False) + "\n", text)


def _parsed(text: str, where: str) -> dict[str, Any]:
    try:
        data = json.loads(text or "{}")
    except ValueError as error:
        raise PlatformError(f"this file is not JSON ({error})", where=where) from None
    if not isinstance(data, dict):
        raise PlatformError("this file holds no JSON object", where=where)
    return data
