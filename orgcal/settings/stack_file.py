"""Reads `Pulumi.<stack>.yaml` as Pulumi's engine does, with the line of each setting.

What the engine 3.274.1 hands to a program, measured with `pulumi config --json`
(`tests/engine/test_engine_config.py` measures it again):

- `true`, `True`, `TRUE` are booleans; `yes`, `on`, `"True"` are texts (YAML 1.1 and PyYAML say otherwise);
- `017` is 15, `0x10` is 16, `1e3` is 1000, `1_000` is 1000, `1.0` is 1; `~` and nothing are null;
- `2024-01-01` becomes the text `2024-01-01 00:00:00 +0000 UTC`;
- mappings and lists arrive as JSON, whose keys are texts and sorted; a scalar as its text, null as an empty one;
- a key without a namespace has the project's, and `orgcal:config:x` is `orgcal:x`;
- of several documents only the first counts; a mapping's key must not come twice.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from orgcal.errors import UsageError
from orgcal.fields import ENCRYPTED, dotted

if TYPE_CHECKING:
    _Base = yaml.SafeLoader
else:
    _Base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # twenty times faster where the wheel has libyaml

NAMESPACE = "orgcal"
MAX_BYTES = 1024 * 1024
MAX_DEPTH = 32
MAX_VALUES = 100_000
"""After aliases are followed: a few lines of them can stand for billions of values."""

_STACK_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}")
# What Pulumi takes; but names of dots alone would lead out of the folder that is named after the project.
_PROJECT_NAME = re.compile(r"(?!\.+$)[A-Za-z0-9_.-]{1,100}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_OCTAL = re.compile(r"([-+]?)0(?=[0-7]+$)")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].+)?")
_WORDS: dict[str, bool | None] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_WORDS.update(dict.fromkeys(("true", "True", "TRUE"), True))
_WORDS.update(dict.fromkeys(("false", "False", "FALSE"), False))
_PLAIN = "!plain"
_OF_YAML = "tag:yaml.org,2002:"


class _Loader(_Base):
    """Leaves plain scalars unresolved."""


_Loader.yaml_implicit_resolvers = {}
_Loader.add_implicit_resolver(_PLAIN, re.compile(""), None)


@dataclass(frozen=True, slots=True)
class StackFile:
    """A stack's file.

    Attributes:
        project: name of the Pulumi project.
        values: the whole file; `config` in it as it is written.
        config: settings by their full keys, such as `orgcal:entra`; `ENCRYPTED` stands for encrypted values.
        lines: setting, such as `orgcal:connector.scopes[0]`, to its line in the file.
        encrypted: settings that Pulumi encrypted, as `pulumi config set --path` takes them.
    """

    path: Path
    stack: str
    project: str = NAMESPACE
    values: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)
    encrypted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProjectFile:
    """A project's `Pulumi.yaml`: its name, and the plugins that it names."""

    name: str
    providers: tuple[str, ...]

    @property
    def is_ours(self) -> bool:
        """Whether it names orgcal's plugin."""
        return NAMESPACE in self.providers


def stack_file(project_dir: Path, stack: str) -> Path:
    """The path of a stack's settings, `Pulumi.<stack>.yaml`.

    Raises:
        UsageError: `stack` is not a valid stack name.
    """
    if not _STACK_NAME.fullmatch(stack):
        raise UsageError(
            f"{stack!r} is not a valid stack name",
            where="--stack",
            repair="use letters, digits, dots, dashes and underscores, such as --stack prod",
        )
    return project_dir / f"Pulumi.{stack}.yaml"


def load_stack_file(project_dir: Path, stack: str) -> StackFile:
    """Reads a stack's file; no setting is judged yet.

    Raises:
        UsageError: there is none, or Pulumi could not read it either.
    """
    path = stack_file(project_dir, stack)
    try:
        document = _Document(path)
    except FileNotFoundError:
        raise UsageError(
            f"there is no stack {stack!r} here",
            where=str(path),
            repair=f"cp Pulumi.prod.yaml.example Pulumi.{stack}.yaml, then edit it",
        ) from None
    written = document.values.get("config")
    if written is not None and not isinstance(written, dict):
        raise document.problem("`config` is not a mapping of settings")
    project = project_name(project_dir)
    config: dict[str, Any] = {}
    names: dict[str, str] = {}
    for name, value in (written or {}).items():
        key = _full_key(name, project)
        if key in config:
            raise document.problem(f"{names[key]} and {name} are one setting", line=document.lines[("config", name)])
        names[key], config[key] = name, _as_text(value)
    encrypted: list[str] = []
    config = {key: _without_encrypted(value, key, encrypted) for key, value in config.items()}
    lines = {
        dotted((_full_key(str(path[1]), project), *path[2:])): line
        for path, line in document.lines.items()
        if len(path) > 1 and path[0] == "config"
    }
    return StackFile(path, stack, project, document.values, config, lines, tuple(encrypted))


def load_project_file(project_dir: Path) -> ProjectFile:
    """Reads `Pulumi.yaml`.

    Raises:
        FileNotFoundError: the folder has none.
        UsageError: Pulumi could not read it either.
    """
    document = _Document(project_dir / "Pulumi.yaml")
    plugins = document.values.get("plugins")
    listed = plugins.get("providers") if isinstance(plugins, dict) else None
    named = [plugin.get("name") for plugin in listed if isinstance(plugin, dict)] if isinstance(listed, list) else []
    name = document.values.get("name")
    if not (isinstance(name, str) and _PROJECT_NAME.fullmatch(name)):
        raise document.problem(f"`name` is {name!r}, and Pulumi takes 1 to 100 letters, digits, dots, dashes and _")
    return ProjectFile(name, tuple(str(provider) for provider in named))


def project_name(project_dir: Path) -> str:
    """Name of the Pulumi project; ours where there is no Pulumi.yaml, as in a folder with settings alone.

    Raises:
        UsageError: as `load_project_file` does.
    """
    try:
        return load_project_file(project_dir).name
    except FileNotFoundError:
        return NAMESPACE


def check_project_name(name: str, *, where: str) -> None:
    """Refuses what Pulumi, or a folder of this name, would not take; `where` is the option that gave it."""
    if not _PROJECT_NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is not a valid project name",
            where=where,
            repair="use 1 to 100 letters, digits, dots, dashes and underscores, such as --name calendar",
        )


def _full_key(name: str, project: str) -> str:
    words = name.split(":")
    if len(words) == 3 and words[1] == "config":
        return f"{words[0]}:{words[2]}"
    return name if len(words) > 1 else f"{project}:{name}"


def _as_text(value: Any) -> Any:
    """A scalar setting as the text that a program gets; mappings and lists stay as they are."""
    if value is None:
        return ""
    return json.dumps(value) if isinstance(value, bool | int | float) else value


def _without_encrypted(value: Any, path: str, encrypted: list[str]) -> Any:
    if isinstance(value, dict):
        if list(value) == ["secure"] and isinstance(value["secure"], str):
            encrypted.append(path)
            return ENCRYPTED
        plain = {name: _without_encrypted(item, f"{path}.{name}", encrypted) for name, item in value.items()}
        return dict(sorted(plain.items()))
    if isinstance(value, list):
        return [_without_encrypted(item, f"{path}[{number}]", encrypted) for number, item in enumerate(value)]
    return value


class _Document:
    """A YAML file whose root is a mapping, or empty.

    Attributes:
        values: the mapping, with the types that JSON has.
        lines: path of each value to its line.

    Raises:
        FileNotFoundError: there is no such file.
        UsageError: it is not such a file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._count = 0
        self.lines: dict[tuple[str | int, ...], int] = {}
        text = self._text()
        try:
            self._refuse_depth(text)
            loader = _Loader(text)
            try:
                root = loader.get_node() if loader.check_node() else None
                values = {} if root is None else self._value(root, ())
            finally:
                loader.dispose()
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            said = getattr(error, "problem", None) or str(error).partition("\n")[0]
            raise self.problem(f"this is not YAML: {said}", line=mark.line + 1 if mark is not None else 0) from None
        if not isinstance(values, dict | None):
            raise self.problem("this is not a mapping of settings")
        self.values: dict[str, Any] = values or {}

    def problem(self, what: str, *, line: int = 0) -> UsageError:
        """The error that refuses the file."""
        return UsageError(f"line {line}: {what}" if line else what, where=str(self._path))

    def _text(self) -> str:
        try:
            with open(self._path, "rb", opener=_open_at_once) as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise self.problem("this is not a regular file")
                content = file.read(MAX_BYTES + 1)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise self.problem(f"this cannot be read ({error.strerror})") from None
        if len(content) > MAX_BYTES:
            raise self.problem("this is larger than 1 MiB")
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            raise self.problem("this is not UTF-8 text", line=line) from None

    def _refuse_depth(self, text: str) -> None:
        """Looks at the parser's events, whose number of open brackets costs nothing; everything else recurses."""
        depth = 0
        for event in yaml.parse(text, Loader=_Loader):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > MAX_DEPTH:
                    self._refuse_nesting(event)
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            elif isinstance(event, yaml.DocumentEndEvent):
                return

    def _refuse_nesting(self, place: yaml.Node | yaml.Event) -> None:
        raise self.problem(f"settings are nested deeper than {MAX_DEPTH} levels", line=_line(place))

    def _value(self, node: yaml.Node, path: tuple[str | int, ...]) -> Any:
        self._count += 1
        if self._count > MAX_VALUES:
            raise self.problem(f"this stands for more than {MAX_VALUES:,} values, by its aliases")
        if len(path) > MAX_DEPTH:  # an alias can lead to its own beginning
            self._refuse_nesting(node)
        self.lines.setdefault(path, _line(node))
        if isinstance(node, yaml.SequenceNode):
            return [self._value(item, (*path, number)) for number, item in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            return dict(self._items(node, path))
        assert isinstance(node, yaml.ScalarNode)
        return self._scalar(node)

    def _items(self, node: yaml.MappingNode, path: tuple[str | int, ...]) -> Iterator[tuple[str, Any]]:
        merged: list[yaml.Node] = []
        seen: set[str] = set()
        for key_node, value_node in node.value:
            line = _line(key_node)
            if not isinstance(key_node, yaml.ScalarNode):
                raise self.problem("a setting's name is a list or a mapping", line=line)
            if key_node.tag == _PLAIN and key_node.value == "<<":
                merged += value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]
                continue
            name = self._scalar(key_node)
            key = "<nil>" if name is None else str(_as_text(name))
            if key in seen:
                raise self.problem(f"{key} is written twice in one mapping", line=line)
            seen.add(key)
            self.lines[(*path, key)] = line
            yield key, self._value(value_node, (*path, key))
        for other in merged:
            if not isinstance(other, yaml.MappingNode):
                raise self.problem("what `<<` merges is not a mapping", line=_line(other))
            for key, value in self._items(other, path):
                if key not in seen:
                    seen.add(key)
                    yield key, value

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        text: str = node.value
        if node.tag == f"{_OF_YAML}binary":
            try:
                return base64.b64decode(text).decode("utf-8")
            except (binascii.Error, UnicodeDecodeError):
                raise self.problem("`!!binary` holds no text", line=_line(node)) from None
        if node.tag != _PLAIN and node.tag not in {f"{_OF_YAML}{name}" for name in ("bool", "int", "float", "null")}:
            return text
        value = _plain(text)
        if isinstance(value, float) and not math.isfinite(value):
            raise self.problem(f"{text} is not a number that Pulumi takes", line=_line(node))
        return value


def _open_at_once(path: str, flags: int) -> int:
    """An `opener` that does not wait until somebody writes into a FIFO."""
    return os.open(path, flags | os.O_NONBLOCK)


def _line(place: yaml.Node | yaml.Event) -> int:
    return place.start_mark.line + 1 if place.start_mark is not None else 0


def _plain(text: str) -> Any:
    """What the engine makes of an unquoted scalar; numbers as JSON tells them."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789" or not text.isascii():
        return text
    if text.lstrip("+-").lower() in (".inf", ".nan"):
        return math.inf
    digits = text.replace("_", "")
    try:
        return _number(int(_OCTAL.sub(r"\g<1>0o", digits), 0))
    except (ValueError, OverflowError):
        pass
    if _FLOAT.fullmatch(digits):
        return text if math.isinf(number := float(digits)) else _number(number)
    return _moment(text) if _MOMENT.fullmatch(text) else text


def _number(value: int | float) -> int | float:
    """As Go writes it in JSON: no fraction where there is none, and a float beyond 64 bits."""
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return value
    number = float(value)
    return int(Decimal(repr(number))) if number.is_integer() and abs(number) < 1e21 else number


def _moment(text: str) -> str:
    """A time as Go prints it, which is what a program gets."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    fraction = f".{moment.microsecond:06}".rstrip("0") if moment.microsecond else ""
    zone = "+0000 UTC" if not moment.utcoffset() else f"{moment:%z} {moment:%z}"
    return f"{moment:%Y-%m-%d %H:%M:%S}{fraction} {zone}"
