"""Compares what Entra issued with what was asked for: a lifetime that is ignored must not go unnoticed.

It has happened that an end date was dropped on the way and a secret of two years came back
(https://github.com/hashicorp/terraform-provider-azuread/issues/1424).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pulumi

from orgcal.durations import parse_moment

_TOLERANCE = timedelta(minutes=1)
"""Services round times; a minute is no lifetime."""


def differing_end_dates(recorded: Mapping[str, str], issued: Mapping[str, str]) -> list[str]:
    """One sentence for each generation that ends at another time than the ledger says.

    Args:
        recorded: generation (as text) to end date, RFC 3339, of the ledger.
        issued: the same, as Entra tells it.
    """
    return [
        f"Entra issued generation {number} of the credential with the end {ends}, not {recorded[number]} as asked for"
        for number, ends in issued.items()
        if number in recorded and abs(parse_moment(ends) - parse_moment(recorded[number])) > _TOLERANCE
    ]


def compare_end_dates(recorded: Mapping[str, str], issued: Mapping[str, str]) -> None:
    """Warns of each generation that Entra gave another end."""
    for sentence in differing_end_dates(recorded, issued):
        pulumi.log.warn(f"{sentence}\n  repair: orgcal rotate, and read the tenant's app management policy")
