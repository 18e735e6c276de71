"""Time for tests: it passes only when somebody waits."""

from __future__ import annotations

from dataclasses import dataclass, field

from orgcal.patience import Clock


@dataclass
class FakeTime:
    """A clock that never waits; `waits` lists what it was asked to."""

    now_s: float = 0.0
    waits: list[float] = field(default_factory=list)

    def clock(self) -> Clock:
        """The clock as clients take it."""
        return Clock(monotonic=lambda: self.now_s, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        """Let the time pass at once."""
        self.waits.append(seconds)
        self.now_s += seconds
