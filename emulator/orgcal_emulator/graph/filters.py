"""Parses `$filter` in its common forms.

They are `eq`, `ne`, `in`, `startswith`, `endswith`, `any`, `and`, `or`, `not`, parentheses, and of times `ge`, `le`,
`gt`, `lt`. Everything else is refused with 501 and its text. Strings compare without regard to case, as the directory
does.
Source: https://learn.microsoft.com/en-us/graph/filter-query-parameter
"""

from __future__ import annotations

import re
from collections.abc import Collection

from orgcal_emulator.graph.errors import bad_request, not_emulated
from orgcal_emulator.graph.messages import GraphRequest
from orgcal_emulator.graph.odata import is_eventual
from orgcal_emulator.graph.predicates import ORDERS, Predicate, edge, equals, ordered
from orgcal_emulator.lru import remembered

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<guid>[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})"
    r"|(?P<moment>\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:\d\d)?)?(?![\w-]))"
    r"|(?P<number>-?\d+)(?![\w.:-])|(?P<name>[A-Za-z_][\w/$]*)|(?P<sign>[(),:]))"
)
_LONGEST = 4_000
_DEEPEST = 20


def compile_filter(text: str, resource: str, filterable: Collection[str]) -> Predicate:
    """A test for objects.

    Args:
        text: value of `$filter`.
        resource: type of the objects, for error texts: `application`.
        filterable: properties that may be named.

    Raises:
        GraphFailure: 400 for text that is no filter, 501 for a form or property that is not modelled.
    """
    return _compile(text, resource, tuple(filterable))[0]


def directory_filter(request: GraphRequest, resource: str, filterable: Collection[str]) -> Predicate:
    """A test for directory objects, by the request's `$filter`, which must be there.

    Raises:
        GraphFailure: as of `compile_filter`, and 400 for an advanced query without its header and `$count`.
    Source: https://learn.microsoft.com/en-us/graph/aad-advanced-queries
    """
    test, advanced = _compile(request.options["filter"], resource, tuple(filterable))
    counts = request.options.get("count", "").lower() == "true" or request.segments[-1].lower() == "$count"
    if advanced and not (counts and is_eventual(request)):
        raise bad_request(
            f"Operator '{advanced}' is not supported because the required parameters might be missing. Try adding "
            "$count=true query parameter and ConsistencyLevel:eventual header. Refer to "
            "https://aka.ms/graph-docs/advanced-queries for more information",
            "Request_UnsupportedQuery",
        )
    return test


@remembered(256)
def _compile(text: str, resource: str, filterable: tuple[str, ...]) -> tuple[Predicate, str]:
    """The test, and the operator that makes it an advanced query, if one does."""
    if len(text) > _LONGEST:
        raise bad_request("The $filter is too long.", "BadRequest")
    parser = _Parser(text, resource, filterable)
    return parser.parse(), parser.advanced


_FLAGS = frozenset({"accountEnabled", "canEdit", "isAllDay", "isCancelled", "isDefaultCalendar", "mailEnabled",
                    "securityEnabled"})  # fmt: skip
"""Filterable properties that are true or false; no other kind of them is a number."""


def _check_type(name: str, literal: str | bool | int | None) -> None:
    """Refuse to compare what cannot be equal: it would find nothing, and nobody would learn why."""
    wanted = bool if name in _FLAGS else str
    if literal is not None and type(literal) is not wanted:
        raise bad_request(
            "A binary operator with incompatible types was detected. Found operand types "
            f"'{_TYPE_NAMES[wanted]}' and '{_TYPE_NAMES[type(literal)]}' for operator kind 'Equal'.",
            "BadRequest",
        )


_TYPE_NAMES: dict[type, str] = {bool: "Edm.Boolean", str: "Edm.String", int: "Edm.Int32"}


class _Parser:
    def __init__(self, text: str, resource: str, filterable: tuple[str, ...]) -> None:
        self._text = text
        self._resource = resource
        self._filterable = {name.lower(): name for name in filterable}
        self._tokens = self._split(text)
        self._at = 0
        self._depth = 0
        self.advanced = ""
        """The first operator that directory objects know in advanced queries only."""

    def parse(self) -> Predicate:
        expression = self._alternatives()
        if self._at != len(self._tokens):
            raise self._unknown()
        return expression

    def _split(self, text: str) -> list[tuple[str, str]]:
        tokens = []
        position, end = 0, len(text.rstrip())
        while position < end:
            match = _TOKEN.match(text, position)
            if match is None:
                raise bad_request(f"Invalid filter clause: Syntax error at position {position}.", "BadRequest")
            tokens.append((str(match.lastgroup), match.group(str(match.lastgroup))))
            position = match.end()
        return tokens

    def _peek(self) -> str:
        return self._tokens[self._at][1].lower() if self._at < len(self._tokens) else ""

    def _take(self, *expected: str) -> tuple[str, str]:
        """The next token; its kind must be among `expected`, or its text if that is a sign."""
        if self._at >= len(self._tokens):
            raise bad_request("Invalid filter clause: the expression is incomplete.", "BadRequest")
        kind, text = self._tokens[self._at]
        if expected and kind not in expected and text not in expected:
            raise self._unknown()
        self._at += 1
        return kind, text

    def _unknown(self) -> Exception:
        return not_emulated("filter", f"{self._resource}: {self._text}")

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise bad_request("Invalid filter clause: too deep.", "BadRequest")

    def _alternatives(self) -> Predicate:
        self._deeper()
        parts = [self._conjunction()]
        while self._peek() == "or":
            self._take()
            parts.append(self._conjunction())
        self._depth -= 1
        return parts[0] if len(parts) == 1 else lambda item: any(part(item) for part in parts)

    def _conjunction(self) -> Predicate:
        parts = [self._term()]
        while self._peek() == "and":
            self._take()
            parts.append(self._term())
        return parts[0] if len(parts) == 1 else lambda item: all(part(item) for part in parts)

    def _term(self) -> Predicate:
        if self._peek() == "(":
            self._take("(")
            inner = self._alternatives()
            self._take(")")
            return inner
        _, word = self._take("name")
        if word.lower() == "not":
            self._is_advanced("not")
            self._deeper()
            denied = self._term()
            self._depth -= 1
            return lambda item: not denied(item)
        if word.lower() in ("startswith", "endswith"):
            if word.lower() == "endswith":
                self._is_advanced("endsWith")
            self._take("(")
            name = self._property(self._take("name")[1])
            self._take(",")
            value = self._literal(self._take("text"))
            self._take(")")
            return edge(name, value, at_start=word.lower() == "startswith")
        if word.lower().endswith("/any"):
            return self._any(self._property(word[:-4]))
        return self._comparison(self._property(word))

    def _comparison(self, name: str) -> Predicate:
        word = self._take("name")[1].lower()
        if word in ("eq", "ne"):
            literal = self._literal(self._take("text", "guid", "number", "moment", "name"))
            _check_type(name, literal)
            same = equals(name, literal)
            if word == "eq":
                return same
            self._is_advanced("ne")
            return lambda item: not same(item)
        if word in ORDERS and name.lower().endswith("datetime"):
            return ordered(name, str(self._literal(self._take("text", "moment"))), word)
        if word == "in":
            self._take("(")
            values = [self._literal(self._take("text", "guid"))]
            while self._peek() == ",":
                self._take(",")
                values.append(self._literal(self._take("text", "guid")))
            self._take(")")
            tests = [equals(name, value) for value in values]
            return lambda item: any(test(item) for test in tests)
        raise self._unknown()

    def _any(self, name: str) -> Predicate:
        """`tags/any(t:t eq 'x')` or `tags/any(t:startswith(t,'x'))`."""
        self._take("(")
        variable = self._take("name")[1]
        self._take(":")
        _, word = self._take("name")
        if word.lower() == "startswith":
            self._take("(")
            self._expect(variable)
            self._take(",")
            prefix = str(self._literal(self._take("text"))).lower()
            self._take(")")
            self._take(")")
            return lambda item: any(str(each).lower().startswith(prefix) for each in item.get(name) or ())
        if word != variable or self._take("name")[1].lower() != "eq":
            raise self._unknown()
        wanted = str(self._literal(self._take("text", "guid"))).lower()
        self._take(")")
        return lambda item: any(str(each).lower() == wanted for each in item.get(name) or ())

    def _is_advanced(self, word: str) -> None:
        self.advanced = self.advanced or word

    def _expect(self, word: str) -> None:
        if self._take("name")[1] != word:
            raise self._unknown()

    def _property(self, name: str) -> str:
        known = self._filterable.get(name.lower())
        if known is None:
            raise not_emulated("filter", f"{self._resource}.{name}")
        return known

    def _literal(self, token: tuple[str, str]) -> str | bool | int | None:
        kind, text = token
        if kind == "text":
            return text[1:-1].replace("''", "'")
        if kind in ("guid", "moment"):
            return text
        if kind == "number":
            return int(text)
        if text.lower() in ("true", "false", "null"):
            return {"true": True, "false": False, "null": None}[text.lower()]
        raise self._unknown()
