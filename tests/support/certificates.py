"""Keys and certificates for tests, each made once, and openssl's own forms of them."""

from __future__ import annotations

import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID


class Pair(NamedTuple):
    """A private key and its certificate, both PEM."""

    key: str
    certificate: str

    @property
    def pem(self) -> str:
        """Key and certificate in one text."""
        return self.key + self.certificate


@cache
def rsa_pair(name: str = "connector", *, bits: int = 2048, days: int = 10) -> Pair:
    """An RSA key and a certificate that is valid from 20 days ago until in `days`."""
    return _pair(rsa.generate_private_key(65537, bits), name, days)


@cache
def ec_pair() -> Pair:
    """A key of curve P-256 and its certificate, which Entra ID takes no signatures of."""
    return _pair(ec.generate_private_key(ec.SECP256R1()), "connector", 10)


def bundle(pair: Pair, password: str = "", *further: Pair) -> bytes:
    """A PKCS#12 bundle of a pair, with the certificates of others as its chain."""
    key = serialization.load_pem_private_key(pair.key.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
    own, *chain = (x509.load_pem_x509_certificate(each.certificate.encode()) for each in (pair, *further))
    closed = serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
    return pkcs12.serialize_key_and_certificates(b"connector", key, own, chain, closed)


def openssl(folder: Path, *arguments: str) -> None:
    """Run openssl in `folder`, where its files are; without it the test is skipped, except in CI."""
    if shutil.which("openssl") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("the program 'openssl' is not installed")
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=60)


def _pair(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, name: str, days: int) -> Pair:
    now = datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=20))
        .not_valid_after(now + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Pair(private.decode(), certificate.public_bytes(serialization.Encoding.PEM).decode())
