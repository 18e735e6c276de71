"""Certificates that are brought along, issued end dates, logos and callbacks: what is refused before Entra sees it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pulumi
import pytest

from orgcal.entra.certificates import ends_at_utc
from orgcal.entra.credentials import ClientCertificate
from orgcal.errors import ConfigError
from orgcal.settings.credential_section import CertificateFiles
from orgcal.settings.logo import MAX_LOGO_BYTES, media_type, read_logo
from provisioning.application import _redirect_uris
from provisioning.byo_certificate import read_certificate
from provisioning.credentials import differing_end_dates
from tests.support.certificates import bundle, ec_pair, rsa_pair


@pytest.fixture
def files(tmp_path: Path) -> CertificateFiles:
    return written(tmp_path, days=10)


def written(folder: Path, *, days: int, name: str = "connector") -> CertificateFiles:
    """A certificate that ends in `days`, and its key."""
    pair = rsa_pair(name, days=days)
    (folder / "c.pem").write_text(pair.certificate)
    (folder / "k.pem").write_text(pair.key)
    (folder / "k.pem").chmod(0o600)
    return CertificateFiles(certificate_file=str(folder / "c.pem"), private_key_file=str(folder / "k.pem"))


def refusal(files: CertificateFiles) -> str:
    with pytest.raises(ConfigError) as caught:
        read_certificate(files, 2)
    return str(caught.value)


def test_certificate_with_its_key_is_taken_and_the_key_is_not_shown(files: CertificateFiles) -> None:
    brought, ends = read_certificate(files, 2)

    pair = rsa_pair("connector", days=10)
    assert brought == ClientCertificate(pair.key, pair.certificate)
    assert ends == f"{ends_at_utc(pair.certificate):%Y-%m-%dT%H:%M:%SZ}"
    assert "PRIVATE" not in repr(brought)


def test_certificate_in_the_projects_folder_is_named_from_there(
    files: CertificateFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ORGCAL_PROJECT", raising=False)
    named = CertificateFiles(certificate_file="c.pem", private_key_file="k.pem")

    assert read_certificate(named, 2) == read_certificate(files, 2)
    (tmp_path / "k.pem").chmod(0o640)
    assert f"repair: chmod 600 {tmp_path / 'k.pem'}" in refusal(named)


def test_certificate_with_the_key_of_another_is_refused(files: CertificateFiles, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = written(tmp_path / "other", days=10, name="other")

    mixed = CertificateFiles(certificate_file=files.certificate_file, private_key_file=other.private_key_file)

    assert "private_key_file: the file" in refusal(mixed)
    assert "holds the private key of another certificate" in refusal(mixed)


def test_certificate_with_a_key_that_others_may_read_is_refused(files: CertificateFiles) -> None:
    Path(files.private_key_file).chmod(0o644)

    assert refusal(files) == (
        "1 setting is wrong:\n"
        "  - orgcal:credential.certificates.2.private_key_file: found a file that others may read; "
        f"expected a file of your own; repair: chmod 600 {files.private_key_file}"
    )


def test_certificate_that_is_over_is_refused(tmp_path: Path) -> None:
    over = written(tmp_path, days=-1)

    assert refusal(over) == (
        "1 setting is wrong:\n  - orgcal:credential.certificates.2.certificate_file: found one that ended at "
        f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}; expected a valid one; repair: make a new one"
    )


@pytest.mark.parametrize(("left", "taken"), [(timedelta(seconds=1), True), (timedelta(0), False)])
def test_certificate_is_good_until_the_second_in_which_it_ends(
    files: CertificateFiles, monkeypatch: pytest.MonkeyPatch, left: timedelta, taken: bool
) -> None:
    ends = ends_at_utc(Path(files.certificate_file).read_text())
    monkeypatch.setattr("provisioning.byo_certificate.datetime", SimpleNamespace(now=lambda zone: ends - left))

    if taken:
        assert read_certificate(files, 2)
    else:
        assert "found one that ended at" in refusal(files)


@pytest.mark.parametrize("name", ["c.pem", "k.pem"])
def test_certificate_files_that_are_none_are_refused_without_their_text(
    files: CertificateFiles, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text("hush-hush")

    said = refusal(files)

    assert "holds neither PEM nor a PKCS#12 bundle" in said
    assert "hush" not in said


def test_certificate_of_an_elliptic_curve_is_refused_with_the_command_that_makes_another(
    files: CertificateFiles,
) -> None:
    Path(files.certificate_file).write_text(ec_pair().certificate)
    Path(files.private_key_file).write_text(ec_pair().key)

    said = refusal(files)

    assert "private_key_file: the file" in said
    assert "elliptic curve secp256r1" in said
    assert "openssl req -x509 -newkey rsa:2048" in said


def test_certificate_is_taken_from_one_bundle_and_registered_without_its_key(
    files: CertificateFiles, tmp_path: Path
) -> None:
    path = tmp_path / "k.pem"
    path.write_bytes(bundle(rsa_pair("bundle")))

    brought, _ = read_certificate(CertificateFiles(certificate_file=str(path), private_key_file=str(path)), 2)

    assert brought == ClientCertificate(rsa_pair("bundle").key, rsa_pair("bundle").certificate)


def test_certificate_with_attributes_is_registered_as_an_older_version_registered_it(files: CertificateFiles) -> None:
    path = Path(files.certificate_file)
    path.write_text(f"Bag Attributes\n    friendlyName: x\n{path.read_text()}\n# mine\n")

    assert read_certificate(files, 2)[0].certificate_pem == path.read_text()


def test_certificate_file_with_its_key_registers_the_certificate_alone(files: CertificateFiles) -> None:
    path = Path(files.certificate_file)
    path.write_text(Path(files.private_key_file).read_text() + path.read_text())

    assert "PRIVATE" not in read_certificate(files, 2)[0].certificate_pem


def test_certificate_file_that_is_missing_is_refused(tmp_path: Path) -> None:
    missing = CertificateFiles(certificate_file=str(tmp_path / "gone"), private_key_file=str(tmp_path / "gone"))

    said = refusal(missing)
    assert said.startswith("1 setting is wrong:\n  - orgcal:credential.certificates.2.certificate_file: ")
    assert "cannot be read" in said
    assert "; repair: " in said


@pytest.mark.parametrize(
    ("issued", "count"),
    [
        ("2027-05-22T04:53:28Z", 0),
        ("2027-05-22T04:53:28.0000000+00:00", 0),
        ("2027-05-22T06:54:00+02:00", 0),
        ("2027-05-22T04:54:28Z", 0),
        ("2027-05-22T04:52:28Z", 0),
        ("2027-05-22T04:54:29Z", 1),
        ("2027-05-22T04:52:27Z", 1),
        ("2028-11-23T04:53:28Z", 1),
    ],
)
def test_end_date_that_entra_changed_is_noticed(issued: str, count: int) -> None:
    asked = {"1": "2027-05-22T04:53:28Z"}
    sentence = f"Entra issued generation 1 of the credential with the end {issued}, not {asked['1']} as asked for"

    assert differing_end_dates(asked, {"1": issued, "2": issued}) == [sentence] * count


def test_logo_that_is_no_picture_of_the_right_size_is_refused(tmp_path: Path) -> None:
    picture = tmp_path / "logo.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\nrest")
    assert read_logo(picture) == b"\x89PNG\r\n\x1a\nrest"

    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + b"0" * MAX_LOGO_BYTES)
    with pytest.raises(ConfigError, match="found 102408 bytes"):
        read_logo(picture)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_logo(tmp_path / "gone.png")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\x89PNG\r\n\x1a\nrest", "image/png"),
        (b"\xff\xd8\xff\xe0rest", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"<svg onload='alert(1)'/>", ""),
        (b"", ""),
    ],
)
def test_logo_is_of_the_type_that_its_first_bytes_show(content: bytes, expected: str) -> None:
    assert media_type(content) == expected


def test_redirect_uris_of_a_callback_that_entra_refuses_are_refused() -> None:
    with pytest.raises(pulumi.RunError) as refused:
        _redirect_uris(["https://platform.example/", "http://platform.example/callback"], [])

    told, repair = str(refused.value).split("\n")
    assert told.startswith("the platform's callback http://platform.example/callback cannot be a redirect URI: ")
    assert repair == "  repair: correct the address in orgcal:connector.platform (or also_push_to)"


def test_redirect_uri_without_a_path_is_registered_with_a_slash() -> None:
    assert _redirect_uris(["https://a.example"], ["https://a.example/"]) == ["https://a.example/"]


def test_redirect_uris_are_counted_and_not_repeated() -> None:
    callback = "https://platform.example/callback"
    assert _redirect_uris([callback], ["https://a.example/", callback]) == [callback, "https://a.example/"]

    further = [f"https://a.example/{number}" for number in range(256)]
    assert len(_redirect_uris([callback], further[:255])) == 256
    with pytest.raises(pulumi.RunError) as refused:
        _redirect_uris([callback], further)
    assert str(refused.value) == (
        "there are 257 redirect URIs, and an application may have 256\n"
        "  repair: remove some from orgcal:application.redirect_uris"
    )
