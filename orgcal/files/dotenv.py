"""Variables in a dotenv file: read and changed line by line, everything else left as it is."""

from __future__ import annotations

import re

_LINE = re.compile(r"^(?P<head>\s*(?:export\s+)?)(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=(?P<value>.*)$")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


def load(text: str) -> dict[str, str]:
    """The variables, the last one winning."""
    return {name: value for name, value, _, _ in _entries(text)}


def edit(text: str, values: dict[str, str], removed: set[str]) -> str:
    """`text` with some variables set, where they stand or at the end, and others removed."""
    new, missing = text, dict(values)
    for name, _, start, end in reversed(_entries(text)):
        if name in values:
            head = _LINE.match(new[start:end].split("\n")[0])
            prefix = head["head"] if head else ""
            new = new[:start] + f"{prefix}{name}={_quoted(values[name])}\n" + new[end:]
            missing.pop(name, None)
        elif name in removed:
            new = new[:start] + new[end:]
    if missing and new and not new.endswith("\n"):
        new += "\n"
    return new + "".join(f"{name}={_quoted(value)}\n" for name, value in missing.items())


def _entries(text: str) -> list[tuple[str, str, int, int]]:
    """Name, value, and where each entry begins and ends; quoted values may span lines."""
    found: list[tuple[str, str, int, int]] = []
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
            found.append((match["name"], _value(taken[match.start("value") :].strip()), start, start + len(taken)))
        position = start + len(taken)
        number += 1
    return found


def _closed(text: str, quote: str) -> bool:
    body = text.strip()[1:]
    return bool(re.match(r"(?:[^\"\\]|\\.)*\"", body, re.DOTALL)) if quote == '"' else "'" in body


def _value(text: str) -> str:
    if text.startswith('"'):
        match = re.match(r'"((?:[^"\\]|\\.)*)"', text, re.DOTALL)
        body = match[1] if match else text[1:]
        return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), body, flags=re.DOTALL)
    if text.startswith("'"):
        return text[1:].split("'", 1)[0]
    return re.split(r"\s+#", text, maxsplit=1)[0].strip()


def _quoted(value: str) -> str:
    """In double quotes, which every dotenv reader understands; `$` would be expanded by some."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return '"' + escaped.replace("$", "\\$") + '"'
