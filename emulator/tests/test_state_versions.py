"""A state of an older version is brought up to date, one of a newer version or of nobody is refused in a sentence."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from orgcal_emulator.errors import CannotServeError
from orgcal_emulator.graph.permissions import GRAPH_CLIENT_ID
from orgcal_emulator.server import Keys, RunningEmulator
from orgcal_emulator.state_versions import VERSION

STATE_OF_VERSION_1 = Path(__file__).with_name("data") / "state-version-1.sql"
"""What the last emulator of version 1 left of the default seed, as SQLite's `.dump` writes it; no code of today made
it. Its one secret is hashed, and was made for it."""


@pytest.fixture
def old_state(tmp_path: Path) -> Path:
    """A state folder as version 1 left it."""
    database = sqlite3.connect(tmp_path / "state.sqlite")
    database.executescript(STATE_OF_VERSION_1.read_text())
    database.close()
    return tmp_path


def objects_of(state: Path) -> dict[tuple[str, str], Any]:
    """Every object of a state, by its kind and key."""
    database = sqlite3.connect(state / "state.sqlite")
    found = {(kind, key): json.loads(text) for kind, key, text in database.execute("SELECT * FROM objects")}
    database.close()
    return found


def version_of(state: Path) -> int:
    database = sqlite3.connect(state / "state.sqlite")
    (found,) = database.execute("PRAGMA user_version").fetchone()
    database.close()
    return int(found)


def test_state_of_version_1_is_migrated_and_keeps_its_objects(old_state: Path, emulator_keys: Keys) -> None:
    before = objects_of(old_state)
    for (kind, _), document in before.items():
        if kind == "servicePrincipal":
            assert document["properties"]["createdDateTime"]
            document["properties"]["createdDateTime"] = None

    with RunningEmulator(state_dir=old_state, keys=emulator_keys) as emulator:
        found = emulator.cloud.directory
        tenants = [tenant.tenant_id for tenant in found.tenants.newest()]
        graphs = [found.principal_by_client(tenant, GRAPH_CLIENT_ID) for tenant in tenants]
        operator = found.application_by_client("aaaaaaaa-0000-4000-8000-000000000001")

    kept = objects_of(old_state)
    operator_now = kept["application", "aaaaaaaa-0000-4000-8000-000000000002"]
    assert operator_now["properties"].pop("keyCredentials"), "today's emulator gives its operator a certificate, too"
    assert before["application", "aaaaaaaa-0000-4000-8000-000000000002"]["properties"].pop("keyCredentials") == []
    assert {place: kept.get(place) for place in before} == before
    assert sorted(tenant[:8] for tenant in tenants) == ["11111111", "22222222", "33333333"]
    assert None not in graphs
    assert operator is not None


def test_migrated_state_remembers_its_version(old_state: Path, emulator_keys: Keys) -> None:
    with RunningEmulator(state_dir=old_state, keys=emulator_keys):
        pass
    assert version_of(old_state) == VERSION


def test_state_of_a_newer_version_is_refused_with_the_repair(tmp_path: Path, emulator_keys: Keys) -> None:
    with RunningEmulator(state_dir=tmp_path, keys=emulator_keys):
        pass
    with sqlite3.connect(tmp_path / "state.sqlite") as database:
        database.execute(f"PRAGMA user_version = {VERSION + 1}")
    database.close()
    with pytest.raises(CannotServeError, match=f"is of version {VERSION + 1} and this emulator knows {VERSION}; pip"):
        RunningEmulator(state_dir=tmp_path, keys=emulator_keys)
    assert version_of(tmp_path) == VERSION + 1


def test_old_state_that_makes_no_sense_is_refused(old_state: Path, emulator_keys: Keys) -> None:
    with sqlite3.connect(old_state / "state.sqlite") as database:
        database.execute("UPDATE objects SET document = '{}' WHERE kind = 'servicePrincipal'")
    database.close()
    with pytest.raises(CannotServeError, match=r"is of no version .* use another state folder"):
        RunningEmulator(state_dir=old_state, keys=emulator_keys)
    assert version_of(old_state) == 0


@pytest.mark.parametrize("text", ['{"x": 1}', "[1]", "{"])
@pytest.mark.parametrize("kind", ["tenant", "application"])
def test_state_with_an_object_of_another_form_is_refused(
    tmp_path: Path, emulator_keys: Keys, kind: str, text: str
) -> None:
    with RunningEmulator(state_dir=tmp_path, keys=emulator_keys):
        pass
    with sqlite3.connect(tmp_path / "state.sqlite") as database:
        database.execute("UPDATE objects SET document = ? WHERE kind = ?", (text, kind))
    database.close()
    with pytest.raises(CannotServeError, match=rf"the state holds a {kind} that is none .* use another state folder"):
        RunningEmulator(state_dir=tmp_path, keys=emulator_keys)


def test_file_that_is_no_state_is_refused(tmp_path: Path, emulator_keys: Keys) -> None:
    (tmp_path / "state.sqlite").write_bytes(b"This is a letter to my aunt. " * 200)
    with pytest.raises(CannotServeError, match="is no state of an emulator"):
        RunningEmulator(state_dir=tmp_path, keys=emulator_keys)


def test_export_of_version_1_is_imported_in_the_form_of_today(emulator: RunningEmulator) -> None:
    exported: dict[str, Any] = json.loads(json.dumps(emulator.cloud.export()))
    exported["version"] = 1
    for document in exported["objects"]["servicePrincipal"].values():
        document["properties"]["createdDateTime"] = "2026-01-01T00:00:00Z"
    emulator.cloud.import_state(exported)
    for principal in emulator.cloud.directory.service_principals.newest():
        assert principal.properties["createdDateTime"] is None


@pytest.mark.parametrize("version", [0, VERSION + 1, "1", True, None])
def test_export_of_another_version_is_refused(emulator: RunningEmulator, version: Any) -> None:
    before = emulator.cloud.export()
    with pytest.raises(ValueError, match="no export of version"):
        emulator.cloud.import_state({**before, "version": version})
    assert emulator.cloud.export() == before
