"""The interface of the text formats that are edited in place, what they share, and JSON as one of them.

An edited JSON text is laid out anew, with its keys in their order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from orgcal.errors import PlatformError


class TextFormat(Protocol):
    """A format such as YAML, as `yaml_edit`, `json_edit` and `dotenv` implement it by their functions.

    `trail` lists the keys that lead to a mapping in the text; dotenv has one mapping only and ignores it. `where`
    names the file in messages. Both functions raise `PlatformError` for a text of another format.
    """

    def read(self, text: str, trail: Sequence[str], *, where: str) -> Mapping[str, Any]:
        """Return the mapping at `trail`; empty if there is none."""

    def edit(
        self, text: str, trail: Sequence[str], values: Mapping[str, Any], removed: Sequence[str], *, where: str
    ) -> str:
        """Return `text` with keys of the mapping at `trail` set to `values` and others removed.

        A missing mapping is made; one that becomes empty by `removed` is removed, and so are those around it. Values
        are text, numbers, booleans and lists of them.
        """


def value_at(data: Any, trail: Sequence[str]) -> Any:
    """Return what parsed data has at `trail`, or None."""
    for key in trail:
        data = data.get(key) if isinstance(data, dict) else None
    return data


def change(data: dict[str, Any], trail: Sequence[str], values: Mapping[str, Any], removed: Sequence[str]) -> None:
    """Make the change of `TextFormat.edit` in parsed data."""
    mappings = [data]
    for key in trail:
        child = mappings[-1].get(key)
        if not isinstance(child, dict):
            child = {}
            if values:
                mappings[-1][key] = child
        mappings.append(child)
    mappings[-1].update(values)
    for key in removed:
        mappings[-1].pop(key, None)
    for parent, key, child in reversed(list(zip(mappings, trail, mappings[1:], strict=False))):
        if removed and not child and key in parent:
            del parent[key]


def with_line_ends(new: str, old: str) -> str:
    """Return `new` with the line ends of `old`."""
    return new.replace("\r\n", "\n").replace("\n", "\r\n") if "\r\n" in old else new


def read(text: str, trail: Sequence[str], *, where: str) -> dict[str, Any]:
    """See `TextFormat.read`."""
    mapping = value_at(_parsed(text, where), trail)
    return mapping if isinstance(mapping, dict) else {}


def edit(text: str, trail: Sequence[str], values: Mapping[str, Any], removed: Sequence[str], *, where: str) -> str:
    """See `TextFormat.edit`."""
    data = _parsed(text, where)
    change(data, trail, values, removed)
    return with_line_ends(json.dumps(data, indent=2, ensure_ascii=False) + "\n", text)


def _parsed(text: str, where: str) -> dict[str, Any]:
    try:
        data = json.loads(text or "{}")
    except ValueError as error:
        raise PlatformError(f"this file is not JSON ({error})", where=where) from None
    if not isinstance(data, dict):
        raise PlatformError("this file holds no JSON object", where=where)
    return data
