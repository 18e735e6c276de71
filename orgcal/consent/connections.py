"""How long a connection to the consent server may take to say what it wants, and how many there may be.

uvicorn waits for a request for ever, and its own limit of connections is asked only by those that have sent one. A
connection that sends its headers slowly, or none, would therefore stay, until the server can have no more.
"""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_S = 10.0
"""Time for a whole request; one of Entra ID's answers is a few hundred bytes."""
MAX_CONNECTIONS = 400
"""Well below the 1024 files that a process usually may have open."""


class BoundedConnection(H11Protocol):
    """A connection of uvicorn's that ends where it does not send a request in time, or where there are too many.

    It overrides what asyncio defines (`asyncio.Protocol`), and reads `conn`, `connections`, `loop` and `transport` of
    uvicorn 0.54.
    """

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to wait for a request."""
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
        else:
            self._wait_for_request()

    def data_received(self, data: bytes) -> None:
        """Take a part of a request; with the last one the wait ends."""
        super().data_received(data)
        self._wait_for_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait_for_request(self) -> None:
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._stop_waiting()
        elif self._deadline is None and not self.transport.is_closing():
            self._deadline = self.loop.call_later(REQUEST_S, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
