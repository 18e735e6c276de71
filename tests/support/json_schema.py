"""A check of data against a JSON schema, for the words that our schema uses; any other word is an error."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "null": type(None),
    "boolean": bool,
}
_NOTES = {"$schema", "$defs", "title", "description", "default"}


def problems(data: Any, schema: Any, root: dict[str, Any], path: str = "") -> Iterator[str]:
    """Yield the path of each place where `data` is not as `schema` wants it, with the word of the schema that says so.

    Args:
        data: parsed YAML or JSON.
        schema: the schema of `data`.
        root: the whole schema, in which `$ref` is looked up.
        path: of `data`, for the answer.
    """
    if schema is True:
        return
    for word, rule in schema.items():
        if word not in _NOTES and word != "then":
            yield from _word(word, rule, data, schema, root, path)


def _word(word: str, rule: Any, data: Any, schema: dict[str, Any], root: dict[str, Any], path: str) -> Iterator[str]:
    wrong = f"{path}: {word}"
    match word:
        case "$ref":
            yield from problems(data, root["$defs"][rule.removeprefix("#/$defs/")], root, path)
        case "allOf":
            for each in rule:
                yield from problems(data, each, root, path)
        case "anyOf":
            if all(list(problems(data, each, root, path)) for each in rule):
                yield wrong
        case "if":
            if not list(problems(data, rule, root, path)):
                yield from problems(data, schema["then"], root, path)
        case "type":
            if not isinstance(data, _TYPES[rule]) or (isinstance(data, bool) and rule != "boolean"):
                yield wrong
        case "enum":
            if data not in rule:
                yield wrong
        case "const":
            if data != rule:
                yield wrong
        case "required":
            yield from (f"{path}.{name}: required" for name in rule if isinstance(data, dict) and name not in data)
        case "properties" | "patternProperties" | "additionalProperties":
            for name, value in data.items() if isinstance(data, dict) else ():
                yield from _property(word, rule, str(name), value, schema, root, f"{path}.{name}")
        case "propertyNames":
            for name in data if isinstance(data, dict) else ():
                yield from problems(str(name), rule, root, f"{path}.{name}")
        case "items":
            for number, item in enumerate(data if isinstance(data, list) else []):
                yield from problems(item, rule, root, f"{path}[{number}]")
        case _:
            if not _within(word, rule, data):
                yield wrong


def _property(
    word: str, rule: Any, name: str, value: Any, schema: dict[str, Any], root: dict[str, Any], path: str
) -> Iterator[str]:
    patterns = schema.get("patternProperties", {})
    if word == "properties":
        if name in rule:
            yield from problems(value, rule[name], root, path)
    elif word == "patternProperties":
        for pattern, inner in rule.items():
            if re.search(pattern, name):
                yield from problems(value, inner, root, path)
    elif name not in schema.get("properties", {}) and not any(re.search(pattern, name) for pattern in patterns):
        if rule is False:
            yield f"{path}: unknown"
        else:
            yield from problems(value, rule, root, path)


def _within(word: str, rule: Any, data: Any) -> bool:
    sized, number = isinstance(data, str | list | dict), isinstance(data, int)
    match word:
        case "pattern":
            return not isinstance(data, str) or re.search(rule, data) is not None
        case "minLength" | "minItems" | "minProperties":
            return not sized or len(data) >= rule
        case "maxLength" | "maxItems" | "maxProperties":
            return not sized or len(data) <= rule
        case "minimum":
            return not number or data >= rule
        case "uniqueItems":
            return not isinstance(data, list) or len({str(item) for item in data}) == len(data)
    raise AssertionError(f"the schema uses {word!r}, which this check does not know")
