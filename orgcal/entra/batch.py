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
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from orgcal.entra.answers import graph_error, parse_object, retry_after_s
from orgcal.errors import Unreachable

if TYPE_CHECKING:
    import requests

MAX_ENTRIES = 20
"""More are refused with 400. Source: https://learn.microsoft.com/en-us/graph/json-batching"""


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
    retry_after_s: float | None = None
    limit_share: float = 0.0
    unusable: int = 0
    elapsed_s: float = 0.0


class BatchSender:
    """Sends batches as one application; safe to share between threads.

    Preparing a request costs requests as much as parsing an answer costs us, so one is prepared and copied.

    Args:
        session: of `new_session`.
        url: of Graph with its version, without `/$batch`.
        headers: further headers of the outer request.
    """

    def __init__(self, session: requests.Session, url: str, headers: Mapping[str, str]) -> None:
        import requests

        self._session = session
        all_headers = {"Content-Type": "application/json", **headers}
        request = requests.Request("POST", f"{url}/$batch", data=b"{}", headers=all_headers)
        self._prepared = session.prepare_request(request)

    def send(self, token: str, paths: Sequence[str]) -> BatchAnswer:
        """Read `paths`, at most `MAX_ENTRIES` and relative without version, in one request."""
        import requests

        request = self._prepared.copy()
        entries = [f'{{"id":"{i}","method":"GET","url":{json.dumps(path)}}}' for i, path in enumerate(paths)]
        request.body = body = f'{{"requests":[{",".join(entries)}]}}'.encode()
        request.headers["Content-Length"] = str(len(body))
        request.headers["Authorization"] = f"Bearer {token}"
        began = time.perf_counter()
        try:
            response = self._session.send(request, proxies={})  # the adapter of `new_session` knows the proxies
            content = response.content
        except requests.exceptions.RequestException as error:
            reason = f"connection lost ({type(error).__name__})"
            return BatchAnswer(0, reason=reason, throttled=True, elapsed_s=time.perf_counter() - began)
        elapsed_s = time.perf_counter() - began
        return replace(_read_answer(response, content, len(paths)), elapsed_s=elapsed_s)


def _read_answer(response: requests.Response, content: bytes, expected: int) -> BatchAnswer:
    headers = response.headers
    try:
        body = parse_object(content, where="POST /$batch", content_type=headers.get("Content-Type", ""))
    except Unreachable as error:
        if response.status_code < 400:
            return BatchAnswer(0, reason=error.what, throttled=True)
        body = {}
    if response.status_code != 200:
        refused = graph_error(response.status_code, body, headers=headers, where="POST /$batch")
        return BatchAnswer(
            response.status_code,
            reason=refused.what,
            code=refused.code,
            request_id=refused.request_id,
            throttled=response.status_code == LIMIT_REACHED or response.status_code >= SERVER_ERRORS,
            retry_after_s=refused.retry_after_s,
        )
    responses = body.get("responses")
    if not isinstance(responses, list):
        return BatchAnswer(0, reason="the batch's answer holds no responses", throttled=True)
    answer = BatchAnswer(
        200, [None] * expected, request_id=headers.get("request-id", ""), limit_share=limit_share(headers)
    )
    for item in responses:
        _place(answer, item, expected)
    for_now = [entry for entry in answer.entries if entry is not None and entry.status >= LIMIT_REACHED]
    if for_now:
        _note_limits(answer, for_now)
    return answer


def _place(answer: BatchAnswer, item: Any, expected: int) -> None:
    """Put one item of `responses` where it belongs, and note what it says about limits."""
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
    answer.entries[position] = BatchResponse(status, headers, body if isinstance(body, dict) else None)
    if len(headers) > 1:  # one is the content type
        answer.limit_share = max(answer.limit_share, limit_share(headers))


def _note_limits(answer: BatchAnswer, refused: Sequence[BatchResponse]) -> None:
    """Note what the entries refused for now say about all requests."""
    limited = [entry for entry in refused if entry.status == LIMIT_REACHED]
    broken = [entry for entry in refused if entry.status >= SERVER_ERRORS]
    if len(broken) < LEAST_BROKEN or 2 * len(broken) <= len(answer.entries):
        broken = []
    answer.throttled = bool(limited or broken)
    asked = [wait for entry in (*limited, *broken) if (wait := retry_after_s(entry.headers)) is not None]
    answer.retry_after_s = max(asked, default=None)


def limit_share(headers: Mapping[str, Any]) -> float:
    """Share of a throttling limit that is used up, which Graph tells from 0.8 on; 0 where it says nothing."""
    try:
        return float(next(value for name, value in headers.items() if name.lower() == "x-ms-throttle-limit-percentage"))
    except (StopIteration, TypeError, ValueError, OverflowError):
        return 0.0
