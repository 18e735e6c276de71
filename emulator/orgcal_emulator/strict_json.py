"""Parses JSON of requests; refuses what is not JSON, or could not be written again."""

from __future__ import annotations

import json
from typing import Any


def parse(raw: bytes, *, unique_names: bool = False) -> Any:
    """The value in `raw`, UTF-8 text.

    Args:
        unique_names: refuse objects that name a property twice, which OData forbids; costs time.

    Raises:
        ValueError: no JSON, `NaN` and its like, half of a surrogate pair, or nested too deeply.
    """
    try:
        pairs = _unique if unique_names else None
        value = json.loads(raw.decode("utf-8-sig"), parse_constant=_refuse_constant, object_pairs_hook=pairs)
        if b"\\u" in raw:  # half of a surrogate pair can be written in no other way
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a property is named twice")
    return value


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
