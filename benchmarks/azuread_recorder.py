"""A recording go-between: the azuread plugin (real or stand-in) talks to it, and it to the emulator.

Every address of the emulator in an answer becomes the go-between's own, and back, so that no request passes it by.
"""

from __future__ import annotations

import http.client
import json
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote, unquote_plus

import trustme

_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "host", "date", "server"})


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and the status of its answer; `path` is decoded, with its query; `body` is JSON or None."""

    method: str
    path: str
    status: int
    body: Any = None


@dataclass
class Recorder:
    """Use as a context manager; `folder` gets the certificate authority.

    Attributes:
        target_port: where the emulator listens, on 127.0.0.1.
        target_ca: the emulator's authority.
        answered: called with each exchange after the emulator has answered and before the plugin hears of it.
    """

    target_port: int
    target_ca: Path
    folder: Path
    answered: Callable[[Exchange], None] | None = None
    exchanges: list[Exchange] = field(default_factory=list)

    def __enter__(self) -> Recorder:
        authority = trustme.CA()
        self.ca_file = self.folder / "recorder-ca.pem"
        authority.cert_pem.write_to_path(self.ca_file)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(context)
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.recorder = self
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port: int = self._server.server_address[1]
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def host(self) -> str:
        """The metadata host that plugins are told."""
        return f"localhost:{self.port}"

    def take(self) -> list[Exchange]:
        """What was recorded since the last call."""
        with self._lock:
            taken, self.exchanges = self.exchanges, []
        return taken

    def note(self, exchange: Exchange) -> None:
        """Record one exchange."""
        with self._lock:
            self.exchanges.append(exchange)
        if self.answered is not None:
            self.answered(exchange)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    recorder: Recorder

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A plugin that is killed breaks its connections: nothing to tell."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _relay(self) -> None:
        recorder = self.server.recorder
        ours, theirs = f"localhost:{recorder.port}".encode(), f"localhost:{recorder.target_port}".encode()
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP}
        sent = _swapped(raw, ours, theirs)
        connection = http.client.HTTPSConnection(
            "localhost", recorder.target_port, context=ssl.create_default_context(cafile=str(recorder.target_ca))
        )
        try:
            target = self.path.replace(ours.decode(), theirs.decode())
            connection.request(self.command, target, body=sent or None, headers=headers)
            answer = connection.getresponse()
            content = _swapped(answer.read(), theirs, ours)
        finally:
            connection.close()
        path = unquote_plus(self.path)
        recorder.note(Exchange(self.command, path, answer.status, _json_of(raw)))
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, _swapped(value.encode(), theirs, ours).decode())
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _relay  # noqa: N815  # names of http.server

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
        """Say nothing: what happened is recorded."""


def _swapped(content: bytes, old: bytes, new: bytes) -> bytes:
    quoted = quote(old.decode(), safe="").encode(), quote(new.decode(), safe="").encode()
    return content.replace(old, new).replace(*quoted)


def _json_of(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return None  # a form, such as a token request: never kept, as it holds a secret
