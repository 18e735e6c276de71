"""Reading the mapping `platform` of a stack's config: known keys, right kinds, one sentence each."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from orgcal.errors import ConfigError

PREFIX = "orgcal:connector.platform"

PROJECT_DIR_VARIABLE = "ORGCAL_PROJECT_DIR"
"""Names the project's folder, from which paths in settings count, whatever folder a command is run in."""


class SettingsReader:
    """Takes settings one at a time and refuses what nobody took.

    Args:
        settings: the mapping; `kind` is always known.
        prefix: its path in the stack's config, for messages.
    """

    def __init__(self, settings: Mapping[str, Any], prefix: str = PREFIX) -> None:
        self._settings = settings
        self._prefix = prefix
        self._known = {"kind"}
        self._problems: list[str] = []

    def text(self, name: str, *, default: str | None = None, example: str = "") -> str:
        """A text; without a default it is required."""
        value = self._take(name, default, f'a text, such as "{example}"' if example else "a text")
        if isinstance(value, str):
            return value
        if value is not None:
            self._wrong(name, value, "a text")
        return ""

    def choice(self, name: str, known: tuple[str, ...], *, default: str | None = None) -> str:
        """One of `known`."""
        expected = f"one of {', '.join(known)}"
        value = self._take(name, default, expected)
        if isinstance(value, str) and value in known:
            return value
        if value is not None:
            self._wrong(name, value, expected)
        return known[0]

    def mapping(self, name: str, *, default: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """A mapping; without a default it is required."""
        value = self._take(name, default, "a mapping")
        if isinstance(value, Mapping):
            return value
        if value is not None:
            self._wrong(name, value, "a mapping")
        return {}

    def texts(self, name: str, *, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """A list of texts; without a default it is required."""
        value = self._take(name, default, "a list of texts")
        if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
            return tuple(value)
        if value is not None:
            self._wrong(name, value, "a list of texts")
        return ()

    def problem(self, name: str, sentence: str) -> None:
        """Note a problem that only the platform's module can see."""
        self._problems.append(f"{self._prefix}.{name}: {sentence}")

    def done(self) -> None:
        """Refuse what is wrong, all at once.

        Raises:
            ConfigError: missing, mistyped or unknown settings.
        """
        for name in sorted(map(str, self._settings.keys() - self._known)):
            near = difflib.get_close_matches(name, self._known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(self._known))}"
            self.problem(name, f"unknown setting; {hint}")
        if self._problems:
            raise ConfigError(self._problems)

    def _take(self, name: str, default: Any, expected: str) -> Any:
        self._known.add(name)
        value = self._settings.get(name, default)
        if value is None:
            self.problem(name, f"missing; expected {expected}")
        return value

    def _wrong(self, name: str, value: Any, expected: str) -> None:
        self.problem(name, f"found {value!r}, expected {expected}")
