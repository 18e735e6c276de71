"""What a secret store keeps of a credential: a template of fields, filled in and read back.

The template is a mapping (`{client_id: "{client_id}", client_secret: "{client_secret}"}`), which becomes a JSON object,
or the text `{client_secret}` for readers that take the secret alone. What it has no place for goes into tags.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from orgcal.entra.credentials import FIELDS
from orgcal.platforms import templates
from orgcal.platforms.model import PlatformCredential, kinds_kept_in

Template = str | Mapping[str, Any]

PLAIN = "{client_secret}"
"""The only template that is a text: one that could not be taken apart again would hide drift."""

KNOWN = ("key", "client_id", "generation", "scopes", *FIELDS)
TAGGED = ("key", "client_id", "generation", "scopes")
"""Placeholders in tags, which are no place for a secret."""

DEFAULT: Mapping[str, str] = {name: f"{{{name}}}" for name in ("client_id", *FIELDS, "generation", "scopes")}

NEEDED_TAGS: Mapping[str, str] = {"client_id": "orgcal-client-id", "generation": "orgcal-generation"}
"""Fields that must be readable somewhere -> their tags where the value has no place for them."""


def checked_value(template: Any) -> Any:
    """Return the template of a value, or raise ValueError where it cannot be read back."""
    if isinstance(template, str):
        if template != PLAIN:
            raise ValueError(f"must be {PLAIN}, or a mapping of texts with placeholders")
        return template
    if not isinstance(template, Mapping):
        raise ValueError(f"must be a mapping of texts with placeholders, or {PLAIN}")
    _refuse_unknown(template, KNOWN)
    if not kinds_kept_in(fields_of(template).values()):
        raise ValueError("needs {client_secret}, or {private_key_pem} and {certificate_pem}, each as a whole text")
    return template


def checked_tags(template: Mapping[str, str]) -> Mapping[str, str]:
    """Return the templates of tags, or raise ValueError where one would show a secret."""
    _refuse_unknown(template, TAGGED)
    return template


def fields_of(template: Template) -> dict[str, str]:
    """Return where a value can be read back: its name in the template -> the field that it holds as a whole."""
    if isinstance(template, str):
        return {"": "client_secret"}
    found = {name: templates.whole_name(text) for name, text in template.items()}
    return {name: field for name, field in found.items() if field is not None}


def all_tags(template: Template, tags: Mapping[str, str]) -> dict[str, str]:
    """Return the templates of tags, with those that the value's template makes necessary."""
    readable = {*fields_of(template).values(), *fields_of(tags).values()}
    needed = {tag: f"{{{field}}}" for field, tag in NEEDED_TAGS.items() if field not in readable}
    return {**needed, **tags}


def values_of(key: str, credential: PlatformCredential) -> dict[str, Any]:
    """Return the values of the placeholders; a credential has only the texts of its kind."""
    return {"key": key, "scopes": list(credential.scopes), **credential.fields()}


def filled(template: Template, values: Mapping[str, Any], before: Any) -> Any:
    """Return the value to store.

    Args:
        template: of the value.
        values: of the placeholders; what needs others is left out.
        before: the value that is stored now; of a mapping, everything stays that the template does not name.
    """
    if isinstance(template, str):
        return templates.filled(template, values)
    ours = {name: part for name, part in template.items() if set(templates.names_in(part)) <= values.keys()}
    return {**foreign(template, before), **templates.filled(ours, values)}


def foreign(template: Template, value: Any) -> dict[str, Any]:
    """Return the part of a stored value that the template does not name."""
    if isinstance(template, str) or not isinstance(value, Mapping):
        return {}
    return {name: part for name, part in value.items() if name not in template}


def read_fields(template: Template, value: Any) -> dict[str, Any]:
    """Return field -> its value, of those that are in a stored value."""
    if isinstance(template, str):
        return {"client_secret": value} if value else {}
    if not isinstance(value, Mapping):
        return {}
    return {field: value[name] for name, field in fields_of(template).items() if value.get(name) is not None}


def as_text(value: Any) -> str:
    """Return the value as a store of texts takes it."""
    return value if isinstance(value, str) else json.dumps(value)


def from_text(template: Template, text: str | None) -> Any:
    """Return the value of a stored text; None where it is nothing that the template could have made."""
    if isinstance(template, str) or text is None:
        return text
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def texts_in(value: Any) -> Iterator[str]:
    """Yield every text in a stored value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from texts_in(part)
    elif isinstance(value, list):
        for part in value:
            yield from texts_in(part)


def _refuse_unknown(template: Any, known: Collection[str]) -> None:
    unknown = [name for name in templates.names_in(template) if name not in known]
    if unknown:
        raise ValueError(f"unknown {{{unknown[0]}}}; known are {', '.join(known)}")
