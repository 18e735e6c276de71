"""MSAL for Python, unmodified, logs in to the emulator with each kind of credential."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import msal
import pytest
import requests
from emulator_testing.credentials import ISV, CertificateClient, FederatedClient
from orgcal_emulator.server import RunningEmulator

pytestmark = pytest.mark.judged("MSAL")

SCOPE = "https://graph.microsoft.com/.default"


@pytest.fixture
def session(emulator: RunningEmulator) -> Iterator[requests.Session]:
    with requests.Session() as found:
        found.trust_env = False
        found.verify = emulator.ready["ca_file"]
        yield found


def msal_client(emulator: RunningEmulator, session: requests.Session, client_id: str, credential: Any) -> Any:
    return msal.ConfidentialClientApplication(
        client_id,
        client_credential=credential,
        authority=f"{emulator.ready['base_url']}/{ISV}",
        instance_discovery=False,
        http_client=session,
    )


def test_msal_logs_in_with_a_secret_and_graph_takes_the_token(
    emulator: RunningEmulator, session: requests.Session
) -> None:
    operator = emulator.ready["operator"]
    secret = Path(operator["client_secret_file"]).read_text()
    answer = msal_client(emulator, session, operator["client_id"], secret).acquire_token_for_client([SCOPE])
    headers = {"Authorization": f"Bearer {answer['access_token']}"}
    assert session.get(f"{emulator.ready['base_url']}/v1.0/applications", headers=headers).status_code == 200


def test_msal_shows_what_the_emulator_does_not_model(emulator: RunningEmulator, session: requests.Session) -> None:
    """Of a 501 it would show the status alone."""
    operator = emulator.ready["operator"]
    secret = Path(operator["client_secret_file"]).read_text()
    client = msal_client(emulator, session, operator["client_id"], secret)
    answer = client.acquire_token_for_client(["https://storage.azure.com/.default"])
    assert answer["error"] == "invalid_resource"
    assert answer["error_description"].startswith("NotEmulated.resource https://storage.azure.com")


def test_msal_logs_in_with_a_certificate(operator: Any, emulator: RunningEmulator, session: requests.Session) -> None:
    client = CertificateClient(operator)
    credential = {"private_key": client.key_pem, "public_certificate": client.certificate_pem}
    answer = msal_client(emulator, session, client.client_id, credential).acquire_token_for_client([SCOPE])
    assert "access_token" in answer, answer
    claims = jwt.decode(answer["access_token"], options={"verify_signature": False})
    assert claims["appidacr"] == "2"


def test_operator_logs_in_with_the_certificate_that_the_ready_line_names(
    operator: Any, emulator: RunningEmulator, session: requests.Session
) -> None:
    bundle = Path(emulator.ready["operator"]["client_certificate_file"])
    assert stat.S_IMODE(bundle.stat().st_mode) == 0o600
    credential = {"private_key_pfx_path": str(bundle)}
    client = msal_client(emulator, session, emulator.ready["operator"]["client_id"], credential)
    assert "access_token" in client.acquire_token_for_client([SCOPE])
    emulator.reset()
    client = msal_client(emulator, session, emulator.ready["operator"]["client_id"], credential)
    assert "access_token" in client.acquire_token_for_client([SCOPE])


def test_msal_logs_in_with_a_federated_assertion(
    operator: Any, emulator: RunningEmulator, session: requests.Session
) -> None:
    client = FederatedClient(operator, emulator)
    credential = {"client_assertion": client.token}
    answer = msal_client(emulator, session, client.client_id, credential).acquire_token_for_client([SCOPE])
    assert "access_token" in answer, answer
