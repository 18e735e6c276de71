"""dotenv texts as a `TextFormat`: changed line by line, everything else stays as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from orgcal.files.json_edit import with_line_ends

_ENTRY = re.compile(
    r"""^(?P<head>[^\S\r\n]*(?:export[^\S\r\n]+)?)(?P<name>[A-Za-z_][A-Za-z0-9_]*)[^\S\r\n]*=[^\S\r\n]*
    (?P<value>"(?:[^"\\]|\\.)*(?:"[^\r\n]*|\\?\Z) | '[^']*(?:'[^\r\n]*|\Z) | [^\r\n]*)(?:\r?\n)?""",
    re.DOTALL | re.MULTILINE | re.VERBOSE,
)
"""A variable with its line end; quoted values may span lines."""
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


def read(text: str, trail: Sequence[str] = (), *, where: str = "") -> dict[str, str]:  # noqa: ARG001 - see TextFormat
    """Return the variables; the last one of a name wins."""
    return {entry["name"]: _value(entry["value"].strip()) for entry in _ENTRY.finditer(text)}


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
    for entry in reversed(list(_ENTRY.finditer(text))):
        name = entry["name"]
        if name in values:
            new = new[: entry.start()] + f"{entry['head']}{name}={_quoted(values[name])}\n" + new[entry.end() :]
            missing.pop(name, None)
        elif name in removed:
            new = new[: entry.start()] + new[entry.end() :]
    if missing and new and not new.endswith("\n"):
        new += "\n"
    return with_line_ends(new + "".join(f"{name}={_quoted(value)}\n" for name, value in missing.items()), text)


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
