"""A deployed connector whose rotations are proved on the emulator's clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
import requests
from orgcal_emulator.server import RunningEmulator

from orgcal.consent.links import consent_url
from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.credentials import ClientSecret
from orgcal.entra.session import new_session
from orgcal.patience import Clock
from orgcal.rotation.proof import CredentialProber, Organisation
from orgcal.stack.outputs import StackOutputs
from tests.support.administrator import answer
from tests.support.deployed_connector import (
    CONSENT_URI,
    CONTOSO,
    HOME,
    deploy,
    environ_of,
    operator_graph,
)

AT_HOME, AT_CONTOSO = Organisation(HOME, "the home tenant"), Organisation(CONTOSO, "Contoso")


@dataclass
class Bench:
    """A deployed connector, and a prober whose pauses move the emulator's clock instead of passing."""

    endpoints: CloudEndpoints
    environ: dict[str, str]
    emulator: RunningEmulator
    session: requests.Session
    outputs: StackOutputs
    told: list[str] = field(default_factory=list)
    slept_s: float = 0.0

    def sleep(self, seconds: float) -> None:
        self.slept_s += seconds
        self.emulator.move_clock(seconds)

    def prober(self, patience_s: float = 60.0) -> CredentialProber:
        return CredentialProber(
            self.endpoints,
            self.outputs.client_id,
            self.session,
            patience=timedelta(seconds=patience_s),
            tell=self.told.append,
            clock=Clock(lambda: self.slept_s, self.sleep),
        )

    @property
    def current(self) -> ClientSecret:
        assert self.outputs.client_secret is not None
        return ClientSecret(self.outputs.client_secret.get_secret_value())

    def added(self, *, lag_s: float) -> ClientSecret:
        """A new secret that the token endpoint learns of so much later."""
        self.control("/lag", {"seconds": lag_s, "kinds": ["credential"]})
        graph = operator_graph(self.endpoints, self.environ, self.session)
        body = {"passwordCredential": {"displayName": "orgcal:orgcal/test generation 2"}}
        answer = graph.post(f"/applications/{self.outputs.application_object_id}/addPassword", body)
        return ClientSecret(answer["secretText"])

    def consent(self) -> None:
        """Contoso's administrator consents."""
        url = consent_url(
            self.endpoints,
            tenant_id=CONTOSO,
            client_id=self.outputs.client_id,
            redirect_uri=CONSENT_URI,
            state="s",
        )
        assert "error=" not in answer(self.endpoints, url, "admin@contoso.example", follow=False).headers["Location"]

    def control(self, path: str, body: dict[str, Any]) -> None:
        control = self.emulator.ready["control"]
        with open(control["token_file"]) as file:
            headers = {"Authorization": f"Bearer {file.read().strip()}"}
        self.session.post(f"{control['url']}{path}", json=body, headers=headers).raise_for_status()


@pytest.fixture
def bench(endpoints: CloudEndpoints, emulator: RunningEmulator, emulator_environ: dict[str, str]) -> Iterator[Bench]:
    environ = environ_of(emulator_environ)
    with new_session(endpoints) as session:
        yield Bench(endpoints, environ, emulator, session, deploy(endpoints, environ))
