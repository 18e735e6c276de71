"""A server on this machine and a clock for tests of platforms: strict about requests, with faults on demand.

    with StrictServer(lambda request: Reply(200, {"path": request.path})).running() as server:
        server.arm("status", reply=Reply(429, headers={"Retry-After": "7"}))

An API is a function from `Request` to `Reply`. Faults are armed one at a time and hit the next request
that fits: answers of a status, a connection dropped before or after the API did its work, and silence.
"""

from __future__ import annotations

import json
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Protocol
from urllib.parse import parse_qsl, urlsplit

from orgcal.patience import Clock


class Authority(Protocol):
    """A certificate authority for tests, such as `trustme.CA`."""

    def issue_cert(self, *identities: str) -> Any:
        """Return a certificate whose `configure_cert` takes an `ssl.SSLContext`."""


@dataclass
class FakeTime:
    """A clock that never waits; `waits` lists what it was asked to."""

    now_s: float = 0.0
    waits: list[float] = field(default_factory=list)

    def clock(self) -> Clock:
        """Return the clock as clients take it."""
        return Clock(monotonic=lambda: self.now_s, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        """Let the time pass at once."""
        self.waits.append(seconds)
        self.now_s += seconds


@dataclass
class Request:
    """One request, as an API sees it; `body` is parsed JSON, a form as a mapping, or None."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class Reply:
    """An answer; `body` is sent as JSON unless it is bytes."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    def encoded(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return b"" if self.body is None else json.dumps(self.body).encode()


@dataclass
class Fault:
    """What happens to the next request with this method whose path contains `path`.

    Kinds: `status` answers without doing anything; `dropped` closes the connection without doing
    anything; `lost` does the work and then closes the connection; `silence` does not answer until the
    server stops.
    """

    kind: Literal["status", "dropped", "lost", "silence"]
    method: str = ""
    path: str = ""
    reply: Reply = field(default_factory=Reply)


Api = Callable[[Request], Reply]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Tell of errors but of a client that closed its connection, as one does in the middle of a long answer."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class StrictServer:
    """See the module; `seen` lists what was asked, faulty or not, with the bodies that came.

    With `ca` it speaks TLS, with a certificate for localhost and for `hosts`.
    """

    def __init__(self, api: Api, *, ca: Authority | None = None, hosts: tuple[str, ...] = ()) -> None:
        self.api = api
        self.faults: list[Fault] = []
        self.seen: list[Request] = []
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._httpd = _Server(("127.0.0.1", 0), self._handler())
        if ca is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            ca.issue_cert("localhost", "127.0.0.1", *hosts).configure_cert(context)
            self._httpd.socket = context.wrap_socket(self._httpd.socket, server_side=True)
        self.base_url = f"{'https' if ca else 'http'}://localhost:{self._httpd.server_address[1]}"
        self.port = int(self._httpd.server_address[1])

    @contextmanager
    def running(self) -> Iterator[StrictServer]:
        thread = threading.Thread(target=self._httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._stopping.set()
            self._httpd.shutdown()
            self._httpd.server_close()
            thread.join()

    def arm(self, kind: Literal["status", "dropped", "lost", "silence"], **details: Any) -> None:
        """Let the next fitting request fail; see `Fault`."""
        self.faults.append(Fault(kind, **details))

    def writes(self) -> list[str]:
        """`METHOD path` of every request but GET, in order."""
        return [f"{request.method} {request.path}" for request in self.seen if request.method != "GET"]

    def _answer(self, request: Request) -> Reply | None:
        with self._lock:
            self.seen.append(request)
            fault = next((f for f in self.faults if f.method in ("", request.method) and f.path in request.path), None)
            if fault is not None:
                self.faults.remove(fault)
                if fault.kind == "status":
                    return fault.reply
                if fault.kind == "dropped":
                    return None
            reply = self.api(request) if fault is None or fault.kind == "lost" else None
        if fault is not None and fault.kind == "silence":
            self._stopping.wait()
        return None if fault is not None else reply

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # an answer in two packets would wait 40 ms for the client's acknowledgement

            def _serve(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                raw = self.rfile.read(length)
                url = urlsplit(self.path)
                is_form = "form-urlencoded" in (self.headers.get("Content-Type") or "")
                body = json.loads(raw) if raw and not is_form else dict(parse_qsl(raw.decode())) if raw else None
                headers = {name.lower(): value for name, value in self.headers.items()}
                reply = server._answer(Request(self.command, url.path, dict(parse_qsl(url.query)), headers, body))
                if reply is None:
                    self.close_connection = True
                    self.connection.close()
                    return
                content = reply.encoded()
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - names of http.server

            def log_message(self, *args: Any) -> None:
                pass

        return Handler


def error_reply(status: int, code: str, message: str) -> Reply:
    """Return an error in the form that most platforms use."""
    return Reply(status, {"error": {"code": code, "message": message}})
