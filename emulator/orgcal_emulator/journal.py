"""The journal: the last requests and their answers, without secrets."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import NamedTuple, TypedDict
from urllib.parse import unquote

from orgcal_emulator.lru import remembered

_LONGEST_PATH = 400
_KEPT_OPTIONS = ("$", "%24", "api-version=")
"""Query options kept in the journal; every other one might carry a secret and is left out."""


class JournalEntry(TypedDict, total=False):
    """One line of the journal as the control routes give it."""

    seq: int
    method: str
    path: str
    status: int
    principal: str
    at: float
    batch: int
    opens_batch: int
    code: str


class _Line(NamedTuple):
    seq: int
    method: str
    path: str
    status: int
    principal: str
    at: float
    batch: int
    opens_batch: int
    code: str


class Journal:
    """The last requests, oldest first.

    Args:
        capacity: number of lines kept; older ones are dropped and counted.
    """

    def __init__(self, capacity: int = 20_000) -> None:
        self._lines: deque[_Line] = deque(maxlen=capacity)
        self._last = 0
        self._batches = 0

    def new_batch(self) -> int:
        """A number that a batch and the requests inside it share."""
        self._batches += 1
        return self._batches

    def write(
        self,
        method: str,
        path: str,
        status: int,
        *,
        at: float,
        principal: str = "",
        batch: int = 0,
        opens_batch: int = 0,
        code: str = "",
    ) -> None:
        """Add a line.

        Args:
            method: HTTP method.
            path: path, with a query where `loggable` made it.
            status: HTTP status of the answer; 0 for a connection that a scripted fault cut.
            at: emulated time in seconds.
            principal: client id of the caller, empty if there was none.
            batch: number of the batch that this request came in, else 0.
            opens_batch: number of the batch that this request is, else 0.
            code: error code of a request that the emulator does not model.
        """
        self._last += 1
        self._lines.append(_Line(self._last, method, path, status, principal, at, batch, opens_batch, code))

    def entries(self, after: int = 0) -> list[JournalEntry]:
        """Lines numbered higher than `after`, in the order in which they were answered."""
        lines = (line for line in self._lines if line.seq > after)
        return [_public(line) for line in lines]

    @property
    def dropped(self) -> int:
        """How many of the oldest lines are gone."""
        return self._last - len(self._lines)

    def tail(self, count: int) -> list[JournalEntry]:
        """The last `count` lines."""
        return [_public(line) for line in islice(self._lines, max(0, len(self._lines) - count), None)]

    def clear(self) -> None:
        """Forget every line; numbers go on."""
        self._lines.clear()


def loggable(path: str, query: str) -> str:
    """`path` with those options of `query` that cannot hold a secret, cut to a bounded length."""
    text = f"{path}{_loggable_query(query)}" if query else path
    text = text if text.isprintable() else ascii(text)[1:-1]
    return text if len(text) <= _LONGEST_PATH else text[:_LONGEST_PATH] + "…"


@remembered(1024)
def _loggable_query(query: str) -> str:
    kept = [part for part in query.split("&") if part.startswith(_KEPT_OPTIONS)]
    return f"?{unquote('&'.join(kept))}" if kept else ""


def _public(line: _Line) -> JournalEntry:
    entry = JournalEntry(
        seq=line.seq, method=line.method, path=line.path, status=line.status, principal=line.principal, at=line.at
    )
    if line.batch:
        entry["batch"] = line.batch
    if line.opens_batch:
        entry["opens_batch"] = line.opens_batch
    if line.code:
        entry["code"] = line.code
    return entry
