"""Certificates that the operator brings along, as PEM files."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from orgcal.durations import rfc3339
from orgcal.entra.credentials import ClientCertificate
from orgcal.errors import ConfigError
from orgcal.settings.credential_section import CertificateFiles
from provisioning.program import project_dir

_REPAIR = "name the files of a certificate with its own private key, both PEM and without a password"


def read_certificate(files: CertificateFiles, generation: int) -> tuple[ClientCertificate, str]:
    """The certificate and key in `files`, checked for belonging together, and when it ends (RFC 3339 in UTC).

    Args:
        files: paths, from the project's folder unless absolute.
        generation: for messages.

    Raises:
        ConfigError: a file cannot be read, is no PEM, the two do not fit, the certificate is over, or others may
            read the key.
    """
    from cryptography import x509  # slow to load, and most stacks bring none along
    from cryptography.hazmat.primitives import serialization

    section = f"orgcal:credential.certificates.{generation}"
    certificate_setting, key_setting = f"{section}.certificate_file", f"{section}.private_key_file"
    folder = project_dir()
    key_path = folder / files.private_key_file
    certificate_pem = _read(folder / files.certificate_file, certificate_setting)
    private_key_pem = _read(key_path, key_setting)
    if key_path.stat().st_mode & 0o077:
        raise _wrong(key_setting, "a file that others may read", "a file of your own", f"chmod 600 {key_path}")
    try:
        certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
    except ValueError:
        raise _wrong(certificate_setting, "no certificate", "a PEM file", _REPAIR) from None
    try:
        key = serialization.load_pem_private_key(private_key_pem.encode(), None)
    except (ValueError, TypeError):
        raise _wrong(key_setting, "no private key, or one with a password", "a PEM file", _REPAIR) from None
    if key.public_key() != certificate.public_key():
        raise _wrong(key_setting, "the key of another certificate", "the certificate's own", _REPAIR)
    ends = certificate.not_valid_after_utc
    if ends <= datetime.now(UTC):
        raise _wrong(certificate_setting, f"one that ended at {ends:%Y-%m-%d}", "a valid one", "make a new one")
    return ClientCertificate(private_key_pem, certificate_pem), rfc3339(ends)


def _read(path: Path, setting: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise _wrong(setting, f"a file that cannot be read ({reason}): {path}", "a PEM file", _REPAIR) from None


def _wrong(setting: str, found: str, expected: str, repair: str) -> ConfigError:
    return ConfigError([f"{setting}: found {found}; expected {expected}; repair: {repair}"])
