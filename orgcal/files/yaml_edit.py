"""YAML texts as a `TextFormat`: values change, and every other character stays, comments included.

PyYAML reads YAML but loses comments when it writes. So its parser only tells *where* each value stands; the text is
then changed at those places, one line a value (text and lists in JSON's form, which is YAML). Each edit is checked:
the new text must parse to exactly the intended data, or nothing is written.

ruamel.yaml was tried in its place: 0.19 round-trips `Pulumi.prod.yaml.example` byte for byte, but it drops the comment
that follows a removed or replaced key, and indents some lists anew.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from orgcal.errors import PlatformError
from orgcal.files.json_edit import change, value_at, with_line_ends

INDENT = 2

_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
"""Characters that JSON leaves as they are and YAML wants escaped (https://yaml.org/spec/1.2.2/#51-character-set)."""


def read(text: str, trail: Sequence[str], *, where: str) -> dict[str, Any]:
    """See `TextFormat.read`."""
    mapping = value_at(_parsed(text, where), trail)
    return mapping if isinstance(mapping, dict) else {}


def edit(text: str, trail: Sequence[str], values: Mapping[str, Any], removed: Sequence[str], *, where: str) -> str:
    """See `TextFormat.edit`.

    Raises:
        PlatformError: the file cannot be changed without touching the rest of it (it has an alias, or a mapping on
            one line that would have to grow).
    """
    intended: dict[str, Any] = _unshared(_parsed(text, where))
    change(intended, trail, values, removed)
    try:
        new = _edited(text, list(trail), values, removed)
        as_intended = (yaml.safe_load(new) or {}) == intended
    except yaml.YAMLError:
        as_intended = False
    if not as_intended:
        raise PlatformError(
            f"{'.'.join(trail)} is written in a way that cannot be changed without touching the rest of the file",
            where=where,
            repair="write it as a block (one key a line, no aliases), or remove it and run pulumi up again",
        )
    return with_line_ends(new, text)


def _parsed(text: str, where: str) -> dict[str, Any]:
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" (line {mark.line + 1})" if mark is not None else ""
        raise PlatformError(f"this file is not YAML{place}", where=where, repair="repair it by hand") from None
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise PlatformError("this file holds no mapping", where=where, repair="move it away, or name another file")
    return data


def _edited(text: str, path: list[str], values: Mapping[str, Any], removed: Sequence[str]) -> str:
    for key in removed:
        text = _without(text, [*path, key])
    for depth in range(len(path), 0, -1):
        if removed and not values and value_at(yaml.safe_load(text), path[:depth]) in (None, {}):
            text = _without(text, path[:depth])
    for key, value in values.items():
        text = _with(text, [*path, key], value)
    return text


def _unshared(data: Any) -> Any:
    """A copy in which an alias and its anchor are two things, as a change of one must not change the other."""
    if isinstance(data, dict):
        return {key: _unshared(value) for key, value in data.items()}
    return [_unshared(item) for item in data] if isinstance(data, list) else data


def _pair(node: Any, key: str) -> tuple[Any, Any] | None:
    """Nodes of `key` and its value in a mapping node."""
    if not isinstance(node, yaml.MappingNode):
        return None
    return next(((name, value) for name, value in node.value if name.value == key), None)


def _empty(node: Any) -> bool:
    """Whether a value is `{}` or nothing at all."""
    if isinstance(node, yaml.MappingNode):
        return not node.value
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def _with(text: str, path: list[str], value: Any) -> str:
    node: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    if node is None:
        return _joined(text, _nested(path, value), "")
    if _empty(node):
        return _joined(text[: node.start_mark.index] + text[_end(text, node) :].lstrip("\n"), _nested(path, value), "")
    for depth, key in enumerate(path):
        pair = _pair(node, key)
        if pair is None:
            return _appended(text, node, _nested(path[depth:], value))
        name, current = pair
        before, after = text[: name.end_mark.index] + ":", text[max(_end(text, current), name.end_mark.index + 1) :]
        if depth == len(path) - 1:
            return f"{before} {_flow(value)}{after}"
        if _empty(current):
            indent = " " * (name.start_mark.column + INDENT)
            return before + "".join(f"\n{indent}{line}" for line in _nested(path[depth + 1 :], value)) + after
        node = current
    return text


def _appended(text: str, mapping: Any, lines: list[str]) -> str:
    """`text` with lines after the last entry of a block mapping."""
    if not isinstance(mapping, yaml.MappingNode) or not mapping.value:
        return text
    first, last = mapping.value[0][0], mapping.value[-1][1]
    position = text.find("\n", _end(text, last))
    head, tail = (text, "") if position < 0 else (text[: position + 1], text[position + 1 :])
    return _joined(head, lines, " " * first.start_mark.column) + tail


def _without(text: str, path: list[str]) -> str:
    node: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    pair = None
    for key in path:
        pair = _pair(node, key)
        if pair is None:
            return text
        node = pair[1]
    assert pair is not None
    start = text.rfind("\n", 0, pair[0].start_mark.index) + 1
    end = text.find("\n", _end(text, pair[1]))
    return text[:start] + ("" if end < 0 else text[end + 1 :])


def _end(text: str, node: Any) -> int:
    """Where the node's own text ends: PyYAML ends a block at the next token, past blank lines and comments."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(text, last[1] if isinstance(last, tuple) else last)
    if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
        return len(text[: node.end_mark.index].rstrip("\n"))  # its end lies behind empty lines
    return int(node.end_mark.index)


def _nested(path: list[str], value: Any) -> list[str]:
    """Lines of a block that holds `value` at `path`."""
    lines = [f"{' ' * (INDENT * depth)}{_flow(key, key=True)}:" for depth, key in enumerate(path)]
    lines[-1] += f" {_flow(value)}"
    return lines


def _joined(head: str, lines: list[str], indent: str) -> str:
    separator = "" if not head or head.endswith("\n") else "\n"
    return head + separator + "".join(f"{indent}{line}\n" for line in lines)


def _flow(value: Any, *, key: bool = False) -> str:
    if key and isinstance(value, str) and value.replace("_", "").replace("-", "").isalnum() and value[0].isalpha():
        return value
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(value, ensure_ascii=False))
