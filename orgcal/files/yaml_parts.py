"""Finds the part of a long YAML text that an edit concerns, since PyYAML needs seconds for megabytes.

Only texts of simple lines are taken apart: those on which no string, list or mapping begins that a later line ends. So
each line tells by its indent alone to which key it belongs. Any other text is one part.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from orgcal.files.text_format import BOM

LONG = 128 * 1024
"""Characters from which on a text is taken apart."""

_EOL = r"(?:\r\n|\n|\r)"
_KEY = r"""(?:[A-Za-z0-9_][A-Za-z0-9_./-]*|"[^"\\\r\n]*"|'[^'\r\n]*')"""
_VALUE = r"""(?:"(?:[^"\\\r\n]|\\[^\r\n])*"|'(?:[^'\r\n]|'')*'|[\[{][^\[\]{}"'#\r\n]*[\]}]|[A-Za-z0-9_./+~-](?:[^\s#:]|[ ](?!\#)|:(?=\S)|(?<=\S)\#)*)"""
_COMMENT = r"(?:[ \t]+\#[^\r\n]*|[ \t]*)"
_LINES_OF_KEY = rf"""
    (?: [ ]+[|>][0-9+-]*{_COMMENT}{_EOL} (?: \1[ ]+[^\r\n]*{_EOL} | [ ]*{_EOL} )*+
      | (?:[ ]+{_VALUE})?{_COMMENT}{_EOL} )"""
_INNER = rf"""(?: [ \t]*(?:\#[^\r\n]*)?{_EOL}
    | (INDENT[ ]+)(?:-[ ]+)*+ (?: {_KEY}:{_LINES_OF_KEY} | {_VALUE}{_COMMENT}{_EOL} )
    | INDENT(?:-[ ]+)++ (?: {_KEY}:(?:[ ]+{_VALUE})?{_COMMENT}{_EOL} | {_VALUE}{_COMMENT}{_EOL} ) )*+"""
_LEAD = re.compile(rf"(?:[ \t]*(?:\#[^\r\n]*)?{_EOL})*+(?:---[ ]*{_EOL})?(?:[ \t]*(?:\#[^\r\n]*)?{_EOL})*+")
_FILLER = re.compile(rf"(?:[ \t]*(?:\#[^\r\n]*)?{_EOL})+\Z")
_UNUSUAL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff]")
_BARE_KEY = re.compile(rf"[ ]*{_KEY}:{_COMMENT}{_EOL}")


class Parts(NamedTuple):
    """A text in three parts, of which only `middle` is edited: a YAML document whose keys have `indent`.

    Attributes:
        depth: how many keys on the way to the edited mapping lead to `middle`, and so are not in it.
    """

    head: str
    middle: str
    tail: str
    depth: int = 0
    indent: str = ""


def parts_with(text: str, trail: Sequence[str]) -> Parts:
    """Return the text with what stands at `trail` in its middle, or where it would be added."""
    head = BOM if text.startswith(BOM) else ""
    body = text[len(head) :]
    parts = Parts(head, body, "")
    if len(body) <= LONG or body[-1] not in "\r\n" or _UNUSUAL.search(body.replace("\r", "")):
        return parts
    for key in trail:
        narrower = _narrowed(parts, key)
        if narrower is None:
            return parts
        parts = narrower
        if len(parts.middle) <= LONG:
            return parts
        opened = _opened(parts)
        if opened is None:
            return parts
        parts = opened
    return parts


def _narrowed(parts: Parts, key: str) -> Parts | None:
    """Return the parts with one key and its lines in the middle; None for a text that is not simple."""
    pattern = _section(parts.indent)
    text, found = parts.middle, []
    lead = _LEAD.match(text)
    position, names = lead.end() if lead else 0, set()
    while position < len(text):
        section = pattern.match(text, position)
        if section is None:
            return None
        name = section["key"].strip("\"'")
        if name in names:
            return None
        names.add(name)
        if name == key:
            found = [section.span()]
        position = section.end()
    filler = _FILLER.search(text, max(0, len(text) - LONG))
    end = filler.start() if filler else len(text)
    start, stop = found[0] if found else (end, end)
    return parts._replace(head=parts.head + text[:start], middle=text[start:stop], tail=text[stop:] + parts.tail)


def _section(indent: str) -> re.Pattern[str]:
    lines = _INNER.replace("INDENT", indent).replace(r"\1", r"\2")
    return re.compile(
        rf"{indent}(?=(?P<key>{_KEY}):)(?:{_KEY}:{_LINES_OF_KEY.replace(chr(92) + '1', indent or '(?:)')}){lines}",
        re.VERBOSE,
    )


def _opened(parts: Parts) -> Parts | None:
    """Return the parts with the lines below a key in the middle; None if they are no mapping in a block."""
    line = _BARE_KEY.match(parts.middle)
    first = (
        re.compile(rf"(?:[ \t]*(?:#[^\r\n]*)?{_EOL})*+(?P<indent>[ ]+){_KEY}:").match(parts.middle, line.end())
        if line
        else None
    )
    if line is None or first is None:
        return None
    return parts._replace(
        head=parts.head + parts.middle[: line.end()],
        middle=parts.middle[line.end() :],
        depth=parts.depth + 1,
        indent=first["indent"],
    )
