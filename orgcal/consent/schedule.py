"""Short steps that are run again and again on a few threads; no thread sleeps for one of them."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable, Hashable
from itertools import count

Step = Callable[[], float | None]
"""Does one try; returns the seconds until the next, or None where there is none. It must not raise."""

_NOW = 0.0
"""Before every moment of the clock: what is new goes before what is tried again, however much of that is due."""


class Schedule:
    """Runs steps, each by a key of its own and never twice at the same time; safe to share between threads.

    Args:
        threads: at most so many steps run at once. Threads are started when there is something to do.
        name: of the threads.
    """

    def __init__(self, threads: int, name: str) -> None:
        self._most = threads
        self._name = name
        self._changed = threading.Condition()
        self._steps: dict[Hashable, Step] = {}
        self._waiting: dict[Hashable, int] = {}  # key -> its only valid entry in the heap
        self._heap: list[tuple[float, int, Hashable]] = []
        self._again: set[Hashable] = set()  # running, and asked for meanwhile
        self._numbers = count()
        self._threads: list[threading.Thread] = []
        self._closed = False

    def soon(self, key: Hashable, step: Step) -> None:
        """Run `step` before all that is tried again; if `key` waits for its next try, that is brought forward."""
        with self._changed:
            if self._closed:
                return
            running = key in self._steps and key not in self._waiting
            self._steps[key] = step
            if running:
                self._again.add(key)
            else:
                self._put(key, _NOW)
            if len(self._threads) < self._most:
                self._threads.append(threading.Thread(target=self._work, name=self._name, daemon=True))
                self._threads[-1].start()

    def close(self) -> None:
        """Begin no further step, and wait for those that run."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _put(self, key: Hashable, due: float) -> None:
        self._waiting[key] = next(self._numbers)
        heapq.heappush(self._heap, (due, self._waiting[key], key))
        self._changed.notify()

    def _work(self) -> None:
        while True:
            with self._changed:
                key = self._next_key()
                if self._closed:
                    return
                step = self._steps[key]
            pause_s = step()
            with self._changed:
                if key in self._again:
                    self._again.discard(key)
                    self._put(key, _NOW)
                elif pause_s is None:
                    del self._steps[key]
                else:
                    self._put(key, time.monotonic() + pause_s)

    def _next_key(self) -> Hashable:
        """Wait for the first key that is due, and take it; anything once this is closed."""
        while not self._closed:
            while self._heap and self._waiting.get(self._heap[0][2]) != self._heap[0][1]:
                heapq.heappop(self._heap)  # brought forward meanwhile
            left_s = self._heap[0][0] - time.monotonic() if self._heap else None
            if left_s is not None and left_s <= 0:
                key = heapq.heappop(self._heap)[2]
                del self._waiting[key]
                return key
            self._changed.wait(left_s)
        return None
