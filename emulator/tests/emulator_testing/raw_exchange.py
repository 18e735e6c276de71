"""Bytes to an emulator as no HTTP client would send them."""

from __future__ import annotations

import socket
import ssl

from orgcal_emulator.server import RunningEmulator


def raw_exchange(emulator: RunningEmulator, request: bytes) -> bytes:
    """What the server sends back for these bytes, over TLS."""
    context = ssl.create_default_context(cafile=emulator.ready["ca_file"])
    with (
        socket.create_connection(("127.0.0.1", emulator.ready["port"])) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        connection.settimeout(10)
        connection.sendall(request)
        return connection.recv(65536)
