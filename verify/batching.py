"""What is still to be read of one organisation, and how it is packed into batches.

Used by one thread. What it holds does not grow with the number of users: a few pages of users, and at most as many
retries as entries were in flight.
"""

from __future__ import annotations

import heapq
import itertools
import random
import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

from orgcal.entra.batch import MAX_ENTRIES

PAGE_SIZE = 999
"""Users that Graph lists at once, at most. Source: https://learn.microsoft.com/en-us/graph/api/user-list"""

CALENDARS = "/calendars?$select=id&$top=100"
"""Only ids are read: that a calendar can be read is the question, what it is called is nobody's business here."""

MAX_PAUSING = 2000
"""Reads that may pause before their next try; until some are done no further user is asked about, so that an outage
does not fill the memory."""

PACKED_WITHIN_S = 0.5
"""A batch that is not full waits so long for reads that pause; about the first pause."""

_PLAIN = re.compile(r"[0-9A-Za-z-]+").fullmatch
"""An object id that needs no escape in an address; nearly all are GUIDs."""

User = tuple[str, str]
"""Object id, and user principal name where names were asked for."""


@dataclass(slots=True)
class Read:
    """One user whose calendars are being read.

    Attributes:
        path: what to ask for next.
        attempts: tries of this path that failed and may be repeated.
        waited_s: seconds of the pauses between them.
        refused_tokens: times that the token was refused for this read.
    """

    user_id: str
    name: str
    path: str = ""
    calendars: int = 0
    pages: int = 0
    attempts: int = 0
    waited_s: float = 0.0
    refused_tokens: int = 0


class ReadQueue:
    """Users to be read and reads to be repeated, as batches.

    Args:
        page_read: called when the last user of a page has left, so that another may be listed.
        sample: read so many users only; 0 reads all.
        seed: chooses them.
    """

    def __init__(self, page_read: Callable[[], None], *, sample: int = 0, seed: int = 0) -> None:
        self._page_read = page_read
        self._sample = sample
        self._random = random.Random(seed)  # noqa: S311  # a sample, not a secret
        self._users: deque[User] = deque()
        self._page_sizes: deque[int] = deque()
        self._chosen: list[User] = []
        self._again: deque[Read] = deque()
        self._later: list[tuple[float, int, Read]] = []
        self._numbers = itertools.count()
        self._listing = True
        self.listed = 0

    def add_page(self, page: list[User]) -> list[User]:
        """Take a page of users; gives back those that the sample leaves out for good."""
        before, self.listed = self.listed, self.listed + len(page)
        if self._sample:
            self._page_read()
            return self._choose(page, before)
        self._users.extend(page)
        if self._page_sizes and self._page_sizes[-1] + len(page) <= PAGE_SIZE:
            # Short pages count as one: otherwise listing would wait for users to leave, and they for a full batch.
            self._page_sizes[-1] += len(page)
            self._page_read()
        elif page:
            self._page_sizes.append(len(page))
        else:
            self._page_read()
        return []

    def listing_ended(self) -> None:
        """No more pages will come."""
        self._listing = False
        self._users.extend(self._chosen)
        self._chosen.clear()

    def again(self, read: Read, due_at: float = 0.0) -> None:
        """`read` has to be asked for once more, or has another page; not before `due_at`, in monotonic seconds."""
        if due_at:
            heapq.heappush(self._later, (due_at, next(self._numbers), read))
        else:
            self._again.append(read)

    def due_at(self) -> float | None:
        """When the next of the reads that pause is to be asked for again, in monotonic seconds; None without any."""
        return self._later[0][0] if self._later else None

    def next_batch(self, in_flight: int, now: float) -> list[Read]:
        """Up to 20 reads, what is tried again first; empty where waiting is better.

        A batch that is not full leaves only when nothing can fill it: while users are listed more will come, and what
        is tried again waits for the batches in flight, whose entries may join it, and for what will soon be due.
        """
        while self._later and self._later[0][0] <= now:
            self._again.append(heapq.heappop(self._later)[2])
        users = self._users if len(self._later) < MAX_PAUSING else ()
        waiting = len(self._again) + len(users)
        if not waiting:
            return []
        if waiting < MAX_ENTRIES and (self._listing or (in_flight and not users) or self._soon_due(now)):
            return []
        reads = [self._again.popleft() for _ in range(min(MAX_ENTRIES, len(self._again)))]
        for _ in range(min(MAX_ENTRIES - len(reads), len(users))):
            user_id, name = self._users.popleft()
            known = user_id if _PLAIN(user_id) else quote(user_id, safe="")
            reads.append(Read(user_id, name, f"/users/{known}{CALENDARS}"))
            if self._page_sizes:
                self._one_of_page_left()
        return reads

    def _soon_due(self, now: float) -> bool:
        return bool(self._later) and self._later[0][0] - now <= PACKED_WITHIN_S

    @property
    def empty(self) -> bool:
        """Nothing is left to be read."""
        return not (self._users or self._again or self._later or self._chosen)

    @property
    def pausing(self) -> bool:
        """Some reads wait for their next try."""
        return bool(self._later)

    def drain(self) -> Iterator[Read]:
        """What was not read."""
        while self._again:
            yield self._again.popleft()
        while self._later:
            yield self._later.pop()[2]
        for user in [*self._users, *self._chosen]:
            yield Read(*user)
        self._users.clear()
        self._chosen.clear()

    def _one_of_page_left(self) -> None:
        self._page_sizes[0] -= 1
        if self._page_sizes[0] == 0:
            self._page_sizes.popleft()
            self._page_read()

    def _choose(self, page: list[User], before: int) -> list[User]:
        """Reservoir sampling: each user has the same chance, and only the chosen are kept."""
        left_out: list[User] = []
        for number, user in enumerate(page, start=before + 1):
            if len(self._chosen) < self._sample:
                self._chosen.append(user)
                continue
            place = self._random.randrange(number)
            if place < self._sample:
                left_out.append(self._chosen[place])
                self._chosen[place] = user
            else:
                left_out.append(user)
        return left_out
