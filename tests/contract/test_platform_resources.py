"""Our resources on every platform, without an engine between: a life from create to delete, with drift."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from orgcal.platforms import ConnectorSettings
from orgcal.provider._sdk import Call, Properties, Resource, Secret, State, reveal
from orgcal.provider.connector.connectors import Connector
from orgcal.provider.connector.credentials import ConnectorCredentials
from tests.support.platform_cases import NAMES, Case, able, open_case

CLIENT_ID = "5f0c8a0e-0000-4000-8000-000000000001"


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(params=NAMES)
def case(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    authority: trustme.CA,
    emulator_keys: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Case]:
    with open_case(request.param, tmp_path, authority, emulator_keys) as found:
        for name, value in found.environ.items():
            monkeypatch.setenv(name, value)
        yield found


def call() -> Call:
    return Call("name", lambda severity, text: None)


def entry_inputs(case: Case, **changed: Any) -> Properties:
    news: Properties = {
        "platform": case.settings,
        "key": "outlook",
        "displayName": "Outlook",
        "description": "",
        "scopes": ["Calendars.Read", "User.Read.All"],
        **changed,
    }
    return Connector().check(call(), news, {})


def push_inputs(case: Case, secret: str = "hush-1", generation: int = 1) -> Properties:
    return {
        "platform": case.settings,
        "connectorKey": "outlook",
        "clientId": CLIENT_ID,
        "clientSecret": Secret(secret),
        "generation": generation,
        "scopes": ["Calendars.Read", "User.Read.All"],
    }


def created(resource: Resource, news: Properties) -> tuple[str, State]:
    made = resource.create(call(), news)
    return made.resource_id, State(news, {**news, **made.outputs})


def entered(case: Case, news: Properties) -> tuple[str, State]:
    """Create the entry, with a first credential where the platform makes it with that."""
    made = created(Connector(), news)
    if case.platform.capabilities.created_with == "credential":
        assert Connector().read(call(), *made) is None
        created(ConnectorCredentials(), {**push_inputs(case), "displayName": news["displayName"]})
    return made


def refreshed(resource: Resource, resource_id: str, old: State) -> State:
    found = resource.read(call(), resource_id, old)
    assert found is not None
    assert found.resource_id == resource_id
    return State(found.inputs, {**found.inputs, **found.outputs})


def changed(resource: Resource, old: State, news: Properties) -> set[str]:
    return set(resource.diff(call(), "id", old, news).changed)


def test_entry_lives_from_create_to_delete(case: Case) -> None:
    resource, news = Connector(), entry_inputs(case)
    resource_id, state = entered(case, news)
    assert state.outputs["callbackUrl"]
    state = refreshed(resource, resource_id, state)
    assert changed(resource, state, news) == set()

    if "display_name" in case.platform.capabilities.catalog:
        renamed = entry_inputs(case, displayName="Calendar")
        assert changed(resource, state, renamed) == {"displayName"}
        outputs = resource.update(call(), resource_id, state, renamed)
        state = refreshed(resource, resource_id, State(renamed, {**renamed, **outputs}))
        assert changed(resource, state, renamed) == set()
        assert changed(resource, state, news) == {"displayName"}

    resource.delete(call(), resource_id, state)
    if case.platform.capabilities.catalog:
        assert resource.read(call(), resource_id, state) is None


@pytest.mark.parametrize("case", able(lambda has: "display_name" in has.catalog), indirect=True)
def test_entry_changed_by_somebody_else_is_seen_and_taken_back(case: Case) -> None:
    resource, news = Connector(), entry_inputs(case)
    resource_id, state = entered(case, news)
    typed_in = ConnectorSettings("outlook", "Typed in", "", tuple(news["scopes"]))
    case.platform.update_connector(typed_in, ["display_name"])

    drifted = refreshed(resource, resource_id, state)
    assert drifted.inputs["displayName"] == "Typed in"
    assert changed(resource, drifted, news) == {"displayName"}
    outputs = resource.update(call(), resource_id, drifted, news)
    repaired = refreshed(resource, resource_id, State(news, {**news, **outputs}))
    assert changed(resource, repaired, news) == set()


def test_credential_lives_from_push_to_removal_and_its_drift_is_repaired(case: Case) -> None:
    created(Connector(), entry_inputs(case))
    resource, news = ConnectorCredentials(), push_inputs(case)
    resource_id, state = created(resource, news)
    state = refreshed(resource, resource_id, state)
    assert changed(resource, state, news) == set()

    case.meddle()
    drifted = refreshed(resource, resource_id, state)
    unseen = case.platform.capabilities.reads_back == "nothing"
    assert changed(resource, drifted, news) == (set() if unseen else {"clientSecret"})
    assert "typed-in" not in str(reveal(drifted.outputs)), "a secret that is not ours is never taken into the state"
    outputs = resource.update(call(), resource_id, drifted, news)
    assert reveal(outputs["fingerprintKey"]) == reveal(state.outputs["fingerprintKey"])
    state = refreshed(resource, resource_id, State(news, {**news, **outputs}))
    assert changed(resource, state, news) == set()

    second = push_inputs(case, "hush-2", 2)
    assert changed(resource, state, second) == {"clientSecret", "generation"}
    outputs = resource.update(call(), resource_id, state, second)
    state = refreshed(resource, resource_id, State(second, {**second, **outputs}))
    assert changed(resource, state, second) == set()
    resource.delete(call(), resource_id, state)
    if case.forgets:
        assert resource.read(call(), resource_id, state) is None


@pytest.mark.parametrize("case", able(lambda has: has.reads_back == "value"), indirect=True)
def test_credential_import_takes_what_is_there(case: Case) -> None:
    created(Connector(), entry_inputs(case))
    resource, news = ConnectorCredentials(), push_inputs(case)
    created(resource, news)
    found = resource.read(call(), _import_id(case), State())
    assert found is not None
    assert found.inputs["clientSecret"] == Secret("hush-1")
    assert found.inputs["clientId"] == CLIENT_ID


def test_entry_import_takes_what_is_there(case: Case) -> None:
    news = entry_inputs(case)
    _, state = entered(case, news)
    found = Connector().read(call(), _import_id(case), State())
    assert found is not None
    assert found.outputs["callbackUrl"] == state.outputs["callbackUrl"]
    kept = {"display_name": "displayName", "description": "description", "scopes": "scopes", "published": "published"}
    for field in case.platform.capabilities.catalog:
        assert found.inputs[kept[field]] == news[kept[field]]


def _import_id(case: Case) -> str:
    return f"{json.dumps(case.settings)}/outlook"
