"""Dates and lists that passwords and certificates of an application share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from orgcal.durations import rfc3339

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


def date_rule(value: object) -> str | None:
    """What is wrong with `value` where a moment is expected."""
    return None if isinstance(value, str) and parsed(value) else "must be a moment such as 2030-01-01T00:00:00Z"


def parsed(text: str) -> datetime | None:
    """The moment in RFC 3339, or None if `text` is none."""
    if not re.fullmatch(
        r"[0-9]{4}-[0-9][0-9]-[0-9][0-9][Tt][0-9][0-9]:[0-9][0-9]:[0-9][0-9](\.[0-9]+)?([Zz]|[+-][0-9][0-9]:[0-9][0-9])",
        text,
    ):
        return None
    try:
        return datetime.fromisoformat(text.upper())
    except ValueError:
        return None


def duration_rule(value: object) -> str | None:
    """What is wrong with `value` where a duration is expected."""
    return (
        None if isinstance(value, str) and seconds_of(value) is not None else "must be a duration such as 240h or 90m"
    )


def seconds_of(text: str) -> float | None:
    """Seconds of a duration as Go writes it (`2400h30m`), or None if it is none."""
    parts = re.findall(r"([0-9]+(?:\.[0-9]+)?)(h|ms|us|µs|ns|m|s)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def end_after(start: str | None, duration: str) -> str:
    """The moment `duration` after `start`, or after now, as Graph writes it."""
    begin = (parsed(start) if start else None) or datetime.now(UTC)
    return rfc3339(begin + timedelta(seconds=seconds_of(duration) or 0.0))


def with_key_id(credentials: Iterable[Mapping[str, Any]] | None, key_id: str) -> Mapping[str, Any] | None:
    """The credential of that key id in what Graph lists, or None."""
    wanted = key_id.lower()
    return next((entry for entry in credentials or () if str(entry.get("keyId") or "").lower() == wanted), None)
