"""A tiny Microsoft Graph on a loopback port whose answers a test can bend: for faults that no emulator should have."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from orgcal.entra.clouds import CloudEndpoints


@dataclass
class Reply:
    """An answer; `cut` sends that many bytes of it and then drops the connection."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    cut: int | None = None

    def encoded(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return b"" if self.body is None else json.dumps(self.body).encode()


@dataclass
class Seen:
    """One request: when it came, what it asked, with which token; names of headers are in lower case."""

    at: float
    method: str
    path: str
    token: str
    entries: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)


def graph_error(status: int, code: str, message: str = "no") -> dict[str, Any]:
    """A batch entry that failed."""
    return {"status": status, "headers": {}, "body": {"error": {"code": code, "message": message}}}


def calendars(count: int = 1) -> dict[str, Any]:
    """A batch entry with calendars."""
    return {"status": 200, "headers": {}, "body": {"value": [{"id": f"c{n}"} for n in range(count)]}}


class ScriptedGraph:
    """Users by pages, `$count`, `$batch`; every part can be replaced by a test.

    Attributes:
        users: object ids.
        entry: answers one read in a batch: (path, times this path was asked before) -> entry without its id.
        intercept: sees each request first and may answer it.
        bend: may change the responses of a batch before they are sent.
    """

    def __init__(self, users: int = 0, page_size: int = 999) -> None:
        self.users = [f"00000000-0000-0000-0000-{number:012d}" for number in range(users)]
        self.page_size = page_size
        self.entry: Callable[[str, int], dict[str, Any]] = lambda path, before: calendars()
        self.intercept: Callable[[Seen], Reply | None] = lambda seen: None
        self.bend: Callable[[list[dict[str, Any]]], list[dict[str, Any]]] = lambda responses: responses
        self.seen: list[Seen] = []
        self.asked: dict[str, int] = {}
        self.connections = 0
        self.lock = threading.Lock()
        self.url = ""

    @property
    def endpoints(self) -> CloudEndpoints:
        """A cloud whose Graph is this server."""
        return CloudEndpoints("public", self.url, self.url, "public")

    def handle(self, seen: Seen, body: bytes) -> Reply:
        split = urlsplit(seen.path)
        if split.path.endswith("/$batch"):
            entries = json.loads(body)["requests"]
            seen.entries = [entry["url"] for entry in entries]
        with self.lock:
            self.seen.append(seen)
        bent = self.intercept(seen)
        if bent is not None:
            return bent
        if split.path.endswith("/$batch"):
            return Reply(body={"responses": self.bend([self._one(entry) for entry in entries])})
        if split.path == "/v1.0/users/$count":
            return Reply(body=str(len(self.users)).encode(), content_type="text/plain")
        if split.path == "/v1.0/users":
            return self._page(int(parse_qs(split.query).get("$skiptoken", ["0"])[0]))
        return Reply(404, {"error": {"code": "Request_ResourceNotFound", "message": split.path}})

    def _page(self, start: int) -> Reply:
        end = start + self.page_size
        page: dict[str, Any] = {"value": [{"id": user} for user in self.users[start:end]]}
        if end < len(self.users):
            page["@odata.nextLink"] = f"{self.url}/v1.0/users?$select=id&$top=999&$skiptoken={end}"
        return Reply(body=page)

    def _one(self, entry: dict[str, Any]) -> dict[str, Any]:
        with self.lock:
            before = self.asked.get(entry["url"], 0)
            self.asked[entry["url"]] = before + 1
        return {"id": entry["id"], **self.entry(entry["url"], before)}

    def batches(self) -> list[Seen]:
        """The batches that came."""
        return [seen for seen in self.seen if seen.path.endswith("/$batch")]


@contextmanager
def serving(graph: ScriptedGraph) -> Iterator[ScriptedGraph]:
    """Serve `graph` on a loopback port, with connections kept alive."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # an answer in two packets would wait 40 ms for an acknowledgement

        def setup(self) -> None:
            with graph.lock:
                graph.connections += 1
            super().setup()

        def log_message(self, *arguments: object) -> None:
            """Nothing."""

        def do_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = graph.handle(Seen(time.monotonic(), self.command, self.path, token, headers=headers), body)
            data = reply.encoded()
            self.send_response(reply.status)
            for name, value in {"Content-Type": reply.content_type, **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data if reply.cut is None else data[: reply.cut])
            if reply.cut is not None:
                self.close_connection = True

        do_GET = do_POST = do_PATCH = do_DELETE = do_any  # noqa: N815

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, *arguments: object) -> None:
            """A client that went away is no news."""

    server = Server(("127.0.0.1", 0), Handler)
    graph.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield graph
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class GivenTokens:
    """Tokens `t1`, `t2`, ... as they are renewed."""

    def __init__(self) -> None:
        self.number = 1
        self._lock = threading.Lock()

    def token(self) -> str:
        return f"t{self.number}"

    def renewed(self, refused: str) -> str:
        with self._lock:
            if refused == f"t{self.number}":
                self.number += 1
            return f"t{self.number}"
