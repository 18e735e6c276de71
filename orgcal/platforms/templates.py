"""Templates of the kind `http`: JSON with `{names}` in its texts.

A text that is one placeholder only takes the value as it is (`"{scopes}"` becomes a list); elsewhere the
value is made into text. `{scopes:comma}` and `{scopes:space}` join a list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

_PLACEHOLDER = re.compile(r"\{([a-z_]+)(?::(comma|space))?\}")
_JOINED = {"comma": ",", "space": " "}


def names_in(template: Any) -> Iterator[str]:
    """Every name that a template mentions."""
    if isinstance(template, str):
        yield from (match[1] for match in _PLACEHOLDER.finditer(template))
    elif isinstance(template, Mapping):
        for value in template.values():
            yield from names_in(value)
    elif isinstance(template, list):
        for value in template:
            yield from names_in(value)


def filled(template: Any, values: Mapping[str, Any]) -> Any:
    """The template with its placeholders filled in."""
    if isinstance(template, str):
        whole = _PLACEHOLDER.fullmatch(template)
        if whole:
            value = values[whole[1]]
            return _joined(value, whole[2]) if whole[2] else list(value) if isinstance(value, tuple) else value
        return _PLACEHOLDER.sub(lambda match: _joined(values[match[1]], match[2]), template)
    if isinstance(template, Mapping):
        return {key: filled(value, values) for key, value in template.items()}
    if isinstance(template, list):
        return [filled(value, values) for value in template]
    return template


def filled_path(template: str, values: Mapping[str, Any]) -> str:
    """A path whose values are escaped, so that none of them can leave its segment."""
    return _PLACEHOLDER.sub(lambda match: quote(_joined(values[match[1]], match[2]), safe=""), template)


def at(data: Any, path: str) -> Any:
    """What stands at a dotted path of a parsed answer, or None."""
    for step in path.split("."):
        if isinstance(data, list) and step.isdigit() and int(step) < len(data):
            data = data[int(step)]
        else:
            data = data.get(step) if isinstance(data, Mapping) else None
    return data


def as_list(value: Any) -> list[str]:
    """Scopes in whatever form an API gives them."""
    if isinstance(value, str):
        return [part for part in re.split(r"[,\s]+", value) if part]
    return [str(item) for item in value or ()]


def _joined(value: Any, how: str | None) -> str:
    if isinstance(value, list | tuple):
        return _JOINED[how or "comma"].join(str(item) for item in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
