"""The tenant of witness tests, and types of the azuread stand-in on an emulator."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from orgcal_emulator.server import RunningEmulator

from benchmarks.azuread_stack import seed_with_rights
from tests.support.standin_trial import Trial
from tests.support.witness_tenant import LiveRefused, WitnessTenant, check_domain, emulated_tenant, live_tenant


@pytest.fixture(scope="session")
def real_tenant(request: pytest.FixtureRequest) -> WitnessTenant | None:
    """With `--live`, the real tenant that the environment names, once its domain was checked."""
    if not request.config.getoption("--live"):
        return None
    try:
        tenant = live_tenant(os.environ)
        check_domain(tenant, os.environ["ORGCAL_LIVE_DOMAIN"])
    except LiveRefused as error:
        pytest.exit(f"live: {error}", returncode=2)
    return tenant


@pytest.fixture
def witness_tenant(real_tenant: WitnessTenant | None, start_emulator: Callable[..., RunningEmulator]) -> WitnessTenant:
    """The real tenant with `--live`, else one of an emulator whose reads lag behind writes as Microsoft's may."""
    if real_tenant is not None:
        return real_tenant
    emulator = start_emulator()
    tenant = emulated_tenant(emulator)
    emulator.set_lag(reads=2)
    return tenant


@pytest.fixture
def trial(tmp_path: Path, start_emulator: Callable[..., RunningEmulator]) -> Iterator[Trial]:
    """An emulator whose operator may do everything the stand-in's types need."""
    found = Trial(start_emulator(seed=seed_with_rights(tmp_path)))
    yield found
    found.directory.close()
