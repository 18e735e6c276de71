"""Takes secrets out of everything that a person may read: answers of servers, messages, exceptions.

Two ways lead here, and between them they cover what is sent:

- the adapter of every HTTP session of ours (`orgcal.entra.session`) hands over each refusal with its request: the keys
  in its headers and the secrets in its body, known by their names, are taken out before any client reads the refusal;
- `hiding` covers texts that no name gives away, while a block runs: a credential that is pushed, a platform's API key.

A text is found as it is and JSON-, URL- or base64-escaped, and also where eight characters of it or more are quoted.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import functools
import html
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus

HIDDEN = "***"
"""Stands for a secret, or for a part of one."""

QUOTED_PART = 8
"""Characters of a secret that are taken out wherever they stand together."""

SHORTEST = 4
"""A text that is shorter is no secret: it would be found in every other sentence."""

_SECRET_NAME = re.compile(r"auth|key|token|secret|password|assertion|cookie|credential|signature|pem|pfx|p12", re.I)
_ARMOUR = re.compile(r"-----(?:BEGIN|END) [A-Z0-9 ]+-----")
_texts: ContextVar[frozenset[str]] = ContextVar("texts", default=frozenset())


class Redactor:
    """Replaces secrets in texts.

    Args:
        secrets: their texts; a PEM counts without its first and last line, which are the same in all.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._short: set[str] = set()
        self._parts: set[str] = set()
        for secret in secrets:
            for form in set(_forms(secret)):
                if len(form) < QUOTED_PART:
                    self._short.add(form)
                else:
                    windows = (form[at : at + QUOTED_PART] for at in range(len(form) - QUOTED_PART + 1))
                    self._parts.update(window for window in windows if len(set(window)) > 2)

    def text(self, text: str) -> str:
        """Return `text` with `***` for each secret, and for each part of one, in it."""
        covered = bytearray(len(text))
        for at in range(len(text) - QUOTED_PART + 1 if self._parts else 0):
            if text[at : at + QUOTED_PART] in self._parts:
                covered[at : at + QUOTED_PART] = b"\1" * QUOTED_PART
        for short in self._short:
            for match in re.finditer(re.escape(short), text):
                covered[match.start() : match.end()] = b"\1" * len(short)
        if not any(covered):
            return text
        runs = itertools.groupby(zip(covered, text, strict=True), key=lambda pair: pair[0])
        return "".join(HIDDEN if hidden else "".join(char for _, char in run) for hidden, run in runs)

    def value(self, value: Any) -> Any:
        """Return parsed JSON with the texts and names in it redacted."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, dict):
            return {self.text(name): self.value(item) for name, item in value.items()}
        return value

    def body(self, content: bytes) -> bytes:
        """Return the body of an answer, redacted; JSON is read first, since it may be escaped in many ways."""
        try:
            return json.dumps(self.value(json.loads(content))).encode()
        except (ValueError, RecursionError):
            return self.text(content.decode("utf-8", "replace")).encode()


@contextlib.contextmanager
def hiding(*texts: str) -> Iterator[None]:
    """Keep `texts` out of every refusal that this thread gets in the block, and of every exception that leaves it."""
    before = _texts.set(_texts.get() | {text for text in texts if text})
    try:
        yield
    except Exception as error:
        _clean(error)
        raise
    finally:
        _texts.reset(before)


@functools.lru_cache(maxsize=16)  # a server that is busy refuses many requests with the same key
def _redactor(secrets: frozenset[str]) -> Redactor:
    return Redactor(secrets)


def redactor_of(headers: Mapping[str, Any], body: Any) -> Redactor:
    """Return what redacts the secrets of a request, and those that `hiding` names.

    Args:
        headers: of the request.
        body: as it was sent: JSON, a form, or anything else.
    """
    return _redactor(_texts.get().union(_in_headers(headers), _in_body(body)))


def _clean(error: BaseException | None, seen: frozenset[int] = frozenset()) -> None:
    """Redact the texts of an exception and of those that led to it."""
    if error is None or id(error) in seen:
        return
    redactor = _redactor(_texts.get())
    error.args = tuple(redactor.text(part) if isinstance(part, str) else part for part in error.args)
    for name, value in getattr(error, "__dict__", {}).items():
        if isinstance(value, str):
            setattr(error, name, redactor.text(value))
    for other in (error.__cause__, error.__context__):
        _clean(other, seen | {id(error)})


def _in_headers(headers: Mapping[str, Any]) -> Iterator[str]:
    for name, value in headers.items():
        if not _SECRET_NAME.search(name):
            continue
        text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
        scheme, _, key = text.partition(" ")
        yield key.strip() or scheme
        if scheme.lower() == "basic":
            with contextlib.suppress(binascii.Error):
                yield base64.b64decode(key).decode("utf-8", "replace").partition(":")[2]


def _in_body(body: Any) -> Iterator[str]:
    if not isinstance(body, str | bytes):
        return
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
    try:
        yield from _in_value(json.loads(text), named=False)
    except (ValueError, RecursionError):
        yield from (value for name, value in parse_qsl(text) if _SECRET_NAME.search(name))


def _in_value(value: Any, *, named: bool) -> Iterator[str]:
    """Yield the texts below a name that says it is a secret."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _in_value(item, named=bool(_SECRET_NAME.search(name)))
    elif isinstance(value, list):
        for item in value:
            yield from _in_value(item, named=named)
    elif isinstance(value, str) and named:
        yield value


def _forms(secret: str) -> Iterator[str]:
    """Yield a secret as it is, and as JSON, URLs, HTML and base64 write it."""
    pieces = [piece.strip() for piece in _ARMOUR.split(secret)]
    for piece in pieces:
        if len(piece) < SHORTEST:
            continue
        plain = {piece, "".join(piece.split())} if len(pieces) > 1 else {piece}
        for _ in range(2):  # JSON inside a text of JSON
            plain |= {json.dumps(form, ensure_ascii=ascii_only)[1:-1] for form in plain for ascii_only in (True, False)}
        yield from plain
        yield from (quote(piece, safe=""), quote(piece), quote_plus(piece), html.escape(piece))
    if len(secret) >= SHORTEST:
        yield from _base64(secret)


def _base64(secret: str) -> Iterator[str]:
    """Yield the base64 of a secret at each place that it can have in a longer text, without what the rest decides."""
    for before in range(3):
        raw = b"\0" * before + secret.encode("utf-8", "surrogatepass")
        encoded = base64.b64encode(raw).decode()
        whole = len(raw) * 8 // 6
        form = encoded[(before * 8 + 5) // 6 : whole]
        if len(form) >= SHORTEST:
            yield form
            yield form.replace("+", "-").replace("/", "_")
