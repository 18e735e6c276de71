"""dotenv texts as a `TextFormat`: changed line by line, everything else stays as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from orgcal.files.mapping import with_line_ends

_LINE = re.compile(r"^(?P<head>\s*(?:export\s+)?)(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=(?P<value>.*)$")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


def read(text: str, trail: Sequence[str] = (), *, where: str = "") -> dict[str, str]:  # noqa: ARG001 - see TextFormat
    """Return the variables; the last one of a name wins."""
    return {name: value for name, value, _, _ in _entries(text)}


def edit(
    text: str,
    trail: Sequence[str],  # noqa: ARG001 - see TextFormat
    values: Mapping[str, Any],
    removed: Sequence[str],
    *,
    where: str = "",  # noqa: ARG001 - see TextFormat
) -> str:
    """See `TextFormat.edit`; lists are joined by commas."""
    new, missing = text, dict(values)
    for name, _, start, end in reversed(_entries(text)):
        if name in values:
            line = _LINE.match(new[start:end].split("\n")[0])
            head = line["head"] if line else ""
            new = new[:start] + f"{head}{name}={_quoted(values[name])}\n" + new[end:]
            missing.pop(name, None)
        elif name in removed:
            new = new[:start] + new[end:]
    if missing and new and not new.endswith("\n"):
        new += "\n"
    return with_line_ends(new + "".join(f"{name}={_quoted(value)}\n" for name, value in missing.items()), text)


def _entries(text: str) -> list[tuple[str, str, int, int]]:
    """Return name, value, start and end of each entry; quoted values may span lines."""
    entries: list[tuple[str, str, int, int]] = []
    position = 0
    lines = text.splitlines(keepends=True)
    number = 0
    while number < len(lines):
        start, taken = position, lines[number]
        match = _LINE.match(taken.rstrip("\r\n"))
        if match:
            quote = match["value"].strip()[:1]
            if quote in ("'", '"'):
                while not _closed(taken[match.start("value") :], quote) and number + 1 < len(lines):
                    number += 1
                    taken += lines[number]
            entries.append((match["name"], _value(taken[match.start("value") :].strip()), start, start + len(taken)))
        position = start + len(taken)
        number += 1
    return entries


def _closed(text: str, quote: str) -> bool:
    body = text.strip()[1:]
    return bool(re.match(r"(?:[^\"\\]|\\.)*\"", body, re.DOTALL)) if quote == '"' else "'" in body


def _value(text: str) -> str:
    if text.startswith('"'):
        match = re.match(r'"((?:[^"\\]|\\.)*)"', text, re.DOTALL)
        body = match[1] if match else text[1:]
        return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), body, flags=re.DOTALL)
    if text.startswith("'"):
        return text[1:].split("'", 1)[0]
    return re.split(r"\s+#", text, maxsplit=1)[0].strip()


def _quoted(value: Any) -> str:
    """Put a value into double quotes, which every dotenv reader understands; `$` would be expanded by some."""
    text = ",".join(value) if isinstance(value, list) else str(value).lower() if isinstance(value, bool) else str(value)
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return '"' + escaped.replace("$", "\\$") + '"'
