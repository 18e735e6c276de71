"""The prober that rotations are judged by notices what a customer would notice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from orgcal_emulator.server import RunningEmulator

from benchmarks.rotation_prober import Prober
from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.credentials import ClientSecret
from orgcal.entra.session import new_session
from orgcal.platforms import PlatformCredential, open_platform
from orgcal.stack.outputs import StackOutputs
from tests.support.deployed_connector import HOME, deploy, environ_of, operator_graph


@pytest.fixture
def prober(
    endpoints: CloudEndpoints, emulator: RunningEmulator, emulator_environ: dict[str, str]
) -> Iterator[tuple[Prober, StackOutputs]]:
    outputs = deploy(endpoints, environ_of(emulator_environ))
    probing = Prober(emulator.ready, outputs.connector_key, HOME)
    yield probing, outputs
    probing.close()


def test_prober_counts_a_secret_that_was_deleted_while_the_connector_has_it(
    prober: tuple[Prober, StackOutputs], endpoints: CloudEndpoints, emulator_environ: dict[str, str]
) -> None:
    probing, outputs = prober
    probing.probe()
    good = list(probing.failed)
    with new_session(endpoints) as session:
        path = f"/applications/{outputs.application_object_id}/removePassword"
        operator_graph(endpoints, environ_of(emulator_environ), session).post(
            path, {"keyId": outputs.credentials[0].key_id}
        )
    probing.probe()

    assert good == []
    assert probing.probes == 2
    assert len(probing.failed) == 1
    assert "generation 1: 401" in probing.failed[0]
    assert "7000215" in probing.failed[0]


def test_prober_counts_a_secret_that_entra_does_not_know_yet_and_a_connector_without_any(
    prober: tuple[Prober, StackOutputs], emulator_environ: dict[str, str]
) -> None:
    probing, outputs = prober
    platform = open_platform({"kind": "local"}, environ_of(emulator_environ))
    platform.push_credentials(
        outputs.connector_key, PlatformCredential(outputs.client_id, 2, ClientSecret("not known yet"))
    )
    probing.probe()
    platform.remove_credentials(outputs.connector_key)
    probing.probe()

    assert len(probing.failed) == 2
    assert probing.generations == [2]
    assert all("not known yet" not in line for line in probing.failed)
