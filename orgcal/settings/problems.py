"""Turns pydantic's errors into lines for a person: key, found, expected, repair."""

from __future__ import annotations

import collections.abc
import difflib
import json
import typing
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from orgcal.settings.stack_file import ENCRYPTED


def describe_problems(error: ValidationError, model: type[BaseModel], *, namespace: str) -> list[str]:
    """One line for each problem.

    Args:
        error: what pydantic found.
        model: the outermost model; its fields carry `expected` and `example` (see `settings._setting`).
        namespace: prefix of the config keys.
    """
    lines: dict[str, None] = {}
    for item in error.errors(include_url=False):
        path = [part for part in item["loc"] if isinstance(part, str | int)]
        # A rule over several fields names the guilty one in its ValueError.
        cause = item.get("ctx", {}).get("error")
        if isinstance(cause, ValueError) and str(cause) in _fields_at(model, path):
            path.append(str(cause))
        lines[_line(item["type"], path, item.get("input"), model, namespace)] = None
    return list(lines)


def _line(kind: str, path: list[str | int], found: Any, model: type[BaseModel], namespace: str) -> str:
    if path[-1:] == ["[key]"]:  # a name in a mapping is wrong; `found` is that name
        path = path[:-2]
    key = f"{namespace}:{_dotted(path)}"
    if kind == "extra_forbidden":
        siblings = list(_fields_at(model, path[:-1]))
        near = difflib.get_close_matches(str(path[-1]), siblings, n=1)
        meant = f" (did you mean {near[0]}?)" if near else ""
        return (
            f"{key}: found a setting that does not exist{meant}; expected one of {', '.join(siblings)}; "
            f"repair: pulumi config rm --path {key}"
        )
    field, depth = _field(model, path)
    extra = field.json_schema_extra if field is not None and isinstance(field.json_schema_extra, dict) else {}
    expected, example = extra.get("expected", "another value"), extra.get("example", "VALUE")
    if isinstance(found, dict) and isinstance(path[-1], str):
        found = found.get(path[-1], found)
    if kind == "literal_error" and field is not None:
        choices = [choice for choice in typing.get_args(field.annotation) if isinstance(choice, str)]
        example = next(iter(difflib.get_close_matches(str(found), choices, n=1)), example)
    said = "nothing" if kind == "missing" else _shown(found)
    repaired = f"{namespace}:{_dotted(path[:depth])}" if str(example).startswith("{") else key
    repair = _repair(repaired, str(example))
    if found == ENCRYPTED:
        said, repair = "an encrypted value, which only the program can read", f"{repair} --plaintext"
    return f"{key}: found {said}; expected {expected}; repair: {repair}"


def _repair(key: str, example: str) -> str:
    """A command where one value does it; Pulumi's command line cannot set a whole mapping."""
    if example.startswith("{"):
        return f"write `{key}: {example}` into the stack's file (Pulumi.prod.yaml.example shows each setting)"
    if example.startswith("["):
        item = key if key.endswith("]") else f"{key}[0]"
        return f"pulumi config set --path '{item}' {example.strip('[]').split(',')[0]}"
    return f"pulumi config set --path {key} {example}"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _dotted(path: list[str | int]) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _fields_at(model: type[BaseModel], path: list[str | int]) -> dict[str, FieldInfo]:
    """Fields of the model that `path` leads to; empty where it leads to a plain value."""
    current: type[BaseModel] | None = model
    in_mapping = False
    for part in path:
        if in_mapping:  # the part is one of a mapping's own keys; below it is the model of its values
            in_mapping = False
            continue
        field = current.model_fields.get(str(part)) if current is not None else None
        current = _model_of(field.annotation) if field is not None else None
        in_mapping = field is not None and typing.get_origin(field.annotation) is collections.abc.Mapping
    return dict(current.model_fields) if current is not None and not in_mapping else {}


def _field(model: type[BaseModel], path: list[str | int]) -> tuple[FieldInfo | None, int]:
    """The innermost field on `path`, and the length of its own path; items of lists and mappings belong to theirs."""
    found: FieldInfo | None = None
    length = 0
    for depth in range(len(path)):
        field = _fields_at(model, path[:depth]).get(str(path[depth]))
        if field is not None:
            found, length = field, depth + 1
    return found, length


def _model_of(annotation: Any) -> type[BaseModel] | None:
    for candidate in (annotation, *typing.get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None
