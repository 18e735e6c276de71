"""The key that signs tokens, and what Entra publishes of it."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class SigningKey:
    """An RSA key with its self-signed certificate. Loaded once: signing from PEM text costs 70 times more."""

    private_key: rsa.RSAPrivateKey
    certificate: x509.Certificate

    @classmethod
    def new(cls) -> SigningKey:
        """A new 2048-bit key."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tokens of the orgcal emulator")])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=3650))
            .sign(key, hashes.SHA256())
        )
        return cls(key, certificate)

    @classmethod
    def from_pem(cls, pem: str) -> SigningKey:
        """The key that `to_pem` wrote."""
        raw = pem.encode()
        key = serialization.load_pem_private_key(raw, None, unsafe_skip_rsa_key_validation=True)
        assert isinstance(key, rsa.RSAPrivateKey)
        return cls(key, x509.load_pem_x509_certificate(raw[raw.index(b"-----BEGIN CERTIFICATE") :]))

    def to_pem(self) -> str:
        """Key and certificate as PEM text."""
        key = self.private_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return (key + self.certificate.public_bytes(serialization.Encoding.PEM)).decode()

    @cached_property
    def public_key(self) -> rsa.RSAPublicKey:
        """What checks its signatures."""
        return self.private_key.public_key()

    @cached_property
    def kid(self) -> str:
        """Key id: the certificate's SHA-1 thumbprint, as Entra names its keys."""
        der = self.certificate.public_bytes(serialization.Encoding.DER)
        return base64.urlsafe_b64encode(hashlib.sha1(der, usedforsecurity=False).digest()).rstrip(b"=").decode()

    def published(self, issuer: str) -> dict[str, Any]:
        """The key as the JWKS of a tenant lists it."""
        numbers = self.public_key.public_numbers()
        der = self.certificate.public_bytes(serialization.Encoding.DER)
        return {
            "kty": "RSA",
            "use": "sig",
            "kid": self.kid,
            "x5t": self.kid,
            "n": _number(numbers.n),
            "e": _number(numbers.e),
            "x5c": [base64.b64encode(der).decode()],
            "issuer": issuer,
        }

    def sign(self, claims: dict[str, Any], version: int) -> str:
        """A token. Version 1 tokens carry `x5t` too, as Entra's do."""
        headers = {"kid": self.kid, "x5t": self.kid} if version == 1 else {"kid": self.kid}
        return jwt.encode(claims, self.private_key, "RS256", headers=headers)


def _number(value: int) -> str:
    raw = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
