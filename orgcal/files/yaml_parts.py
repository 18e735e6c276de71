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
_QUOTED = r"""(?:"(?:[^"\\\r\n]|\\[^\r\n])*"|'(?:[^'\r\n]|\'\')*')"""
_FLOW = rf"""[\[{{](?:[^\[\]{{}}"'\#\r\n]|(?<=[\[{{,:\s]){_QUOTED})*+[\]}}]"""
_PLAIN = r"[A-Za-z0-9_./+~-](?:[^\s\#:]|[ ](?!\#)|:(?=\S)|(?<=\S)\#)*"
_VALUE = rf"(?:{_QUOTED}|{_FLOW}|{_PLAIN})"
_REST = rf"(?:[ \t]+\#[^\r\n]*|[ \t]*){_EOL}"
_FILLER = rf"(?:[ \t]*(?:\#[^\r\n]*)?{_EOL})"
_SECTION = rf"""
    INDENT(?=(?P<key>{_KEY}):)
    {_KEY}:(?: [ ]+[|>][0-9+-]*{_REST}(?:INDENT[ ]+[^\r\n]*{_EOL}|[ ]*{_EOL})*+ | (?:[ ]+{_VALUE})?{_REST} )
    (?: {_FILLER}
      | (?P<inner>INDENT[ ]+)(?:-[ ]+)*+{_KEY}:[ ]+[|>][0-9+-]*{_REST}(?:(?P=inner)[ ]+[^\r\n]*{_EOL}|[ ]*{_EOL})*+
      | INDENT(?:[ ]+(?:-[ ]+)*+|(?:-[ ]+)++)(?: {_KEY}:(?:[ ]+{_VALUE})? | {_VALUE} ){_REST}
    )*+"""
"""A key with INDENT before it, and all lines below it."""
_LEAD = re.compile(rf"{_FILLER}*+(?:---[ ]*{_EOL})?{_FILLER}*+")
_END = re.compile(rf"(?<=[\r\n])(?!(?<=\r)\n){_FILLER}+\Z")
_UNUSUAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff]")
_BARE_KEY = re.compile(rf"[ ]*{_KEY}:{_REST}")
_FIRST_KEY = re.compile(rf"{_FILLER}*+(?P<indent>[ ]+){_KEY}:")


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
    if len(body) <= LONG or body[-1] not in "\r\n" or _UNUSUAL.search(body):
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
    pattern = re.compile(_SECTION.replace("INDENT", f"[ ]{{{len(parts.indent)}}}"), re.VERBOSE)
    text = parts.middle
    filler = _END.search(text, len(text) - min(len(text), LONG))
    start = stop = filler.start() if filler else len(text)
    position, names = _end_of(_LEAD, text), set()
    while position < len(text):
        section = pattern.match(text, position)
        name = section["key"].strip("\"'") if section else ""
        if section is None or name in names:  # a doubled key is told by who parses it all
            return None
        names.add(name)
        position = section.end()
        if name == key:
            start, stop = section.span()
    return parts._replace(head=parts.head + text[:start], middle=text[start:stop], tail=text[stop:] + parts.tail)


def _opened(parts: Parts) -> Parts | None:
    """Return the parts with the lines below a key in the middle; None if they are no mapping in a block."""
    line = _end_of(_BARE_KEY, parts.middle)
    first = _FIRST_KEY.match(parts.middle, line)
    if not line or not first:
        return None
    head, middle = parts.head + parts.middle[:line], parts.middle[line:]
    return parts._replace(head=head, middle=middle, depth=parts.depth + 1, indent=first["indent"])


def _end_of(pattern: re.Pattern[str], text: str) -> int:
    match = pattern.match(text)
    return match.end() if match else 0
