"""Models of settings whose fields explain themselves, and the lines that tell a person what is wrong with a value.

Settings of a stack (`orgcal.settings`) and of integration platforms (`orgcal.platforms`) are such models.
"""

from __future__ import annotations

import collections.abc
import difflib
import json
import re
import typing
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from orgcal.printable import hidden_in

ENCRYPTED = "[encrypted]"
"""Stands for a value that Pulumi encrypted, which only the program gets to see."""


def shown_as_it_is(text: str) -> str:
    """Return a name that stands in lines of output; validates a field.

    Raises:
        ValueError: it holds a control character, a line break or a mark of direction.
    """
    if hidden := hidden_in(text):
        raise ValueError(f"it holds {hidden}, which cannot be shown; leave out control characters and line breaks")
    return text


NameText = Annotated[str, AfterValidator(shown_as_it_is)]
"""A name, as people read it in output, reports and logs."""


class Section(BaseModel):
    """A mapping of settings: frozen, and unknown names in it are errors."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        defer_build=True,  # a command uses few of the models, and building one takes milliseconds
        strict=False,
        str_strip_whitespace=True,
        # `pulumi config set --path` writes what looks like a number without quotes.
        coerce_numbers_to_str=True,
        regex_engine="python-re",  # the other one has no look-ahead, which JSON Schema's patterns do have
    )


def setting(
    default: Any = ..., *, about: str, expected: str = "true or false", example: str = "true", **rules: Any
) -> Any:
    """Return a field of a `Section` that explains itself.

    Args:
        default: the value where none is given; without a default the setting is required.
        about: what the setting is for.
        expected: which values are right, for errors, the schema and the docs; a switch needs none.
        example: a value that `pulumi config set` takes.
        rules: arguments of `pydantic.Field`, such as `pattern`.
    """
    return Field(default, description=about, json_schema_extra={"expected": expected, "example": example}, **rules)


def explained(field: FieldInfo) -> dict[str, Any]:
    """Return `expected` and `example` of a field that `setting` made."""
    return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}


def describe_problems(error: ValidationError, model: type[BaseModel], *, namespace: str) -> list[str]:
    """Return one line for each problem: key, found, expected, repair.

    A validator of one field or model raises `ValueError` with a sentence that shows no value, since the value may be
    a secret. A rule over several fields of a model raises it with the name of the guilty one, of which the line then
    says what is expected.

    Args:
        error: what pydantic raised.
        model: the outermost model, whose fields are made by `setting`.
        namespace: prefix of the config keys, such as `orgcal` or `orgcal:connector.platform`.
    """
    lines: dict[str, None] = {}
    for item in error.errors(include_url=False):
        path = [part for part in item["loc"] if isinstance(part, str | int)]
        cause, sentence = item.get("ctx", {}).get("error"), ""
        if isinstance(cause, ValueError):
            if str(cause) in _walk(model, path)[0]:
                path.append(str(cause))
            else:
                sentence = str(cause)
        lines[_line(item["type"], path, item.get("input"), model, namespace, sentence)] = None
    return list(lines)


def _line(kind: str, path: list[str | int], value: Any, model: type[BaseModel], namespace: str, sentence: str) -> str:
    if path[-1:] == ["[key]"]:  # a name in a mapping is wrong; `value` is that name
        path = path[:-2]
    prefix = f"{namespace}{'.' if ':' in namespace else ':'}"
    key = f"{prefix}{dotted(path)}"
    if sentence:
        return f"{key}: {sentence}; repair: correct it in the stack's file"
    if kind == "extra_forbidden":
        siblings = list(_walk(model, path[:-1])[0])
        near = difflib.get_close_matches(str(path[-1]), siblings, n=1)
        meant = f" (did you mean {near[0]}?)" if near else ""
        return (
            f"{key}: found a setting that does not exist{meant}; expected one of {', '.join(siblings)}; "
            f"repair: pulumi config rm --path {key}"
        )
    _, field, depth = _walk(model, path)
    extra = explained(field) if field is not None else {}
    expected, example = extra.get("expected", "another value"), extra.get("example", "VALUE")
    if isinstance(value, dict) and isinstance(path[-1], str) and kind == "value_error":
        value = value.get(path[-1])
    if kind == "literal_error" and field is not None:
        choices = [choice for choice in typing.get_args(field.annotation) if isinstance(choice, str)]
        example = next(iter(difflib.get_close_matches(str(value), choices, n=1)), example)
    shown = "nothing" if kind == "missing" or value is None else _shown(value)
    repaired = f"{prefix}{dotted(path[:depth])}" if str(example).startswith("{") else key
    repair = _repair(repaired, str(example))
    if value == ENCRYPTED:
        shown, repair = "an encrypted value, which only the program can read", f"{repair} --plaintext"
    return f"{key}: found {shown}; expected {expected}; repair: {repair}"


def _repair(key: str, example: str) -> str:
    """A command where one value does it; Pulumi's command line cannot set a whole mapping."""
    if example.startswith("{"):
        return f"write `{key}: {example}` into the stack's file (Pulumi.prod.yaml.example shows each setting)"
    if example.startswith("["):
        item = key if key.endswith("]") else f"{key}[0]"
        return f"pulumi config set --path '{item}' {example.strip('[]').split(',')[0]}"
    return f"pulumi config set --path {key} {example}"


def _shown(value: Any) -> str:
    text = re.sub(r"//[^/@\s]+@", "//***@", json.dumps(value, ensure_ascii=False, default=str))  # a password in a URL
    return text if len(text) <= 80 else f"{text[:77]}..."


def dotted(path: Sequence[str | int]) -> str:
    """Return a path as `pulumi config` takes it, such as `connector.scopes[0]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _walk(model: type[BaseModel], path: list[str | int]) -> tuple[dict[str, FieldInfo], FieldInfo | None, int]:
    """Fields of the model that `path` leads to, none where it leads to a plain value; and the innermost field on it.

    The number is the length of that field's own path; items of lists and mappings belong to theirs.
    """
    current: type[BaseModel] | None = model
    innermost, length = None, 0
    in_mapping = False
    for depth, part in enumerate(path):
        if in_mapping:  # the part is one of a mapping's own keys; below it is the model of its values
            in_mapping = False
            continue
        field = current.model_fields.get(str(part)) if current is not None else None
        if field is not None:
            innermost, length = field, depth + 1
        current = model_of(field.annotation) if field is not None else None
        in_mapping = field is not None and typing.get_origin(field.annotation) is collections.abc.Mapping
    return dict(current.model_fields) if current is not None and not in_mapping else {}, innermost, length


def model_of(annotation: Any) -> type[BaseModel] | None:
    """The model that an annotation such as `Annotated[Model, ...] | None` or `Mapping[str, Model]` is about."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(model_of, typing.get_args(annotation))), None)
