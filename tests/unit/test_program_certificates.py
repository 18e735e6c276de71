"""Certificates that are brought along, issued end dates, logos and callbacks: what is refused before Entra sees it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pulumi
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from orgcal.errors import ConfigError
from orgcal.settings.credential_section import CertificateFiles
from orgcal.settings.logo import MAX_LOGO_BYTES, read_logo
from provisioning.application import _redirect_uris
from provisioning.byo_certificate import read_certificate
from provisioning.credentials import differing_end_dates


@pytest.fixture
def files(tmp_path: Path) -> CertificateFiles:
    return written(tmp_path, days=10)


def written(folder: Path, *, days: int) -> CertificateFiles:
    """A certificate that ends in `days`, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    dated = builder.not_valid_before(now - timedelta(days=20)).not_valid_after(now + timedelta(days=days))
    certificate = dated.serial_number(1).sign(key, hashes.SHA256())
    (folder / "c.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "k.pem").write_bytes(private)
    (folder / "k.pem").chmod(0o600)
    return CertificateFiles(certificate_file=str(folder / "c.pem"), private_key_file=str(folder / "k.pem"))


def refusal(files: CertificateFiles) -> str:
    with pytest.raises(ConfigError) as caught:
        read_certificate(files, 2)
    return str(caught.value)


def test_certificate_with_its_key_is_taken_and_the_key_is_not_shown(files: CertificateFiles) -> None:
    brought, ends = read_certificate(files, 2)

    assert ends[:10] == f"{datetime.now(UTC) + timedelta(days=10):%Y-%m-%d}"
    assert "PRIVATE" not in repr(brought)


def test_certificate_with_the_key_of_another_is_refused(files: CertificateFiles, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = written(tmp_path / "other", days=10)

    mixed = CertificateFiles(certificate_file=files.certificate_file, private_key_file=other.private_key_file)

    assert "orgcal:credential.certificates.2.private_key_file: found the key of another certificate" in refusal(mixed)


def test_certificate_with_a_key_that_others_may_read_is_refused(files: CertificateFiles) -> None:
    Path(files.private_key_file).chmod(0o644)

    assert f"chmod 600 {files.private_key_file}" in refusal(files)


def test_certificate_that_is_over_is_refused(tmp_path: Path) -> None:
    assert "found one that ended at" in refusal(written(tmp_path, days=-1))


@pytest.mark.parametrize("name", ["c.pem", "k.pem"])
def test_certificate_files_that_are_none_are_refused_without_their_text(
    files: CertificateFiles, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text("hush-hush")

    said = refusal(files)

    assert "found no " in said
    assert "hush" not in said


def test_certificate_file_that_is_missing_is_refused(tmp_path: Path) -> None:
    missing = CertificateFiles(certificate_file=str(tmp_path / "gone"), private_key_file=str(tmp_path / "gone"))

    assert "cannot be read" in refusal(missing)


@pytest.mark.parametrize(
    ("issued", "count"),
    [
        ("2027-05-22T04:53:28Z", 0),
        ("2027-05-22T04:53:28.0000000+00:00", 0),
        ("2027-05-22T06:54:00+02:00", 0),
        ("2028-11-23T04:53:28Z", 1),
    ],
)
def test_end_date_that_entra_changed_is_noticed(issued: str, count: int) -> None:
    said = differing_end_dates({"1": "2027-05-22T04:53:28Z"}, {"1": issued})

    assert len(said) == count
    assert all(issued in sentence for sentence in said)


def test_logo_that_is_no_picture_of_the_right_size_is_refused(tmp_path: Path) -> None:
    picture = tmp_path / "logo.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\nrest")
    assert read_logo(picture) == b"\x89PNG\r\n\x1a\nrest"

    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + b"0" * MAX_LOGO_BYTES)
    with pytest.raises(ConfigError, match="found 102408 bytes"):
        read_logo(picture)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_logo(tmp_path / "gone.png")


def test_redirect_uris_of_a_callback_that_entra_refuses_are_refused() -> None:
    with pytest.raises(pulumi.RunError, match="cannot be a redirect URI"):
        _redirect_uris(["http://platform.example/callback"], [])


def test_redirect_uri_without_a_path_is_registered_with_a_slash() -> None:
    assert _redirect_uris(["https://a.example"], ["https://a.example/"]) == ["https://a.example/"]


def test_redirect_uris_are_counted_and_not_repeated() -> None:
    callback = "https://platform.example/callback"
    assert _redirect_uris([callback], ["https://a.example/", callback]) == [callback, "https://a.example/"]

    with pytest.raises(pulumi.RunError, match="there are 257 redirect URIs"):
        _redirect_uris([callback], [f"https://a.example/{number}" for number in range(256)])
