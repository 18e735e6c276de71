"""A stack's state, read from an export: ids, place, and what interrupted runs left open."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from orgcal import resource_types
from orgcal.stack.state import StackState, without_creations
from tests.support.stack_exports import PASSWORD, password, resource
from tests.support.stack_exports import exported as deployed

PROVIDER = "urn:pulumi:dev::orgcal::pulumi:providers:azuread::entra"
PRINCIPAL = resource_types.SERVICE_PRINCIPAL


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


def test_unfinished_tells_what_was_begun_and_since_when() -> None:
    (item,), since = StackState(exported(pending("creating", "outlook"), pending("reading", "other"))).unfinished()

    assert (item.operation, item.name, item.kind) == ("creating", "outlook", "ServicePrincipal")
    assert (item.inputs, item.parent, item.provider) == ({"clientId": "c"}, "urn:parent", PROVIDER)
    assert since == datetime(2026, 11, 28, 5, 0, 0, 500_000, tzinfo=UTC)


def test_unfinished_of_a_state_that_was_never_deployed_is_nothing() -> None:
    assert StackState({}).unfinished()[0] == []
    assert StackState({"deployment": {"manifest": {"time": "0001-01-01T00:00:00Z"}}}).unfinished()[0] == []


def test_place_tells_where_the_stack_was_made() -> None:
    record = {"cloud": "emulator", "directory_id": "d", "callback_url": "https://localhost:1/callback"}

    place = StackState(exported(outputs={"orgcal": record})).place

    assert place is not None
    assert (place.cloud, place.directory_id, place.callback_url) == tuple(record.values())
    assert StackState(exported()).place is None
    assert StackState({}).place is None


def test_ids_of_what_an_update_still_has_to_delete_are_in_the_state_too() -> None:
    state = StackState(deployed([3], 3, password(3), password(2, delete=True), pushed=3))

    assert state.credential_ids == {"key-2", "key-3"}
    assert [item["outputs"]["keyId"] for item in state.live(PASSWORD)] == ["key-3"]


def test_incomplete_ids_names_principals_that_the_plugin_could_not_complete() -> None:
    broken = resource(PRINCIPAL, "outlook", id="/servicePrincipals/1", initErrors=["not found"])
    whole = resource(PRINCIPAL, "other", id="/servicePrincipals/2")
    state = StackState({"deployment": {"resources": [broken, whole]}})

    assert state.incomplete_ids([broken["urn"], whole["urn"]]) == ["/servicePrincipals/1"]
    assert state.incomplete_ids([whole["urn"]]) == []


def test_without_creations_leaves_other_operations_and_the_given_export_alone() -> None:
    export = exported(pending("creating", "outlook"), pending("deleting", "old"))

    changed = without_creations(export, None)

    assert changed is not None
    assert [item["type"] for item in changed["deployment"]["pending_operations"]] == ["deleting"]
    assert len(export["deployment"]["pending_operations"]) == 2
    assert without_creations(export, {PASSWORD}) is None
    assert without_creations(changed, None) is None
