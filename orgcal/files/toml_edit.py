"""TOML texts as a `TextFormat`, by tomlkit, which keeps comments, order and the spelling of values.

tomlkit and `tomllib` need seconds for megabytes. So of a long text they get only the table that an edit concerns, where
it has a header of its own. Each new text is read by `tomllib` and compared with what was intended, or it is refused.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from orgcal.errors import PlatformError
from orgcal.files.text_format import BOM, LINE_END, change, newline_before, no_mapping, value_at

LONG = 64 * 1024
"""Characters from which on only the table that is edited is parsed."""

_TOKEN = re.compile(
    r"""\"{3}(?:[^\\]|\\.)*?\"{3,5}|'{3}.*?'{3,5}|"(?:[^"\\\r\n]|\\.)*"|'[^'\r\n]*'|\#[^\r\n]*
    |(?:^|(?<=\n))[ \t]*(?P<header>\[\[?[^\r\n\#]*?\]\]?)[ \t]*(?=[\r\n\#]|\Z)""",
    re.DOTALL | re.VERBOSE,
)
"""Strings and comments, in which nothing is looked for, and lines with the header of a table."""


_BARE = re.compile(r"\[([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)\]")


class _Parts(NamedTuple):
    """A text in three parts, of which only `middle` is edited: a TOML document that has the table in question."""

    head: str
    middle: str
    tail: str


def read(text: str, trail: Sequence[str], *, where: str) -> dict[str, Any]:
    """See `TextFormat.read`."""
    mapping = value_at(_parsed(_parts(text, trail).middle, where), trail)
    return mapping if isinstance(mapping, dict) else {}


def edit(text: str, trail: Sequence[str], values: Mapping[str, Any], removed: Sequence[str], *, where: str) -> str:
    """See `TextFormat.edit`."""
    parts = _parts(text, trail)
    data = _parsed(parts.middle, where)
    for depth in range(1, len(trail) + 1):
        if values and not isinstance(value_at(data, trail[:depth]) or {}, dict):
            raise no_mapping(trail[:depth], where)
    intended = _parsed(parts.middle, where)
    change(intended, trail, values, removed)
    if intended == data:
        return text
    newline = newline_before(text, len(text))
    try:
        new = _edited(parts.middle, trail, values, removed, newline)
        as_intended = tomllib.loads(new) == intended
    except (ValueError, TypeError, LookupError, AttributeError):  # tomlkit has many for what it cannot do
        as_intended = False
    if not as_intended:
        raise PlatformError(
            f"{'.'.join(trail)} is written in a way that cannot be changed without touching the rest of the file",
            where=where,
            repair="write it as a table of its own, or remove it and run the command again",
        )
    lead = newline if new and parts.head.strip(BOM) and not parts.head.endswith("\n") else ""
    return parts.head + lead + new + parts.tail


def _parts(text: str, trail: Sequence[str]) -> _Parts:
    """Return the text with the table at `trail` in its middle, if it is long and the table has a header of its own."""
    mark = BOM if text.startswith(BOM) else ""
    whole = _Parts(mark, text[len(mark) :], "")
    if len(text) <= LONG:
        return whole
    headers = [match for match in _TOKEN.finditer(text) if match["header"]]
    names = [_name(match["header"]) for match in headers]
    wanted = [index for index, name in enumerate(names) if name[: len(trail)] == tuple(trail)]
    if not wanted:
        root = text[: headers[0].start()] if headers else text
        apart = not re.search(rf"(?:^|\n)[ \t\"']*{re.escape(trail[0])}\b", root) and (trail[0],) not in names
        return _Parts(text, "", "") if apart else whole
    first, last = wanted[0], wanted[-1]
    if wanted != list(range(first, last + 1)):
        return whole
    start, end = headers[first].start(), headers[last + 1].start() if last + 1 < len(headers) else len(text)
    return _Parts(text[:start], text[start:end], text[end:])


def _name(header: str) -> tuple[str, ...]:
    """Return the keys of a table's header; none of an array's, or of one that is written wrongly."""
    if header.startswith("[["):
        return ()
    if bare := _BARE.fullmatch(header):
        return tuple(bare[1].split("."))
    keys: list[str] = []
    try:
        found: Any = tomllib.loads(header)
    except tomllib.TOMLDecodeError:
        return ()
    while isinstance(found, dict) and found:
        (key, found), *_ = found.items()
        keys.append(key)
    return tuple(keys) if isinstance(found, dict) else ()


def _parsed(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError itself for a number that is too long
        line = re.search(r"at line ([0-9]+)", str(error))
        raise PlatformError(
            f"this file is not TOML{f' (line {line[1]})' if line else ''}",
            where=where,
            repair="repair it by hand (a key may stand there twice), or name its format by `format`",
        ) from None


def _edited(text: str, trail: Sequence[str], values: Mapping[str, Any], removed: Sequence[str], newline: str) -> str:
    import tomlkit  # only where it is needed

    document = tomlkit.parse(text)
    if tomlkit.dumps(document) != text:
        raise ValueError
    tables: list[Any] = [document]
    for depth, key in enumerate(trail, start=1):
        if key not in tables[-1]:
            if not values:
                return text
            tables[-1][key] = tomlkit.table(depth < len(trail))
        tables.append(tables[-1][key])
    found = tables[-1]
    kept = [_removed(found, key) for key in removed if key in found and key not in values]
    for key, value in values.items():
        if key not in found or not _same(_item(found, key).unwrap(), value):
            _set(found, key, value)
    while len(tables) > 1 and removed and not tables[-1]:
        tables.pop()
        kept = [
            each for each in _comments(_item(tables[-1], trail[len(tables) - 1]).as_string()) if each not in kept
        ] + kept
        del tables[-1][trail[len(tables) - 1]]
    new = tomlkit.dumps(document)
    rest = [each for each in kept if each and each not in _comments(new)]
    new += "".join(each + newline for each in rest)
    bare = newline == "\r\n" and not re.search(r"(?<!\r)\n", text)
    return LINE_END.sub("\r\n", new) if bare else new


def _item(table: Any, key: str) -> Any:
    """Return the item of a key, as indexing gives plain booleans."""
    return (table if hasattr(table, "item") else table.value).item(key)


def _same(found: Any, value: Any) -> bool:
    """Whether a value is the one that is meant, and of the same type: in Python, 1 is True."""
    return type(found) is type(value) and bool(found == value)


def _set(table: Any, key: str, value: Any) -> None:
    """Set a key, with the comment that stood beside its old value."""
    import tomlkit

    item = tomlkit.item(value)
    if key in table:
        old = _item(table, key).trivia
        item.trivia.comment_ws, item.trivia.comment, item.trivia.trail = old.comment_ws, old.comment, old.trail
    table[key] = item


def _removed(table: Any, key: str) -> str:
    """Remove a key, and return the comment that stood beside its value."""
    comment = str(_item(table, key).trivia.comment)
    del table[key]
    return comment


def _comments(text: str) -> list[str]:
    """Return the comments of a TOML text."""
    return [match[0] for match in _TOKEN.finditer(text) if match[0].startswith("#")]
