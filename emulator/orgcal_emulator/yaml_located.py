"""YAML whose values know their line, so that an error names line and field."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import yaml

from orgcal_emulator.errors import SeedError


class Field:
    """A value in a YAML file with its place.

    Args:
        node: the parsed value.
        name: its name for people: `tenants[0].users`.
        file: the file's name.
    """

    def __init__(self, node: yaml.Node, name: str, file: str) -> None:
        self._node = node
        self._name = name
        self._file = file

    def error(self, message: str) -> SeedError:
        """An error about this value."""
        field = f" {self._name}:" if self._name else ""
        return SeedError(f"{self._file}:{self._node.start_mark.line + 1}:{field} {message}")

    def fields(self, *, required: tuple[str, ...] = (), optional: tuple[str, ...] = ()) -> dict[str, Field]:
        """The fields of a mapping.

        Raises:
            SeedError: it is none, a field is missing, unknown or given twice.
        """
        fields = dict(self.items())
        for name, field in fields.items():
            if name not in required and name not in optional:
                known = ", ".join((*required, *optional))
                raise field.error(f"there is no field {name!r} here; known are {known}")
        for name in required:
            if name not in fields:
                raise self.error(f"the field {name!r} is missing")
        return fields

    def items(self) -> Iterator[tuple[str, Field]]:
        """Names and values of a mapping."""
        if not isinstance(self._node, yaml.MappingNode):
            raise self.error("expected fields (`name: value`)")
        names = set()
        for key, value in self._node.value:
            name = str(key.value)
            if name in names:
                raise Field(key, self._name, self._file).error(f"the field {name!r} is given twice")
            names.add(name)
            yield name, Field(value, f"{self._name}.{name}" if self._name else name, self._file)

    def entries(self) -> list[Field]:
        """The values of a list."""
        if not isinstance(self._node, yaml.SequenceNode):
            raise self.error("expected a list")
        return [Field(each, f"{self._name}[{number}]", self._file) for number, each in enumerate(self._node.value)]

    def text(self) -> str:
        """A string."""
        value = self._scalar("tag:yaml.org,2002:str", "a text")
        if not value.strip():
            raise self.error("expected a text, found nothing")
        return value

    def guid(self) -> str:
        """A GUID."""
        try:
            return str(uuid.UUID(self.text()))
        except ValueError:
            raise self.error(f"expected a GUID, found {self.text()!r}") from None

    def whole_number(self, *, smallest: int = 0, largest: int = 100_000_000) -> int:
        """A whole number."""
        text = self._scalar("tag:yaml.org,2002:int", "a whole number")
        value = int(text.replace("_", ""), 0)
        if not smallest <= value <= largest:
            raise self.error(f"expected a number from {smallest} to {largest}, found {value}")
        return value

    def flag(self) -> bool:
        """True or false."""
        return self._scalar("tag:yaml.org,2002:bool", "true or false").lower() in ("true", "yes", "on")

    def one_of(self, choices: tuple[str, ...]) -> str:
        """One of a few texts."""
        value = self.text()
        if value not in choices:
            raise self.error(f"expected one of {', '.join(choices)}, found {value!r}")
        return value

    def checked(self, test: Callable[[str], bool], expected: str) -> str:
        """A text that passes a test."""
        value = self.text()
        if not test(value):
            raise self.error(f"expected {expected}, found {value!r}")
        return value

    def _scalar(self, tag: str, expected: str) -> str:
        if not isinstance(self._node, yaml.ScalarNode) or self._node.tag != tag:
            text = self._node.value if isinstance(self._node, yaml.ScalarNode) else "a structure"
            raise self.error(f"expected {expected}, found {text!r}")
        return str(self._node.value)


def read_yaml(text: str, file: str) -> Field:
    """The value of a YAML file.

    Raises:
        SeedError: the text is no YAML, or empty.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark is not None else ""
        raise SeedError(f"{file}{line}: this is no YAML ({getattr(error, 'problem', error)})") from error
    if node is None:
        raise SeedError(f"{file}: the file is empty")
    return Field(node, "", file)
