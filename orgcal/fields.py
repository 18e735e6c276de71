"""Models of settings whose fields explain themselves, and the lines that tell a person what is wrong with a value.

Settings of a stack (`orgcal.settings`) and of integration platforms (`orgcal.platforms`) are such models.
"""

from __future__ import annotations

import collections.abc
import difflib
import json
import re
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
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
        named = f"a line break ({hidden})" if hidden in ("U+000A", "U+000D") else hidden
        raise ValueError(f"it holds {named}, which cannot be shown; leave out control characters and line breaks")
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
    default: Any = ...,
    *,
    about: str,
    expected: str = "true or false",
    example: str = "true",
    secret: bool = False,
    **rules: Any,
) -> Any:
    """Return a field of a `Section` that explains itself.

    Args:
        default: the value where none is given; without a default the setting is required.
        about: what the setting is for.
        expected: which values are right, for errors, the schema and the docs; a switch needs none.
        example: a value that `pulumi config set` takes.
        secret: whether people write a secret here by mistake, so that no error shows what was found.
        rules: arguments of `pydantic.Field`, such as `pattern`.
    """
    extra: dict[str, Any] = {"expected": expected, "example": example, **({"secret": True} if secret else {})}
    return Field(default, description=about, json_schema_extra=extra, **rules)


def explained(field: FieldInfo) -> dict[str, Any]:
    """Return what `setting` was told of a field: `expected`, `example`, and `secret` where it is."""
    return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}


def describe_problems(error: ValidationError, model: type[BaseModel], *, namespace: str) -> list[str]:
    """Return one line for each problem: key, found, expected, repair.

    A validator of one field or model raises `ValueError` with a sentence that shows no value, since the value may be
    a secret. A rule over several fields of a model raises it with the names of the guilty ones, a comma between them,
    of which the lines then say what is expected. What only follows from another problem is left out.

    Args:
        error: what pydantic raised.
        model: the outermost model, whose fields are made by `setting`.
        namespace: prefix of the config keys, such as `orgcal` or `orgcal:connector.platform`; empty for a file of its
            own, whose repairs are no commands of Pulumi's.
    """
    problems = [_Problem.of(item, model) for item in error.errors(include_url=False)]
    told = [one for each in problems if not each.follows_from(problems) for one in each.parted()]
    return list(dict.fromkeys(_Line(problem, namespace).text() for problem in told))


@dataclass(frozen=True, slots=True)
class _Problem:
    """One error of pydantic's.

    Attributes:
        kind: pydantic's word for it.
        value: what was found there.
        limit: the number that `kind` is about, or None.
        sentence: of a validator of ours.
        is_name: whether a name in a mapping is wrong; `value` is that name, and `path` the mapping's.
    """

    model: type[BaseModel]
    kind: str
    path: tuple[str | int, ...]
    value: Any
    limit: int | None = None
    sentence: str = ""
    is_name: bool = False

    @classmethod
    def of(cls, item: Mapping[str, Any], model: type[BaseModel]) -> _Problem:
        path = tuple(part for part in item["loc"] if isinstance(part, str | int))
        context = item.get("ctx", {})
        is_name = path[-1:] == ("[key]",)
        if is_name:
            path = path[:-2]
        cause = context.get("error")
        limit = context.get("max_length")
        sentence = str(cause) if cause is not None else ""
        return cls(model, item["type"], path, item.get("input"), limit, sentence, is_name)

    def parted(self) -> list[_Problem]:
        """The problem of each field that the sentence names; the problem itself where it names none."""
        names = self.sentence.split(", ")
        if not self.sentence or not set(names) <= self.siblings(self.path).keys():
            return [self]
        given = self.value if isinstance(self.value, dict) else {}
        return [replace(self, path=(*self.path, name), value=given.get(name), sentence="") for name in names]

    def siblings(self, path: Sequence[str | int]) -> dict[str, FieldInfo]:
        """Fields of the model at a path."""
        return _walk(self.model, path)[0]

    @property
    def nearest(self) -> str:
        """The field that a name which does not exist is like; empty where there is none."""
        names = list(self.siblings(self.path[:-1]))
        return next(iter(difflib.get_close_matches(str(self.path[-1]), names, n=1)), "")

    def follows_from(self, others: Sequence[_Problem]) -> bool:
        """Whether it goes away with another one: a name missing that is mistyped, a list short of wrong entries."""
        if self.kind == "missing":
            unknown = [other for other in others if other.kind == "extra_forbidden"]
            return any(other.path[:-1] == self.path[:-1] and other.nearest == self.path[-1] for other in unknown)
        depth = len(self.path)
        return self.kind == "too_short" and any(
            len(other.path) > depth and other.path[:depth] == self.path for other in others
        )


_PLAIN_VALUE = re.compile(r"[A-Za-z0-9._:/+-]{1,80}")
_WANT_A_MAPPING = ("model_type", "mapping_type", "dict_type")
_TYPES = {"string_type": "a text: ", "tuple_type": "a list: ", "int_type": "a number: ", "int_parsing": "a number: "}
"""What stands before the expectation where a value is of another type."""


class _Line:
    """What a person is told of one problem."""

    def __init__(self, problem: _Problem, namespace: str) -> None:
        self._problem = problem
        self._namespace = namespace
        self._prefix = "" if not namespace else f"{namespace}{'.' if ':' in namespace else ':'}"
        self._key = f"{self._prefix}{dotted(problem.path)}" or "the file"
        _, self._field, self._depth = _walk(problem.model, problem.path)
        self._extra = explained(self._field) if self._field is not None else {}

    def text(self) -> str:
        """Key, found, expected, repair."""
        problem = self._problem
        if problem.kind == "extra_forbidden":
            return self._unknown()
        found = problem.sentence or f"found {self._found()}"
        return f"{self._key}: {found}; expected {self._expected()}; repair: {self._repair()}"

    def _unknown(self) -> str:
        problem, near = self._problem, self._problem.nearest
        siblings = problem.siblings(problem.path[:-1])
        meant, repair = "", f"remove {dotted(problem.path)} from {self._file}"
        if self._namespace:
            repair = f"pulumi config rm --path {_quoted(self._key)}"
        if near:
            renamed = dotted([*problem.path[:-1], near])
            is_secret = bool(explained(siblings[near]).get("secret"))
            meant = f" (did you mean {near}?)"
            named = f"{self._prefix}{near}" if self._prefix.endswith(":") and len(problem.path) == 1 else near
            keeps = f"which takes {explained(siblings[near]).get('expected')}" if is_secret else "where its value stays"
            repair = f"rename it to {named} in {self._file}, {keeps}"
            value = json.dumps(problem.value) if isinstance(problem.value, bool) else str(problem.value)
            # What a platform's setting holds may be a secret.
            shows = self._namespace and ":" not in self._namespace and not is_secret
            if shows and not isinstance(problem.value, dict | list | None) and _PLAIN_VALUE.fullmatch(value):
                command = f"pulumi config set --path {_quoted(self._prefix + renamed)} {value}"
                repair = f"{command}, then pulumi config rm --path {_quoted(self._key)}"
        expected = f"expected one of {', '.join(siblings)}"
        return f"{self._key}: found a setting that does not exist{meant}; {expected}; repair: {repair}"

    @property
    def _file(self) -> str:
        return "the stack's file" if self._namespace else "this file"

    def _found(self) -> str:
        problem, value = self._problem, self._problem.value
        if problem.kind == "missing" or value is None:
            return "nothing"
        if value == ENCRYPTED:
            return "an encrypted value, which only the program can read"
        if self._extra.get("secret"):
            return "a value that is not shown here, as it may be a secret"
        if problem.kind == "too_long":
            return f"{len(value)} entries"
        if ":" in self._namespace and problem.kind in _WANT_A_MAPPING and isinstance(value, str):
            return "a text"  # of a platform, in the place of what says where a secret goes: it may be that secret
        if problem.is_name and (near := self._near_choice()):
            return f"{_shown(value)} (did you mean {near}?)"
        is_long = problem.kind == "string_too_long" and isinstance(value, str)
        return f"{_shown(value)} ({len(value.strip())} characters)" if is_long else _shown(value)

    def _near_choice(self) -> str:
        """Which of the words that the field takes was meant; empty where it takes no words, or none is like it."""
        choices = list(_choices(self._field.annotation)) if self._field is not None else []
        return next(iter(difflib.get_close_matches(str(self._problem.value), choices, n=1)), "")

    def _expected(self) -> str:
        problem, expected = self._problem, str(self._extra.get("expected", "another value"))
        if problem.limit is not None and not re.search(rf"\b{problem.limit}\b", expected):
            unit = "entries" if problem.kind == "too_long" else "characters"
            return f"at most {problem.limit} {unit}: {expected}"
        return f"{_TYPES.get(problem.kind, '')}{expected}"

    def _repair(self) -> str:
        """A command where one value does it; Pulumi's command line cannot set a whole mapping."""
        problem, example = self._problem, str(self._extra.get("example", "VALUE"))
        is_list = example.startswith("[")
        if problem.kind == "literal_error" and not problem.is_name:
            example = self._near_choice() or example
        if problem.kind == "too_long" and problem.limit is not None:
            return f"remove {len(problem.value) - problem.limit} of them from {self._file}"
        if is_list and problem.kind == "value_error" and (sorted_out := _sorted_out(problem.value)):
            example = sorted_out
        in_list = len(problem.path) > self._depth
        key = f"{self._prefix}{dotted(problem.path[: self._depth])}" if example.startswith("{") else self._key
        is_other = is_list and not in_list and problem.value not in (None, [])  # no command makes a list of it
        if not self._namespace or example.startswith("{") or is_other:
            more = " (Pulumi.prod.yaml.example shows each setting)" if self._namespace else ""
            return f"write `{key}: {_first(example) if is_list and in_list else example}` into {self._file}{more}"
        key = f"{key}[0]" if is_list and not in_list else key
        encrypted = " --plaintext" if problem.value == ENCRYPTED else ""
        return f"pulumi config set --path {_quoted(key)} {_first(example) if is_list else example}{encrypted}"


def _sorted_out(value: Any) -> str:
    """A list of numbers as a rule wants it, ascending and each once; empty where it is so, or is something else."""
    if not isinstance(value, list) or not all(isinstance(item, int) for item in value):
        return ""
    wanted = sorted({item for item in value if item > 0})
    return "" if wanted in (value, []) else str(wanted)


def _first(example: str) -> str:
    """The first entry of a list."""
    return example.strip("[]").split(",")[0]


def _quoted(key: str) -> str:
    """A key as a shell takes it."""
    return f"'{key}'" if "[" in key else key


def _choices(annotation: Any) -> Iterator[str]:
    """The texts of every `Literal` in an annotation."""
    for part in typing.get_args(annotation):
        if isinstance(part, str) and typing.get_origin(annotation) is typing.Literal:
            yield part
        elif not isinstance(part, str):
            yield from _choices(part)


def _shown(value: Any) -> str:
    """A value for a person; of what is nested only its kind, as a secret may lie in it."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple) and any(isinstance(item, dict | list | tuple) for item in value):
        return "a list of other lists or mappings"
    text = re.sub(r"//[^/@\s]+@", "//***@", json.dumps(value, ensure_ascii=False, default=str))  # a password in a URL
    return text if len(text) <= 80 else f"{text[:77]}..."


def dotted(path: Sequence[str | int]) -> str:
    """Return a path as `pulumi config` takes it, such as `connector.scopes[0]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _walk(model: type[BaseModel], path: Sequence[str | int]) -> tuple[dict[str, FieldInfo], FieldInfo | None, int]:
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
        if isinstance(part, int):  # an item of a list, whose model is the list's
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
