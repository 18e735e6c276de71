"""Durations as people type them: `30d`, `12h`, `10m`, `0s`."""

from __future__ import annotations

import re
from datetime import timedelta

from orgcal.errors import UsageError

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_duration(text: str, option: str) -> timedelta:
    """The duration that `text` names.

    Args:
        text: a whole number and one of s, m, h, d, w.
        option: of the command line, for the error.

    Raises:
        UsageError: it names none, or more than ten years.
    """
    match = re.fullmatch(r"(\d{1,9})([smhdw])", text.strip())
    found = timedelta(**{_UNITS[match[2]]: int(match[1])}) if match and int(match[1]) < 10**9 else None
    if found is None or found > timedelta(days=3650):
        raise UsageError(
            f"found {text!r}; expected a number with s, m, h, d or w, at most 3650d",
            where=option,
            repair=f"{option} 7d",
        )
    return found


def in_words(duration: timedelta) -> str:
    """`duration` in its largest whole unit: `7 days`, `1 hour`."""
    seconds = int(duration.total_seconds())
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds // size} {unit}{'' if seconds == size else 's'}"
    return f"{seconds} second{'' if seconds == 1 else 's'}"
