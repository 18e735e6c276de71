"""Closes connections for scripted faults. Only this module reads uvicorn's connection objects."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from orgcal_emulator.http_server import JoiningTransport

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_NO_LINGER = struct.pack("ii", 1, 0)
"""SO_LINGER of zero seconds: closing the socket resets the connection instead of ending it."""


async def reset_connection(receive: Receive) -> None:
    """Reset the connection that a request came on.

    Args:
        receive: the request's ASGI channel, a method of uvicorn's record of the request.
    """
    transport = _transport(receive)
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    await _abort(transport)


def cut_in_half(send: Send, receive: Receive) -> Send:
    """A channel that sends half of an answer's body and then cuts the connection."""

    async def send_half(message: Message) -> None:
        if message["type"] != "http.response.body" or not message.get("body"):
            await send(message)
            return
        body: bytes = message["body"]
        await send({**message, "body": body[: len(body) // 2], "more_body": True})
        # What was written must reach the socket before it is closed.
        await asyncio.sleep(0.01)
        await _abort(_transport(receive))

    return send_half


def _transport(receive: Receive) -> asyncio.WriteTransport:
    cycle = getattr(receive, "__self__", None)
    transport = getattr(cycle, "transport", None)
    assert isinstance(transport, JoiningTransport), "the emulator is served by its own protocol"
    transport.flush()
    return transport.inner


async def _abort(transport: asyncio.WriteTransport) -> None:
    transport.abort()
    # uvicorn must learn that the client is gone before this request ends, or it would try to answer.
    for _ in range(5):
        await asyncio.sleep(0)
