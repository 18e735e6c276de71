"""A state of an older version is brought up to date, one of a newer version or of nobody is refused in a sentence."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from orgcal_emulator.errors import CannotServeError
from orgcal_emulator.graph.permissions import GRAPH_CLIENT_ID
from orgcal_emulator.server import Keys, RunningEmulator
from orgcal_emulator.state_versions import VERSION


@pytest.fixture
def old_state(tmp_path: Path, emulator_keys: Keys) -> Path:
    """A state folder as version 1 left it."""
    with RunningEmulator(state_dir=tmp_path, keys=emulator_keys):
        pass
    with sqlite3.connect(tmp_path / "state.sqlite") as database:
        rows = database.execute("SELECT key, document FROM objects WHERE kind = 'servicePrincipal'").fetchall()
        assert rows
        for key, text in rows:
            document = json.loads(text)
            document["properties"]["createdDateTime"] = "2026-01-01T00:00:00Z"
            database.execute("UPDATE objects SET document = ? WHERE key = ?", (json.dumps(document), key))
        database.execute("PRAGMA user_version = 0")
    database.close()
    return tmp_path


def version_of(state: Path) -> int:
    database = sqlite3.connect(state / "state.sqlite")
    (found,) = database.execute("PRAGMA user_version").fetchone()
    database.close()
    return int(found)


def test_state_of_version_1_is_migrated_and_keeps_its_objects(
    old_state: Path, start_emulator: Callable[..., RunningEmulator]
) -> None:
    emulator = start_emulator(state_dir=old_state)
    client_id = emulator.ready["operator"]["client_id"]
    for tenant in emulator.cloud.directory.tenants.newest():
        graph = emulator.cloud.directory.principal_by_client(tenant.tenant_id, GRAPH_CLIENT_ID)
        assert graph is not None
        assert graph.properties["createdDateTime"] is None
    assert emulator.cloud.directory.application_by_client(client_id) is not None


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
