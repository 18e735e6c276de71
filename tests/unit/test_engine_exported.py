"""What an export of a state tells before a run."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from orgcal.stack.exported import place_in, unfinished_in

PROVIDER = "urn:pulumi:dev::orgcal::pulumi:providers:azuread::entra"
PRINCIPAL = "azuread:index/servicePrincipal:ServicePrincipal"


def exported(*operations: dict[str, Any], outputs: dict[str, Any] | None = None) -> dict[str, Any]:
    stack = {"urn": "urn:stack", "type": "pulumi:pulumi:Stack", "outputs": outputs or {}}
    manifest = {"time": "2026-11-28T05:00:00.5Z"}
    return {"deployment": {"manifest": manifest, "resources": [stack], "pending_operations": list(operations)}}


def pending(kind: str, name: str) -> dict[str, Any]:
    resource = {
        "urn": f"urn:pulumi:dev::orgcal::{PRINCIPAL}::{name}",
        "type": PRINCIPAL,
        "inputs": {"clientId": "c"},
        "parent": "urn:parent",
        "provider": f"{PROVIDER}::3f0e",
    }
    return {"type": kind, "resource": resource}


def test_unfinished_in_tells_what_was_begun_and_since_when() -> None:
    (item,), since = unfinished_in(exported(pending("creating", "outlook"), pending("reading", "other")))

    assert (item.operation, item.name, item.kind) == ("creating", "outlook", "ServicePrincipal")
    assert (item.inputs, item.parent, item.provider) == ({"clientId": "c"}, "urn:parent", PROVIDER)
    assert since == datetime(2026, 11, 28, 5, 0, 0, 500_000, tzinfo=UTC)


def test_unfinished_in_a_state_that_was_never_deployed_is_nothing() -> None:
    assert unfinished_in({})[0] == []
    assert unfinished_in({"deployment": {"manifest": {"time": "0001-01-01T00:00:00Z"}}})[0] == []


def test_place_in_tells_where_the_stack_was_made() -> None:
    record = {"cloud": "emulator", "directory_id": "d", "callback_url": "https://localhost:1/callback"}

    place = place_in(exported(outputs={"orgcal": record}))

    assert place is not None
    assert (place.cloud, place.directory_id, place.callback_url) == tuple(record.values())
    assert place_in(exported()) is None
    assert place_in({}) is None
