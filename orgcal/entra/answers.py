"""Reading answers of Entra ID and Microsoft Graph: bodies, errors, and how long to wait.

Source: https://learn.microsoft.com/en-us/graph/errors and https://learn.microsoft.com/en-us/graph/throttling
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from orgcal.errors import GraphError, Unreachable
from orgcal.printable import printable

if TYPE_CHECKING:
    import requests

RETRIED_STATUSES = frozenset({429, 503, 504})
"""Answers that Microsoft asks clients to repeat after a wait."""

MAX_DEPTH = 64
"""Of objects and lists in an answer; Graph's have fewer than ten."""

MAX_DIGITS = 20
"""Of a whole number in an answer: those of 64 bits, with their sign."""

MAX_TEXT = 300
"""Characters of a server's own words that are kept in a message."""


def shorten(text: str, limit: int = MAX_TEXT) -> str:
    """One line of at most `limit` characters, none of which does anything where it is printed."""
    line = printable(" ".join(text[: limit * 4].split()))
    return line if len(line) <= limit else line[: limit - 1] + "…"


def parse_json(content: str | bytes) -> Any:
    """The value of a JSON text that a server sent.

    Raises:
        ValueError: it is no JSON, is nested deeper than `MAX_DEPTH`, or holds a number beyond what servers count with.
    """
    try:
        text = content if isinstance(content, str) else content.decode(json.detect_encoding(content))
        value = _DECODER.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    level = [value] if type(value) in _HOLDERS else []
    for _ in range(MAX_DEPTH):
        if not level:
            return value
        level = [
            part
            for whole in level
            for part in (whole.values() if type(whole) is dict else whole)
            if type(part) in _HOLDERS
        ]
    if not level:
        return value
    raise ValueError("nested too deeply")


def _bounded_int(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError("a number that is too large")
    return int(text)


def _bounded_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number that is too large")
    return number


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is not JSON")


_HOLDERS = frozenset({dict, list})
_DECODER = json.JSONDecoder(parse_int=_bounded_int, parse_float=_bounded_float, parse_constant=_no_number)


def parse_object(text: str | bytes, *, where: str, content_type: str = "") -> dict[str, Any]:
    """The JSON object in `text`.

    Raises:
        Unreachable: it is something else; of a web page the sentence says so, as proxies are the usual cause.
    """
    try:
        parsed = parse_json(text)
    except ValueError:
        if "html" in content_type or text[:200].lstrip()[:1] in ("<", b"<"):
            raise Unreachable(
                "the answer is a web page where JSON was expected; something between here and the server answered",
                where=where,
                repair="check HTTPS_PROXY and NO_PROXY, or log in to the network you are in",
            ) from None
        raise Unreachable("the answer is not JSON, or was cut off", where=where, repair="try again") from None
    if not isinstance(parsed, dict):
        raise Unreachable(f"the answer is a JSON {type(parsed).__name__}, not an object", where=where)
    return parsed


def retry_after_s(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds a server asks to wait, or None where it names none that can be read.

    A date is compared with the answer's own Date header where there is one, so that a wrong clock here does no harm.
    Negative values count as 0; what cannot be read as a number or date is left out. `now`
    stands for the local time, which counts without a Date header.
    """
    lowered = {name.lower(): str(value).strip() for name, value in headers.items()}
    raw = lowered.get("retry-after")
    if not raw:
        return None
    try:
        seconds = float(raw)
    except ValueError:
        until = moment_in(raw)
        if until is None:
            return None
        seconds = (until - (moment_in(lowered.get("date", "")) or now or datetime.now(UTC))).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None


def moment_in(text: str) -> datetime | None:
    """The time in a header such as `Date`; None where it holds none."""
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def entra_unreachable(error: Exception, login_url: str) -> Unreachable:
    """What a request to Entra ID ends with that got no answer."""
    what = f"Entra ID cannot be reached ({type(error).__name__})"
    return Unreachable(what, where=login_url, repair="check the network, then try again")


def refusal_of(response: requests.Response, where: str) -> GraphError:
    """The error in an answer of Microsoft Graph, whatever its body is; `where` as `graph_error` takes it."""
    try:
        body: dict[str, Any] | None = parse_object(response.content, where=where)
    except Unreachable:
        body = None
    return graph_error(response.status_code, body, headers=response.headers, where=where)


def graph_error(status: int, body: Mapping[str, Any] | None, *, headers: Mapping[str, str], where: str) -> GraphError:
    """The error in an answer, or in one entry of a batch, as one exception.

    Args:
        body: the parsed body if it was a JSON object.
        headers: for `request-id` and `Retry-After`.
        where: method and path; never with a query, which may hold names.
    """
    raw = (body or {}).get("error")
    error: Mapping[str, Any] = raw if isinstance(raw, Mapping) else {}
    inner = error.get("innerError") or error.get("innererror")
    inner = inner if isinstance(inner, Mapping) else {}
    lowered = {name.lower(): value for name, value in headers.items()}
    code = shorten(str(error.get("code") or ""), 120)
    message = shorten(str(error.get("message") or ""))
    return GraphError(
        f"Microsoft Graph answered {status}{f' {code}' if code else ''}{f': {message}' if message else ''}",
        status=status,
        code=code,
        request_id=shorten(str(lowered.get("request-id") or inner.get("request-id") or ""), 64),
        retry_after_s=retry_after_s(headers),
        where=where,
    )
