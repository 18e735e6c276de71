"""Finds the part of a long YAML text that an edit concerns, since PyYAML needs seconds for megabytes.

Only texts whose lines tell by their indent alone to which key they belong are taken apart. A string or a flow
collection may span lines where it begins behind a key, and there only, since elsewhere its first character may be text
that continues the line above. Any other text is one part; so is one with complex keys (`?`), directives, or an anchor
or alias in what is edited.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import NamedTuple

from orgcal.files.text_format import BOM, newline_before

LONG = 128 * 1024
"""Characters from which on a text is taken apart."""

_EOL = r"(?:\r\n|\n|\r)"
_PLAIN = r"(?:[\w./<~+$=^;\\(]|-(?=\S))(?:[^\s\#:]++|[ ]+(?!\#)|:(?=\S)|(?<=\S)\#)*+"
_KEY = rf"""(?:"[^"\\\r\n]*"|'[^'\r\n]*'|{_PLAIN})"""
_QUOTED = r"""(?:"(?:[^"\\]|\\[\s\S])*+"|'(?:[^']|'')*+')"""
_QUOTED_LINE = r"""(?:"(?:[^"\\\r\n]|\\[^\r\n])*+"|'(?:[^'\r\n]|'')*+')"""


def _flow(quoted: str, others: str, inner: str) -> str:
    """Return the pattern of a flow collection, with `inner` in it."""
    return rf"""[\[{{](?:[^\[\]{{}}"'\#{others}]|(?<=[\[{{,:\s]){quoted}|{inner})*+[\]}}]"""


_FLOW = _flow(_QUOTED, "", _flow(_QUOTED, "", _flow(_QUOTED, "", r"(?!)")))
_FLOW_LINE = _flow(_QUOTED_LINE, r"\r\n", _flow(_QUOTED_LINE, r"\r\n", r"(?!)"))
_PROPERTY = r"[!&][^\s,\[\]{}]*+"
_PROPERTIES = rf"(?:{_PROPERTY}[ ]+)*"
_ALIAS = r"[*][^\s,\[\]{}]++"
_NODE = rf"{_PROPERTIES}(?:{_QUOTED}|{_FLOW}|{_PLAIN}|{_ALIAS}|{_PROPERTY})"
_NODE_LINE = rf"{_PROPERTIES}(?:{_QUOTED_LINE}|{_FLOW_LINE}|{_PLAIN}|{_ALIAS}|{_PROPERTY})"
_REST = rf"(?:[ \t]+\#[^\r\n]*|[ \t]*){_EOL}"
_FILLER = rf"(?:[ \t]*(?:\#[^\r\n]*)?{_EOL})"
_BLOCK = rf"{_PROPERTIES}[|>][0-9+-]*{_REST}"
_TEXT = rf"[^\r\n]*{_EOL}|[ ]*{_EOL}"
_VALUE = rf"(?:[ ]+{_NODE})?{_REST}"


class _Patterns(NamedTuple):
    """What is found below a key, for one indent of the keys.

    No group stands within what gives nothing back (`*+`), where Python 3.11 may lose its place.

    Attributes:
        first: the line of a key, or a key with its block scalar.
        lines: any number of lines below it without a block scalar.
        block: a line below it with its block scalar.
    """

    first: re.Pattern[str]
    lines: re.Pattern[str]
    block: re.Pattern[str]


@functools.cache
def _patterns(width: int) -> _Patterns:
    indent = f"[ ]{{{width}}}"
    deeper = rf"{indent}(?:[ ]+(?:-[ ]+)*+|(?:-[ ]+)++)"
    first = rf"""{indent}(?!(?:---|\.\.\.)\s)(?P<key>{_KEY}):
        (?: [ ]+{_BLOCK}(?:{indent}[ ]+{_TEXT})*+ | {_VALUE} )"""
    lines = rf"""(?: {_FILLER} | {deeper}(?:{_KEY}:{_VALUE} | {_NODE_LINE}{_REST})
        | {indent}[ ]*(?:-[ ]+)*+-[ ]*{_EOL})*+"""
    block = rf"""(?P<key>{indent}[ ]+){_KEY}:[ ]+{_BLOCK}(?:(?P=key)[ ]+{_TEXT})*+
        | (?P<list>{indent}[ ]*)-[ ]{_KEY}:[ ]+{_BLOCK}(?:(?P=list)[ ]{{3,}}{_TEXT})*+
        | (?P<item>{indent}[ ]*)-[ ]+{_BLOCK}(?:(?P=item)[ ]+{_TEXT})*+"""
    return _Patterns(*(re.compile(each, re.VERBOSE) for each in (first, lines, block)))


_LEAD = re.compile(rf"{_FILLER}*+(?:---[ ]*{_EOL})?{_FILLER}*+")
_END = re.compile(rf"(?<=[\r\n])(?!(?<=\r)\n){_FILLER}+\Z")
_UNUSUAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff]")
_BARE_KEY = re.compile(rf"[ ]*{_KEY}:{_REST}")
_REFERENCE = re.compile(r"(?<![^\s\[{,:])[&*]\S")
"""An anchor or an alias, whose other end may stand in another part."""
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
    """Return the text with what stands at `trail` in its middle, or where it would be added.

    Where it is added behind a last line without an end, `head` has the end that is missing.
    """
    head = BOM if text.startswith(BOM) else ""
    whole = Parts(head, text[len(head) :], "")
    if len(whole.middle) <= LONG or _UNUSUAL.search(whole.middle):
        return whole
    end = "" if text[-1] in "\r\n" else newline_before(text, len(text))
    parts = _narrowest(whole._replace(middle=whole.middle + end), trail)
    if (parts.depth == 0 and not parts.tail and parts.head == head) or _REFERENCE.search(parts.middle):
        return whole
    if end and parts.tail:
        return parts._replace(tail=parts.tail.removesuffix(end))
    return parts._replace(middle=parts.middle.removesuffix(end)) if end else parts


def _narrowest(parts: Parts, trail: Sequence[str]) -> Parts:
    for key in trail:
        narrower = _narrowed(parts, key)
        if narrower is None or len(narrower.middle) <= LONG:
            return narrower or parts
        parts = narrower
        opened = _opened(parts)
        if opened is None:
            return parts
        parts = opened
    return parts


def _narrowed(parts: Parts, key: str) -> Parts | None:
    """Return the parts with one key and its lines in the middle; None for a text that is not simple."""
    patterns, text = _patterns(len(parts.indent)), parts.middle
    filler = _END.search(text, len(text) - min(len(text), LONG))
    start = stop = filler.start() if filler else len(text)
    position, names = _end_of(_LEAD, text), set()
    while position < len(text):
        first = patterns.first.match(text, position)
        name = _name(first["key"]) if first else ""
        if first is None or name in names:  # a doubled key is told by who parses it all
            return None
        names.add(name)
        begin, position = position, _end_of(patterns.lines, text, first.end())
        while block := patterns.block.match(text, position):
            position = _end_of(patterns.lines, text, block.end())
        if name == key:
            start, stop = begin, position
    return parts._replace(head=parts.head + text[:start], middle=text[start:stop], tail=text[stop:] + parts.tail)


def _name(written: str) -> str:
    """Return a key as it is meant; what stands between its quotes has no escapes."""
    return written[1:-1] if written[0] in "\"'" else written.rstrip(" ")


def _opened(parts: Parts) -> Parts | None:
    """Return the parts with the lines below a key in the middle; None if they are no mapping in a block."""
    line = _end_of(_BARE_KEY, parts.middle)
    first = _FIRST_KEY.match(parts.middle, line)
    if not line or not first:
        return None
    head, middle = parts.head + parts.middle[:line], parts.middle[line:]
    return parts._replace(head=head, middle=middle, depth=parts.depth + 1, indent=first["indent"])


def _end_of(pattern: re.Pattern[str], text: str, position: int = 0) -> int:
    match = pattern.match(text, position)
    return match.end() if match else position
