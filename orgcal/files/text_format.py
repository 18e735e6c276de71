"""The interface of the text formats that are edited in place, and what they share."""

from __future__ import annotations

import contextlib
import gc
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from orgcal.errors import PlatformError

BOM = "\ufeff"
"""Byte order mark, with which some editors of Windows begin a file; it stays, and is no part of what is read."""

LINE_END = re.compile(r"\r\n|\n|\r")


class TextFormat(Protocol):
    """A format such as YAML, as the modules `yaml_edit`, `json_edit`, `toml_edit` and `dotenv` implement it.

    `trail` lists the keys that lead to a mapping in the text; dotenv has one mapping only and ignores it. `where`
    names the file in messages. Both functions raise `PlatformError` for a text of another format, and for one in which
    a key stands twice. An empty text is of every format.
    """

    def read(self, text: str, trail: Sequence[str], *, where: str) -> Mapping[str, Any]:
        """Return the mapping at `trail`; empty if there is none."""

    def edit(
        self, text: str, trail: Sequence[str], values: Mapping[str, Any], removed: Sequence[str], *, where: str
    ) -> str:
        """Return `text` with keys of the mapping at `trail` set to `values` and others removed.

        Every character outside these values stays, comments beside removed ones included. A missing mapping is made;
        one that becomes empty by `removed` is removed, and so are those around it. Values are text, numbers, booleans
        and lists of them.
        """


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Keep Python from looking for garbage, which takes as long as parsing megabytes that hold none."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class Splice(NamedTuple):
    """A part of a text, from `start` to before `end`, and what stands there instead."""

    start: int
    end: int
    new: str


def spliced(text: str, splices: Iterable[Splice]) -> str:
    """Return `text` with parts replaced, which must not overlap; insertions at one place keep their order."""
    parts, position = [], 0
    for splice in sorted(splices, key=lambda each: each[:2]):
        assert splice.start >= position
        parts += [text[position : splice.start], splice.new]
        position = splice.end
    return "".join([*parts, text[position:]])


def line_of(text: str, position: int) -> int:
    """Return the number of the line, from 1, in which a position of the text is."""
    return 1 + sum(1 for _ in LINE_END.finditer(text, 0, position))


def line_start(text: str, position: int) -> int:
    """Return where the line of a position begins."""
    return max(text.rfind("\n", 0, position), text.rfind("\r", 0, position)) + 1


def line_end(text: str, position: int) -> tuple[int, int]:
    """Return where the line of a position ends, before and after the characters that end it."""
    match = LINE_END.search(text, position)
    return match.span() if match else (len(text), len(text))


def newline_before(text: str, position: int) -> str:
    """Return what ends the last line before a position, else the first line of the text, else a line feed."""
    start = line_start(text, position)
    if start:
        return "\r\n" if text[start - 2 : start] == "\r\n" else text[start - 1]
    match = LINE_END.search(text)
    return match[0] if match else "\n"


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
            if not values:
                return
            mappings[-1][key] = child = {}
        mappings.append(child)
    mappings[-1].update(values)
    for key in removed:
        mappings[-1].pop(key, None)
    for parent, key, child in reversed(list(zip(mappings, trail, mappings[1:], strict=False))):
        if removed and not child and key in parent:
            del parent[key]


def doubled(key: str, lines: Sequence[int], where: str) -> PlatformError:
    """Return the error that a key stands in several lines, of which readers take different ones."""
    return PlatformError(
        f"{key} stands in lines {', '.join(map(str, lines[:-1]))} and {lines[-1]}",
        where=where,
        repair="leave the one that is meant",
    )


def no_mapping(trail: Sequence[str], where: str) -> PlatformError:
    """Return the error that a value stands where the mapping at `trail` would have to be to set something there."""
    return PlatformError(
        f"{'.'.join(trail)} is a value, and the connector's settings would have to be below it",
        where=where,
        repair="remove it by hand, or name another place by `at`",
    )
