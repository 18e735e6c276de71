"""Values of the example of a stack that nobody has replaced by their own.

A deployment would not refuse all of them, and customers would read them: `orgcal ci lint` and `orgcal doctor` do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from orgcal.fields import dotted
from orgcal.settings.model import sections_of, with_place
from orgcal.settings.stack_file import NAMESPACE, StackFile

EXAMPLES = frozenset({"00000000-1111-2222-3333-444444444444", "Acme Calendar Sync", "Run by the integrations team."})
"""Values of `Pulumi.prod.yaml.example` that every stack has its own of."""

_RESERVED = re.compile(r"(^|\.)(example|invalid|test|example\.(com|net|org))\.?$")
"""Names that lead nowhere. Source: https://www.rfc-editor.org/rfc/rfc2606"""


def placeholders(file: StackFile) -> list[str]:
    """Return a line for each setting that still has the example's value; none on the emulator."""
    sections, _ = sections_of(file.config)
    entra = sections.get("entra")
    if isinstance(entra, Mapping) and entra.get("cloud") == "emulator":
        return []
    return [
        with_place(f"{key}: {_sentence(value, key)}", file.stack, file.lines)
        for key, value in ((f"{NAMESPACE}:{dotted(path)}", text) for path, text in _texts(sections, ()))
        if _is_placeholder(value)
    ]


def _sentence(value: str, key: str) -> str:
    """What is wrong; of an address only its host is shown, as the rest may be a secret."""
    shown = f"host {urlsplit(value).hostname}" if "://" in value else repr(value)
    quoted = f"'{key}'" if "[" in key else key
    return f"found the example's {shown}; expected a value of your own; repair: pulumi config set --path {quoted} YOURS"


def _is_placeholder(value: str) -> bool:
    if value in EXAMPLES:
        return True
    try:
        host = urlsplit(value).hostname if "://" in value else None
    except ValueError:
        return False  # what is wrong with an address, the settings say
    return bool(host and _RESERVED.search(host))


def _texts(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every text below `value` with its path."""
    if isinstance(value, str):
        yield path, value.strip()
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _texts(inner, (*path, str(name)))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _texts(inner, (*path, number))
