"""Answers as no server should give them: seeded changes of good ones."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from orgcal.platforms.testing_server import Reply

HUGE, INFINITE, DEEP, DEEPEST = "@@huge@@", "@@infinite@@", "@@deep@@", "@@deepest@@"
"""Stand for JSON that Python's values cannot say."""

_SPELLED = {HUGE: "9" * 5000, INFINITE: "1e400", DEEP: "[" * 500 + "]" * 500, DEEPEST: "[" * 200_000 + "]" * 200_000}
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 10**30, "", "x", [], {}, [[]], [None], {"a": None}, ["x", 1], *_SPELLED),
    *(
        "https://[::1",
        "http://evil.example/",
        "//",
        "\x00\x1b[2J\n::error::x",
        "\u202ex",
        "\ud800",
        "é" * 50,
        "y" * 70_000,
    ),
    *("99999-13-45T99:99:99Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "P99999999999D"),
)
BODIES = (
    b"",
    b"null",
    b"[]",
    b'"x"',
    b"0",
    b"{",
    b"<html>",
    b"\xff\xfe",
    b"NaN",
    b'{"error":[]}',
    b'{"error":{"code":{}}}',
)
STATUSES = (200, 201, 204, 301, 307, 400, 401, 403, 404, 409, 418, 429, 500, 501, 503)
HEADERS = (
    {"Retry-After": "Fri, 31 Dec 99999999999999999999 23:59:59 GMT"},
    {"Retry-After": "1e400"},
    {"Retry-After": "-7"},
    {"Retry-After": "Fri, 31 Dec 9999 23:59:59 -2359", "Date": "Mon, 01 Jan 0001 00:00:00 +2359"},
    {"Date": "Fri, 31 Dec 99999999999999999999 23:59:59 GMT"},
    {"request-id": "\x1b[2J::error::"},
    {"x-ms-throttle-limit-percentage": "1e400"},
    {"Content-Encoding": "gzip"},
    {"Location": "https://evil.example/"},
)
LASTING = frozenset({"body", "refused"})
"""Changes after which a route answers nothing that can be used."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change, for every answer of a route or for its first ones.

    Attributes:
        times: of how many answers; 0 for all.
    """

    kind: str
    apply: Callable[[Reply], Reply]
    times: int

    @property
    def ruins(self) -> bool:
        """Whether nothing that the route answers can be used."""
        return self.kind in LASTING and self.times == 0


def draw_change(dice: random.Random, stranger: str) -> Change:
    """A change; `stranger` is an address that no request must reach."""
    kind = dice.choice(("value", "value", "value", "gone", "body", "refused", "status", "headers"))
    times = dice.choice((0, 0, 1, 2))
    if kind in ("value", "gone"):
        seed = dice.random()
        value = dice.choice((*VALUES, stranger)) if kind == "value" else None
        return Change(kind, lambda reply: _at_some_place(reply, random.Random(seed), kind, value), times)
    if kind == "body":
        body = dice.choice(BODIES)
        return Change(kind, lambda reply: Reply(reply.status, body, reply.headers), times)
    if kind == "refused":
        status, body = dice.choice((400, 401, 403, 404, 500)), dice.choice((*BODIES, b'{"error":"x"}'))
        return Change(kind, lambda reply: Reply(status, body, reply.headers), times)
    if kind == "status":
        status = dice.choice(STATUSES)
        headers = {"Location": stranger} if 300 <= status < 400 else {}
        return Change(kind, lambda reply: Reply(status, reply.body, {**reply.headers, **headers}), times)
    headers = dict(dice.choice(HEADERS))
    status = dice.choice((200, 429, 503))
    return Change(kind, lambda reply: Reply(status, reply.body, {**reply.headers, **headers}), times)


def spelled(body: Any) -> bytes:
    """The body of an answer as it is sent."""
    if isinstance(body, bytes):
        return body
    text = json.dumps(body)
    for mark, spelling in _SPELLED.items():
        text = text.replace(f'"{mark}"', spelling)
    return text.encode()


def _at_some_place(reply: Reply, dice: random.Random, kind: str, value: Any) -> Reply:
    """`reply` with another value at one of its places, or without it."""
    if isinstance(reply.body, bytes):
        return reply
    whole = [copy.deepcopy(reply.body)]
    places: list[tuple[Any, Any]] = []
    waiting: list[Any] = [whole]
    while waiting:
        holder = waiting.pop()
        for key, item in holder.items() if isinstance(holder, dict) else enumerate(holder):
            places.append((holder, key))
            if isinstance(item, dict | list):
                waiting.append(item)
    holder, key = dice.choice(places)
    if kind == "gone" and holder is not whole:
        del holder[key]
    else:
        holder[key] = value
    return Reply(reply.status, whole[0], reply.headers)
