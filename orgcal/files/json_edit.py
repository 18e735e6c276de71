"""JSON texts as a `TextFormat`: values change where they stand, and every other character stays.

`JSONC` is the same with comments and trailing commas, as .NET, VS Code and others read it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from json.scanner import make_scanner
from typing import Any, NamedTuple, cast

from orgcal.errors import PlatformError
from orgcal.files.text_format import (
    BOM,
    LINE_END,
    Splice,
    change,
    doubled,
    line_of,
    line_start,
    newline_before,
    no_mapping,
    spliced,
    value_at,
)

_SPACE = re.compile(r"[ \t\r\n]*")
_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_COMMENT = r"(?://[^\r\n]*+|/\*(?:[^*]|\*(?!/))*+\*/)"
_GAP = rf"(?:[ \t\r\n]|{_COMMENT})*+"
_NO_JSON = re.compile(
    rf"(?P<json>(?:[^\"/,]++|{_STRING}|,(?!{_GAP}[}}\]])|/(?![/*]))++)|(?P<comment>{_COMMENT})|,", re.DOTALL
)
"""What JSONC has and JSON has not (comments, trailing commas), and all that is between. No part gives back what it took
(`*+`, `++`): a comment that is looked for anew behind each comma would make minutes of megabytes."""
_BLANK = re.compile(r"[ \t]*")
_COMMA = re.compile(rf"{_GAP},")
_COLON = re.compile(r"[ \t\r\n]*+:[ \t\r\n]*+")
_NEXT = re.compile(r"[ \t\r\n]*+,?[ \t\r\n]*+")
_TOKEN = re.compile(rf"{_STRING}|[{{}}\[\]:,]", re.DOTALL)
_INDENT = re.compile(r"[\r\n]([ \t]+)\"")


class _Layout(NamedTuple):
    """Where new members go, and what is written before, between and after them."""

    place: int
    before: str
    between: str
    after: str


class _DoubledKey(Exception):
    pass


class _Member(NamedTuple):
    """A key of an object with its value: where they are in the text."""

    key: str
    start: int
    value: int
    end: int


@dataclass(frozen=True, slots=True)
class JsonFormat:
    """JSON, or JSONC, as a `TextFormat`."""

    comments: bool = False

    def read(self, text: str, trail: Sequence[str], *, where: str) -> dict[str, Any]:
        """See `TextFormat.read`."""
        mapping = value_at(self._parsed(text, where)[1], trail)
        return mapping if isinstance(mapping, dict) else {}

    def edit(
        self, text: str, trail: Sequence[str], values: Mapping[str, Any], removed: Sequence[str], *, where: str
    ) -> str:
        """See `TextFormat.edit`."""
        pure, data = self._parsed(text, where)
        if not pure.strip():
            return _made_anew(text, trail, values)
        edit = _Edit(text, pure, where)
        splices = edit.splices(trail, values, removed)
        new = spliced(text, splices)
        change(data, trail, values, removed)
        if not _means(_pure_again(new, pure, splices, edit.root) if self.comments else new.removeprefix(BOM), data):
            raise PlatformError(
                f"{'.'.join(trail)} cannot be changed without touching the rest of the file", where=where
            )
        return new

    def _parsed(self, text: str, where: str) -> tuple[str, dict[str, Any]]:
        """Return the text as pure JSON, each character at its place, and the object that it holds."""
        pure = text.replace(BOM, " ", 1) if text.startswith(BOM) else text
        pure = _without_comments(pure) if self.comments else pure
        if not pure.strip():
            return pure, {}
        try:
            data = _DECODER.decode(pure)
        except _DoubledKey:
            raise _doubled_in(pure, where) from None
        except RecursionError:
            raise PlatformError("this file is nested too deeply", where=where, repair="name another file") from None
        except ValueError as error:
            raise self._no_json(error, pure, where) from None
        if not isinstance(data, dict):
            raise PlatformError("this file holds no JSON object", where=where, repair="name another file")
        return pure, data

    def _no_json(self, error: ValueError, pure: str, where: str) -> PlatformError:
        line = line_of(pure, error.pos) if isinstance(error, json.JSONDecodeError) else 1
        if not self.comments:
            try:
                json.loads(_without_comments(pure))
            except (ValueError, RecursionError):
                pass
            else:
                return PlatformError(
                    f"this file has comments or trailing commas, which are not JSON (line {line})",
                    where=where,
                    repair="set format: jsonc, if its reader takes them",
                )
        return PlatformError(
            f"this file is not JSON (line {line})",
            where=where,
            repair="repair it by hand, or name its format by `format`",
        )


JSON = JsonFormat()
JSONC = JsonFormat(comments=True)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _DoubledKey
    return found


_DECODER = json.JSONDecoder(object_pairs_hook=_unique)
_PLAIN = json.JSONDecoder()
_VALUE: Callable[[str, int], tuple[Any, int]] = make_scanner(cast("Any", _PLAIN))
"""Returns the value that begins at a place of a text, and where it ends."""


class _Edit:
    """Finds the places in a text that a change concerns."""

    def __init__(self, text: str, pure: str, where: str) -> None:
        self._text = text
        self._pure = pure
        self._where = where
        self.root: list[_Member] = []
        indent = _INDENT.search(pure)
        self._unit = indent[1] if indent else "  "

    def splices(self, trail: Sequence[str], values: Mapping[str, Any], removed: Sequence[str]) -> list[Splice]:
        start, path = _past(_SPACE, self._pure, 0), []
        for depth, key in enumerate(trail):
            members = list(self._members(start))
            self.root = self.root or members
            found = next((member for member in members if member.key == key), None)
            value = found and self._pure[found.value : found.end]
            if found is None or value == "null":
                return self._with(start, members, {key: _nested(trail[depth + 1 :], values)}) if values else []
            if not value or value[0] != "{":
                if not values:
                    return []
                raise no_mapping(trail[: depth + 1], self._where)
            path.append((start, members, found))
            start = found.value
        members = list(self._members(start))
        gone = [member for member in members if member.key in removed]
        if gone and len(gone) == len(members) and not values:
            while path and len(path[-1][1]) == 1 and len(path) > 1:
                path.pop()
            if path:
                _, siblings, only = path[-1]
                return self._without(siblings, [only])
        return self._without(members, gone) + self._with(start, members, values, gone)

    def _members(self, start: int) -> Iterator[_Member]:
        """Yield the members of the object that begins at `start`."""
        pure, position = self._pure, _past(_SPACE, self._pure, start + 1)
        while pure[position] != "}":
            key, colon = _VALUE(pure, position)
            value = _past(_COLON, pure, colon)
            _, end = _VALUE(pure, value)
            yield _Member(key, position, value, end)
            position = _past(_NEXT, pure, end)

    def _with(
        self, start: int, members: list[_Member], values: Mapping[str, Any], gone: Sequence[_Member] = ()
    ) -> list[Splice]:
        """Set keys of the object that begins at `start`."""
        found = {member.key: member for member in members}
        splices = [
            Splice(found[key].value, found[key].end, _dumped(value))
            for key, value in values.items()
            if key in found and not _same(json.loads(self._pure[found[key].value : found[key].end]), value)
        ]
        missing = {key: value for key, value in values.items() if key not in found}
        if not missing:
            return splices
        last = next((member for member in reversed(members) if member not in gone), None)
        behind = members[-1].end if members else start + 1
        closing = self._pure.index("}", behind)
        comma = self._comma(behind, closing)
        layout = self._layout(start, members, behind if comma is None else comma + 1, closing)
        lines = [f"{_dumped(key)}: {self._laid_out(value, layout)}" for key, value in missing.items()]
        new = f",{layout.between}".join(lines) + ("," if comma is not None else "")
        if last and comma is None:
            splices.append(Splice(last.end, last.end, ","))
        return [*splices, Splice(layout.place, layout.place, layout.before + new + layout.after)]

    def _layout(self, start: int, members: list[_Member], behind: int, closing: int) -> _Layout:
        """Return how new members are written behind the last one of an object."""
        ends = list(LINE_END.finditer(self._pure, behind, closing))
        if ends and members:
            first = members[0].start
            begin = line_start(self._pure, first)
            indent = self._pure[begin:first] if begin > start else self._indent(start) + self._unit
            return _Layout(ends[-1].end(), indent, ends[-1][0] + indent, ends[-1][0])
        if members or not LINE_END.search(self._pure.strip()):
            return _Layout(behind, " " if members else "", " ", "")
        indent, newline = self._indent(start), newline_before(self._pure, closing)
        inner = indent + self._unit
        if ends:
            return _Layout(ends[-1].end(), inner, newline + inner, newline)
        return _Layout(closing, newline + inner, newline + inner, newline + indent)

    def _indent(self, position: int) -> str:
        """The white space with which the line of a position begins."""
        begin = line_start(self._pure, position)
        return self._pure[begin : _past(_BLANK, self._pure, begin)]

    def _without(self, members: list[_Member], gone: Sequence[_Member]) -> list[Splice]:
        """Remove members of the object that begins at `start`; comments beside them stay."""
        splices: list[Splice] = []
        stay = [member for member in members if member not in gone]
        for member in gone:
            comma = self._comma(member.end)
            splices.append(self._line(member.start, member.end if comma is None else comma + 1))
        if gone and stay and gone[-1] is members[-1] and self._comma(gone[-1].end) is None:
            comma = self._comma(stay[-1].end)
            assert comma is not None
            end = _past(_BLANK, self._text, comma + 1)
            splices.append(Splice(comma, end if self._text[end] == '"' else comma + 1, ""))
        return splices

    def _line(self, start: int, end: int) -> Splice:
        """The part from `start` to `end`, with its whole line if nothing else stands in it."""
        begin = line_start(self._text, start)
        rest = LINE_END.search(self._text, end)
        if self._text[begin:start].strip() or rest is None or self._text[end : rest.start()].strip():
            behind = _past(_BLANK, self._text, end)
            return Splice(start, behind if self._text[behind] == '"' else end, "")
        inside = [each[0] for each in _NO_JSON.finditer(self._text, start, end) if each["comment"]]
        return Splice(begin, rest.end(), "".join(self._text[begin:start] + each + rest[0] for each in inside))

    def _comma(self, position: int, before: int | None = None) -> int | None:
        """Where the comma behind a value is, if one follows; in JSONC also a trailing one."""
        match = _COMMA.match(self._text, position)
        return match.end() - 1 if match and (before is None or match.end() <= before) else None

    def _laid_out(self, value: Any, layout: _Layout) -> str:
        if not layout.after or not isinstance(value, dict):
            return _dumped(value)
        return json.dumps(value, indent=self._unit, ensure_ascii=False).replace("\n", layout.between)


def _past(pattern: re.Pattern[str], text: str, position: int) -> int:
    match = pattern.match(text, position)
    return match.end() if match else position


def _means(pure: str, data: dict[str, Any]) -> bool:
    """Whether JSON holds exactly `data`."""
    try:
        return bool(_PLAIN.decode(pure) == data)
    except ValueError:
        return False


def _pure_again(new: str, pure: str, splices: Sequence[Splice], root: Sequence[_Member]) -> str:
    """Return an edited text as JSON; only the members of the root that were edited are read anew.

    Args:
        pure: the text before as JSON, each character at its place.
        root: the members of its outermost object. Each begins outside of comments and strings, so what stands before
            the one that was edited first, and from the one behind the last, is as it was.
    """
    if not splices:
        return pure
    first, last = min(splice.start for splice in splices), max(splice.end for splice in splices)
    begin = max((member.start for member in root if member.start <= first), default=0)
    end = min((member.start for member in root if member.start > last), default=len(pure))
    part = new[begin : len(new) - (len(pure) - end)].replace(BOM, " ", 1 if begin == 0 else 0)
    if end == len(pure):
        return pure[:begin] + _without_comments(part)
    # The quote stands for that of the next member: where a comment has swallowed it, the text has changed its meaning.
    stripped = _without_comments(part + '"')
    return pure[:begin] + stripped.removesuffix('"') + pure[end:] if stripped.endswith('"') else ""


def _without_comments(text: str) -> str:
    """Return JSONC as JSON, with blanks in place of comments and trailing commas."""
    return _NO_JSON.sub(lambda match: match["json"] or " " * len(match[0]), text)


def _nested(trail: Sequence[str], values: Mapping[str, Any]) -> Any:
    for key in reversed(trail):
        values = {key: values}
    return dict(values)


def _made_anew(text: str, trail: Sequence[str], values: Mapping[str, Any]) -> str:
    """Return the text of a file that has no object yet."""
    if not values:
        return text
    return (
        text
        + json.dumps(_nested(trail, values), indent=2, ensure_ascii=False).replace(
            "\n", newline_before(text, len(text))
        )
        + newline_before(text, len(text))
    )


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _same(found: Any, value: Any) -> bool:
    """Whether a value is the one that is meant, and of the same type: in Python, 1 is True and 1.0."""
    return type(found) is type(value) and found == value


def _doubled_in(pure: str, where: str) -> PlatformError:
    """Return the error that names the first key that is doubled, and its lines."""
    open_: list[dict[str, int] | None] = []
    last = ("", 0)
    for token in _TOKEN.finditer(pure):
        if token[0] in "{[":
            open_.append({} if token[0] == "{" else None)
        elif token[0] in "}]":
            open_.pop()
        elif token[0] == ":":
            keys = open_[-1]
            assert keys is not None
            key = json.loads(last[0], strict=False)
            if key in keys:
                return doubled(key, [line_of(pure, keys[key]), line_of(pure, last[1])], where)
            keys[key] = last[1]
        last = (token[0], token.start())
    raise AssertionError("no key is doubled")
