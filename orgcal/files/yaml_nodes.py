"""What PyYAML's nodes say about a YAML text: where each value stands, and what it means.

Raises PlatformError for a text that is no single mapping, or that has a key twice.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from orgcal.errors import PlatformError
from orgcal.files.text_format import doubled, line_of

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
NULL = "tag:yaml.org,2002:null"
MAX_DEPTH = 500
_OPENING = re.compile(r"[\[{]|[-?][ \t]+(?=[-?][ \t])")
"""Where a collection may begin within a line; those that begin with lines of their own soon make too long a file."""
MAX_VALUES = 5_000_000
"""In a file, each counted as often as aliases stand for it."""


def too_deep(where: str) -> PlatformError:
    """Return the error for a text on which functions of this module end with a RecursionError."""
    return PlatformError("this file is nested too deeply", where=where, repair="name another file")


def root_of(text: str, where: str, head: str = "") -> Any:
    """Return the mapping node of the text's one document, None for an empty one; tags of others are no error.

    Args:
        head: what stands before the text, for the numbers of lines.
    """
    try:
        _refuse_deep(text, where)
        documents = list(yaml.compose_all(text, Loader=LOADER))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        # What is not closed at the end is found behind the last line.
        within = min(mark.line, line_of(text, len(text.rstrip())) - 1) if mark is not None else 0
        place = f" (line {within + line_of(head, len(head))})" if mark is not None else ""
        raise PlatformError(f"this file is not YAML{place}", where=where, repair="repair it by hand") from None
    if len(documents) > 1:
        raise PlatformError(
            f"this file holds {len(documents)} YAML documents", where=where, repair="name a file with one document"
        )
    root = documents[0] if documents else None
    if is_null(root):
        return None
    if not isinstance(root, yaml.MappingNode):
        raise PlatformError("this file holds no mapping", where=where, repair="move it away, or name another file")
    _refuse_doubled(root, where, line_of(head, len(head)))
    return root


def _refuse_deep(text: str, where: str) -> None:
    """Refuse a text that is nested deeper than libyaml can compose: it ends the process with a segmentation fault."""
    if sum(1 for _ in _OPENING.finditer(text)) <= MAX_DEPTH:
        return
    depth = 0
    for event in yaml.parse(text, Loader=LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise too_deep(where)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _refuse_doubled(root: Any, where: str, first_line: int) -> None:
    nodes, seen, aliased = [root], set(), False
    while nodes:
        node = nodes.pop()
        if not isinstance(node, yaml.CollectionNode):
            continue
        if id(node) in seen:
            aliased = True
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            nodes += node.value
            continue
        keys: dict[tuple[str, str], Any] = {}
        for key, value in node.value:
            nodes.append(value)
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                first = keys.setdefault((key.tag, key.value), key)
                if first is not key:
                    raise doubled(key.value, [first_line + each.start_mark.line for each in (first, key)], where)
    if aliased:
        _refuse_multiplied(root, where)


def _refuse_multiplied(root: Any, where: str) -> None:
    """Refuse aliases that stand for more values than can be compared, as aliases of aliases soon do."""
    counts: dict[int, int] = {}
    nodes = [(root, False)]
    while nodes:
        node, parts_are_counted = nodes.pop()
        if parts_are_counted:
            counts[id(node)] = 1 + sum(counts[id(part)] for part in _parts(node))
        elif id(node) not in counts:
            counts[id(node)] = MAX_VALUES + 1  # which stays where it is a part of itself
            nodes.append((node, True))
            nodes += [(part, False) for part in _parts(node)]
    if counts[id(root)] > MAX_VALUES:
        raise PlatformError(
            f"the aliases of this file stand for more than {MAX_VALUES} values",
            where=where,
            repair="write some of them out, or name another file",
        )


def _parts(node: Any) -> list[Any]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def values_of(mapping: yaml.MappingNode) -> dict[str, Any]:
    """Return a mapping's data; what has a tag of another program's is left out."""
    constructor = yaml.constructor.SafeConstructor()
    constructor.flatten_mapping(mapping)
    found: dict[str, Any] = {}
    for key, value in mapping.value:
        try:
            found[str(key.value)] = constructor.construct_document(value)
        except (yaml.YAMLError, ValueError):  # a tag of another program's, or a date that there is none of
            continue
    return found


def shape_of(node: Any) -> Any:
    """Return what a node means, in a form that can be compared; a tag of another program's is a part of it."""
    if node is None:
        return {}
    if isinstance(node, yaml.MappingNode):
        return {_key(key): shape_of(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return (node.tag, [shape_of(each) for each in node.value])
    return (node.tag, node.value)


def _key(node: Any) -> Any:
    return node.value if isinstance(node, yaml.ScalarNode) and node.tag.endswith(":str") else repr(shape_of(node))


def pair_of(node: Any, key: str) -> tuple[Any, Any] | None:
    """Nodes of `key` and its value in a mapping node."""
    if not isinstance(node, yaml.MappingNode):
        return None
    return next(((name, value) for name, value in node.value if name.value == key), None)


def is_null(node: Any) -> bool:
    """Whether a value is nothing at all."""
    return node is None or (isinstance(node, yaml.ScalarNode) and node.tag == NULL)


def is_empty(node: Any) -> bool:
    """Whether a value is `{}` or nothing at all."""
    return is_null(node) or (isinstance(node, yaml.MappingNode) and not node.value)
