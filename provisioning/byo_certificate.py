"""Certificates that the operator brings along, for the program."""

from __future__ import annotations

from datetime import UTC, datetime

from orgcal.durations import rfc3339
from orgcal.entra.certificates import ends_at_utc
from orgcal.entra.credentials import ClientCertificate
from orgcal.entra.secret_text import readable_by_others
from orgcal.errors import ConfigError, UsageError
from orgcal.settings.certificate_files import read_certificate_files
from orgcal.settings.credential_section import CertificateFiles
from provisioning.program import project_dir


def read_certificate(files: CertificateFiles, generation: int) -> tuple[ClientCertificate, str]:
    """The certificate and key in `files`, and when it ends (RFC 3339 in UTC).

    Args:
        files: paths, from the project's folder unless absolute.
        generation: for messages.

    Raises:
        ConfigError: as `read_certificate_files` refuses them, others may read the key, or the certificate
            is over.
    """
    try:
        brought = read_certificate_files(files, generation, project_dir())
    except UsageError as error:
        raise ConfigError([f"{error.where}: {error.what}; repair: {error.repair}"]) from None
    section, key_path = f"orgcal:credential.certificates.{generation}", project_dir() / files.private_key_file
    if readable_by_others(key_path):
        found = "found a file that others may read; expected a file of your own"
        raise ConfigError([f"{section}.private_key_file: {found}; repair: chmod 600 {key_path}"])
    ends = ends_at_utc(brought.certificate_pem)
    if ends <= datetime.now(UTC):
        found = f"found one that ended at {ends:%Y-%m-%d}; expected a valid one; repair: make a new one"
        raise ConfigError([f"{section}.certificate_file: {found}"])
    return brought, rfc3339(ends)
