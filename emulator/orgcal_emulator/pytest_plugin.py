"""The emulator as fixtures of pytest, in every project that has `orgcal-emulator` installed.

    entra_emulator            a running emulator, as it began, for each test; `RunningEmulator` says what it can do
    entra_emulator_environ    the same, with the variables set by which programs find it and log in

One emulator serves all tests of a run (of a worker of pytest-xdist) from a free port. The seed is the one that the
setting `entra_emulator_seed` of pytest names, by a path from the folder of pytest's configuration file. With
`entra_emulator_names = true`, programs with fixed addresses reach it by Microsoft's names.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

# Everything else is imported once a test asks for an emulator: this module is part of every run of pytest.
if TYPE_CHECKING:
    from orgcal_emulator import RunningEmulator

_SEED = "entra_emulator_seed"
_NAMES = "entra_emulator_names"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The settings: which seed, and whether Microsoft's names lead to the emulator."""
    parser.addini(_NAMES, "answer for Microsoft's host names too, as --names does", type="bool", default=False)
    parser.addini(_SEED, "seed of the fixture entra_emulator: a YAML file (default: the built-in one)", default="")


@pytest.fixture(scope="session")
def entra_emulator_process(pytestconfig: pytest.Config) -> Iterator[RunningEmulator]:
    """The emulator of this run, with whatever tests have done to it; tests want `entra_emulator`."""
    from orgcal_emulator.errors import CannotServeError, SeedError
    from orgcal_emulator.server import RunningEmulator

    seed = str(pytestconfig.getini(_SEED))
    folder = pytestconfig.inipath.parent if pytestconfig.inipath is not None else pytestconfig.rootpath
    try:
        emulator = RunningEmulator(seed=folder / seed if seed else None, names=bool(pytestconfig.getini(_NAMES)))
    except (CannotServeError, SeedError) as error:
        pytest.exit(f"entra_emulator: {error}", returncode=pytest.ExitCode.USAGE_ERROR)
    with emulator:
        yield emulator


@pytest.fixture
def entra_emulator(entra_emulator_process: RunningEmulator) -> RunningEmulator:
    """A running emulator that holds what its seed says and nothing else; its `ready` says where everything is."""
    entra_emulator_process.reset()
    return entra_emulator_process


@pytest.fixture
def entra_emulator_environ(entra_emulator: RunningEmulator, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The variables that `orgcal-emulator start` prints, set for this test."""
    from orgcal_emulator.environment import program_environment

    variables = program_environment(entra_emulator.ready, os.environ)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables
