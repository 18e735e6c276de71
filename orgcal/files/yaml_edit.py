"""Changing values in a YAML text and leaving every other character of it as it is, comments included.

PyYAML reads YAML but forgets comments when it writes. Here its parser only says *where* things stand;
the text is then changed at those places, one line a value (text and lists in JSON's form, which is
YAML). Each edit is proved: the new text must parse to exactly what was meant, or nothing is written.

ruamel.yaml's round trip was tried in its place (0.19.1): it drops the comment that follows a list or key it
replaces or removes, and rewrites lines nobody asked for (`- 1` indented anew, `---`, `~`, escapes, CRLF).
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import yaml

from orgcal.errors import PlatformError

INDENT = 2

_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
"""Characters that JSON leaves as they are and YAML wants escaped (https://yaml.org/spec/1.2.2/#51-character-set)."""


def load(text: str, *, where: str) -> dict[str, Any]:
    """The mapping in `text`; an empty text is an empty mapping.

    Raises:
        PlatformError: it is not YAML, or no mapping.
    """
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" (line {mark.line + 1})" if mark is not None else ""
        raise PlatformError(f"this file is not YAML{place}", where=where, repair="repair it by hand") from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise PlatformError("this file holds no mapping", where=where, repair="move it away, or name another file")
    return found


def edit(text: str, path: Sequence[str], values: dict[str, Any], removed: Sequence[str], *, where: str) -> str:
    """`text` with some keys of the mapping at `path` set and others removed.

    Args:
        text: YAML whose root is a mapping, or empty.
        path: keys that lead to the mapping; what is missing is made.
        values: keys to set: text, numbers, booleans and lists of them.
        removed: keys to remove; mappings that become empty are removed as well, up to the root.
        where: for messages.

    Raises:
        PlatformError: the file is written in a way that cannot be changed without touching the rest
            (an alias, a mapping on one line that would have to grow).
    """
    meant: dict[str, Any] = _unshared(load(text, where=where))
    apply(meant, list(path), values, removed)
    try:
        new = _edited(text, list(path), values, removed)
        proved = (yaml.safe_load(new) or {}) == meant
    except yaml.YAMLError:
        proved = False
    if not proved:
        raise PlatformError(
            f"{'.'.join(path)} is written in a way that cannot be changed without touching the rest of the file",
            where=where,
            repair="write it as a block (one key a line, no aliases), or remove it and run pulumi up again",
        )
    return new


def _edited(text: str, path: list[str], values: dict[str, Any], removed: Sequence[str]) -> str:
    for key in removed:
        text = _without(text, [*path, key])
    for depth in range(len(path), 0, -1):
        if removed and not values and _at(yaml.safe_load(text), path[:depth]) in (None, {}):
            text = _without(text, path[:depth])
    for key, value in values.items():
        text = _with(text, [*path, key], value)
    return text


def apply(data: dict[str, Any], path: list[str], values: dict[str, Any], removed: Sequence[str]) -> None:
    """The same change on parsed data, as `edit` makes it on text."""
    trail = [data]
    for key in path:
        child = trail[-1].get(key)
        if not isinstance(child, dict):
            child = {}
            if values:
                trail[-1][key] = child
        trail.append(child)
    trail[-1].update(values)
    for key in removed:
        trail[-1].pop(key, None)
    for parent, key, child in reversed(list(zip(trail, path, trail[1:], strict=False))):
        if removed and not child and key in parent:
            del parent[key]


def _unshared(data: Any) -> Any:
    """A copy in which an alias and its anchor are two things, as a change of one must not change the other."""
    if isinstance(data, dict):
        return {key: _unshared(value) for key, value in data.items()}
    return [_unshared(item) for item in data] if isinstance(data, list) else data


def _at(data: Any, path: Sequence[str]) -> Any:
    for key in path:
        data = data.get(key) if isinstance(data, dict) else None
    return data


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
        name, held = pair
        before, after = text[: name.end_mark.index] + ":", text[max(_end(text, held), name.end_mark.index + 1) :]
        if depth == len(path) - 1:
            return f"{before} {_flow(value)}{after}"
        if _empty(held):
            indent = " " * (name.start_mark.column + INDENT)
            return before + "".join(f"\n{indent}{line}" for line in _nested(path[depth + 1 :], value)) + after
        node = held
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
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))
