"""Parses the headers `Prefer` and `Accept` of a request.

Sources: https://learn.microsoft.com/en-us/graph/api/application-upsert and
https://docs.oasis-open.org/odata/odata-json-format/v4.01/odata-json-format-v4.01.html (control information)
"""

from __future__ import annotations

from orgcal_emulator.graph.errors import not_emulated
from orgcal_emulator.graph.messages import GraphRequest, GraphResponse

_ALWAYS = ("@odata.count", "@odata.nextLink")
"""Annotations that `odata.metadata=none` leaves."""


def wants_upsert(request: GraphRequest) -> bool:
    """Whether a PATCH shall create what it does not find: `Prefer: create-if-missing`."""
    return "create-if-missing" in request.headers.get("prefer", "").lower()


def wants_no_metadata(request: GraphRequest) -> bool:
    """Whether the client accepts `odata.metadata=none`; `minimal` is what it gets otherwise.

    Raises:
        GraphFailure: 501 for `full`.
    """
    accepted = request.headers.get("accept", "")
    if "odata.metadata=" not in accepted:
        return False
    if "odata.metadata=full" in accepted:
        raise not_emulated("value", "Accept odata.metadata=full")
    return "odata.metadata=none" in accepted


def without_metadata(response: GraphResponse) -> GraphResponse:
    """An answer without annotations but the count and the link to the next page."""
    body = response.body
    if isinstance(body, dict):
        kept = {name: value for name, value in body.items() if name in _ALWAYS or "@odata." not in name}
        if isinstance(kept.get("value"), list):
            kept["value"] = [
                {name: value for name, value in item.items() if "@odata." not in name} for item in kept["value"]
            ]
        response.body = kept
        response.headers = {**response.headers, "Content-Type": "application/json;odata.metadata=none;charset=utf-8"}
    return response
