"""Latency and lag, as the control routes set them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orgcal_emulator.directory.models import Directory
from orgcal_emulator.store import Lag

LAG_KINDS = ("application", "servicePrincipal", "credential", "grant")
"""What can lag. `application`: Graph's reads of them, and changes of new ones. `servicePrincipal`: the same, and the
token endpoint, which then does not know of a consent yet. `credential`: what the token endpoint knows of an
application's. `grant`: Graph's lists, removals of new ones, and the roles of tokens."""


@dataclass
class Latency:
    """Real seconds that answers take.

    Attributes:
        identity_s: Graph's directory routes.
        outlook_s: one calendar read; in a batch four of them run at a time.
        entra_s: everything of Entra.
    """

    identity_s: float = 0.0
    outlook_s: float = 0.0
    entra_s: float = 0.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 60:
                raise ValueError(f"`{name}` must be a number of seconds from 0 to 60")

    def __bool__(self) -> bool:
        return self.identity_s > 0 or self.outlook_s > 0 or self.entra_s > 0


def lags(directory: Directory) -> dict[str, Lag]:
    """The lag of each kind."""
    return {
        "application": directory.applications.graph.lag,
        "servicePrincipal": directory.service_principals.graph.lag,
        "credential": directory.applications.entra.lag,
        "grant": directory.assignments.graph.lag,
    }


def set_lag(directory: Directory, given: Mapping[str, Any]) -> None:
    """Let replicas lag: `{"reads": N, "seconds": S, "kinds": [..]}`; without kinds, every kind.

    Raises:
        ValueError: a field is unknown or wrong.
    """
    unknown = set(given) - {"reads", "seconds", "kinds"}
    if unknown:
        raise ValueError(f"lag has no field {sorted(unknown)[0]!r}")
    reads, seconds, kinds = given.get("reads", 0), given.get("seconds", 0), given.get("kinds", list(LAG_KINDS))
    if type(reads) is not int or not 0 <= reads <= 1000:
        raise ValueError("`reads` must be a whole number from 0 to 1000")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= 86_400:
        raise ValueError("`seconds` must be a number from 0 to 86400")
    if not isinstance(kinds, list) or any(kind not in LAG_KINDS for kind in kinds):
        raise ValueError(f"`kinds` must be a list of {', '.join(LAG_KINDS)}")
    for kind in kinds:
        lag = lags(directory)[kind]
        lag.reads, lag.seconds = reads, float(seconds)
    for kind, table in (("servicePrincipal", directory.service_principals), ("grant", directory.assignments)):
        if kind in kinds:
            table.entra.lag.reads, table.entra.lag.seconds = reads, float(seconds)
