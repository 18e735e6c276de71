"""azure-identity, unmodified, logs in to the emulator in every way that an application has."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt
import pytest
import trustme
from azure.identity import CertificateCredential, ClientAssertionCredential, ClientSecretCredential
from cryptography.hazmat.primitives.asymmetric import rsa
from orgcal_emulator.server import RunningEmulator

pytestmark = pytest.mark.judged("azure-identity")

SCOPE = "https://graph.microsoft.com/.default"


def arguments(emulator: RunningEmulator) -> dict[str, Any]:
    return {
        "authority": emulator.ready["base_url"],
        "disable_instance_discovery": True,
        "connection_verify": emulator.ready["ca_file"],
    }


def test_client_secret_credential_gets_a_token_that_graph_takes(
    operator: Any, emulator: RunningEmulator, monkeypatch: Any
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    given = emulator.ready["operator"]
    secret = Path(given["client_secret_file"]).read_text()
    with ClientSecretCredential(given["tenant_id"], given["client_id"], secret, **arguments(emulator)) as credential:
        token = credential.get_token(SCOPE).token
    answer = operator.session.get(
        f"{operator.base_url}/v1.0/applications", headers={"Authorization": f"Bearer {token}"}
    )
    assert answer.status_code == 200


def registered(operator: Any) -> dict[str, Any]:
    made = operator.post("applications", {"displayName": "x"}).json()
    operator.post("servicePrincipals", {"appId": made["appId"]})
    return dict(made)


def test_certificate_credential_gets_a_token(operator: Any, emulator: RunningEmulator, monkeypatch: Any) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    made = registered(operator)
    leaf = trustme.CA().issue_cert("client.example", key_type=trustme.KeyType.RSA)
    key = {
        "type": "AsymmetricX509Cert",
        "usage": "Verify",
        "key": base64.b64encode(leaf.cert_chain_pems[0].bytes()).decode(),
    }
    assert operator.patch(f"applications/{made['id']}", {"keyCredentials": [key]}).status_code == 204
    pem = leaf.private_key_pem.bytes() + leaf.cert_chain_pems[0].bytes()
    with CertificateCredential(
        operator.tenant_id, made["appId"], certificate_data=pem, **arguments(emulator)
    ) as credential:
        claims = jwt.decode(credential.get_token(SCOPE).token, options={"verify_signature": False})
    assert (claims["appid"], claims["appidacr"]) == (made["appId"], "2")


def test_client_assertion_credential_gets_a_token(
    operator: Any, emulator: RunningEmulator, monkeypatch: Any, log_in_to: Callable[..., Any]
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    made = registered(operator)
    issuer = "https://issuer.example"
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    published = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    emulator.cloud.issuer_keys.give(issuer, [{**published, "kid": "k"}])
    body = {"name": "ci-main", "issuer": issuer, "subject": "s", "audiences": ["api://AzureADTokenExchange"]}
    assert operator.post(f"applications/{made['id']}/federatedIdentityCredentials", body).status_code == 201

    def assertion() -> str:
        now = int(datetime.now(UTC).timestamp())
        claims = {"iss": issuer, "sub": "s", "aud": "api://AzureADTokenExchange", "nbf": now, "exp": now + 60}
        return jwt.encode(claims, key, "RS256", headers={"kid": "k"})

    with ClientAssertionCredential(operator.tenant_id, made["appId"], assertion, **arguments(emulator)) as credential:
        assert credential.get_token(SCOPE).token
