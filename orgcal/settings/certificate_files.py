"""Certificates that the operator brings along, in the files that `orgcal:credential.certificates` names."""

from __future__ import annotations

from pathlib import Path

from orgcal.entra.certificates import read_certificate_pair
from orgcal.entra.credentials import ClientCertificate
from orgcal.entra.secret_text import SecretSource
from orgcal.settings.credential_section import CertificateFiles


def read_certificate_files(files: CertificateFiles, generation: int, project_dir: Path) -> ClientCertificate:
    """The certificate and key in `files`.

    Args:
        files: paths, from the project's folder unless absolute.
        generation: for messages.

    Raises:
        UsageError: a file cannot be read, the two do not fit, or Entra ID takes no such key.
    """
    section = f"orgcal:credential.certificates.{generation}"
    certificate = SecretSource.of_file(project_dir / files.certificate_file, f"{section}.certificate_file")
    key = SecretSource.of_file(project_dir / files.private_key_file, f"{section}.private_key_file")
    return read_certificate_pair(certificate, key)
