"""Connections to the consent server end where they say nothing, and are not more than it can have."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from uvicorn.server import ServerState

from orgcal.consent import connections
from orgcal.consent.connections import BoundedConnection

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LONG_S = 60.0


async def hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"hello {len(await request.body())}")


class Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@pytest.fixture
def port() -> Iterator[int]:
    app = Starlette(routes=[Route("/", hello, methods=["GET", "POST"])])
    config = uvicorn.Config(app, http=BoundedConnection, ws="none", lifespan="off", log_level="warning")
    server = Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield listening.getsockname()[1]
        server.should_exit = True
        thread.join(30)


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        yield connection


def all_of(connection: socket.socket) -> bytes:
    """What the server sends until it ends the connection, in whichever way."""
    parts = []
    try:
        while part := connection.recv(4096):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def greeting(connection: socket.socket) -> bytes:
    """What the server sends up to the end of its greeting; less where it ends the connection before."""
    got = b""
    while b"hello" not in got and (part := connection.recv(4096)):
        got += part
    return got


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc",
    ],
)
def test_connection_that_does_not_finish_its_request_is_ended(
    port: int, begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "REQUEST_S", 0.05)
    with connected(port) as connection:
        connection.sendall(begun)
        assert all_of(connection) == b""


def test_second_request_of_a_connection_has_no_more_time_than_the_first(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connected(port) as connection:
        connection.sendall(REQUEST)
        assert greeting(connection).startswith(b"HTTP/1.1 200")
        monkeypatch.setattr(connections, "REQUEST_S", 0.05)
        connection.sendall(REQUEST[:20])
        assert all_of(connection) == b""


def test_request_that_comes_in_parts_and_in_time_is_answered(port: int) -> None:
    with connected(port) as connection:
        for at in range(len(REQUEST)):
            connection.sendall(REQUEST[at : at + 1])
        assert b"hello 0" in greeting(connection)


def test_connection_too_many_is_ended_and_the_others_are_served(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 2)
    with connected(port) as first, connected(port) as second:
        for connection in (first, second):
            connection.sendall(REQUEST)
            assert b"hello" in greeting(connection)
        with connected(port) as third:
            assert all_of(third) == b""
        second.sendall(REQUEST)
        assert b"hello" in greeting(second)


class Task:
    """A request that nobody answers."""

    def add_done_callback(self, call: object) -> None:
        """It is never done."""


class Surroundings:
    """Event loop and transport of one connection: timers that a test looks at, and nothing is sent."""

    def __init__(self) -> None:
        self.timers: list[tuple[float, object]] = []
        self.cancelled: list[int] = []
        self.aborted = 0
        self.closing = False

    def call_later(self, seconds: float, call: object) -> Any:
        number = len(self.timers)
        self.timers.append((seconds, call))
        return SimpleNamespace(cancel=lambda: self.cancelled.append(number))

    def create_task(self, work: Any) -> Any:
        work.close()
        return Task()

    def abort(self) -> None:
        self.aborted += 1

    def get_extra_info(self, name: str, default: object = None) -> object:
        return default

    def is_closing(self) -> bool:
        return self.closing

    def write(self, data: bytes) -> None:
        """Nothing."""

    def close(self) -> None:
        self.closing = True

    pause_reading = resume_reading = lambda self: None


@pytest.fixture
def around() -> Surroundings:
    return Surroundings()


@pytest.fixture
def connection(around: Surroundings) -> BoundedConnection:
    config = uvicorn.Config(Starlette(), http=BoundedConnection, ws="none", lifespan="off", log_level="warning")
    config.load()
    made = BoundedConnection(config, ServerState(), {}, cast(Any, around))
    made.connection_made(cast(Any, around))
    return made


def test_connection_has_ten_seconds_for_a_request(around: Surroundings, connection: BoundedConnection) -> None:
    connection.data_received(REQUEST[:10])
    connection.data_received(REQUEST[10:20])

    assert around.timers == [(10.0, around.abort)], "from its begin, however often something comes"
    assert around.cancelled == []


def test_whole_request_ends_the_wait(around: Surroundings, connection: BoundedConnection) -> None:
    connection.data_received(REQUEST)

    assert (len(around.timers), around.cancelled) == (1, [0])


def test_connection_that_is_lost_is_waited_for_no_longer(around: Surroundings, connection: BoundedConnection) -> None:
    connection.connection_lost(None)

    assert (len(around.timers), around.cancelled) == (1, [0])
    assert connection not in connection.connections


def test_connection_that_is_being_closed_is_not_waited_for(around: Surroundings, connection: BoundedConnection) -> None:
    connection.data_received(b"not HTTP\r\n\r\n")

    assert around.closing
    assert len(around.timers) == 1


def test_limits_leave_time_and_room_for_administrators() -> None:
    assert connections.REQUEST_S < LONG_S
    assert 100 <= connections.MAX_CONNECTIONS < 1024
