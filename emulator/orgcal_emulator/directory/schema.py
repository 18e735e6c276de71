"""Types of the properties that clients may write, checked by name: unknown is refused with 501, wrong with 400."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from orgcal_emulator.clock import parse_rfc3339
from orgcal_emulator.directory.objects import is_guid
from orgcal_emulator.graph.errors import bad_request, invalid_value, not_emulated


class Kind(Protocol):
    """A type: checks a value and gives the form in which it is kept."""

    def check(self, value: Any, name: str, resource: str) -> Any: ...


@dataclass(frozen=True)
class Text:
    """A string of at most `longest` characters.

    Attributes:
        shortest: smallest number of characters.
        required: null is refused.
        guid: it must be a GUID; kept in lower case.
        choices: the only values taken; none means any.
    """

    longest: int = 1024
    shortest: int = 0
    required: bool = False
    guid: bool = False
    choices: tuple[str, ...] = ()

    def check(self, value: Any, name: str, resource: str) -> Any:
        if value is None:
            if self.required:
                raise invalid_value(name, resource)
            return None
        if not isinstance(value, str) or not self.shortest <= len(value) <= self.longest or "\x00" in value:
            raise invalid_value(name, resource)
        if self.guid:
            if not is_guid(value):
                raise invalid_value(name, resource)
            return value.lower()
        if self.choices:
            for choice in self.choices:
                if choice.lower() == value.lower():
                    return choice
            raise invalid_value(name, resource)
        return value


@dataclass(frozen=True)
class Flag:
    """A boolean; null where `nullable`."""

    nullable: bool = True

    def check(self, value: Any, name: str, resource: str) -> Any:
        if isinstance(value, bool) or (value is None and self.nullable):
            return value
        raise invalid_value(name, resource)


@dataclass(frozen=True)
class Choice:
    """One of a few numbers, or null."""

    values: tuple[int, ...]

    def check(self, value: Any, name: str, resource: str) -> Any:
        if value is None or (type(value) is int and value in self.values):
            return value
        raise invalid_value(name, resource)


@dataclass(frozen=True)
class Moment:
    """A date and time with its zone, or null."""

    def check(self, value: Any, name: str, resource: str) -> Any:
        if value is None:
            return None
        try:
            parse_rfc3339(value)
        except (TypeError, ValueError, OverflowError, OSError):
            raise invalid_value(name, resource) from None
        return value


@dataclass(frozen=True)
class ListOf:
    """A list of at most `most` values of one type; null counts as empty, but is none of its values."""

    of: Kind
    most: int = 1000
    unique: bool = False

    def check(self, value: Any, name: str, resource: str) -> Any:
        if value is None:
            return []
        if not isinstance(value, list):
            raise invalid_value(name, resource)
        if len(value) > self.most:
            raise bad_request(
                f"The property '{name}' of resource '{resource}' may have at most {self.most} entries.",
                "Directory_QuotaExceeded",
            )
        if None in value:
            raise invalid_value(name, resource)
        found = [self.of.check(each, name, resource) for each in value]
        if self.unique and len({str(each) for each in found}) != len(found):
            raise bad_request("Request contains a property with duplicate values.")
        return found


@dataclass(frozen=True)
class Nested:
    """An object with properties of its own.

    Attributes:
        fields: type by property.
        defaults: values of properties that the client did not send.
        required: properties that must be there.
        nullable: null is kept as null; otherwise it stands for the defaults.
    """

    fields: Mapping[str, Kind]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    nullable: bool = False

    def check(self, value: Any, name: str, resource: str) -> Any:
        if value is None:
            return None if self.nullable else dict(self.defaults)
        if not isinstance(value, dict):
            raise invalid_value(name, resource)
        found = {**self.defaults, **self.given(value, name, resource)}
        for each in self.required:
            if found.get(each) is None:
                raise invalid_value(f"{name}.{each}", resource)
        return found

    def given(self, value: Mapping[str, Any], name: str, resource: str) -> dict[str, Any]:
        """The checked properties that the client named, without defaults."""
        checked = {}
        for key, each in value.items():
            if "@" in key:
                continue
            kind = self.fields.get(key)
            if kind is None:
                raise not_emulated("property", f"{resource[0].lower()}{resource[1:]}.{name}.{key}")
            checked[key] = kind.check(each, key, resource)
        return checked


FLAG = Flag()
TEXT = Text()
GUID = Text(guid=True, required=True)
TEXTS = ListOf(Text(required=True))
