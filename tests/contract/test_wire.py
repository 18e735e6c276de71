"""One message and its answer on a connection: every way in which an answer may be framed, cut or wrong."""

from __future__ import annotations

import gzip
import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
import urllib3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orgcal.entra.batch import BatchSender
from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.session import new_session, wire
from orgcal.entra.wire import MAX_ANSWER_BYTES, UNREADABLE, Wire, WireAnswer

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
GZIP = gzip.compress(b"{}", mtime=0)  # processes that run tests beside each other must find equal names
BOMB = gzip.compress(bytes(MAX_ANSWER_BYTES + 1), 1, mtime=0)
Serving = Callable[..., "Server"]


class Server:
    """Answers each request on a connection with the next of `answers`, then closes."""

    def __init__(self) -> None:
        self.answers: list[bytes] = []
        self.requests: list[bytes] = []
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while request := _request(connection):
                self.requests.append(request)
                if not self.answers:
                    return
                answer = self.answers.pop(0)
                connection.sendall(answer)
                if b"keep" not in answer and answer != OK:
                    return


def _request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            return b""
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


def post(server: Server, *answers: bytes) -> WireAnswer:
    server.answers[:] = answers
    with _wire(server) as sender:
        return sender.post("t", b'{"a":1}')


@contextmanager
def _wire(server: Server) -> Iterator[Wire]:
    endpoints = CloudEndpoints("public", "https://x", f"http://127.0.0.1:{server.port}", "public")
    with new_session(endpoints) as session:
        yield wire(session, f"http://127.0.0.1:{server.port}/v1.0/$batch", {"Content-Type": "application/json"})


@pytest.mark.parametrize(
    "answer",
    [
        OK,
        b"HTTP/1.1 200 OK\r\ncontent-length:2\r\nX: 1\r\n\r\n{}",
        b"HTTP/1.1 200\r\n\r\n{}",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\n{\r\n1\r\n}\r\n0\r\nTrailer: x\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK,
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(GZIP), GZIP),
    ],
    ids=["length", "odd headers", "until the end", "1.0", "chunks", "hints", "gzip"],
)
def test_answer_is_read_however_it_is_framed(server: Server, answer: bytes) -> None:
    found = post(server, answer)

    assert (found.status, found.content) == (200, b"{}")


def test_request_is_whole_and_names_its_host(server: Server) -> None:
    server.requests.clear()
    post(server, OK)

    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[:2] == [b"POST /v1.0/$batch HTTP/1.1", b"Host: 127.0.0.1:%d" % server.port]
    assert b"Authorization: Bearer t" in lines
    assert body == b'{"a":1}'


def test_connection_is_kept_and_one_that_was_closed_is_opened_again(server: Server) -> None:
    before = server.connections
    server.answers[:] = [OK, OK, OK.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n"), OK]
    with _wire(server) as sender:
        statuses = [sender.post("t", b"{}").status for _ in range(4)]

    assert statuses == [200] * 4
    assert server.connections - before == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: -9\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n{}\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999999\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffff\r\n{}\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(BOMB), BOMB),
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 12\r\n\r\n" + GZIP[:12],
        b"HTTP/1.1 abc\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 20,
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 300 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000,
    ],
)
def test_answer_that_is_none_is_a_lost_connection(server: Server, answer: bytes) -> None:
    with pytest.raises((*UNREADABLE, urllib3.exceptions.HTTPError)):
        post(server, answer)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.binary(max_size=80), st.binary(max_size=60).map(lambda tail: b"HTTP/1.1 200 OK\r\n" + tail)))
def test_bytes_that_nobody_foresaw_are_no_answer_or_one(server: Server, answer: bytes) -> None:
    server.answers[:] = [answer]
    endpoints = CloudEndpoints("public", "https://x", f"http://127.0.0.1:{server.port}", "public")
    with new_session(endpoints) as session:
        found = BatchSender(session, endpoints.graph_url, {}).send("t", ["/users/1/calendars"])

    assert found.status == 0 or (found.status == 200) == bool(found.entries)


def test_token_that_would_write_a_header_of_its_own_is_refused(server: Server) -> None:
    with _wire(server) as sender, pytest.raises(ValueError, match="no header can hold"):
        sender.post("t\r\nX: y", b"{}")


def test_refusal_that_quotes_the_token_is_told_without_it(server: Server) -> None:
    body = b'{"error":{"code":"x","message":"token secret-token-value is not accepted"}}'
    server.answers[:] = [b"HTTP/1.1 401 No\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)]
    endpoints = CloudEndpoints("public", "https://x", f"http://127.0.0.1:{server.port}", "public")
    with new_session(endpoints) as session:
        found = BatchSender(session, endpoints.graph_url, {}).send("secret-token-value", ["/users/1/calendars"])

    assert (found.status, found.code) == (401, "x")
    assert "secret-token-value" not in found.reason
    assert "is not accepted" in found.reason


def test_proxy_is_asked_for_a_tunnel(endpoints: CloudEndpoints) -> None:
    """Through a proxy that relays to the emulator's TLS."""
    port = int(endpoints.graph_url.rpartition(":")[2])
    asked: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def relay() -> None:
        client, _ = listener.accept()
        with client, socket.create_connection(("127.0.0.1", port)) as upstream:
            asked.append(client.recv(65536))
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            onwards = threading.Thread(target=_pump, args=(client, upstream), daemon=True)
            onwards.start()
            _pump(upstream, client)
            onwards.join()

    relaying = threading.Thread(target=relay, daemon=True)
    relaying.start()
    proxy = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with urllib3.ProxyManager(proxy, ca_certs=str(endpoints.ca_file), cert_reqs="CERT_REQUIRED") as manager:
        pool = manager.connection_from_host("localhost", port, "https")
        answers = [Wire(pool, "/v1.0/$batch", {}, None, (5.0, 5.0)).post("t", b"{}").status for _ in range(2)]
        pool.close()
    relaying.join()
    listener.close()

    assert answers == [401, 401]
    assert [line.startswith(b"CONNECT localhost:%d HTTP/" % port) for line in asked] == [True]


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


def test_server_whose_certificate_is_not_trusted_gets_nothing(endpoints: CloudEndpoints) -> None:
    stranger = CloudEndpoints("public", endpoints.login_url, endpoints.graph_url, "public")
    with new_session(stranger, environ={}) as session:
        found = BatchSender(session, f"{endpoints.graph_url}/v1.0", {}).send("t", ["/users/1/calendars"])

    assert found.status == 0
    assert "SSL" in found.reason


def test_unreadable_answers_are_of_these_kinds() -> None:
    assert {OSError, http.client.HTTPException} <= set(UNREADABLE)
