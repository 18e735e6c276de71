"""Reads YAML as Pulumi's engine does, with the line of each value.

What the engine 3.274.1 hands to a program, measured with `pulumi config --json`
(`tests/engine/test_engine_config.py` measures it again):

- `true`, `True`, `TRUE` are booleans; `yes`, `on`, `"True"` are texts (YAML 1.1 and PyYAML say otherwise);
- `017` is 15, `0x10` is 16, `1e3` is 1000, `1_000` is 1000, `1.0` is 1; `~` and nothing are null;
- `2024-01-01` becomes the text `2024-01-01 00:00:00 +0000 UTC`;
- mappings and lists arrive as JSON, whose keys are texts and sorted; a scalar as its text, null as an empty one;
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
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from orgcal.errors import UsageError

if TYPE_CHECKING:
    _Base = yaml.SafeLoader
else:
    _Base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # twenty times faster where the wheel has libyaml

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 32
MAX_VALUES = 100_000
"""After aliases are followed: a few lines of them can stand for billions of values."""

_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_OCTAL = re.compile(r"([-+]?)0(?=[0-7]+$)")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].+)?")
_WORDS: dict[str, bool | None] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_WORDS.update(dict.fromkeys(("true", "True", "TRUE"), True))
_WORDS.update(dict.fromkeys(("false", "False", "FALSE"), False))
_NEVER_IN_YAML = re.compile("[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Source: https://yaml.org/spec/1.2.2/#51-character-set"""
_PLAIN = "!plain"
_OF_YAML = "tag:yaml.org,2002:"


class _Loader(_Base):
    """Leaves plain scalars unresolved."""


_Loader.yaml_implicit_resolvers = {}
_Loader.add_implicit_resolver(_PLAIN, re.compile(""), None)


class YamlDocument:
    """A YAML file whose root is a mapping, or empty.

    Args:
        path: the file; only named where its text is given.

    Attributes:
        values: the mapping, with the types that JSON has.
        lines: path of each value to its line.

    Raises:
        FileNotFoundError: there is no such file.
        UsageError: it is not such a file.
    """

    def __init__(self, path: Path, text: str | None = None) -> None:
        self._path = path
        self._count = 0
        self.lines: dict[tuple[str | int, ...], int] = {}
        text = self._checked(self._text() if text is None else text)
        try:
            self._refuse_depth(text)
            loader = _Loader(text)
            try:
                root = loader.get_node() if loader.check_node() else None
                values = {} if root is None else self._value(root, ())
            finally:
                loader.dispose()
        except yaml.YAMLError as error:
            raise self._not_yaml(error, text) from None
        if not isinstance(values, dict | None):
            raise self.problem("this is not a mapping of settings", line=1, repair="write `name: value`, a line each")
        self.values: dict[str, Any] = values or {}

    def problem(self, what: str, *, line: int = 0, repair: str = "") -> UsageError:
        """The error that refuses the file, at a line of it; 0 where it concerns the whole."""
        return UsageError(what, where=f"{self._path}:{line}" if line else str(self._path), repair=repair)

    def _not_yaml(self, error: yaml.YAMLError, text: str) -> UsageError:
        mark = getattr(error, "problem_mark", None)
        said = getattr(error, "problem", None) or str(error).partition("\n")[0]
        repair = "look at this line and those above it: quotes, brackets and indents"
        if mark is not None and "\t" in _indent_of(text, mark.line):
            said, repair = "a tab stands where YAML takes spaces only", "replace the tabs of this line by spaces"
        elif "mapping values are not allowed" in said:
            said, repair = "a colon stands within a value", 'put the value in quotes: name: "a: b"'
        # What is not closed at the end is found behind the last line.
        line = min(mark.line, text.rstrip().count("\n")) + 1 if mark is not None else 0
        return self.problem(f"this is not YAML: {said}", line=line, repair=repair)

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
            repair = "save the file as UTF-8, or name another one"
            raise self.problem("this is not UTF-8 text", line=line, repair=repair) from None

    def _checked(self, text: str) -> str:
        if found := _NEVER_IN_YAML.search(text):
            raise self.problem(
                f"this is not YAML: it holds U+{ord(found[0]):04X}, a character that no text has",
                line=text.count("\n", 0, found.start()) + 1,
                repair="remove it; a binary file cannot hold settings",
            )
        return text

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
            key = "<nil>" if name is None else str(as_text(name))
            if key in seen:
                raise self.problem(f"{key} is written twice in one mapping", line=line, repair="remove one of them")
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


def as_text(value: Any) -> Any:
    """A scalar setting as the text that a program gets; mappings and lists stay as they are."""
    if value is None:
        return ""
    return json.dumps(value) if isinstance(value, bool | int | float) else value


def _open_at_once(path: str, flags: int) -> int:
    """An `opener` that does not wait until somebody writes into a FIFO."""
    return os.open(path, flags | os.O_NONBLOCK)


def with_line(problem: str, file: str, lines: Mapping[str, int]) -> str:
    """A problem that begins with a setting's key, behind the place of that setting: `<file>:<line>: `.

    Args:
        file: as messages call it.
        lines: setting, such as `tenants[0].name`, to its line. A missing setting has the line of what it belongs into.
    """
    key = problem.partition(": ")[0]
    while key and key not in lines:
        key = re.sub(r"(\[[0-9]+\]|\.[^.\[]*|^[^.\[]*)$", "", key)
    return f"{file}:{lines[key]}: {problem}" if key else f"{file}: {problem}"


def _indent_of(text: str, line: int) -> str:
    """What stands before the first visible character of a line, which is counted from 0."""
    lines = text.split("\n", line + 1)
    return lines[line][: len(lines[line]) - len(lines[line].lstrip())] if line < len(lines) else ""


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
