"""JSON batching of Microsoft Graph: up to 20 reads in one request.

The outer status says only that the batch was parsed; each entry has its own status, headers and body, in any order, and
a wrong server or proxy may leave entries out, send them twice or invent some. `BatchSender` never raises for what a
server does: it gives back one answer for each entry asked, or says why not.

Source: https://learn.microsoft.com/en-us/graph/json-batching
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from orgcal.entra.answers import graph_error, parse_object, retry_after_s, shorten
from orgcal.entra.wire import UNREADABLE, WireAnswer
from orgcal.errors import Unreachable
from orgcal.redaction import redactor_of

if TYPE_CHECKING:
    import requests

MAX_ENTRIES = 20
"""More are refused with 400. Source: https://learn.microsoft.com/en-us/graph/json-batching"""


_quoted = json.encoder.encode_basestring_ascii
MAX_REFUSAL_BYTES = 64 * 1024
LIMIT_REACHED = 429
SERVER_ERRORS = 500
LEAST_BROKEN = 2
"""One mailbox whose server is down is no news of the others."""


class BatchResponse(NamedTuple):
    """One answer within a batch; `body` is None where it is no JSON object."""

    status: int
    headers: Mapping[str, Any]
    body: dict[str, Any] | None


@dataclass(slots=True)
class BatchAnswer:
    """The answer to one batch.

    Attributes:
        entries: by position of the request; None where the server sent none. Empty unless `status` is 200.
        status: of the whole; 0 where no usable answer came (lost connection, a proxy's page, broken JSON).
        reason: why there are no entries, as a sentence; empty otherwise.
        code: Graph's code of the refusal of the whole.
        throttled: more requests would be refused too: the batch, or an entry, met a limit (429), or the service is in
            trouble, as no answer came, or most entries ended in a status from 500 on. One of these says nothing.
        limited: it was a limit.
        retry_after_s: the longest wait that was asked for then; None if none was.
        limit_share: the highest `x-ms-throttle-limit-percentage` in it; 0 if there was none.
        unusable: entries that were doubled, unknown or unreadable.
        elapsed_s: from sending to the last byte.
    """

    status: int
    entries: list[BatchResponse | None] = field(default_factory=list)
    reason: str = ""
    code: str = ""
    request_id: str = ""
    throttled: bool = False
    limited: bool = False
    retry_after_s: float | None = None
    limit_share: float = 0.0
    unusable: int = 0
    elapsed_s: float = 0.0


class BatchSender:
    """Sends batches as one application; safe to share between threads.

    Args:
        session: of `new_session`.
        url: of Graph with its version, without `/$batch`.
        headers: further headers of the outer request.
    """

    def __init__(self, session: requests.Session, url: str, headers: Mapping[str, str]) -> None:
        from orgcal.entra.session import wire  # imported here: it loads requests, which most commands never need

        self._wire = wire(session, f"{url}/$batch", {"Content-Type": "application/json", **headers})

    def send(self, token: str, paths: Sequence[str]) -> BatchAnswer:
        """Read `paths`, at most `MAX_ENTRIES` and relative without version, in one request."""
        from urllib3.exceptions import HTTPError

        entries = [f'{{"id":"{i}","method":"GET","url":{_quoted(path)}}}' for i, path in enumerate(paths)]
        body = f'{{"requests":[{",".join(entries)}]}}'.encode()
        began = time.perf_counter()
        try:
            answer = self._wire.post(token, body)
        except (HTTPError, *UNREADABLE) as error:
            reason = f"connection lost ({type(error).__name__})"
            return BatchAnswer(0, reason=reason, throttled=True, elapsed_s=time.perf_counter() - began)
        elapsed_s = time.perf_counter() - began
        found = _read_answer(answer, len(paths), token) if answer.status == 200 else _read_refusal(answer, token)
        found.elapsed_s = elapsed_s
        return found


def _read_refusal(answer: WireAnswer, token: str) -> BatchAnswer:
    """What became of a batch that was refused as a whole; the token is taken out, as a refusal may quote it."""
    redactor = redactor_of({"Authorization": f"Bearer {token}"}, None)
    content = redactor.body(answer.content[:MAX_REFUSAL_BYTES])
    headers = {name: redactor.text(value) for name, value in answer.headers.items()}
    try:
        body = parse_object(content, where="POST /$batch", content_type=headers.get("content-type", ""))
    except Unreachable as error:
        if answer.status < 400:
            return BatchAnswer(0, reason=error.what, throttled=True)
        body = {}
    refused = graph_error(answer.status, body, headers=headers, where="POST /$batch")
    return BatchAnswer(
        answer.status,
        reason=refused.what,
        code=refused.code,
        request_id=refused.request_id,
        throttled=answer.status == LIMIT_REACHED or answer.status >= SERVER_ERRORS,
        limited=answer.status == LIMIT_REACHED,
        retry_after_s=refused.retry_after_s,
    )


def _read_answer(answer: WireAnswer, expected: int, token: str) -> BatchAnswer:
    headers = answer.headers
    try:
        body = parse_object(answer.content, where="POST /$batch", content_type=headers.get("content-type", ""))
    except Unreachable as error:
        return BatchAnswer(0, reason=error.what, throttled=True)
    responses = body.get("responses")
    if not isinstance(responses, list):
        return BatchAnswer(0, reason="the batch's answer holds no responses", throttled=True)
    request_id = shorten(headers.get("request-id", ""), 64)
    found = BatchAnswer(200, [None] * expected, request_id=request_id, limit_share=limit_share(headers))
    for item in responses:
        _place(found, item, expected, token)
    for_now = [entry for entry in found.entries if entry is not None and entry.status >= LIMIT_REACHED]
    if for_now:
        _note_limits(found, for_now)
    return found


def _place(answer: BatchAnswer, item: Any, expected: int, token: str) -> None:
    """Put one item of `responses` where it belongs, a refusal without the token, and note what it says about limits."""
    try:
        position, status = int(item["id"]), int(item["status"])
    except (KeyError, TypeError, ValueError, OverflowError):
        position = status = -1
    if not 0 <= position < expected or answer.entries[position] is not None:
        answer.unusable += 1
        return
    headers = item.get("headers")
    headers = headers if isinstance(headers, dict) else {}
    body = item.get("body")
    if status >= 300:
        redactor = redactor_of({"Authorization": f"Bearer {token}"}, None)
        headers, body = redactor.value(headers), redactor.value(body)
    answer.entries[position] = BatchResponse(status, headers, body if isinstance(body, dict) else None)
    if len(headers) > 1:  # one is the content type
        answer.limit_share = max(answer.limit_share, limit_share(headers))


def _note_limits(answer: BatchAnswer, refused: Sequence[BatchResponse]) -> None:
    """Note what the entries refused for now say about all requests."""
    limited = [entry for entry in refused if entry.status == LIMIT_REACHED]
    broken = [entry for entry in refused if entry.status >= SERVER_ERRORS]
    if len(broken) < LEAST_BROKEN or 2 * len(broken) <= len(answer.entries):
        broken = []
    answer.throttled, answer.limited = bool(limited or broken), bool(limited)
    asked = [wait for entry in (*limited, *broken) if (wait := retry_after_s(entry.headers)) is not None]
    answer.retry_after_s = max(asked, default=None)


def limit_share(headers: Mapping[str, Any]) -> float:
    """Share of a throttling limit that is used up, which Graph tells from 0.8 on; 0 where it says nothing."""
    try:
        return float(next(value for name, value in headers.items() if name.lower() == "x-ms-throttle-limit-percentage"))
    except (StopIteration, TypeError, ValueError, OverflowError):
        return 0.0
