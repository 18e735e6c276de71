"""Expressions that flexible federated credentials match claims by.

Source: docs/workload-id/workload-identities-flexible-federated-identity-credentials.md of MicrosoftDocs/entra-docs,
commit 00ec9f5: three parts with single spaces between them, `eq` and `matches` (`?` and `*`), several joined by `and`,
for the claims of three platforms.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

_PART = re.compile(r"claims\['([A-Za-z_][\w.-]*)'\] (eq|matches) '((?:[^']|'')*)'")

_ISSUERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"https://token\.actions\.githubusercontent\.com/?", ("sub", "job_workflow_ref")),
    (r"https://gitlab(\.[a-z0-9-]+)*\.(com|ca)/?", ("sub",)),
    (r"https://app\.(eu\.)?terraform\.io/?", ("sub",)),
)
"""Issuers, and the claims of each that may be compared."""


class Comparison(NamedTuple):
    """One part of an expression."""

    claim: str
    operator: str
    wanted: str

    def holds(self, claims: Mapping[str, Any]) -> bool:
        """Whether the claim is there and as wanted."""
        value = claims.get(self.claim)
        if not isinstance(value, str):
            return False
        if self.operator == "eq":
            return value == self.wanted
        pattern = "".join({"*": ".*", "?": "."}.get(letter, re.escape(letter)) for letter in self.wanted)
        return re.fullmatch(pattern, value, re.DOTALL) is not None


def parsed(text: str, issuer: str) -> list[Comparison]:
    """The comparisons of an expression, all of which must hold.

    Raises:
        ValueError: it is none, or compares what the issuer's tokens cannot be compared by.
    """
    known = next((claims for pattern, claims in _ISSUERS if re.fullmatch(pattern, issuer)), ())
    found = []
    position = 0
    while True:
        match = _PART.match(text, position)
        if match is None or match.group(1) not in known:
            raise ValueError(text)
        claim, operator, wanted = match.groups()
        found.append(Comparison(claim, operator, wanted.replace("''", "'")))
        position = match.end()
        if position == len(text):
            return found
        if not text.startswith(" and ", position):
            raise ValueError(text)
        position += len(" and ")


def matches(text: str, issuer: str, claims: Mapping[str, Any]) -> bool:
    """Whether the claims of a token of `issuer` are as an expression wants them."""
    return all(each.holds(claims) for each in parsed(text, issuer))
