"""Which scopes of a connector are application permissions, told by the setting that names each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orgcal.entra.permissions import AppRole, lookup, nearest_permission
from orgcal.errors import ConfigError

KEY = "orgcal:connector.scopes"


@dataclass(frozen=True, slots=True)
class WrongScope:
    """A scope that is no application permission.

    Attributes:
        number: its place among the scopes, from 0.
        nearest: the permission that is most likely meant; empty where none is like it.
        why: a sentence without a repair.
        undecided: whether it is only that orgcal's own table lacks it, so that the directory may have it.
    """

    number: int
    scope: str
    nearest: str
    why: str
    undecided: bool

    def line(self, key: str, repair: str, otherwise: str = "") -> str:
        """What a person is told: key, found, expected, repair.

        Args:
            key: of the setting.
            otherwise: what else can be done where it is undecided.
        """
        meant = f" (did you mean {self.nearest}?)" if self.nearest else ""
        other = f", or, {otherwise}" if otherwise and self.undecided else ""
        expected = "an application permission of Microsoft Graph"
        return f"{key}: found {json.dumps(self.scope)}{meant}: {self.why}; expected {expected}; repair: {repair}{other}"


def wrong_scopes(scopes: Sequence[str], published: Mapping[str, AppRole] | None = None) -> list[WrongScope]:
    """The scopes that are no application permissions.

    Args:
        published: what the home tenant publishes, which decides; None where orgcal's own table must.
    """
    wrong = []
    for number, scope in enumerate(scopes):
        try:
            lookup(scope, published)
        except ConfigError as error:
            why = error.problems[0].removeprefix(f"{scope}: ").partition("; ")[0]
            undecided = published is None and "own table" in why
            wrong.append(WrongScope(number, scope, nearest_permission(scope, published), why, undecided))
    return wrong


def scope_problems(
    scopes: Sequence[str], published: Mapping[str, AppRole] | None = None, *, otherwise: str = ""
) -> list[str]:
    """What is wrong with the scopes in a stack's file, a line each; arguments as of `wrong_scopes` and `line`."""
    problems = []
    for wrong in wrong_scopes(scopes, published):
        key = f"{KEY}[{wrong.number}]"
        set_it = f"pulumi config set --path '{key}' {wrong.nearest}"
        problems.append(wrong.line(key, set_it if wrong.nearest else "remove it from the stack's file", otherwise))
    return problems
