"""Keys with their certificates: the one that signs tokens, as Entra publishes it, and the operator's for its logins."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class SigningKey:
    """An RSA key with its self-signed certificate. Loaded once: signing from PEM text costs 70 times more."""

    private_key: rsa.RSAPrivateKey
    certificate: x509.Certificate

    @classmethod
    def new(cls) -> SigningKey:
        """A new 2048-bit key."""
        return cls(*_self_signed("tokens of the orgcal emulator", datetime.now(UTC) + timedelta(days=3650)))

    @classmethod
    def from_pem(cls, pem: str) -> SigningKey:
        """The key that `to_pem` wrote."""
        raw = pem.encode()
        key = serialization.load_pem_private_key(raw, None, unsafe_skip_rsa_key_validation=True)
        assert isinstance(key, rsa.RSAPrivateKey)
        return cls(key, x509.load_pem_x509_certificate(raw[raw.index(b"-----BEGIN CERTIFICATE") :]))

    def to_pem(self) -> str:
        """Key and certificate as PEM text."""
        return _key_and_certificate(self.private_key, self.certificate)

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


@dataclass(frozen=True)
class OperatorCertificate:
    """What the operator logs in with.

    Attributes:
        bundle: PKCS#12 with certificate and key, and without a password.
        login_pem: the same as PEM, key first; a start reads it faster than the bundle, whose key would be checked.
    """

    bundle: bytes = field(repr=False)
    login_pem: str = field(repr=False)

    @classmethod
    def new(cls) -> OperatorCertificate:
        """A new one. It ends when the operator's secret does, so that the emulator's clock never outlives it."""
        key, certificate = _self_signed("operator of the orgcal emulator", datetime(2299, 12, 31, tzinfo=UTC))
        bundle = pkcs12.serialize_key_and_certificates(None, key, certificate, None, serialization.NoEncryption())
        return cls(bundle, _key_and_certificate(key, certificate))

    @classmethod
    def of_bundle(cls, bundle: bytes) -> OperatorCertificate:
        """The one that a PKCS#12 file without a password holds."""
        key, certificate, _ = pkcs12.load_key_and_certificates(bundle, None)
        assert isinstance(key, rsa.RSAPrivateKey)
        assert certificate is not None
        return cls(bundle, _key_and_certificate(key, certificate))

    @property
    def pem(self) -> str:
        """The certificate alone."""
        return self.login_pem[self.login_pem.index("-----BEGIN CERTIFICATE") :]


def _key_and_certificate(key: rsa.RSAPrivateKey, certificate: x509.Certificate) -> str:
    """Both as one PEM text, the key first."""
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + certificate.public_bytes(serialization.Encoding.PEM)
    return pem.decode("ascii")


def _self_signed(common_name: str, end: datetime) -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    """A new 2048-bit RSA key, and a certificate of it that is valid from yesterday on."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(end)
        .sign(key, hashes.SHA256())
    )
    return key, certificate


def _number(value: int) -> str:
    raw = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
