"""`$batch`: up to 20 requests in one.

Source: https://learn.microsoft.com/en-us/graph/json-batching
"""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import unquote

from orgcal_emulator.graph.errors import GraphFailure, bad_request
from orgcal_emulator.graph.messages import Caller, GraphRequest, GraphResponse
from orgcal_emulator.graph.odata import parse_options
from orgcal_emulator.graph.page_tokens import PageTokens
from orgcal_emulator.graph.routing import split_segments

MOST_REQUESTS = 20
_METHODS = frozenset({"GET", "POST", "PATCH", "PUT", "DELETE"})
_FIELDS = frozenset({"id", "method", "url", "headers", "body", "dependson"})


class BatchItem:
    """One request of a batch.

    Attributes:
        entry_id: its `id`.
        depends_on: ids of the requests that must succeed first.
        url: as sent, for the journal.
    """

    __slots__ = ("body", "depends_on", "entry_id", "headers", "method", "url")

    def __init__(self, given: dict[str, Any]) -> None:
        self.entry_id: str = given["id"]
        self.method: str = given["method"].upper()
        self.url: str = given["url"]
        self.headers = {str(name).lower(): str(value) for name, value in (given.get("headers") or {}).items()}
        self.body = given.get("body")
        self.depends_on: list[str] = [each.lower() for each in given.get("dependsOn") or ()]


def parse_batch(body: dict[str, Any]) -> list[BatchItem]:
    """The requests of a batch.

    Raises:
        GraphFailure: 400 for the batch as a whole.
    """
    given = body.get("requests")
    if not isinstance(given, list) or not given:
        raise bad_request("Invalid batch payload format.", "BadRequest")
    if len(given) > MOST_REQUESTS:
        raise bad_request(f"Number of requests inside batch exceed the limit of {MOST_REQUESTS}.", "BadRequest")
    entries: list[BatchItem] = []
    seen: set[str] = set()
    for each in given:
        _check(each)
        entry = BatchItem(each)
        if entry.entry_id.lower() in seen:
            raise bad_request(f"Request Id : {entry.entry_id[:80]} is not unique.", "BadRequest")
        for parent in entry.depends_on:
            if parent not in seen:
                raise bad_request("Invalid dependsOn: it must name requests that stand before it.", "BadRequest")
        seen.add(entry.entry_id.lower())
        entries.append(entry)
    return entries


def _check(given: Any) -> None:
    if not isinstance(given, dict):
        raise bad_request("Invalid batch payload format.", "BadRequest")
    for name in ("id", "method", "url"):
        if not isinstance(given.get(name), str) or not given[name]:
            raise bad_request(f"Invalid batch payload format: '{name}' is missing or no text.", "BadRequest")
    if given["method"].upper() not in _METHODS:
        raise bad_request("Invalid batch payload format: unknown method.", "BadRequest")
    headers = given.get("headers")
    if headers is not None and not isinstance(headers, dict):
        raise bad_request("Invalid batch payload format: 'headers' is no object.", "BadRequest")
    depends_on = given.get("dependsOn")
    if depends_on is not None and not (
        isinstance(depends_on, list) and all(isinstance(each, str) for each in depends_on)
    ):
        raise bad_request("Invalid batch payload format: 'dependsOn' is no list of ids.", "BadRequest")
    if given.get("body") is not None and "content-type" not in {str(name).lower() for name in headers or ()}:
        raise bad_request("Invalid batch payload format: 'headers' must give the Content-Type of 'body'.", "BadRequest")


def inner_request(entry: BatchItem, version: str, base_url: str, caller: Caller, pages: PageTokens) -> GraphRequest:
    """The request that an entry stands for.

    Raises:
        GraphFailure: 400, its url is not relative; or 501 for an option that is not modelled.
    """
    path, _, query = entry.url.partition("?")
    if "://" in path or path.startswith("//") or "#" in path:
        raise bad_request("Invalid request url: it must be relative, without host and version.", "BadRequest")
    segments = path.strip("/").split("/")
    if "%" in path:
        segments = [unquote(segment) for segment in segments]
    if segments[0] in ("v1.0", "beta") or segments[0] == "$batch":
        raise bad_request("Invalid request url: it must be relative, without host and version.", "BadRequest")
    body = entry.body
    if isinstance(body, str) and not entry.headers.get("content-type", "").startswith("application/json"):
        try:
            body = base64.b64decode(body, validate=True)
        except ValueError:
            raise bad_request("Invalid batch payload format: a body that is no JSON must be base64.") from None
    return GraphRequest(
        method=entry.method,
        version=version,
        segments=split_segments(segments),
        options=parse_options(query),
        headers=entry.headers,
        body=b"" if body is None else body,
        base_url=base_url,
        caller=caller,
        pages=pages,
    )


def failed_dependency() -> GraphFailure:
    """424: a request that this one depends on did not succeed."""
    return GraphFailure(424, "FailedDependency", "A request this one depends on failed.")


def entry_answer(entry_id: str, response: GraphResponse) -> dict[str, Any]:
    """An inner answer as the batch's answer lists it."""
    body = response.body
    headers = response.headers
    if isinstance(body, bytes):
        return {
            "id": entry_id,
            "status": response.status,
            "headers": headers,
            "body": base64.b64encode(body).decode() if headers.get("Content-Type") != "text/plain" else body.decode(),
        }
    answer: dict[str, Any] = {"id": entry_id, "status": response.status}
    if body is None:
        answer["headers"] = headers
        return answer
    answer["headers"] = {**headers, "Content-Type": "application/json"} if headers else _JSON_HEADERS
    answer["body"] = body
    return answer


_JSON_HEADERS = {"Content-Type": "application/json"}
