"""The proxy by which clients with fixed addresses reach the emulator under Microsoft's names."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
import requests
from orgcal_emulator.environment import program_environment
from orgcal_emulator.server import Keys, RunningEmulator

METADATA = "/metadata/endpoints?api-version=2022-09-01"


@pytest.fixture
def named(start_emulator: Callable[..., RunningEmulator]) -> RunningEmulator:
    return start_emulator(names=True)


@pytest.fixture
def connect(named: RunningEmulator) -> Iterator[Callable[[bytes], socket.socket]]:
    """Opens connections to the proxy and sends a first line."""
    opened: list[socket.socket] = []

    def begin(head: bytes) -> socket.socket:
        port = urlsplit(named.ready["names"]["proxy_url"]).port
        opened.append(socket.create_connection(("127.0.0.1", port or 0), timeout=20))
        opened[-1].sendall(head)
        return opened[-1]

    yield begin
    for each in opened:
        each.close()


def test_client_reaches_the_emulator_under_microsofts_names(
    named: RunningEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in program_environment(named.ready, {}).items():
        monkeypatch.setenv(name, value)
    for address in ("https://management.azure.com", named.ready["base_url"]):
        answer = requests.get(address + METADATA, timeout=20)
        assert answer.json()["portal"] == address
    assert os.environ["AZURE_AUTHORITY_HOST"] == "https://login.microsoftonline.com"
    answer = requests.get("https://graph.microsoft.com/v1.0/users", timeout=20)
    assert answer.json()["error"]["code"] == "InvalidAuthenticationToken"


def test_emulator_without_the_option_has_no_proxy(emulator: RunningEmulator) -> None:
    assert "names" not in emulator.ready
    assert "HTTPS_PROXY" not in program_environment(emulator.ready, {})


@pytest.mark.parametrize(
    "head",
    [
        b"CONNECT example.com:443 HTTP/1.1\r\n\r\n",
        b"CONNECT graph.microsoft.com:80 HTTP/1.1\r\n\r\n",
        b"CONNECT localhost:443 HTTP/1.1\r\n\r\n",
        b"CONNECT graph.microsoft.com.example.com:443 HTTP/1.1\r\n\r\n",
        b"GET http://graph.microsoft.com/ HTTP/1.1\r\n\r\n",
        b"\r\n\r\n",
    ],
)
def test_proxy_leads_nowhere_else(connect: Callable[[bytes], socket.socket], head: bytes) -> None:
    with connect(head).makefile("rb") as answer:
        told = answer.read()
    assert told.startswith(b"HTTP/1.1 403 ")
    assert b"graph.microsoft.com" in told.partition(b"\r\n\r\n")[2]


def test_head_without_an_end_is_cut_off(connect: Callable[[bytes], socket.socket]) -> None:
    with connect(b"CONNECT " + b"x" * 40_000).makefile("rb") as answer:
        assert answer.read() == b""


def test_emulator_stops_while_connections_are_open(emulator_keys: Keys) -> None:
    with RunningEmulator(keys=emulator_keys, names=True) as named:
        address = ("127.0.0.1", urlsplit(named.ready["names"]["proxy_url"]).port or 0)
        waiting, tunnel = (socket.create_connection(address, timeout=20) for _ in range(2))
        waiting.sendall(b"CONNECT graph.microsoft.com")
        tunnel.sendall(b"CONNECT graph.microsoft.com:443 HTTP/1.1\r\n\r\n")
        assert tunnel.recv(100).startswith(b"HTTP/1.1 200 ")
        began = time.monotonic()
    assert time.monotonic() - began < 5
    with waiting, tunnel:
        assert (waiting.recv(100), tunnel.recv(100)) == (b"", b"")
