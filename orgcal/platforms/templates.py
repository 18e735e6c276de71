"""Templates of the kind `http` and of secret stores: JSON with `{names}` in its texts.

A text that is one placeholder only takes the value as it is (`"{scopes}"` becomes a list); elsewhere the
value is made into text. `{scopes:comma}` and `{scopes:space}` join a list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from orgcal.numbers import whole_number

NAME = r"^[a-z_]+$"
"""What a placeholder may be called."""

_PLACEHOLDER = re.compile(r"\{([a-z_]+)(?::(comma|space))?\}")
_JOINED = {"comma": ",", "space": " "}


def names_in(template: Any) -> Iterator[str]:
    """Yield every name that a template mentions."""
    if isinstance(template, str):
        yield from (match[1] for match in _PLACEHOLDER.finditer(template))
    elif isinstance(template, Mapping):
        for value in template.values():
            yield from names_in(value)
    elif isinstance(template, list):
        for value in template:
            yield from names_in(value)


def whole_name(template: Any) -> str | None:
    """Return the name of the placeholder that a text consists of, or None."""
    match = _PLACEHOLDER.fullmatch(template) if isinstance(template, str) else None
    return match[1] if match else None


def filled(template: Any, values: Mapping[str, Any]) -> Any:
    """Return the template with its placeholders filled in."""
    if isinstance(template, str):
        whole = _PLACEHOLDER.fullmatch(template)
        if whole:
            value = values[whole[1]]
            return as_text(value, whole[2]) if whole[2] else list(value) if isinstance(value, tuple) else value
        return _PLACEHOLDER.sub(lambda match: as_text(values[match[1]], match[2]), template)
    if isinstance(template, Mapping):
        return {key: filled(value, values) for key, value in template.items()}
    if isinstance(template, list):
        return [filled(value, values) for value in template]
    return template


def filled_texts(template: Mapping[str, str], values: Mapping[str, Any]) -> dict[str, str]:
    """Return query parameters or the fields of a form, filled in, as texts."""
    return {name: as_text(filled(value, values)) for name, value in template.items()}


def filled_path(template: str, values: Mapping[str, Any]) -> str:
    """Return a path whose values are escaped, so that none of them can leave its segment."""
    return _PLACEHOLDER.sub(lambda match: quote(as_text(values[match[1]], match[2]), safe=""), template)


def at(data: Any, path: str) -> Any:
    """Return the value at a place of a parsed answer, or None.

    Args:
        path: a JSON pointer where it begins with a slash (RFC 6901), else keys separated by dots.
    """
    pointer = path.startswith("/")
    steps = path[1:].split("/") if pointer else path.split(".")
    for step in (step.replace("~1", "/").replace("~0", "~") if pointer else step for step in steps):
        if isinstance(data, list):
            place = whole_number(step)
            data = data[place] if place is not None and place < len(data) else None
        else:
            data = data.get(step) if isinstance(data, Mapping) else None
    return data


def as_list(value: Any) -> list[str]:
    """Return scopes as a list, in whatever form an API gives them."""
    if isinstance(value, str):
        return [part for part in re.split(r"[,\s]+", value) if part]
    return [str(item) for item in value] if isinstance(value, list | tuple) else []


def as_text(value: Any, joined_by: str | None = None) -> str:
    """Return a value as an API or a variable takes text: lists joined by `comma` or `space`, booleans in lower case."""
    if isinstance(value, list | tuple):
        return _JOINED[joined_by or "comma"].join(str(item) for item in value)
    return str(value).lower() if isinstance(value, bool) else str(value)
