"""`$orderby` of directory objects.

Source: https://learn.microsoft.com/en-us/graph/aad-advanced-queries, by which sorting together with `$filter` is an
advanced query.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from orgcal_emulator.graph.errors import bad_request, not_emulated
from orgcal_emulator.graph.messages import GraphRequest
from orgcal_emulator.graph.odata import is_eventual

MOST_FIELDS = 4


def order_of(request: GraphRequest, resource: str, orderable: Collection[str]) -> list[tuple[str, bool]]:
    """Properties that the request sorts by, each with whether the largest comes first; empty for the usual order.

    Args:
        resource: type of the objects, for error texts: `application`.
        orderable: properties that may be named.

    Raises:
        GraphFailure: 400 for a text that is no order, or an advanced query without its header and `$count`; 501 naming
            a property that is not modelled.
    """
    text = request.options.get("orderby")
    if text is None:
        return []
    known = {name.lower(): name for name in orderable}
    fields: list[tuple[str, bool]] = []
    for part in text.split(","):
        name, *direction = part.split()[:3] or [""]
        if not name or direction not in ([], ["asc"], ["desc"]) or len(fields) == MOST_FIELDS:
            raise bad_request(f"Invalid orderby clause: Syntax error at '{part[:40]}'.", "BadRequest")
        if name.lower() not in known:
            raise not_emulated("orderby", f"{resource}.{name}")
        fields.append((known[name.lower()], direction == ["desc"]))
    counts = request.options.get("count", "").lower() == "true"
    if "filter" in request.options and not (counts and is_eventual(request)):
        raise bad_request("Sorting not supported for current query.", "Request_UnsupportedQuery")
    return fields


def ordered(items: Sequence[Mapping[str, Any]], fields: Sequence[tuple[str, bool]]) -> list[Mapping[str, Any]]:
    """The items in this order, texts without regard to case."""
    found = list(items)
    for name, descending in reversed(fields):
        found.sort(key=lambda item: str(item.get(name) or "").casefold(), reverse=descending)
    return found
