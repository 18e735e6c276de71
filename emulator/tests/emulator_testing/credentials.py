"""Applications of an emulator that log in with a certificate, or with tokens of an issuer that they trust."""

from __future__ import annotations

import base64
import secrets
from datetime import UTC, datetime
from functools import cache
from typing import Any

import jwt
import trustme
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509 import load_pem_x509_certificate
from orgcal_emulator.server import RunningEmulator

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ISV = "11111111-1111-1111-1111-111111111111"
ISSUER = "https://token.actions.example"


_authority = cache(trustme.CA)


@cache
def _leaf(name: str) -> trustme.LeafCert:
    return _authority().issue_cert(name, key_type=trustme.KeyType.RSA)


@cache
def _issuer_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class CertificateClient:
    """An application with a registered certificate, and the key that belongs to it: one for each name.

    Args:
        operator: who registers it.
        name: what the certificate is for.
    """

    def __init__(self, operator: Any, name: str = "client.example") -> None:
        leaf = _leaf(name)
        self.key_pem = leaf.private_key_pem.bytes().decode()
        self.certificate_pem = leaf.cert_chain_pems[0].bytes().decode()
        made = operator.post("applications", {"displayName": "certificate"}).json()
        operator.post("servicePrincipals", {"appId": made["appId"]})
        encoded = base64.b64encode(self.certificate_pem.encode()).decode()
        key = {"type": "AsymmetricX509Cert", "usage": "Verify", "key": encoded}
        answer = operator.patch(f"applications/{made['id']}", {"keyCredentials": [key]})
        assert answer.status_code == 204, answer.text
        self.client_id = made["appId"]
        self.object_id = made["id"]

    def assertion(self, base_url: str, algorithm: str = "PS256", **claims: Any) -> str:
        certificate = load_pem_x509_certificate(self.certificate_pem.encode())
        digest = base64.urlsafe_b64encode(certificate.fingerprint(hashes.SHA256())).rstrip(b"=").decode()
        now = int(datetime.now(UTC).timestamp())
        return jwt.encode(
            {
                "aud": f"{base_url}/{ISV}/oauth2/v2.0/token", "iss": self.client_id, "sub": self.client_id,
                "jti": secrets.token_hex(8), "nbf": now, "exp": now + 300, **claims,
            },
            self.key_pem,
            algorithm,
            headers={"x5t#S256": digest},
        )  # fmt: skip

    def form(self, assertion: str) -> dict[str, str]:
        return {
            "client_id": self.client_id,
            "client_secret": "",
            "client_assertion": assertion,
            "client_assertion_type": ASSERTION,
        }


class FederatedClient:
    """An application that trusts an issuer whose key the test holds."""

    def __init__(self, operator: Any, emulator: RunningEmulator) -> None:
        self._key = _issuer_key()
        published = jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        self.published = [{**published, "kid": "one", "use": "sig"}]
        emulator.cloud.issuer_keys.give(ISSUER, self.published)
        made = operator.post("applications", {"displayName": "federated"}).json()
        operator.post("servicePrincipals", {"appId": made["appId"]})
        path = f"applications/{made['id']}/federatedIdentityCredentials"
        body = {"name": "ci-main", "issuer": ISSUER, "subject": "repo:o/r", "audiences": ["api://AzureADTokenExchange"]}
        assert operator.post(path, body).status_code == 201
        self.client_id = made["appId"]

    def token(self, kid: str = "one", **claims: Any) -> str:
        now = int(datetime.now(UTC).timestamp())
        pem = self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        usual = {"iss": ISSUER, "sub": "repo:o/r", "aud": "api://AzureADTokenExchange", "nbf": now, "exp": now + 300}
        return jwt.encode({**usual, **claims}, pem, "RS256", headers={"kid": kid})
