"""What http_server.py and connections.py take for granted of uvicorn: an upgrade that changes it must fail here."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
import uvicorn
from orgcal_emulator.http_server import JoiningProtocol, StoppableServer
from uvicorn.protocols.http import httptools_impl
from uvicorn.server import ServerState

OVERRIDDEN = [
    *((StoppableServer, name) for name in ("capture_signals", "startup", "main_loop", "shutdown")),
    *((JoiningProtocol, name) for name in ("connection_made", "data_received", "send_400_response")),
    *((JoiningProtocol, name) for name in ("on_message_begin", "on_headers_complete")),
]


def parameters(function: Callable[..., Any]) -> list[str]:
    return list(inspect.signature(function).parameters)


@pytest.mark.parametrize(("ours", "name"), OVERRIDDEN)
def test_overridden_method_has_the_parameters_of_uvicorns(ours: type, name: str) -> None:
    theirs = getattr(ours.__base__, name)

    assert parameters(getattr(ours, name)) == parameters(theirs)
    assert inspect.iscoroutinefunction(getattr(ours, name)) == inspect.iscoroutinefunction(theirs)


def test_every_method_of_ours_that_uvicorn_has_too_is_listed() -> None:
    both = {
        (ours, name)
        for ours in (StoppableServer, JoiningProtocol)
        for name in vars(ours)
        if hasattr(ours.__base__, name)
    }

    assert {(ours, name) for ours, name in both if not name.startswith("__")} == set(OVERRIDDEN)


@pytest.mark.parametrize(
    ("caller", "called"),
    [
        (uvicorn.Server.serve, "self.capture_signals("),
        (uvicorn.Server._serve, "self.startup("),
        (uvicorn.Server._serve, "self.main_loop("),
        (uvicorn.Server._serve, "self.shutdown("),
        (httptools_impl.HttpToolsProtocol.data_received, "self.send_400_response("),
        (uvicorn.Server.main_loop, "self.on_tick("),
    ],
)
def test_uvicorn_calls_what_is_overridden(caller: Callable[..., Any], called: str) -> None:
    assert called in inspect.getsource(caller)


@pytest.mark.parametrize(
    ("function", "attribute"),
    [
        (uvicorn.Server.__init__, "self.server_state ="),
        (uvicorn.Server.startup, "self.servers ="),
        (httptools_impl.HttpToolsProtocol.__init__, "self.loop ="),
        (httptools_impl.HttpToolsProtocol.__init__, "self.parser = httptools.HttpRequestParser(self)"),
        (httptools_impl.HttpToolsProtocol.connection_made, "self.transport ="),
        (httptools_impl.HttpToolsProtocol.on_message_begin, "self.url ="),
        (httptools_impl.HttpToolsProtocol.on_headers_complete, 'self.scope["raw_path"] ='),
        (httptools_impl.HttpToolsProtocol.on_headers_complete, "self._start_asgi_task("),
        (httptools_impl.RequestResponseCycle.__init__, "self.transport ="),
        (httptools_impl.RequestResponseCycle.__init__, "self.response_started ="),
        (httptools_impl.RequestResponseCycle.__init__, "self.response_complete ="),
    ],
)
def test_attribute_that_the_emulator_reads_is_set(function: Callable[..., Any], attribute: str) -> None:
    assert attribute in inspect.getsource(function)


def test_server_state_counts_connections_and_tasks() -> None:
    state = ServerState()

    assert (state.connections, state.tasks) == (set(), set())
    assert uvicorn.Server(uvicorn.Config("app:app")).should_exit is False
