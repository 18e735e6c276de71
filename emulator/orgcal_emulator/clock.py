"""The emulator's time: real time plus an offset that tests and the control routes can move."""

from __future__ import annotations

import time
from datetime import UTC, datetime

LARGEST_OFFSET_S = 2e11
"""Some 6,300 years: what is issued then, for two years, still ends before the year 10000."""


class Clock:
    """Tells the emulated time; everything that expires reads this and nothing else.

    Args:
        offset_s: seconds the emulated time is ahead of the machine's.
    """

    def __init__(self, offset_s: float = 0.0) -> None:
        self.offset_s = offset_s

    def now(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        return time.time() + self.offset_s

    def machine_now(self) -> float:
        """The same by this machine's own clock, which the clients on it go by."""
        return time.time()

    def advance(self, seconds: float) -> float:
        """Move the time forward and return the new time.

        Raises:
            ValueError: `seconds` is absurdly large, or negative: nothing that was issued may lie in the future.
        """
        if not 0 <= seconds <= 1e10:
            raise ValueError("the clock only moves forward, by at most 1e10 seconds")
        self.set_offset(self.offset_s + seconds)
        return self.now()

    def set_offset(self, seconds: float) -> None:
        """Let the emulated time run `seconds` ahead of the real one.

        Raises:
            ValueError: it would run behind, or so far ahead that no date can be written.
        """
        if not 0 <= seconds <= LARGEST_OFFSET_S:
            raise ValueError(f"the clock can be at most {LARGEST_OFFSET_S:.0e} seconds ahead")
        self.offset_s = float(seconds)


def rfc3339(seconds: float) -> str:
    """`seconds` since 1970 as Graph writes times, to the second: `2026-11-23T03:14:15Z`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def rfc3339_precise(seconds: float) -> str:
    """The same with seven decimals, as Graph answers at once to what creates: `2026-11-23T03:14:15.9265358Z`."""
    return f"{rfc3339(int(seconds))[:-1]}.{int(seconds % 1 * 10_000_000):07d}Z"


def parse_loosely(text: str) -> float:
    """Seconds since 1970 of a time in a query: without a zone it is UTC, and a day alone is its beginning.

    Raises:
        ValueError: `text` is no date.
    """
    text = text.upper()
    day, _, time_of_day = text.partition("T")
    has_zone = time_of_day.endswith("Z") or "+" in time_of_day or "-" in time_of_day
    return parse_rfc3339(text if has_zone else f"{day}T{time_of_day or '00:00:00'}Z")


def parse_rfc3339(text: str) -> float:
    """Seconds since 1970 of a time that a client sent.

    Raises:
        ValueError: `text` is no date and time with a time zone.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("the time has no time zone")
    return moment.timestamp()
