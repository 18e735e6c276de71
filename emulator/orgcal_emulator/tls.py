"""The emulator's certificate authority and server certificate.

The authority is name-constrained to this machine, so a program that trusts it trusts it for `localhost` alone.
"""

from __future__ import annotations

import ipaddress
import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from orgcal_emulator.files import write_private

if TYPE_CHECKING:
    import trustme

LOCAL_NAMES = ("localhost", "127.0.0.1")
"""Names of the server certificate."""

MICROSOFT_NAMES = ("login.microsoftonline.com", "login.windows.net", "graph.microsoft.com", "management.azure.com")
"""Microsoft's host names that `--names` answers for, by a second authority that is never written to disk."""

_AUTHORITY_LIFETIME = timedelta(days=3650)
_LEAF_LIFETIME = timedelta(days=397)
"""The longest server certificate that browsers accept is 398 days (CA/Browser Forum ballot SC31)."""


def new_authority(names: tuple[str, ...] = LOCAL_NAMES) -> trustme.CA:
    """A new certificate authority that can speak for `names` only.

    Args:
        names: DNS names and IP addresses; a DNS name includes its subdomains (RFC 5280, 4.2.1.10).
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "orgcal emulator"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"orgcal emulator for {names[0]} only"),
        ]
    )
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _AUTHORITY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.KeyUsage(
                digital_signature=False,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=True,
                crl_sign=True,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .add_extension(x509.NameConstraints([_general_name(name) for name in names], None), critical=True)
        .sign(key, hashes.SHA256())
    )
    key_pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    return load_authority(key_pem + certificate.public_bytes(serialization.Encoding.PEM))


def load_authority(pem: bytes) -> trustme.CA:
    """The certificate authority whose key and certificate, in this order, are in `pem`."""
    # Imported here: an emulator that finds its certificates on disk starts faster without.
    import trustme

    cut = pem.index(b"-----BEGIN CERTIFICATE")
    return trustme.CA.from_pem(pem[cut:], pem[:cut])


def issue_leaf(authority: trustme.CA, names: tuple[str, ...] = LOCAL_NAMES) -> str:
    """A server certificate for `names` with its key: one PEM text, key first."""
    leaf = authority.issue_cert(
        *names,
        organization_name="orgcal emulator",
        organization_unit_name=names[0],
        not_after=datetime.now(UTC) + _LEAF_LIFETIME,
    )
    chain = b"".join(blob.bytes() for blob in leaf.cert_chain_pems)
    return (leaf.private_key_pem.bytes() + chain).decode()


def server_context(pem: str) -> ssl.SSLContext:
    """A TLS context that serves the key and certificate in `pem`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # The standard library reads keys from files only.
    with tempfile.TemporaryDirectory() as directory:
        path = write_private(Path(directory) / "server.pem", pem)
        context.load_cert_chain(path)
    return context


def is_current(pem: str) -> bool:
    """Whether the certificate in `pem` is good for at least another week of real time."""
    certificate = x509.load_pem_x509_certificate(pem[pem.index("-----BEGIN CERTIFICATE") :].encode())
    return datetime.now(UTC) + timedelta(days=7) < certificate.not_valid_after_utc


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_network(name))
    except ValueError:
        return x509.DNSName(name)
