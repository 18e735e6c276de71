"""Predicates on one property; filters combine them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from orgcal_emulator.clock import parse_loosely
from orgcal_emulator.graph.errors import bad_request

Predicate = Callable[[Mapping[str, Any]], bool]

ORDERS: dict[str, Callable[[float, float], bool]] = {
    "ge": operator.ge, "le": operator.le, "gt": operator.gt, "lt": operator.lt,
}  # fmt: skip


def _read(item: Mapping[str, Any], name: str) -> Any:
    """The property `name` of `item`; `start/dateTime` is a property of a property."""
    if "/" not in name:
        return item.get(name)
    value: Any = item
    for part in name.split("/"):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def equals(name: str, value: str | bool | int | None) -> Predicate:
    """Whether a property is `value`, without regard to case."""
    if isinstance(value, str):
        wanted = value.lower()

        def same_text(item: Mapping[str, Any]) -> bool:
            text = _read(item, name)
            return isinstance(text, str) and text.lower() == wanted

        return same_text
    return lambda item: _read(item, name) is value or (type(value) is int and _read(item, name) == value)


def ordered(name: str, text: str, comparison: str) -> Predicate:
    """Compares times; those without a zone are UTC.

    Args:
        comparison: one of `ORDERS`.

    Raises:
        GraphFailure: 400, `text` is no time.
    """
    holds = ORDERS[comparison]
    try:
        wanted = parse_loosely(text)
    except (ValueError, OverflowError, OSError):
        raise bad_request(f"Invalid filter clause: '{text[:40]}' is no date and time.", "BadRequest") from None

    def matches(item: Mapping[str, Any]) -> bool:
        text = _read(item, name)
        return isinstance(text, str) and holds(parse_loosely(text), wanted)

    return matches


def edge(name: str, value: object, *, at_start: bool) -> Predicate:
    """Whether a text begins, or ends, with `value`."""
    wanted = str(value).lower()

    def matches(item: Mapping[str, Any]) -> bool:
        text = _read(item, name)
        if not isinstance(text, str):
            return False
        return text.lower().startswith(wanted) if at_start else text.lower().endswith(wanted)

    return matches
