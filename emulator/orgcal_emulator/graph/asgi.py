"""Graph over HTTP: reading requests, `$batch`, writing answers."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol
from urllib.parse import unquote

from orgcal_emulator.clock import Clock
from orgcal_emulator.graph.batch import BatchItem, entry_answer, failed_dependency, inner_request, parse_batch
from orgcal_emulator.graph.dispatcher import Dispatcher
from orgcal_emulator.graph.errors import GraphFailure, bad_request
from orgcal_emulator.graph.messages import Caller, GraphRequest, GraphResponse, parse_json
from orgcal_emulator.graph.odata import parse_options
from orgcal_emulator.graph.routing import split_segments
from orgcal_emulator.journal import Journal, loggable
from orgcal_emulator.throttling.models import Stay, Traffic

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = dict[str, str]

_JSON = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
_ALWAYS = (
    (b"cache-control", b"no-cache"),
    # Microsoft says a year. A browser would then refuse every other page of localhost that has no TLS.
    (b"strict-transport-security", b"max-age=0"),
    (
        b"x-ms-ags-diagnostic",
        b'{"ServerInfo":{"DataCenter":"Emulator","Slice":"E","Ring":"5","ScaleUnit":"000","RoleInstance":"EMULATOR"}}',
    ),
)
"""Headers of every answer, as recorded."""
_encode = json.JSONEncoder(separators=(",", ":")).encode


class Authenticator(Protocol):
    """Tells who holds a token."""

    def graph_caller(self, authorization: str) -> Caller: ...


class GraphFront:
    """Answers `/v1.0` and `/beta`.

    Args:
        traffic: limits, faults and latency.
        flush: makes what a request wrote outlive the process; called before the answer is sent.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        tokens: Authenticator,
        clock: Clock,
        journal: Journal,
        traffic: Traffic,
        flush: Callable[[], None],
    ) -> None:
        self._dispatcher = dispatcher
        self._tokens = tokens
        self._clock = clock
        self._journal = journal
        self._traffic = traffic
        self._flush = flush
        self._turns = asyncio.Lock()

    async def answer(
        self, method: str, raw_path: str, query: str, headers: Headers, body: bytes, base_url: str, send: Send
    ) -> None:
        """Answer one HTTP request.

        Args:
            raw_path: path as sent, with percent signs.
            headers: names in lower case.
            base_url: address the client used.
        """
        arrived_at = time.perf_counter()
        request_id = str(uuid.uuid4())
        client_request_id = _header_safe(headers.get("client-request-id", "")) or request_id
        batch = 0
        caller: Caller | None = None
        stay = Stay(self._traffic.latency)
        wait_s = 0.0
        try:
            version, _, rest = raw_path[1:].partition("/")
            if method != "OPTIONS":
                caller = self._tokens.graph_caller(headers.get("authorization", ""))
            if caller is None:
                response = GraphResponse(200, None, {"Allow": self._dispatcher.methods(_segments(rest))})
            elif rest in ("$batch", "%24batch"):
                batch = self._journal.new_batch()
                entries = _entries(method, headers, body)
                if self._traffic.latency:
                    await self._turn()
                response = self._batch(entries, version, base_url, caller, request_id, batch, stay)
                wait_s = stay.seconds(in_order=any(entry.depends_on for entry in entries))
            else:
                request = GraphRequest(
                    "GET" if method == "HEAD" else method,
                    version,
                    _segments(rest),
                    parse_options(query),
                    headers,
                    body,
                    base_url,
                    caller,
                    self._traffic.pages,
                )
                response = self._dispatcher.answer(request, request_id, client_request_id, stay)
                wait_s = stay.seconds(in_order=True)
        except GraphFailure as failure:
            response = self._dispatcher.refusal(failure, request_id, client_request_id)
        raw = _content(response)
        self._flush()
        if wait_s > 0 and caller is not None:
            try:  # what we needed for it ourselves is part of the time that Graph would take
                await asyncio.sleep(max(0.0, arrived_at + wait_s - time.perf_counter()))
            finally:
                for mailbox in stay.mailboxes:
                    self._traffic.limits.leave(caller.client_id, mailbox)
        self._journal.write(
            method,
            loggable(unquote(raw_path), query),
            response.status,
            at=self._clock.now(),
            principal=caller.client_id if caller is not None else "",
            code=response.code,
            opens_batch=batch,
        )
        await _send(response, raw, request_id, client_request_id, send, with_body=method != "HEAD")

    async def _turn(self) -> None:
        """Let one batch be worked on in each round of the event loop, so that none delays the latency of the others."""
        async with self._turns:
            await asyncio.sleep(0)

    def _batch(
        self,
        entries: list[BatchItem],
        version: str,
        base_url: str,
        caller: Caller,
        request_id: str,
        batch: int,
        stay: Stay,
    ) -> GraphResponse:
        failed: set[str] = set()
        answers = []
        now = self._clock.now()
        for entry in entries:
            response = self._inner(entry, version, base_url, caller, request_id, failed, stay)
            if not 200 <= response.status < 300:
                failed.add(entry.entry_id.lower())
            path, _, query = entry.url.partition("?")
            self._journal.write(
                entry.method,
                loggable(f"/{version}/{path.strip('/')}", query),
                response.status,
                at=now,
                principal=caller.client_id,
                batch=batch,
                code=response.code,
            )
            answers.append(entry_answer(entry.entry_id, response))
        return GraphResponse(200, {"responses": answers})

    def _inner(
        self,
        entry: BatchItem,
        version: str,
        base_url: str,
        caller: Caller,
        request_id: str,
        failed: set[str],
        stay: Stay,
    ) -> GraphResponse:
        try:
            if failed and not failed.isdisjoint(entry.depends_on):
                raise failed_dependency()
            if self._traffic.faults:
                self._meet_fault(entry, version, stay)
            request = inner_request(entry, version, base_url, caller, self._traffic.pages)
        except GraphFailure as failure:
            return self._dispatcher.refusal(failure, request_id, request_id)
        return self._dispatcher.answer(request, request_id, request_id, stay)

    def _meet_fault(self, entry: BatchItem, version: str, stay: Stay) -> None:
        target = unquote(f"/{version}/{entry.url.lstrip('/')}")
        fault = self._traffic.faults.take(entry.method, target, inside_batch=True)
        if fault is not None:
            stay.extra_s += fault.delay_s
            if fault.action == "answer":
                raise fault.failure()


def _entries(method: str, headers: Headers, body: bytes) -> list[BatchItem]:
    """The requests of a posted batch."""
    if method != "POST":
        raise bad_request("A batch is sent with POST.", "BadRequest")
    given = parse_json(body, headers.get("content-type", ""))
    if not isinstance(given, dict):
        raise bad_request("Invalid batch payload format.", "BadRequest")
    return parse_batch(given)


def _segments(raw: str) -> list[str]:
    """Decoded path segments; an encoded slash stays inside its segment."""
    return split_segments([unquote(segment) for segment in raw.removesuffix("/").split("/")])


def _header_safe(text: str) -> str:
    return text if text.isascii() and text.isprintable() and len(text) <= 128 else ""


def _content(response: GraphResponse) -> bytes:
    body = response.body
    if body is None or isinstance(body, bytes):
        return body or b""
    return _encode(body).encode("ascii")


async def _send(
    response: GraphResponse, raw: bytes, request_id: str, client_request_id: str, send: Send, *, with_body: bool
) -> None:
    refused = response.status >= 400
    kind = response.headers.get("Content-Type", "application/json" if refused else _JSON)
    headers = [
        (b"content-length", str(len(raw)).encode()),
        (b"request-id", request_id.encode()),
        (b"client-request-id", client_request_id.encode()),
        *_ALWAYS,
    ]
    if raw and not refused:
        headers.append((b"odata-version", b"4.0"))
    if raw:
        headers += [(b"content-type", kind.encode("latin-1")), (b"vary", b"Accept-Encoding")]
    for name, value in response.headers.items():
        if name != "Content-Type":
            headers.append((name.lower().encode("latin-1"), value.encode("latin-1", "replace")))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": raw if with_body else b""})
