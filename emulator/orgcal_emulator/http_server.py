"""uvicorn with three changes: one socket on 127.0.0.1, each answer in one write, a stop that does not wait.

uvicorn writes head and body of an answer separately: over TLS that is two records and two system calls.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from orgcal_emulator.errors import CannotServeError

LARGEST_HEAD = 64 * 1024


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


class JoiningProtocol(HttpToolsProtocol):
    """HTTP/1.1 over a `JoiningTransport`, with heads of at most `LARGEST_HEAD` bytes."""

    _head = 0
    """Bytes received since the last whole head, those of a body or of a next request in the same packet aside."""
    _in_head = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected."""
        super().connection_made(JoiningTransport(transport, self.loop))  # type: ignore[arg-type]

    def data_received(self, data: bytes) -> None:
        """Take a part of a request."""
        super().data_received(data)
        self._head = self._head + len(data) if self._in_head else 0
        if self._head > LARGEST_HEAD and not self.transport.is_closing():
            self.send_400_response("The head of the request is too large.")

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._in_head = True

    def on_headers_complete(self) -> None:
        """Its head is whole: an absolute address stays what it is, so that the application can judge it.

        Raises:
            ValueError: it does not name its host once (RFC 9112, 3.2); uvicorn then sends a 400.
        """
        self._in_head = False
        if self.parser.get_http_version() == "1.1" and sum(name == b"host" for name, _ in self.headers) != 1:
            raise ValueError("Host")
        super().on_headers_complete()
        if not self.url.startswith(b"/"):
            self.scope["raw_path"] = self.url.partition(b"?")[0]

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, in Graph's shape; uvicorn would send plain text."""
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            body = json.dumps({"error": {"code": "BadRequest", "message": msg}}).encode()
            head = "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nconnection: close\r\n"
            self.transport.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        self.transport.close()  # where an answer has begun, this connection is past repair


def listen(port: int) -> socket.socket:
    """A socket on 127.0.0.1.

    Raises:
        CannotServeError: the port is taken or not allowed.
    """
    # The protocol is named because asyncio sets TCP_NODELAY on no other socket: without it each answer waits 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        # Not on every system: lets a restarted emulator take its port back from connections that are still closing.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(1024)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise CannotServeError(f"port {port} of 127.0.0.1 cannot be used: {reason}.") from error
    return listener


class StoppableServer(uvicorn.Server):
    """A server that stops at once and leaves signals to its caller."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.has_started = threading.Event()
        self._stopping: asyncio.Event | None = None

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing: uvicorn would raise a caught SIGTERM again, and the process would not exit with 0."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._stopping = asyncio.Event()
        await super().startup(sockets)
        self.has_started.set()

    def stop(self) -> None:
        """Stop serving; called on the server's own thread."""
        self.should_exit = True
        if self._stopping is not None:
            self._stopping.set()

    async def main_loop(self) -> None:
        """Tick as uvicorn does (it keeps the Date header), but end without waiting for the next tick."""
        assert self._stopping is not None
        counter = 0
        while not await self.on_tick(counter):
            counter = (counter + 1) % 864_000
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), 0.1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish the requests under way, for at most a second."""
        for each in (*self.servers, *(sockets or ())):
            each.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=1.0)
        # Answers are out. Clients that keep idle connections open are not waited for (TLS would, for 30 seconds).
        left = list(self.server_state.connections)
        for connection in left:
            if connection.transport is not None:
                connection.transport.abort()
        for _ in range(100):
            await asyncio.sleep(0)
            if not self.server_state.connections:
                break
