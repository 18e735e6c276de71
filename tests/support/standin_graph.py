"""A Graph client for the azuread stand-in whose answers a test gives, and which keeps what it was asked."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from orgcal.errors import GraphError
from orgcal.patience import Clock
from orgcal.provider._sdk import Call
from orgcal.provider.azuread.connection import Connection
from orgcal.provider.azuread.directory import Directory

CALLER = "00000000-0000-0000-0000-0000000000ca"
"""The object id of the principal that deploys."""

Sent = tuple[str, str, Any]
"""Method, path, and body or parameters (None without any)."""


def refusal(status: int, message: str = "words", request_id: str = "r1") -> GraphError:
    """What `GraphClient` raises for an answer of that status."""
    return GraphError(
        f"Microsoft Graph answered {status} Some_Code: {message}",
        status=status,
        request_id=request_id,
        where="METHOD /path",
    )


class AnsweredGraph:
    """Answers from a table.

    Args:
        answers: "METHOD /path" -> an object, an exception to raise, or a list of these: one after the other, the last
            one for ever. What is missing is not found, and a write without an answer succeeds.
        pages: path -> the items of that collection.

    Both can be changed later, as `answers` and `collections`.
    """

    def __init__(self, answers: Mapping[str, Any], pages: Mapping[str, list[dict[str, Any]]] | None = None) -> None:
        self.answers = dict(answers)
        self.collections = pages or {}
        self.sent: list[Sent] = []

    @property
    def writes(self) -> list[Sent]:
        """What was sent but for reads."""
        return [request for request in self.sent if request[0] != "GET"]

    def get(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        return self._answered("GET", path, params)

    def pages(self, path: str, params: Mapping[str, str] | None = None) -> Iterator[dict[str, Any]]:
        self.sent.append(("GET", path, params))
        return iter(self.collections.get(path, []))

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return self._answered("POST", path, body)

    def patch(self, path: str, body: Mapping[str, Any]) -> None:
        self._answered("PATCH", path, body)

    def upload(self, path: str, content: bytes, content_type: str) -> None:
        self._answered("PUT", path, (content, content_type))

    def delete(self, path: str) -> None:
        self._answered("DELETE", path, None)

    def url_of(self, path: str) -> str:
        return f"https://graph.example/v1.0{path}"

    def _answered(self, method: str, path: str, sent: Any) -> dict[str, Any]:
        self.sent.append((method, path, copy.deepcopy(sent)))
        answer = self.answers.get(f"{method} {path}", refusal(404) if method == "GET" else {})
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if isinstance(answer, Exception):
            raise answer
        found: dict[str, Any] = copy.deepcopy(answer)
        return found


class AnsweredConnection(Connection):
    """A connection to such a client, on a clock that moves when somebody waits."""

    def __init__(self, graph: AnsweredGraph, caller: str = CALLER) -> None:
        super().__init__()
        self.waits: list[float] = []
        clock = Clock(lambda: sum(self.waits), self.waits.append)
        self._answered = Directory(graph, lambda: caller, "client", clock)  # type: ignore[arg-type]

    @property
    def directory(self) -> Directory:
        return self._answered


def chance_that_ends_after(bound_s: float) -> float:
    """The chance (`random.random`) with which waits one after the other end half a second after `bound_s`."""
    longest, count = 3.1, 0  # 0.1, 0.2, 0.4, 0.8 and 1.6; then 2.0 each
    while longest + 2.0 * count <= bound_s + 0.5:
        count += 1
    return 2.0 * (bound_s + 0.5) / (longest + 2.0 * count) - 1.0


def call(told: list[tuple[str, str]] | None = None) -> Call:
    """The call of a resource named `thing`; what it tells the user goes into `told`."""
    lines = [] if told is None else told
    return Call("thing", lambda severity, text: lines.append((severity, text)))
