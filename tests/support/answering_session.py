"""A `requests.Session` whose answers a test gives, without a server: what was sent is kept as it would have left."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from requests.adapters import BaseAdapter


def answer(status: int = 200, body: Any = None, headers: Mapping[str, str] | None = None) -> requests.Response:
    """An answer; `body` is sent as JSON unless it is bytes."""
    response = requests.Response()
    response.status_code = status
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    response._content = content
    response.headers.update({"Content-Type": "application/json", **(headers or {})})
    return response


@dataclass(frozen=True)
class Sent:
    """One request; a body of JSON or of a form is parsed."""

    method: str
    url: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: Any


@dataclass
class AnsweringSession(requests.Session):
    """Answers requests in order, the last one for ever; an exception among the answers is raised instead."""

    answers: list[requests.Response | Exception]
    sent: list[Sent] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.mount("https://", _Answering(self))


class _Answering(BaseAdapter):
    def __init__(self, session: AnsweringSession) -> None:
        super().__init__()
        self._session = session

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        self._session.sent.append(_sent(request))
        waiting = self._session.answers
        given = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if isinstance(given, Exception):
            raise given
        given.url, given.request = str(request.url), request
        return given

    def close(self) -> None:
        """Nothing to close."""


def _sent(request: requests.PreparedRequest) -> Sent:
    headers, body = dict(request.headers), request.body
    kind = headers.get("Content-Type", "")
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
    parsed: Any = body
    if text and kind == "application/json":
        parsed = json.loads(text)
    elif text and kind == "application/x-www-form-urlencoded":
        parsed = {name: values[0] for name, values in parse_qs(text).items()}
    url = str(request.url)
    return Sent(str(request.method), url.partition("?")[0], parse_qs(urlsplit(url).query), headers, parsed)
