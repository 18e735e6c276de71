"""What ephemeral stacks leave in the directory, its recycle bin and the platform, found and removed: by tags alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.credentials import ClientSecret
from orgcal.entra.graph import GraphClient
from orgcal.entra.home.tags import EPHEMERAL_TAG, deployment_tag
from orgcal.entra.session import new_session
from orgcal.operations.orphaned_previews import (
    EphemeralStacks,
    find_orphaned_previews,
    own_connector,
    remove_orphaned_preview,
)
from orgcal.operations.purge_stack import PATIENCE_S, purge_deleted
from orgcal.patience import Clock
from orgcal.platforms import ConnectorSettings, PlatformCredential, open_platform
from orgcal.stack.state import StackState
from tests.support.deployed_connector import operator_graph
from tests.support.stack_exports import state_with

PROJECT, ORIGIN_KEY = "orgcal", "outlook"
LOCAL = {"kind": "local"}


@pytest.fixture
def graph(endpoints: CloudEndpoints, emulator_environ: Mapping[str, str]) -> Iterator[GraphClient]:
    with new_session(endpoints) as session:
        yield operator_graph(endpoints, emulator_environ, session)


def make(graph: GraphClient, stack: str, *tags: str, principal: bool = True) -> dict[str, Any]:
    """An application as the program of `stack` makes it."""
    tagged = [deployment_tag(PROJECT, stack), *tags]
    made = graph.post("/applications", {"displayName": f"Sync ({stack})", "tags": tagged})
    if principal:
        made["principal_id"] = graph.post("/servicePrincipals", {"appId": made["appId"]})["id"]
    return made


def in_bin(graph: GraphClient) -> set[str]:
    """Object ids of everything in the recycle bin."""
    kinds = ("application", "servicePrincipal")
    return {item["id"] for kind in kinds for item in graph.pages(f"/directory/deletedItems/microsoft.graph.{kind}")}


def live(graph: GraphClient) -> set[str]:
    return {item["id"] for item in graph.pages("/applications")}


def look(
    graph: GraphClient,
    states: Mapping[str, StackState],
    environ: Mapping[str, str],
    *,
    older_than: timedelta = timedelta(),
) -> EphemeralStacks:
    return find_orphaned_previews(
        graph,
        PROJECT,
        states.get,
        older_than=older_than,
        now=datetime.now(UTC) + timedelta(minutes=1),
        connector_of=own_connector(open_platform(LOCAL, environ), ORIGIN_KEY),
    )


def test_orphaned_previews_are_only_ephemeral_applications_in_no_state(
    graph: GraphClient, emulator_environ: Mapping[str, str]
) -> None:
    gone = make(graph, "pr-1", EPHEMERAL_TAG)
    held = make(graph, "pr-2", EPHEMERAL_TAG)
    second = make(graph, "pr-2", EPHEMERAL_TAG)
    make(graph, "prod")
    graph.post("/applications", {"displayName": "other project", "tags": ["orgcal:else/pr-1", EPHEMERAL_TAG]})
    graph.post(
        "/applications", {"displayName": "two stacks", "tags": ["orgcal:orgcal/a", "orgcal:orgcal/b", EPHEMERAL_TAG]}
    )
    graph.post("/applications", {"displayName": "no stack", "tags": [EPHEMERAL_TAG]})

    states = {"pr-2": state_with(application=held["id"])}
    found = look(graph, states, emulator_environ)

    assert {item.application.application_object_id for item in found.orphaned} == {gone["id"], second["id"]}
    assert [item.stack for item in found.orphaned] == ["pr-1", "pr-2"]
    assert found.deployed == ["pr-2"]
    assert look(graph, states, emulator_environ, older_than=timedelta(hours=1)) == EphemeralStacks([], [])


def test_orphaned_preview_is_removed_for_good_with_its_connector(
    graph: GraphClient, emulator_environ: Mapping[str, str]
) -> None:
    before = live(graph)
    platform = open_platform(LOCAL, emulator_environ)
    for key in (ORIGIN_KEY, f"{ORIGIN_KEY}-pr-1", f"{ORIGIN_KEY}-pr-2"):
        platform.create_connector(ConnectorSettings(key, "Calendars", "", ("Calendars.Read",), False))
    first, binned = make(graph, "pr-1", EPHEMERAL_TAG), make(graph, "pr-2", EPHEMERAL_TAG)
    platform.push_credentials(f"{ORIGIN_KEY}-pr-1", PlatformCredential(first["appId"], 1, ClientSecret("s")))
    platform.push_credentials(
        f"{ORIGIN_KEY}-pr-2", PlatformCredential("11111111-0000-4000-8000-000000000009", 1, ClientSecret("s"))
    )
    platform.register_connection(f"{ORIGIN_KEY}-pr-1", "22222222-2222-2222-2222-222222222222")
    graph.delete(f"/applications/{binned['id']}")

    found = look(graph, {}, emulator_environ).orphaned
    assert {(item.stack, item.deleted, item.connector_key) for item in found} == {
        ("pr-1", False, f"{ORIGIN_KEY}-pr-1"),
        ("pr-2", True, ""),  # another application uses that connector
    }
    for item in found:
        assert remove_orphaned_preview(graph, item, platform).missing == []

    assert live(graph) == before
    assert in_bin(graph) == set()
    assert platform.read_connector(f"{ORIGIN_KEY}-pr-1") is None
    assert platform.read_connector(f"{ORIGIN_KEY}-pr-2") is not None
    assert platform.read_connector(ORIGIN_KEY) is not None
    assert look(graph, {}, emulator_environ) == EphemeralStacks([], [])


def test_purge_takes_only_what_has_the_stacks_tag(graph: GraphClient) -> None:
    ours, other = make(graph, "pr-1"), make(graph, "pr-10")
    earlier = make(graph, "pr-1", principal=False)
    for made in (ours, other, earlier):
        graph.delete(f"/applications/{made['id']}")
    before = state_with(application=ours["id"], principal=ours["principal_id"])

    purged = purge_deleted(graph, deployment_tag(PROJECT, "pr-1"), before)

    assert set(purged.applications) == {ours["id"], earlier["id"]}
    assert purged.principals == [ours["principal_id"]]
    assert purged.missing == []
    assert in_bin(graph) == {other["id"], other["principal_id"]}


def test_purge_waits_for_what_is_not_in_the_bin_yet_and_names_what_never_comes(graph: GraphClient) -> None:
    late, tag = make(graph, "pr-1", principal=False), deployment_tag(PROJECT, "pr-1")
    clock = [0.0]

    def sleep(seconds: float) -> None:
        clock[0] += seconds
        if clock[0] >= 4:
            graph.delete(f"/applications/{late['id']}") if late["id"] in live(graph) else None

    purged = purge_deleted(graph, tag, state_with(application=late["id"]), clock=Clock(lambda: clock[0], sleep))
    assert purged.applications == [late["id"]]
    assert 4 <= clock[0] < 8

    never = purge_deleted(graph, tag, state_with(application="not there"), clock=Clock(lambda: clock[0], sleep))
    assert never.missing == ["not there"]
    assert clock[0] <= 8 + PATIENCE_S


def test_purge_of_nothing_asks_once_and_does_not_wait(graph: GraphClient) -> None:
    def sleep(seconds: float) -> None:
        raise AssertionError("there is nothing to wait for")

    assert purge_deleted(graph, deployment_tag(PROJECT, "pr-1"), StackState({}), clock=Clock(sleep=sleep)).count == 0
