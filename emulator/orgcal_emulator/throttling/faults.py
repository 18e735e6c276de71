"""Scripted faults: the next requests that match a pattern are answered as the script says."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, get_args

from orgcal_emulator.graph.errors import GraphFailure

Action = Literal["answer", "delay", "reset", "cut"]
ACTIONS: tuple[str, ...] = get_args(Action)
"""`answer`: an error instead of the answer. `delay`: the answer, later. `reset`: the connection is reset before any
answer. `cut`: the connection ends in the middle of the answer's body; what was asked for has been done."""

Body = Literal["full", "plain", "empty"]
BODIES: tuple[str, ...] = get_args(Body)
"""`full`: as Graph documents it. `plain`: without `innerError`, as Exchange's errors are reported through Graph
(issue 5146 of microsoft-graph-docs-contrib). `empty`: no body at all."""

_LONGEST_DELAY_S = 600.0
_FRAMING = frozenset({"connection", "content-length", "transfer-encoding"})
"""Headers that the server writes itself: a second one would make the answer unreadable."""


@dataclass
class Fault:
    """One scripted fault.

    Attributes:
        path: regular expression, searched in the decoded path with its query.
        method: HTTP method, or `*`.
        times: how many requests it still hits.
        every: of the requests that match, it hits the first and each N-th after that.
        status: HTTP status of an `answer`.
        code: error code of an `answer`.
        message: error text of an `answer`.
        headers: headers of an `answer`.
        body: how much of a body an `answer` has.
        delay_s: real seconds before the request is answered.
    """

    path: str
    method: str = "*"
    times: int = 1
    every: int = 1
    action: Action = "answer"
    status: int = 503
    code: str = "serviceNotAvailable"
    message: str = "The service is temporarily unavailable."
    headers: dict[str, str] = field(default_factory=dict)
    body: Body = "full"
    delay_s: float = 0.0
    _met: int = field(default=0, init=False, repr=False)

    def __post_init__(self) -> None:
        problems = {
            "path": isinstance(self.path, str) and _compiles(self.path),
            "method": isinstance(self.method, str),
            "times": type(self.times) is int and 1 <= self.times <= 1_000_000,
            "every": type(self.every) is int and 1 <= self.every <= 1_000_000,
            "action": self.action in ACTIONS,
            "status": type(self.status) is int and 400 <= self.status <= 599,
            "code": isinstance(self.code, str),
            "message": isinstance(self.message, str),
            "headers": isinstance(self.headers, dict) and all(map(_header, self.headers.items())),
            "body": self.body in BODIES,
            "delay_s": isinstance(self.delay_s, int | float)
            and not isinstance(self.delay_s, bool)
            and 0 <= self.delay_s <= _LONGEST_DELAY_S,
        }
        for name, good in problems.items():
            if not good:
                raise ValueError(f"`{name}` of a fault is wrong: {getattr(self, name)!r}")

    def hits(self, method: str, target: str) -> bool:
        """Whether a request is hit; each that matches counts."""
        if self.method not in ("*", method) or re.search(self.path, target) is None:
            return False
        self._met += 1
        return self._met % self.every == 1 % self.every

    def failure(self) -> GraphFailure:
        """The error that an `answer` gives."""
        inner: dict[str, str] | None = None if self.body == "full" else {}
        code = "" if self.body == "empty" else self.code
        return GraphFailure(self.status, code, self.message, headers=dict(self.headers), inner=inner)


_FIELDS = frozenset(each.name for each in fields(Fault) if each.init)


class FaultQueue:
    """Faults in the order in which they were scripted; a request is hit by the first that matches it."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, given: dict[str, Any]) -> Fault:
        """Script a fault from its fields.

        Raises:
            ValueError: a field is unknown or wrong.
        """
        unknown = set(given) - _FIELDS
        if unknown:
            raise ValueError(f"a fault has no field {sorted(unknown)[0]!r}")
        if "path" not in given:
            raise ValueError("a fault needs a `path`")
        fault = Fault(**given)
        self._faults.append(fault)
        return fault

    def take(self, method: str, target: str, *, inside_batch: bool = False) -> Fault | None:
        """The fault that hits this request, used up once; connections cannot be cut inside a batch."""
        for fault in self._faults:
            if not (inside_batch and fault.action in ("reset", "cut")) and fault.hits(method, target):
                fault.times -= 1
                if fault.times == 0:
                    self._faults.remove(fault)
                return fault
        return None

    def __bool__(self) -> bool:
        return bool(self._faults)

    def pending(self) -> list[dict[str, Any]]:
        """Faults that have not hit everything they should."""
        return [{name: value for name, value in asdict(fault).items() if name in _FIELDS} for fault in self._faults]

    def clear(self) -> None:
        """Forget every fault."""
        self._faults.clear()


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return len(pattern) <= 500


def _header(item: tuple[Any, Any]) -> bool:
    name, value = item
    return (
        isinstance(name, str)
        and isinstance(value, str)
        and re.fullmatch(r"[A-Za-z0-9-]+", name) is not None
        and name.lower() not in _FRAMING
        and value.isascii()
        and value.isprintable()
    )
