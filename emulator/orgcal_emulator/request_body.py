"""Reads the body of a request, up to a size, and unpacks it."""

from __future__ import annotations

import zlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

LARGEST_BODY = 4 * 1024 * 1024
"""Graph takes write requests of up to 4 MB."""

_GZIP = 16 + zlib.MAX_WBITS


class ClientGoneError(Exception):
    """The client went away before the body was whole; what it wanted must not happen."""


class BodyRefusedError(Exception):
    """A body that is not read on.

    Args:
        status: HTTP status.
        code: error code in Graph's manner.
        message: text for people.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


async def read_body(receive: Receive, headers: Mapping[str, str], *, unpacks: bool) -> bytes:
    """The request's body.

    Args:
        headers: names in lower case.
        unpacks: whether the service takes gzip, as Graph does: Microsoft's SDK for Go packs every body.

    Raises:
        BodyRefusedError: 413 for a body above `LARGEST_BODY`, packed or not, 415 for an encoding that is not taken,
            400 for one that is broken.
        ClientGoneError: the connection ended within the body.

    Source: https://github.com/microsoftgraph/msgraph-sdk-design/blob/main/middleware/CompressionHandler.md
    """
    declared = headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > LARGEST_BODY:
        raise _too_large()
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > LARGEST_BODY:
            raise _too_large()
        if not message.get("more_body", False):
            body = b"".join([*chunks, chunk]) if chunks else chunk
            return _unpacked(body, headers["content-encoding"], unpacks) if "content-encoding" in headers else body
        chunks.append(chunk)


def _unpacked(body: bytes, encoding: str, unpacks: bool) -> bytes:
    encoding = encoding.strip().lower()
    if encoding in ("", "identity") or not body:
        return body
    if not unpacks or encoding not in ("gzip", "x-gzip"):
        raise BodyRefusedError(415, "UnsupportedMediaType", f"The content encoding '{encoding[:40]}' is not supported.")
    reader = zlib.decompressobj(_GZIP)
    try:
        unpacked = reader.decompress(body, LARGEST_BODY + 1)
    except zlib.error:
        unpacked = b""
    if len(unpacked) > LARGEST_BODY:
        raise _too_large()
    if not reader.eof or reader.unused_data:
        raise BodyRefusedError(
            400, "BadRequest", "The request body is not what its Content-Encoding header says: gzip."
        )
    return unpacked


def _too_large() -> BodyRefusedError:
    return BodyRefusedError(413, "RequestEntityTooLarge", "The request body is larger than 4 MB.")
