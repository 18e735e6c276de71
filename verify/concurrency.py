"""How many batches of one organisation are in flight, and when the next may leave.

Microsoft has published two readings of Exchange's limit of four concurrent requests (per mailbox, and per application),
and says that it throttles below its limits when a service is loaded. So the number is found, not configured: as TCP
does, doubled while nothing is lost, then grown by one and halved.

Source: https://learn.microsoft.com/en-us/graph/throttling-limits and https://learn.microsoft.com/en-us/graph/throttling
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from orgcal.patience import Clock
from verify.models import Pace, never

NEARLY_THROTTLED = 0.9
"""Share of the limit (`x-ms-throttle-limit-percentage`) from which we slow down before Graph refuses."""


THROTTLED = "throttles this application"
UNANSWERED = "gives no usable answer"


class Window:
    """The number of batches in flight; used by one thread.

    A window is as many answers as were in flight when it began. A clean one doubles the limit until the first throttle,
    and adds one afterwards; throttles halve it at most once a window, as one burst is one piece of news.

    Attributes:
        limit: batches that may be in flight now.
    """

    def __init__(self, pace: Pace) -> None:
        self._fixed = pace.fixed
        self._cap = pace.fixed or pace.cap
        self.limit = pace.fixed or min(pace.start, pace.cap)
        self._doubling = True
        self._clean = True
        self._left = self.limit
        self.reached = self.limit
        self.throttles = 0

    def answered(self, in_flight: int, *, throttled: bool) -> None:
        """An answer came.

        Args:
            in_flight: batches still in flight.
            throttled: it was, or contained, a 429, or reported that a limit is nearly reached.
        """
        if throttled:
            self.throttled()
        self._left -= 1
        if self._left > 0:
            return
        if self._clean and not self._fixed:
            self.limit = min(self._cap, self.limit * 2 if self._doubling else self.limit + 1)
            self.reached = max(self.reached, self.limit)
        self._clean = True
        self._left = max(1, in_flight)

    def throttled(self) -> None:
        """Graph refused something for now, or reported that a limit is nearly reached; a page of users counts too."""
        self.throttles += 1
        if self._clean:
            self._clean = False
            self._doubling = False
            if not self._fixed:
                self.limit = max(1, self.limit // 2)


@dataclass(slots=True)
class Gate:
    """Holds back every request of one organisation until the longest `Retry-After` received is over.

    Attributes:
        budget_s: seconds that may be spent waiting in all.
        stopped: true ends a wait at once.
        clock: for tests.
    """

    budget_s: float
    stopped: Callable[[], bool] = never
    clock: Clock = field(default_factory=Clock)
    waited_s: float = field(default=0.0, init=False)
    exhausted: bool = field(default=False, init=False)
    why: str = field(default=THROTTLED, init=False)
    """What Graph did when the budget was used up, as the end of a sentence about it."""
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _open_at: float = field(default=0.0, init=False)

    def hold(self, seconds: float, why: str = THROTTLED) -> None:
        """No request before `seconds` from now, or before an earlier hold ends, whichever is later.

        Args:
            why: `THROTTLED` or `UNANSWERED`.
        """
        with self._lock:
            until = self.clock.monotonic() + seconds
            if until <= self._open_at:
                return
            added = until - max(self._open_at, self.clock.monotonic())
            if self.waited_s + added > self.budget_s:
                if not self.exhausted:
                    self.exhausted, self.why = True, why
                return
            self.waited_s += added
            self._open_at = until

    @property
    def shut(self) -> bool:
        """No request will leave any more: the run was stopped, or the budget is used up."""
        return self.exhausted or self.stopped()

    def wait(self) -> bool:
        """Wait until requests may leave; False if the gate was shut meanwhile."""
        while True:
            if self.shut:
                return False
            left = self._open_at - self.clock.monotonic()
            if left <= 0:
                return True
            self.clock.sleep(min(left, 0.25))
