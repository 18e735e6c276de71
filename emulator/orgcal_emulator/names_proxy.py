"""An HTTPS proxy by which clients with fixed addresses reach this emulator under Microsoft's names, without root.

It knows `CONNECT <name>:443` of the names that the emulator answers for, and refuses every other address: whoever
points a program at it learns from a refusal what else that program wanted to reach.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection

from orgcal_emulator.http_server import listen

_LONGEST_HEAD = 16 * 1024
_HEAD_LIMIT_S = 10.0
_CONNECTED = b"HTTP/1.1 200 Connection established\r\n\r\n"
_REFUSED = (
    "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{text}"
)


class NamesProxy:
    """The proxy of one emulator; its socket listens at once and is served by `serving`.

    Args:
        names: host names that lead to the emulator.
        port: of the emulator, on 127.0.0.1.
    """

    def __init__(self, names: Collection[str], port: int) -> None:
        self._names = frozenset(names)
        self._port = port
        self._listener = listen(0)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        """Let go of the port."""
        self._listener.close()

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Serve while the block runs, and end the connections that are still open then."""
        connections: set[asyncio.Task[None]] = set()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            connections.add(task)
            try:
                await self._answer(reader, writer)
            except (OSError, asyncio.CancelledError):
                pass  # the client has gone, or the emulator ends
            finally:
                connections.discard(task)
                writer.close()

        server = await asyncio.start_server(connected, sock=self._listener, limit=_LONGEST_HEAD)
        try:
            yield
        finally:
            server.close()
            for task in tuple(connections):
                task.cancel()
            await asyncio.gather(*connections, return_exceptions=True)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _HEAD_LIMIT_S)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            return
        words = head.split(b"\r\n", 1)[0].decode("latin-1").split()
        address = words[1] if len(words) == 3 and words[0] == "CONNECT" else ""
        host, _, port = address.rpartition(":")
        if host.lower() not in self._names or port != "443":
            text = (
                f"This proxy leads to {', '.join(sorted(self._names))} on port 443 of an emulator, and nowhere else.\n"
            )
            writer.write(_REFUSED.format(length=len(text), text=text).encode())
            await writer.drain()
            return
        own_reader, own_writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(_CONNECTED)
        try:
            await asyncio.gather(_copy(reader, own_writer), _copy(own_reader, writer))
        finally:
            own_writer.close()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Copy until the source ends, and tell the target so."""
    with contextlib.suppress(OSError):
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
        target.write_eof()
