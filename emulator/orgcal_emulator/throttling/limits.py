"""Microsoft Graph's limits as token buckets on the emulated clock.

Numbers: https://learn.microsoft.com/en-us/graph/throttling-limits (global, Outlook and identity sections). Microsoft
changes them, so they are settings.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass, fields
from typing import NamedTuple

from orgcal_emulator.clock import Clock
from orgcal_emulator.graph.errors import GraphFailure

_LARGEST_SETTING = 1e12
_MOST_BUCKETS = 20_000
"""Buckets kept; the one used longest ago is dropped, as a full bucket looks like a new one."""


@dataclass
class LimitSettings:
    """Limits; each bucket holds its number and fills up once in its seconds.

    Attributes:
        enabled: whether anything is limited.
        identity_small: for tenants below 50 users, `_medium` to 500, `_large` above; in resource units.
    """

    enabled: bool = True
    global_requests: int = 130_000
    global_s: float = 10.0
    identity_small: int = 3_500
    identity_medium: int = 5_000
    identity_large: int = 8_000
    identity_s: float = 10.0
    identity_application: int = 150_000
    identity_application_s: float = 20.0
    mailbox_requests: int = 10_000
    mailbox_s: float = 600.0
    mailbox_concurrency: int = 4

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            wanted = bool if field.name == "enabled" else (int, float) if field.name.endswith("_s") else int
            if isinstance(value, bool) is not (wanted is bool) or not isinstance(value, wanted):
                raise ValueError(f"{field.name} must be {'true or false' if wanted is bool else 'a positive number'}")
            if wanted is not bool and not 0 < value <= _LARGEST_SETTING:
                raise ValueError(f"{field.name} must be a positive number, at most 1e12")


class Bucket:
    """A token bucket.

    Args:
        capacity: tokens it holds when full.
        seconds: time in which an empty one fills up.
    """

    __slots__ = ("_at", "_capacity", "_rate", "_tokens", "told_until")

    def __init__(self, capacity: float, seconds: float, now: float) -> None:
        self._capacity = capacity
        self._rate = capacity / seconds
        self._tokens = float(capacity)
        self._at = now
        self.told_until = 0.0
        """Until when the client was last told to wait."""

    def take(self, cost: float, now: float) -> float:
        """Take tokens; seconds until there are enough of them, 0 if they were taken."""
        self._tokens = min(self._capacity, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens >= cost:
            self._tokens -= cost
            return 0.0
        return (cost - self._tokens) / self._rate

    @property
    def used(self) -> float:
        """Share of the bucket that is in use, 0 to 1."""
        return 1.0 - self._tokens / self._capacity


class Use(NamedTuple):
    """One request as the limits see it.

    Attributes:
        group: `identity` or `outlook`.
        mailbox: user named in the address, for Outlook.
        units: cost in resource units, for identity.
    """

    client_id: str
    tenant_id: str
    tenant_users: int
    group: str
    mailbox: str
    units: int


class Limits:
    """Every bucket of one emulator.

    Attributes:
        refused: requests answered with 429.
        early: requests that came before the time they had been told.
    """

    def __init__(self, clock: Clock, settings: LimitSettings | None = None) -> None:
        self._clock = clock
        self.settings = settings or LimitSettings()
        self._buckets: OrderedDict[tuple[str, str, str], Bucket] = OrderedDict()
        self._busy: dict[tuple[str, str], int] = {}
        self.refused = 0
        self.early = 0

    def configure(self, settings: LimitSettings) -> None:
        """Other limits; every bucket is full again."""
        self.settings = settings
        self.clear()

    def clear(self) -> None:
        """Forget what was used and counted."""
        self._buckets.clear()
        self.refused = self.early = 0

    def take(self, use: Use) -> dict[str, str]:
        """Count a request; headers for its answer.

        Raises:
            GraphFailure: 429 with `Retry-After`.
        """
        limits = self.settings
        if not limits.enabled:
            return {}
        now = self._clock.now()
        client_id = use.client_id
        self._take(("global", client_id, ""), limits.global_requests, limits.global_s, 1, now)
        if use.group == "outlook":
            self._take(("mailbox", client_id, use.mailbox), limits.mailbox_requests, limits.mailbox_s, 1, now)
            return {}
        scope = f"Application/ReadWrite/{client_id}/"
        self._take(
            ("identity", client_id, ""), limits.identity_application, limits.identity_application_s, use.units, now,
            scope,
        )  # fmt: skip
        bucket = self._take(
            ("tenant", client_id, use.tenant_id), self._identity_units(use.tenant_users), limits.identity_s, use.units,
            now, f"Tenant_Application/ReadWrite/{client_id}/{use.tenant_id}",
        )  # fmt: skip
        headers = {"x-ms-resource-unit": str(use.units)}
        if bucket.used > 0.8:
            headers["x-ms-throttle-limit-percentage"] = f"{bucket.used:.2f}"
        return headers

    def enter(self, client_id: str, mailbox: str) -> None:
        """A request to a mailbox is under way.

        Raises:
            GraphFailure: 429, as many are under way as a mailbox takes.
        """
        if not self.settings.enabled:
            return
        key = (client_id, mailbox)
        if self._busy.get(key, 0) >= self.settings.mailbox_concurrency:
            self.refused += 1
            raise GraphFailure(
                429,
                "ApplicationThrottled",
                "Application is over its MailboxConcurrency limit.",
                headers={"Retry-After": "1"},
            )
        self._busy[key] = self._busy.get(key, 0) + 1

    def leave(self, client_id: str, mailbox: str) -> None:
        """A request to a mailbox is answered."""
        key = (client_id, mailbox)
        left = self._busy.get(key, 0) - 1
        if left > 0:
            self._busy[key] = left
        else:
            self._busy.pop(key, None)

    def _identity_units(self, users: int) -> int:
        if users < 50:
            return self.settings.identity_small
        return self.settings.identity_medium if users <= 500 else self.settings.identity_large

    def _take(
        self, key: tuple[str, str, str], capacity: int, seconds: float, cost: int, now: float, scope: str = ""
    ) -> Bucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = Bucket(capacity, seconds, now)
            if len(self._buckets) > _MOST_BUCKETS:
                self._buckets.popitem(last=False)
        elif key[0] == "mailbox":
            self._buckets.move_to_end(key)
        wait_s = bucket.take(cost, now)
        if wait_s == 0.0 and now >= bucket.told_until:
            return bucket
        if now < bucket.told_until:
            self.early += 1
            wait_s = max(wait_s, bucket.told_until - now)
        self.refused += 1
        retry_after_s = max(1, math.ceil(wait_s))
        bucket.told_until = now + retry_after_s
        raise _throttled(retry_after_s, scope)


def _throttled(retry_after_s: int, scope: str) -> GraphFailure:
    headers = {"Retry-After": str(retry_after_s)}
    if scope:
        headers |= {"x-ms-throttle-scope": scope, "x-ms-throttle-information": "ResourceUnitLimitExceeded"}
    return GraphFailure(429, "TooManyRequests", "Please retry again later.", headers=headers)
