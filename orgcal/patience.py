"""Waiting and trying again: one clock, one backoff, one way to repeat a question within a time budget.

patience = Patience(60.0)
while True:
    answer = ask()
    if answer.good or not patience.wait(answer.retry_after_s):
        return answer
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

_T = TypeVar("_T")

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 20.0
_PROMPT_TRIES = 3
"""So often a server is asked again as soon as it says."""
_LEAST_S = 1e-3
"""With less left the budget counts as used up, so that rounding causes no further try."""


@dataclass(frozen=True, slots=True)
class Clock:
    """The time that passes, and how to wait; tests give one that does not wait.

    Attributes:
        monotonic: seconds since some moment; never goes back, unlike the time of day.
        sleep: waits so many seconds; may raise, which ends the waiting.
    """

    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class Patience:
    """Pauses between the tries of one question, until a time budget is used up; used by one thread.

    Args:
        budget_s: seconds from now within which waiting must end.
        clock: for tests.
        first_s: about the first pause; each is twice the one before.
        longest_s: no pause of our own is longer.
    """

    def __init__(
        self,
        budget_s: float,
        clock: Clock | None = None,
        *,
        first_s: float = FIRST_PAUSE_S,
        longest_s: float = LONGEST_PAUSE_S,
    ) -> None:
        self._clock = clock or Clock()
        self._deadline = self._clock.monotonic() + budget_s
        self._first_s = first_s
        self._longest_s = longest_s
        self.tries = 1

    def wait(self, asked_s: float | None = None) -> bool:
        """Wait before the next try; False, without waiting, where that would use up the budget.

        Args:
            asked_s: what the server asked for (`Retry-After`), kept to exactly; a growing pause unless given, and also
                where a server asks again and again for hardly any, which would be a storm of requests.
        """
        left_s = self._deadline - self._clock.monotonic()
        if asked_s is None or (asked_s < self._first_s and self.tries > _PROMPT_TRIES):
            pause_s = min(left_s, backoff_s(self.tries, first_s=self._first_s, longest_s=self._longest_s))
        else:
            pause_s = asked_s
        if left_s < _LEAST_S or pause_s > left_s:
            return False
        self.tries += 1
        self._clock.sleep(pause_s)
        return True

    def until(self, good: Callable[[_T], bool], ask: Callable[[], _T]) -> _T:
        """The first answer of `ask` that is `good`, or the last one when the budget is used up."""
        while True:
            answer = ask()
            if good(answer) or not self.wait():
                return answer


def backoff_s(attempt: int, *, first_s: float = FIRST_PAUSE_S, longest_s: float = LONGEST_PAUSE_S) -> float:
    """Seconds to wait after the `attempt`-th try, from 1: doubling, and up to a half shorter by chance.

    The chance keeps clients that failed together from coming back together.
    """
    ceiling = min(longest_s, first_s * 2.0 ** min(attempt - 1, 30))
    return ceiling * (0.5 + random.random() / 2)  # noqa: S311  # jitter, not a secret
