"""Both sides of the plugin protocol in a test: a server of gRPC, and an engine that keeps what it is told."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import engine_pb2_grpc

from orgcal.provider._server import MAX_MESSAGE_BYTES


class Engine(engine_pb2_grpc.EngineServicer):
    """Keeps the lines that a plugin tells the user."""

    def __init__(self) -> None:
        self.lines: list[tuple[Any, str, str]] = []

    def Log(self, request: Any, context: Any) -> Any:  # noqa: N802 - name of the protocol
        """Keeps a line."""
        self.lines.append((request.severity, request.message, request.urn))
        return empty_pb2.Empty()


@contextmanager
def served(add: Any, servicer: Any) -> Iterator[str]:
    """A server with a servicer that `add` registers; its address."""
    server = grpc.server(ThreadPoolExecutor(2), options=[("grpc.max_receive_message_length", MAX_MESSAGE_BYTES)])
    add(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()
