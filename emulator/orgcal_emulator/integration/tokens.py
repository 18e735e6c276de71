"""The token request that a connector makes with its stored credentials."""

from __future__ import annotations

import secrets
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from orgcal_emulator.entra.assertions import digest
from orgcal_emulator.integration.errors import in_the_way

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LIFETIME_S = 300


def connector_form(
    credentials: dict[str, Any], tenant_id: str, base_url: str, scope: str, now: float
) -> dict[str, str]:
    """The form of a client_credentials request.

    Raises:
        PlatformFailure: 409, the stored certificate or key cannot be used.
    """
    form = {"grant_type": "client_credentials", "client_id": credentials["client_id"], "scope": scope}
    if credentials["kind"] == "secret":
        return {**form, "client_secret": credentials["client_secret"]}
    try:
        certificate = x509.load_pem_x509_certificate(credentials["certificate_pem"].encode())
        key = serialization.load_pem_private_key(credentials["private_key_pem"].encode(), None)
        assertion = jwt.encode(
            {
                "aud": f"{base_url}/{tenant_id}/oauth2/v2.0/token",
                "iss": credentials["client_id"],
                "sub": credentials["client_id"],
                "jti": secrets.token_hex(16),
                "nbf": int(now),
                "exp": int(now) + _LIFETIME_S,
            },
            key,  # type: ignore[arg-type]  # PyJWT refuses a key of another kind itself
            "PS256",
            headers={"x5t#S256": digest(certificate.public_bytes(serialization.Encoding.DER))},
        )
    except (ValueError, TypeError, jwt.PyJWTError):
        raise in_the_way("bad_credentials", "the stored certificate or its key cannot be used") from None
    return {**form, "client_assertion": assertion, "client_assertion_type": _ASSERTION_TYPE}
