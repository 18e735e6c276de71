"""YAML texts as a `TextFormat`: values change, and every other character stays, comments included.

PyYAML reads YAML but loses comments when it writes. So its parser only tells *where* each value stands; the text is
then changed at those places (text and lists in JSON's form, which is YAML). Each edit is checked: the new text must
parse to exactly the intended data, or nothing is written.

ruamel.yaml was tried in its place: 0.19 round-trips `Pulumi.prod.yaml.example` byte for byte, but it drops the comment
that follows a removed or replaced key, and indents some lists anew.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from orgcal.errors import PlatformError
from orgcal.files.text_format import (
    Splice,
    line_end,
    line_start,
    newline_before,
    no_mapping,
    spliced,
)
from orgcal.files.yaml_nodes import LOADER, NULL, is_empty, is_null, pair_of, root_of, shape_of, too_deep, values_of
from orgcal.files.yaml_parts import parts_with

INDENT = 2

_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
"""Characters that JSON leaves as they are and YAML wants escaped (https://yaml.org/spec/1.2.2/#51-character-set)."""
_COLON = re.compile(r"[ \t]*:")
_COMMA = re.compile(r"(?:\s|(?<=\s)#[^\r\n]*)*,")
_HEADER = re.compile(r"[^\r\n#]*?(?P<comment>[ \t]+#[^\r\n]*|)(?=[\r\n]|\Z)")
_COMMENTS = re.compile(r"(?P<indent>[ \t]*)(?<![^\s])(?P<comment>#[^\r\n]*)")
_PLAIN_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


def read(text: str, trail: Sequence[str], *, where: str) -> dict[str, Any]:
    """See `TextFormat.read`."""
    try:
        return _read(text, trail, where)
    except RecursionError:
        raise too_deep(where) from None


def _read(text: str, trail: Sequence[str], where: str) -> dict[str, Any]:
    parts = parts_with(text, trail)
    node: Any = root_of(parts.middle, where, parts.head)
    for key in trail[parts.depth :]:
        pair = pair_of(node, key)
        node = pair and pair[1]
    return values_of(node) if isinstance(node, yaml.MappingNode) else {}


def edit(text: str, trail: Sequence[str], values: Mapping[str, Any], removed: Sequence[str], *, where: str) -> str:
    """See `TextFormat.edit`.

    Raises:
        PlatformError: as `TextFormat` says, or the file cannot be changed without touching the rest of it (it has an
            alias, or keys marked by `?`).
    """
    try:
        return _edited(text, trail, values, removed, where)
    except RecursionError:
        raise too_deep(where) from None


def _edited(text: str, trail: Sequence[str], values: Mapping[str, Any], removed: Sequence[str], where: str) -> str:
    parts = parts_with(text, trail)
    path, root = list(trail[parts.depth :]), root_of(parts.middle, where, parts.head)
    _refuse_values(root, path, values, where)
    intended = _changed(shape_of(root), path, values, removed)
    change = _Change(parts.middle, parts.indent, newline_before(text, len(parts.head)))
    try:
        new = spliced(parts.middle, change.splices(root, path, values, removed))
        as_intended = shape_of(root_of(new, where)) == intended
    except (PlatformError, AssertionError):
        as_intended = False
    if not as_intended:
        raise PlatformError(
            f"{'.'.join(trail)} is written in a way that cannot be changed without touching the rest of the file",
            where=where,
            repair="write it as a block (one key a line, no aliases), or remove it and run the command again",
        )
    return text if new == parts.middle else parts.head + new + parts.tail


def _refuse_values(root: Any, trail: Sequence[str], values: Mapping[str, Any], where: str) -> None:
    """Refuse a scalar or a list in place of a mapping on the way."""
    node = root
    for depth, key in enumerate(trail):
        pair = pair_of(node, key)
        if pair is None or is_null(pair[1]):
            return
        node = pair[1]
        if values and not isinstance(node, yaml.MappingNode):
            raise no_mapping(trail[: depth + 1], where)


def _changed(shape: Any, path: list[str], values: Mapping[str, Any], removed: Sequence[str]) -> Any:
    """Return the shape that a mapping has after the change, without changing the one given, which others may share."""
    if not values and not isinstance(shape, dict) and shape[0] != NULL:
        return shape
    new = dict(shape) if isinstance(shape, dict) else {}
    if not path:
        new |= {key: _shape_of_value(value) for key, value in values.items()}
        return {key: value for key, value in new.items() if key not in removed or key in values}
    if path[0] not in new and not values:
        return new
    new[path[0]] = _changed(new.get(path[0]), path[1:], values, removed)
    if removed and not new[path[0]]:
        del new[path[0]]
    return new


class _Change:
    """Finds the places in a text that a change concerns.

    Args:
        text: one YAML document.
        indent: of its keys.
        newline: what ends a new line, if no line stands before it.
    """

    def __init__(self, text: str, indent: str, newline: str) -> None:
        self._text = text
        self._indent = indent
        self._newline = newline

    def splices(
        self, root: Any, trail: Sequence[str], values: Mapping[str, Any], removed: Sequence[str]
    ) -> Iterator[Splice]:
        node, path = root, []
        for depth, key in enumerate(trail):
            pair = pair_of(node, key)
            if pair is not None:
                path.append((node, pair))
            if pair is None or is_empty(pair[1]):
                if values:
                    yield from self._grown(node, pair, trail[depth:], values)
                elif pair is not None and removed:
                    yield from self._without(*_outermost(path))
                return
            node = pair[1]
        if not isinstance(node, yaml.MappingNode | None):  # a value of somebody else's, from which nothing is removed
            return
        pairs = [] if node is None else node.value
        gone = [pair for pair in pairs if pair[0].value in removed and pair[0].value not in values]
        if gone and len(gone) == len(pairs) and not values and path:
            yield from self._without(*_outermost(path))
        else:
            yield from self._without(node, gone)
        found = {key: pair_of(node, key) for key in values}
        for key, pair in found.items():
            if pair is not None and shape_of(pair[1]) != _shape_of_value(values[key]):
                yield from self._replaced(*pair, values[key])
        missing = {key: values[key] for key, pair in found.items() if pair is None}
        if missing:
            yield from self._grown(node, None, [], missing)

    def _replaced(self, name: Any, current: Any, value: Any) -> Iterator[Splice]:
        text, colon = self._text, self._behind_colon(name)
        start, end = current.start_mark.index, max(colon, self._end(current))
        if isinstance(current, yaml.CollectionNode) and not current.flow_style and current.value:
            first = line_start(text, start)
            assert first > colon
            yield Splice(colon, colon, f" {_flow(value)}")
            yield Splice(first - (2 if text[first - 2 : first] == "\r\n" else 1), end, "")
            return
        comment = ""
        if isinstance(current, yaml.ScalarNode) and current.style in ("|", ">"):
            header = _HEADER.match(text, start)
            comment = header["comment"] if header else ""
        start = max(start, colon) if end > colon else colon
        yield Splice(start, end, f"{' ' if start == colon else ''}{_flow(value)}{comment}")

    def _grown(
        self, mapping: Any, pair: tuple[Any, Any] | None, path: Sequence[str], values: Mapping[str, Any]
    ) -> Iterator[Splice]:
        """Add `values` at `path` below a mapping, or below its `pair` that holds nothing yet."""
        in_flow = mapping is not None and mapping.flow_style and mapping.value
        if pair is not None:
            name, current = pair
            colon = self._behind_colon(name)
            end = max(colon, self._end(current))
            if in_flow:
                yield Splice(colon, end, f" {_flow(_nested(path[1:], values))}")
                return
            yield Splice(colon, end, "")
            indent = " " * (name.start_mark.column + INDENT)
            yield self._lines(end, indent, _block(path[1:], values))
        elif in_flow:
            last = self._end_of_pair(mapping.value[-1])
            comma = _COMMA.match(self._text, last)
            place = comma.end() if comma else last
            yield Splice(place, place, f"{'' if comma else ','} {_flow(_nested(path, values))[1:-1]}")
        elif mapping is not None and mapping.value:
            indent = " " * mapping.value[0][0].start_mark.column
            yield self._lines(self._end_of_pair(mapping.value[-1]), indent, _block(path, values))
        else:
            if mapping is not None:  # {}
                yield self._line_of(mapping.start_mark.index, mapping.end_mark.index, "")
            yield self._lines(len(self._text), self._indent, _block(path, values))

    def _lines(self, position: int, indent: str, lines: Sequence[str]) -> Splice:
        """Add lines behind the line of a position."""
        text = self._text
        at_start = line_start(text, position) == position == len(text)
        place = position if at_start else line_end(text, position)[1]
        newline = newline_before(text, place) if line_start(text, place) else self._newline
        lead = newline if place and text[place - 1] not in "\r\n" else ""
        return Splice(place, place, lead + "".join(f"{indent}{line}{newline}" for line in lines))

    def _without(self, mapping: Any, gone: Sequence[tuple[Any, Any]]) -> Iterator[Splice]:
        """Remove pairs of a mapping; comments stay."""
        if not gone:
            return
        if not mapping.flow_style:
            for pair in gone:
                start, end = pair[0].start_mark.index, self._end_with_comments(pair)
                yield self._line_of(start, end, "".join(self._comments(pair, start, end)))
            return
        stays = [pair not in gone for pair in mapping.value]
        last = len(stays) - 1 - stays[::-1].index(True) if True in stays else -1
        for pair, following in zip(mapping.value[: max(last, 0)], mapping.value[1:], strict=False):
            if pair in gone:
                yield Splice(pair[0].start_mark.index, following[0].start_mark.index, "")
        if last < len(stays) - 1:
            start = self._end_of_pair(mapping.value[last]) if last >= 0 else mapping.value[0][0].start_mark.index
            yield Splice(start, self._end_of_pair(mapping.value[-1]), "")

    def _line_of(self, start: int, end: int, kept: str) -> Splice:
        """Replace the lines from `start` to `end` by `kept` and by what stands beside; nothing if nothing does."""
        text = self._text
        begin, (rest, behind) = line_start(text, start), line_end(text, end)
        assert not text[begin:start].strip(" \t"), "other keys stand in this line"
        beside = text[end:rest].strip()
        return Splice(begin, behind, kept + (text[begin:start] + beside + text[rest:behind] if beside else ""))

    def _comments(self, pair: tuple[Any, Any], start: int, end: int) -> Iterator[str]:
        """Yield the comments between the scalars of a pair, each with its line, no deeper than the pair."""
        indent, position = self._text[line_start(self._text, start) : start], start
        for leaf_start, leaf_end in [*sorted(self._leaves(pair, start, end)), (end, end)]:
            for comment in _COMMENTS.finditer(self._text, position, max(position, leaf_start)):
                alone = line_start(self._text, comment.start("indent")) == comment.start("indent")
                # No deeper than the key, or it would belong to a text in a block (`|`) that stands before.
                own = min(comment["indent"], indent, key=len) if alone else indent
                ended = line_end(self._text, comment.end())
                yield own + comment["comment"] + self._text[slice(*ended)]
            position = max(position, leaf_end)

    def _leaves(self, pair: tuple[Any, Any], start: int, end: int) -> Iterator[tuple[int, int]]:
        nodes: list[Any] = list(pair)
        while nodes:
            node = nodes.pop()
            if isinstance(node, yaml.ScalarNode):
                if start <= node.start_mark.index < end:
                    yield node.start_mark.index, self._end(node)
            else:
                nodes += [each for item in node.value for each in (item if isinstance(item, tuple) else (item,))]

    def _behind_colon(self, name: Any) -> int:
        match = _COLON.match(self._text, name.end_mark.index)
        assert match is not None
        return match.end()

    def _end_of_pair(self, pair: tuple[Any, Any]) -> int:
        return max(self._behind_colon(pair[0]), self._end(pair[1]))

    def _end_with_comments(self, pair: tuple[Any, Any]) -> int:
        """Where a pair of a block ends, with the comments below it that are deeper than its key."""
        end, column = self._end_of_pair(pair), pair[0].start_mark.column
        while (comment := _COMMENTS.match(self._text, line_end(self._text, end)[1])) is not None:
            if len(comment["indent"]) <= column:
                break
            end = comment.end()
        return end

    def _end(self, node: Any) -> int:
        """Where the node's own text ends: PyYAML ends a block at the next token, past blank lines and comments."""
        if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
            last = node.value[-1]
            return self._end_of_pair(last) if isinstance(last, tuple) else self._end(last)
        if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
            return len(self._text[: node.end_mark.index].rstrip("\r\n"))  # its end lies behind empty lines
        return int(node.end_mark.index)


def _outermost(path: list[tuple[Any, tuple[Any, Any]]]) -> tuple[Any, list[tuple[Any, Any]]]:
    """Return the mapping from which a pair is removed, and the pair, where mappings around it become empty as well."""
    while len(path) > 1 and len(path[-1][0].value) == 1:
        path = path[:-1]
    mapping, pair = path[-1]
    return mapping, [pair]


def _nested(path: Sequence[str], values: Mapping[str, Any]) -> dict[str, Any]:
    for key in reversed(path):
        values = {key: values}
    return dict(values)


def _block(path: Sequence[str], values: Mapping[str, Any]) -> list[str]:
    """Lines of a block that holds `values` at `path`."""
    lines = [f"{' ' * (INDENT * depth)}{_key_text(key)}:" for depth, key in enumerate(path)]
    indent = " " * (INDENT * len(path))
    return lines + [f"{indent}{_key_text(key)}: {_flow(value)}" for key, value in values.items()]


def _key_text(key: str) -> str:
    return key if _PLAIN_KEY.fullmatch(key) and _shape_of_text(key)[0].endswith(":str") else _flow(key)


def _flow(value: Any) -> str:
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(value, ensure_ascii=False))


def _shape_of_value(value: Any) -> Any:
    return _shape_of_text(_flow(value))


def _shape_of_text(text: str) -> Any:
    return shape_of(yaml.compose(text, Loader=LOADER))
