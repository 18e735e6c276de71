"""What one answer on a connection holds, to the byte, and whether another one can follow it; what one request is."""

from __future__ import annotations

import gzip
import http.client
import io
import zlib
from typing import Any

import pytest

from orgcal.entra.wire import Wire, WireAnswer, _read

MIB = 1024 * 1024
LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
NEXT = b"HTTP/1.1 200 OK\r\n"
HINT = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def answered(headers: bytes = b"", body: bytes = b"", status: bytes = b"200 OK", version: bytes = b"HTTP/1.1") -> bytes:
    return b"%b %b\r\n%b\r\n%b" % (version, status, headers, body)


def of_length(body: bytes, headers: bytes = b"") -> bytes:
    return answered(b"Content-Length: %d\r\n%b" % (len(body), headers), body)


@pytest.mark.parametrize(
    ("sent", "found", "follows"),
    [
        (LENGTH, WireAnswer(200, {"content-length": "2"}, b"{}"), True),
        (
            answered(b"CONTENT-length:2\r\nX-Name :  a: b \r\n", b"{}", b"429"),
            WireAnswer(429, {"content-length": "2", "x-name": "a: b"}, b"{}"),
            True,
        ),
        (answered(b"content-length: 0\r\n"), WireAnswer(200, {"content-length": "0"}, b""), True),
        (
            answered(b"Content-Length: 2\r\nX: caf\xe9\r\n", b"{}"),
            WireAnswer(200, {"content-length": "2", "x": "caf\u00e9"}, b"{}"),
            True,
        ),
        (
            answered(b"Content-Length: 2\r\nConnection: Close\r\n", b"{}"),
            WireAnswer(200, {"content-length": "2", "connection": "Close"}, b"{}"),
            False,
        ),
        (
            answered(b"Content-Length: 2\r\nConnection: keep-alive\r\n", b"{}"),
            WireAnswer(200, {"content-length": "2", "connection": "keep-alive"}, b"{}"),
            True,
        ),
        (
            answered(b"Content-Length: 2\r\n", b"{}", version=b"HTTP/1.0"),
            WireAnswer(200, {"content-length": "2"}, b"{}"),
            False,
        ),
        (answered(status=b"204 No Content"), WireAnswer(204, {}, b""), True),
        (answered(b"Content-Length: 9\r\n", status=b"304 No"), WireAnswer(304, {"content-length": "9"}, b""), True),
        (
            CHUNKED + b"a;x=y\r\n0123456789\r\n1F\r\n%b\r\n0\r\nTrailer: x\r\n\r\n" % (b"z" * 31),
            WireAnswer(200, {"transfer-encoding": "chunked"}, b"0123456789" + b"z" * 31),
            True,
        ),
        (
            CHUNKED.replace(b"chunked", b"Chunked") + b"0\r\n\r\n",
            WireAnswer(200, {"transfer-encoding": "Chunked"}, b""),
            True,
        ),
        (HINT * 9 + LENGTH, WireAnswer(200, {"content-length": "2"}, b"{}"), True),
        (b"HTTP/1.1 199 x\r\n\r\n" + LENGTH, WireAnswer(200, {"content-length": "2"}, b"{}"), True),
        (
            of_length(b"{}", b"Content-Encoding: Identity\r\n"),
            WireAnswer(200, {"content-length": "2", "content-encoding": "Identity"}, b"{}"),
            True,
        ),
    ],
)
def test_answer_is_read_to_its_end_and_no_further(sent: bytes, found: WireAnswer, follows: bool) -> None:
    reader = io.BytesIO(sent + NEXT)

    assert _read(reader) == (found, follows)
    assert reader.read() == NEXT


def test_answer_without_a_length_lasts_until_the_connection_ends() -> None:
    assert _read(io.BytesIO(answered(body=b"{}" * 40_000))) == (WireAnswer(200, {}, b"{}" * 40_000), False)


def test_packed_answer_is_unpacked_whatever_the_case_of_its_header() -> None:
    answer, follows = _read(io.BytesIO(of_length(gzip.compress(b"{}" * 9), b"Content-Encoding: GZip\r\n")))

    assert (answer.content, follows) == (b"{}" * 9, True)


@pytest.mark.parametrize("framing", ["length", "until the end", "chunks", "gzip"])
def test_answer_of_16_mib_is_read_and_a_longer_one_is_none(framing: str) -> None:
    """As many are held in memory for one answer, however it comes."""

    def framed(size: int) -> io.BytesIO:
        body = bytes(size)
        if framing == "until the end":
            return io.BytesIO(answered(body=body))
        if framing == "chunks":
            rest = body[MIB:]
            return io.BytesIO(CHUNKED + b"100000\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (body[:MIB], len(rest), rest))
        if framing == "gzip":
            return io.BytesIO(of_length(gzip.compress(body, 1), b"Content-Encoding: gzip\r\n"))
        return io.BytesIO(of_length(body))

    assert len(_read(framed(16 * MIB))[0].content) == 16 * MIB
    with pytest.raises(http.client.HTTPException, match="an answer that is too long"):
        _read(framed(16 * MIB + 1))


@pytest.mark.parametrize(
    ("sent", "kind", "words"),
    [
        (b"", http.client.RemoteDisconnected, "the connection ended in an answer"),
        (b"HTTP/1.1 200 OK", http.client.RemoteDisconnected, "the connection ended in an answer"),
        (b"HTTP/1.1 200 OK\r\nX: y", http.client.RemoteDisconnected, "the connection ended in an answer"),
        (b"HTTP/2 200 OK\r\n\r\n", http.client.BadStatusLine, "no answer of HTTP/1.1"),
        (b"HTTP/1.1 2x0 OK\r\n\r\n", http.client.BadStatusLine, "no answer of HTTP/1.1"),
        (b"HTTP/1.1  200\r\n\r\n", http.client.BadStatusLine, "no answer of HTTP/1.1"),
        (HINT * 10 + LENGTH, http.client.HTTPException, "hints without end"),
        (of_length(b"{}", b"Content-Encoding: br\r\n"), http.client.HTTPException, "an encoding that nobody asked for"),
        (
            of_length(gzip.compress(b"{}", mtime=0)[:12], b"Content-Encoding: gzip\r\n"),  # one name in all processes
            http.client.HTTPException,
            "an answer that is too long, or cut off",
        ),
        (of_length(b"no gzip", b"Content-Encoding: gzip\r\n"), zlib.error, "incorrect header check"),
        (
            of_length(zlib.compress(b"{}"), b"Content-Encoding: gzip\r\n"),
            zlib.error,
            "incorrect header check",
        ),
        (
            answered(b"Transfer-Encoding: gzip\r\n", b"{}"),
            http.client.HTTPException,
            "a transfer encoding that nobody asked for",
        ),
        (answered(b"Content-Length: -2\r\n", b"{}"), http.client.HTTPException, "a length that is no number"),
        (answered(b"Content-Length: \xb2\r\n", b"{}"), http.client.HTTPException, "a length that is no number"),
        (answered(b"Content-Length: \r\n", b"{}"), http.client.HTTPException, "a length that is no number"),
        (CHUNKED + b"-1\r\n{}\r\n0\r\n\r\n", http.client.HTTPException, "a chunk of negative length"),
        (CHUNKED + b"g\r\n{}\r\n0\r\n\r\n", ValueError, "invalid literal"),
        (CHUNKED + b"1\r\n{}\r\n0\r\n\r\n", http.client.IncompleteRead, r"IncompleteRead\(0 bytes read\)"),
        (answered(b"Content-Length: 9\r\n", b"{}"), http.client.IncompleteRead, "2 bytes read, 7 more expected"),
        (CHUNKED + b"9\r\n{}", http.client.IncompleteRead, "2 bytes read, 7 more expected"),
    ],
)  # fmt: skip
def test_answer_that_is_none_says_why(sent: bytes, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words) as broken:
        _read(io.BytesIO(sent))

    assert type(broken.value) is kind


def test_answer_has_less_than_200_headers_and_lines_of_64_kib() -> None:
    assert len(_read(io.BytesIO(answered(b"".join(b"X%d: y\r\n" % number for number in range(199)))))[0].headers) == 199
    with pytest.raises(http.client.HTTPException, match="headers without end"):
        _read(io.BytesIO(answered(b"X: y\r\n" * 200)))

    longest = b"X: " + b"y" * (65536 - 5) + b"\r\n"
    assert len(_read(io.BytesIO(answered(longest)))[0].headers["x"]) == 65536 - 5
    with pytest.raises(http.client.RemoteDisconnected):
        _read(io.BytesIO(answered(b"y" + longest)))


# --- requests ---


class Connection:
    """A connection of urllib3 as far as one message needs it; answers with `given`."""

    def __init__(self, *given: bytes) -> None:
        self.given = list(given)
        self.is_closed = True
        self.log: list[Any] = []
        self.timeout: float | None = None
        self.ssl_context: Any = "the pool's"
        self.ca_certs: str | None = "ca"
        self.ca_cert_dir: str | None = "folder"
        self.sock = self

    def connect(self) -> None:
        self.is_closed = False
        self.log.append(("connect", self.timeout, self.ssl_context, self.ca_certs, self.ca_cert_dir))

    def settimeout(self, seconds: float) -> None:
        self.log.append(("silence", seconds))

    def sendall(self, data: bytes) -> None:
        self.log.append(data)

    def makefile(self, mode: str) -> io.BytesIO:
        assert mode == "rb"
        return io.BytesIO(self.given.pop(0))

    def close(self) -> None:
        self.is_closed = True
        self.log.append("close")


class Pool:
    """A pool of one connection."""

    def __init__(self, connection: Connection, host: str = "graph.example", port: int | None = 443) -> None:
        self.connection, self.host, self.port = connection, host, port
        self.proxy: str | None = None

    def _get_conn(self) -> Connection:
        self.connection.log.append("lent")
        return self.connection

    def _put_conn(self, connection: Connection) -> None:
        connection.log.append("given back")

    def _prepare_proxy(self, connection: Connection) -> None:
        connection.log.append("tunnel")
        connection.is_closed = False


def posting(pool: Any, trust: Any = None) -> Wire:
    return Wire(pool, "/v1.0/$batch?x", {"Content-Type": "text/x", "X-B": "caf\u00e9"}, trust, (10.0, 60.0))


def request(host: bytes = b"graph.example") -> bytes:
    """What leaves for `posting(...).post("t", b'{"a":1}')`."""
    lines = [
        b"POST /v1.0/$batch?x HTTP/1.1",
        b"Host: " + host,
        b"Accept-Encoding: gzip",
        b"Content-Type: text/x",
        b"X-B: caf\xe9",
        b"Authorization: Bearer t",
        b"Content-Length: 7",
        b"",
        b'{"a":1}',
    ]
    return b"\r\n".join(lines)


@pytest.mark.parametrize(
    ("port", "host"),
    [
        (443, b"graph.example"),
        (80, b"graph.example"),
        (None, b"graph.example"),
        (8443, b"graph.example:8443"),
        (81, b"graph.example:81"),
        (444, b"graph.example:444"),
    ],
)
def test_request_leaves_in_one_piece_and_names_a_port_of_its_own(port: int | None, host: bytes) -> None:
    connection = Connection(LENGTH)

    answer = posting(Pool(connection, port=port)).post("t", b'{"a":1}')

    assert answer == WireAnswer(200, {"content-length": "2"}, b"{}")
    opened = ("connect", 10.0, "the pool's", "ca", "folder")
    assert connection.log == ["lent", opened, ("silence", 60.0), request(host), "given back"]


def test_own_authorities_replace_those_of_the_pool() -> None:
    connection, trust = Connection(LENGTH), object()

    posting(Pool(connection), trust).post("t", b'{"a":1}')

    assert connection.log[1] == ("connect", 10.0, trust, None, None)


def test_connection_through_a_proxy_is_a_tunnel() -> None:
    pool = Pool(Connection(LENGTH))
    pool.proxy = "http://proxy.example"

    posting(pool).post("t", b'{"a":1}')

    assert pool.connection.log == ["lent", "tunnel", ("silence", 60.0), request(), "given back"]


def test_connection_is_used_again_as_long_as_answers_end() -> None:
    connection = Connection(LENGTH, LENGTH, answered(body=b"{}"), LENGTH)
    wire = posting(Pool(connection))
    for _ in range(4):
        assert wire.post("t", b'{"a":1}').content == b"{}"

    opened = [*(("connect", 10.0, "the pool's", "ca", "folder"), ("silence", 60.0))]
    whole = [request(), "given back", "lent"]
    closed = [request(), "close", "given back", "lent"]
    assert connection.log == ["lent", *opened, *whole, *whole, *closed, *opened, *whole[:-1]]


def test_connection_with_a_broken_answer_is_closed_and_given_back() -> None:
    connection = Connection(LENGTH[:-1])

    with pytest.raises(http.client.IncompleteRead):
        posting(Pool(connection)).post("t", b'{"a":1}')

    assert connection.log[-2:] == ["close", "given back"]


@pytest.mark.parametrize("token", ["t\r\nX: y", "t\n", "\x00"])
def test_token_that_no_header_can_hold_takes_no_connection(token: str) -> None:
    connection = Connection(LENGTH)

    with pytest.raises(ValueError, match=r"^a token that no header can hold$"):
        posting(Pool(connection)).post(token, b"{}")

    assert connection.log == []
