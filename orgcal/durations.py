"""Durations as people type them (`30d`, `12h`, `10m`, `0s`), and moments as Entra ID writes them (RFC 3339)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from orgcal.errors import UsageError

_FOREVER_DAYS = 36_500
_UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_LONGEST = timedelta(days=3650)

NEVER = "2299-12-31T23:59:59Z"
"""The end date that stands for `never`: Entra ID knows no credential without one. Azure's own tools use this date."""


def rfc3339(moment: datetime) -> str:
    """`moment` in UTC with whole seconds, such as `2027-05-22T12:00:00Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_moment(text: str) -> datetime:
    """The moment that `text` names; without a zone it counts as UTC.

    Raises:
        ValueError: it names none.
    """
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def parse_duration(text: str, option: str) -> timedelta:
    """The duration that `text` names.

    Args:
        text: a whole number and one of s, m, h, d, w.
        option: of the command line, for the error.

    Raises:
        UsageError: it names none, or more than ten years.
    """
    match = re.fullmatch(r"([0-9]{1,9})([smhdw])", text.strip())
    seconds = int(match[1]) * _UNITS_S[match[2]] if match else -1
    if not 0 <= seconds <= _LONGEST.total_seconds():
        raise UsageError(
            f"found {text!r}; expected a number with s, m, h, d or w, at most 3650d",
            where=option,
            repair=f"such as {option} 10m, or 7d",
        )
    return timedelta(seconds=seconds)


def in_words(duration: timedelta) -> str:
    """`duration` in its largest whole unit: `7 days`, `1 hour`."""
    seconds = int(duration.total_seconds())
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds // size} {unit}{'' if seconds == size else 's'}"
    return f"{seconds} second{'' if seconds == 1 else 's'}"


def days_left(expires: datetime, now: datetime) -> int | None:
    """Whole days until a credential expires, negative afterwards; None for one that never does.

    Args:
        expires: its end date; one a century ahead stands for none.
        now: the time, UTC.
    """
    days = (expires - now).days
    return None if days > _FOREVER_DAYS else days
