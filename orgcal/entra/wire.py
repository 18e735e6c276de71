"""The little of HTTP/1.1 that thousands of batches need: one request and one answer on a connection that stays open.

requests, urllib3 and http.client together spend four fifths of a client's processor time on each batch of 20 reads. So
they open the connections here (trust, proxies, pool, limits), and one message is written and read directly.

Source: https://www.rfc-editor.org/rfc/rfc9112
"""

from __future__ import annotations

import http.client
import ssl
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

if TYPE_CHECKING:
    from urllib3.connectionpool import ConnectionPool

MAX_ANSWER_BYTES = 16 * 1024 * 1024
"""Of an unpacked answer; a page of 999 users has less than a hundredth of it."""

_LONGEST_LINE = 65536
_MOST_HEADERS = 200
_MOST_HINTS = 10
"""Answers such as 103 that may come before the one that counts."""

UNREADABLE = (OSError, http.client.HTTPException, ValueError, zlib.error)
"""What an exchange ends with that brings no answer; errors of urllib3 beside these."""


class WireAnswer(NamedTuple):
    """An answer; names of headers are in lower case, the body is unpacked."""

    status: int
    headers: dict[str, str]
    content: bytes


class Wire:
    """Posts to one address over the connections of a pool; safe to share between threads.

    Args:
        pool: of the session whose trust and proxies count.
        path: of the address, with its query.
        headers: of every request; `Authorization` and `Content-Length` are added.
        trust: for every connection; the pool's own unless given.
        timeouts_s: to connect, and of silence between two packets.
    """

    def __init__(
        self,
        pool: ConnectionPool,
        path: str,
        headers: Mapping[str, str],
        trust: ssl.SSLContext | None,
        timeouts_s: tuple[float, float],
    ) -> None:
        self._trust = trust
        self._pool: Any = pool
        self._connect_s, self._read_s = timeouts_s
        host = pool.host if pool.port in (None, 80, 443) else f"{pool.host}:{pool.port}"
        lines = [f"POST {path} HTTP/1.1", f"Host: {host}", "Accept-Encoding: gzip"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._head = "\r\n".join(lines).encode("latin-1")

    def post(self, token: str, body: bytes) -> WireAnswer:
        """The answer to `body` sent with `token`.

        Raises:
            OSError, http.client.HTTPException, ValueError, zlib.error, urllib3.exceptions.HTTPError: there is none.
        """
        if not token.isprintable():
            raise ValueError("a token that no header can hold")
        head = b"%b\r\nAuthorization: Bearer %b\r\nContent-Length: %d\r\n\r\n" % (self._head, token.encode(), len(body))
        # The pool's way to lend a connection without speaking on it; `sock` is http.client's.
        connection: Any = self._pool._get_conn()
        whole = False
        try:
            if connection.is_closed:
                self._connect(connection)
            connection.sock.sendall(head + body)  # one packet for both
            with connection.sock.makefile("rb") as reader:
                answer, whole = _read(reader)
            return answer
        finally:
            if not whole:
                connection.close()
            self._pool._put_conn(connection)

    def _connect(self, connection: Any) -> None:
        connection.timeout = self._connect_s
        if self._trust is not None:
            connection.ssl_context = self._trust
            connection.ca_certs = connection.ca_cert_dir = None  # they are in it, and would be read again
        if self._pool.proxy is None:
            connection.connect()
        else:
            self._pool._prepare_proxy(connection)
        connection.sock.settimeout(self._read_s)


def _read(reader: BinaryIO) -> tuple[WireAnswer, bool]:
    """An answer, and whether another one can follow on this connection."""
    for _ in range(_MOST_HINTS):
        status, stays = _status(reader)
        headers = _headers(reader)
        if status >= 200:
            break
    else:
        raise http.client.HTTPException("hints without end")
    content, delimited = _content(reader, status, headers)
    encoding = headers.get("content-encoding", "identity").lower()
    if encoding == "gzip":
        unpacking = zlib.decompressobj(16 + zlib.MAX_WBITS)
        content = unpacking.decompress(content, MAX_ANSWER_BYTES)
        if not unpacking.eof:
            raise http.client.HTTPException("an answer that is too long, or cut off")
    elif encoding != "identity":
        raise http.client.HTTPException("an encoding that nobody asked for")
    return WireAnswer(status, headers, content), stays and delimited and headers.get(
        "connection", ""
    ).lower() != "close"


def _line(reader: BinaryIO) -> bytes:
    line = reader.readline(_LONGEST_LINE)
    if not line.endswith(b"\n"):
        raise http.client.RemoteDisconnected("the connection ended in an answer")
    return line.rstrip(b"\r\n")


def _status(reader: BinaryIO) -> tuple[int, bool]:
    version, _, rest = _line(reader).partition(b" ")
    status = rest.partition(b" ")[0]
    if version not in (b"HTTP/1.1", b"HTTP/1.0") or not status.isdigit():
        raise http.client.BadStatusLine("no answer of HTTP/1.1")
    return int(status), version == b"HTTP/1.1"


def _headers(reader: BinaryIO) -> dict[str, str]:
    headers: dict[str, str] = {}
    for _ in range(_MOST_HEADERS):
        line = _line(reader)
        if not line:
            return headers
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    raise http.client.HTTPException("headers without end")


def _content(reader: BinaryIO, status: int, headers: Mapping[str, str]) -> tuple[bytes, bool]:
    """The body, and whether its end is known from the answer and not from the connection's."""
    if status in (204, 304):
        return b"", True
    if "transfer-encoding" in headers:
        if headers["transfer-encoding"].lower() != "chunked":
            raise http.client.HTTPException("a transfer encoding that nobody asked for")
        return _chunks(reader), True
    length = headers.get("content-length")
    if length is None:
        return _rest(reader), False
    if not (length.isascii() and length.isdigit()):
        raise http.client.HTTPException("a length that is no number")
    return _some(reader, int(length)), True


def _rest(reader: BinaryIO) -> bytes:
    """Everything up to the connection's end."""
    content = bytearray()
    while part := reader.read(65536):
        content += part
        if len(content) > MAX_ANSWER_BYTES:
            raise http.client.HTTPException("an answer that is too long")
    return bytes(content)


def _some(reader: BinaryIO, size: int, *, so_far: int = 0) -> bytes:
    """The next `size` bytes of an answer of which `so_far` came before."""
    if so_far + size > MAX_ANSWER_BYTES:
        raise http.client.HTTPException("an answer that is too long")
    content = reader.read(size)
    if len(content) < size:
        raise http.client.IncompleteRead(content, size - len(content))
    return content


def _chunks(reader: BinaryIO) -> bytes:
    parts: list[bytes] = []
    total = 0
    while size := int(_line(reader).partition(b";")[0], 16):
        if size < 0:
            raise http.client.HTTPException("a chunk of negative length")
        total += size
        parts.append(_some(reader, size, so_far=total - size))
        if _line(reader):
            raise http.client.IncompleteRead(b"")
    _headers(reader)  # trailers
    return b"".join(parts)
