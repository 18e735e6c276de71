"""A client of a REST platform that answers what a test says, without a server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orgcal.errors import PlatformError
from orgcal.platforms.rest import RestClient


class FakeClient:
    """Answers requests by `METHOD path`, with None where nothing is said; an exception is raised."""

    base_url = "https://platform.example"
    part = RestClient.part
    name = "the platform"

    def __init__(self, **answers: Any) -> None:
        self.answers: dict[str, Any] = answers
        self.sent: list[tuple[str, str, Any]] = []
        self.options: list[Mapping[str, Any]] = []

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """As `RestClient.call`."""
        self.sent.append((method, path, body))
        self.options.append(options)
        answer = self.answers.get(f"{method} {path}", self.answers.get(method))
        if isinstance(answer, list) and answer and (options.get("params") or {}).get("page"):
            answer = answer.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if answer is None and options.get("absent") == frozenset():
            raise PlatformError("the platform answered 404", status=404, where=self.base_url)
        return answer
