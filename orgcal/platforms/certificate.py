"""Key pairs with a self-signed certificate, as Entra ID takes them for an application.

Source: https://learn.microsoft.com/en-us/entra/identity-platform/howto-create-self-signed-certificate
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from orgcal.durations import rfc3339

KEY_BITS = 2048
"""What Microsoft's own guide uses; PS256 assertions of MSAL need no more."""

CLOCK_SKEW = timedelta(minutes=5)
"""The certificate is valid from this long before now, for servers whose clock is behind."""


@dataclass(frozen=True, slots=True)
class KeyAndCertificate:
    """A key pair with its certificate; times are RFC 3339 in UTC."""

    certificate_pem: str
    private_key_pem: str = field(repr=False)
    thumbprint: str
    not_after: str


def make_certificate(common_name: str, not_after: datetime, *, now: datetime | None = None) -> KeyAndCertificate:
    """A new RSA key and a certificate for it, signed by itself with SHA-256.

    Args:
        common_name: its subject, 1 to 64 characters.
        not_after: end of its validity.
        now: the time, unless tests give one.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.x509.oid import NameOID

    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    begin = (now or datetime.now(UTC)) - CLOCK_SKEW
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(not_after)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return KeyAndCertificate(
        certificate_pem=certificate.public_bytes(serialization.Encoding.PEM).decode(),
        private_key_pem=private.decode(),
        thumbprint=certificate.fingerprint(hashes.SHA1()).hex().upper(),  # noqa: S303 - Entra ID's name for it
        not_after=rfc3339(certificate.not_valid_after_utc),
    )
