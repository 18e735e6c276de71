"""The traffic of one emulator: its limits, faults and latency together, and how long an answer takes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from orgcal_emulator.clock import Clock
from orgcal_emulator.graph.page_tokens import PageTokens
from orgcal_emulator.throttling.faults import FaultQueue
from orgcal_emulator.throttling.limits import Limits, LimitSettings
from orgcal_emulator.throttling.settings import Latency

OUTLOOK_AT_A_TIME = 4
"""Calendar requests of one batch that run at the same time.

Source: https://learn.microsoft.com/en-us/graph/throttling-limits (Outlook section)
"""


@dataclass
class Stay:
    """What an answer waits for, gathered while its request (or each of a batch) is worked on.

    Attributes:
        mailboxes: mailboxes that are busy meanwhile.
        extra_s: delay of scripted faults.
    """

    latency: Latency
    identity: int = 0
    outlook: int = 0
    mailboxes: list[str] = field(default_factory=list)
    extra_s: float = 0.0

    def add(self, group: str) -> None:
        """One more request of a service."""
        if group == "outlook":
            self.outlook += 1
        else:
            self.identity += 1

    def seconds(self, *, in_order: bool) -> float:
        """How long it takes in all.

        Args:
            in_order: requests of the batch depend on each other, so they run one after another.
        """
        latency = self.latency
        if in_order:
            return self.extra_s + self.identity * latency.identity_s + self.outlook * latency.outlook_s
        rounds = math.ceil(self.outlook / OUTLOOK_AT_A_TIME)
        return self.extra_s + max(rounds * latency.outlook_s, latency.identity_s if self.identity else 0.0)


class Traffic:
    """Limits, faults, latency and tokens of pages of one emulator."""

    def __init__(self, clock: Clock) -> None:
        self.limits = Limits(clock)
        self.faults = FaultQueue()
        self.latency = Latency()
        self.pages = PageTokens()

    def clear(self) -> None:
        """As at the start: default limits, nothing used, no faults, no latency."""
        self.limits.configure(LimitSettings())
        self.faults.clear()
        self.pages.clear()
        self.latency = Latency()
