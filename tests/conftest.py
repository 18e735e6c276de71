"""Fixtures that several kinds of tests share."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator.server import Keys, RunningEmulator
from orgcal.msgraph.worlds import World, read_emulator_file


@pytest.fixture(scope="session")
def emulator_keys() -> Keys:
    """One authority and one signing key for the whole run: making an RSA key takes longer than most tests."""
    return Keys.new()


@pytest.fixture
def start_emulator(emulator_keys: Keys) -> Iterator[Callable[..., RunningEmulator]]:
    """Starts emulators (arguments of `RunningEmulator`) and stops them after the test."""
    running: list[RunningEmulator] = []

    def start(**arguments: Any) -> RunningEmulator:
        emulator = RunningEmulator(**{"keys": emulator_keys, **arguments})
        emulator.__enter__()
        running.append(emulator)
        return emulator

    yield start
    for emulator in reversed(running):
        emulator.__exit__(None, None, None)


@pytest.fixture
def emulator(start_emulator: Callable[..., RunningEmulator]) -> RunningEmulator:
    """A fresh emulator in memory with the default seed."""
    return start_emulator()


@pytest.fixture
def emulator_file(emulator: RunningEmulator) -> Path:
    """The `ready.json` of the `emulator` fixture."""
    return Path(emulator.ready["ca_file"]).with_name("ready.json")


@pytest.fixture
def world(emulator_file: Path) -> World:
    """The emulator's world."""
    return read_emulator_file(emulator_file)


@pytest.fixture
def emulator_environ(emulator: RunningEmulator, emulator_file: Path) -> dict[str, str]:
    """Variables by which programs find the emulator and log in as its operator."""
    assert json.loads(emulator_file.read_text())["port"] == emulator.ready["port"]
    operator = emulator.ready["operator"]
    return {
        "ORGCAL_EMULATOR_FILE": str(emulator_file),
        "ARM_METADATA_HOSTNAME": f"localhost:{emulator.ready['port']}",
        "ARM_TENANT_ID": operator["tenant_id"],
        "ARM_CLIENT_ID": operator["client_id"],
        "ARM_CLIENT_SECRET_FILE_PATH": operator["client_secret_file"],
    }
