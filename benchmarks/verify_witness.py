"""Watches sessions and wires: which requests left before a wait was over that an earlier answer had asked for?

The emulator counts too, but as a server must: entries of one batch after the first that it refused, and batches that
were on their way while another was refused, are early to it. A client can keep only to what it has heard.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from typing import Any

import requests

from orgcal.entra.answers import retry_after_s
from orgcal.entra.wire import Wire, WireAnswer

HEARD_S = 0.05
"""Within this time after an answer other threads may be sending: 64 of them share one interpreter with the parser."""


class Witness:
    """Begin of every request, and every wait that was asked for; use as a context manager around a run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sent: list[float] = []
        self._waits: list[tuple[float, float]] = []
        self._send = requests.Session.send
        self._post = Wire.post

    def __enter__(self) -> Witness:
        witness, send, post = self, self._send, self._post

        def watched(session: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
            began = time.monotonic()
            response = send(session, request, **options)
            witness.note(began, time.monotonic(), response.headers, response.content)
            return response

        def watched_post(wire: Wire, token: str, body: bytes) -> WireAnswer:
            began = time.monotonic()
            answer = post(wire, token, body)
            witness.note(began, time.monotonic(), answer.headers, answer.content)
            return answer

        Wire.post = watched_post  # type: ignore[method-assign, assignment]
        requests.Session.send = watched  # type: ignore[method-assign, assignment]
        return self

    def __exit__(self, *_: object) -> None:
        requests.Session.send = self._send  # type: ignore[method-assign]
        Wire.post = self._post  # type: ignore[method-assign]

    def note(self, began: float, heard: float, headers: Mapping[str, str], content: bytes) -> None:
        """Remember one exchange."""
        asked = _longest_wait(headers, content)
        with self._lock:
            self._sent.append(began)
            if asked:
                self._waits.append((heard + HEARD_S, heard + asked))

    @property
    def waits(self) -> int:
        """Answers that asked for a wait."""
        return len(self._waits)

    @property
    def early(self) -> int:
        """Requests that left within a wait."""
        return sum(any(begin < at < end for begin, end in self._waits) for at in self._sent)


def _longest_wait(headers: Mapping[str, str], content: bytes) -> float:
    """Seconds that an answer, or any entry of a batch, asks to wait; 0 for none."""
    waits = [retry_after_s(headers)]
    if b"Retry-After" in content:
        waits += [retry_after_s(entry.get("headers") or {}) for entry in json.loads(content)["responses"]]
    return max((wait for wait in waits if wait), default=0.0)
