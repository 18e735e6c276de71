"""Credentials as people have them are read, or refused with the reason and a command; openssl makes the forms."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orgcal.entra.certificates import read_certificate, read_certificate_pair, read_credential
from orgcal.entra.credentials import ClientCertificate, ClientSecret
from orgcal.entra.key_material import Password
from orgcal.entra.secret_text import SecretSource
from orgcal.errors import UsageError
from tests.support.certificates import bundle, ec_pair, openssl, rsa_pair

OWN, AUTHORITY, OTHER = rsa_pair(), rsa_pair("authority"), rsa_pair("other")
EXPECTED = ClientCertificate(OWN.key, OWN.certificate)
BUNDLE = bundle(OWN)
ATTRIBUTES = (
    "Bag Attributes\n    localKeyID: 01 02 03\n    friendlyName: connector\nsubject=CN = connector\n\n"
    "issuer=CN = connector\n\n"
)


def of(content: bytes | str) -> SecretSource:
    """A file's content, without the file."""
    raw = content.encode() if isinstance(content, str) else content
    return SecretSource("here", Path("my credential.pem"), raw)


def refused(content: bytes | str, password: str = "") -> UsageError:
    """The refusal of a content, which shows none of it and has one sentence and a repair."""
    with pytest.raises(UsageError) as caught:
        read_certificate(of(content), Password(password, "CERTIFICATE_PASSWORD" if password else ""))
    error = caught.value
    assert "\n" not in error.what
    assert error.where == "here"
    assert error.repair
    assert OWN.key.splitlines()[3] not in str(error)
    assert error.__cause__ is None
    return error


@pytest.mark.parametrize("order", list(itertools.permutations(["key", "own", "authority"])))
def test_pem_with_attributes_and_a_chain_is_read_in_any_order(order: tuple[str, ...]) -> None:
    blocks = {"key": OWN.key, "own": OWN.certificate, "authority": AUTHORITY.certificate}

    assert read_credential(of("".join(ATTRIBUTES + blocks[name] for name in order))) == EXPECTED


def indented(text: str) -> str:
    """The text as a block of YAML has it."""
    return "".join(f"    {line}\n" for line in text.splitlines())


ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "utf-8": lambda text: text.encode(),
    "utf-8 with a mark": lambda text: text.encode("utf-8-sig"),
    "utf-16": lambda text: text.encode("utf-16"),
    "utf-16 big endian": lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
    "utf-16 without a mark": lambda text: text.encode("utf-16-le"),
    "utf-16 big endian without a mark": lambda text: text.encode("utf-16-be"),
    "crlf": lambda text: text.replace("\n", "\r\n").encode(),
    "cr": lambda text: text.replace("\n", "\r").encode(),
    "escaped line ends": lambda text: text.replace("\n", "\\n").encode(),
    "one line": lambda text: text.replace("\n", " ").encode(),
    "quotes": lambda text: f'"{text}"\n'.encode(),
    "indented": lambda text: indented(text).encode(),
    "base64": lambda text: base64.b64encode(text.encode()),
    "base64 in lines": lambda text: base64.encodebytes(text.encode()),
    "no last line end": lambda text: text.rstrip("\n").encode(),
    "empty lines": lambda text: f"\n\n{text}\n\n".encode(),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_pem_is_read_in_every_encoding(encoding: str) -> None:
    assert read_credential(of(ENCODINGS[encoding](OWN.pem + AUTHORITY.certificate))) == EXPECTED


@given(
    st.permutations(["key", "own", "authority"]), st.sampled_from(sorted(ENCODINGS)), st.booleans(), st.text("ab \n")
)
@settings(max_examples=30, deadline=None)
def test_pem_is_read_whatever_order_encoding_and_words_between(
    order: list[str], encoding: str, attributes: bool, words: str
) -> None:
    blocks = {"key": OWN.key, "own": OWN.certificate, "authority": AUTHORITY.certificate}
    between = "" if encoding.startswith("base64") else words
    text = "".join(f"{ATTRIBUTES if attributes else ''}{blocks[name]}{between}\n" for name in order)

    assert read_credential(of(ENCODINGS[encoding](text))) == EXPECTED


def read_or_refused(content: bytes) -> str:
    """What a refusal says, on one line; empty where the content is read. Nothing else may be raised."""
    try:
        read_credential(of(content))
    except UsageError as error:
        return f"{error.what} {error.repair}"
    return ""


@given(st.binary(max_size=400))
@settings(max_examples=300, deadline=None)
def test_any_content_is_read_or_refused_in_one_sentence(content: bytes) -> None:
    assert "\n" not in read_or_refused(content)
    assert "\n" not in read_or_refused(BUNDLE[:300] + content)


@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=4))
@settings(max_examples=80, deadline=None)
def test_damaged_bundle_or_pem_is_read_or_refused_in_one_sentence(position: int, some: bytes) -> None:
    for whole in (BUNDLE, OWN.pem.encode()):
        at = position % len(whole)
        assert "\n" not in read_or_refused(whole[:at] + some + whole[at + len(some) :])


@pytest.mark.parametrize(
    "content", [BUNDLE, base64.b64encode(BUNDLE), base64.encodebytes(BUNDLE), bundle(OWN, "", AUTHORITY)]
)
def test_bundle_without_a_password_is_read(content: bytes) -> None:
    assert read_credential(of(content)) == EXPECTED


def test_bundle_with_its_password_is_read() -> None:
    assert read_certificate(of(bundle(OWN, "open")), Password("open", "V")) == EXPECTED


@pytest.mark.parametrize("kind", ["-legacy", "PBE-SHA1-3DES", "AES-256-CBC"])
def test_bundles_of_openssl_are_read(kind: str, tmp_path: Path) -> None:
    (tmp_path / "own.pem").write_text(OWN.pem)
    how = [kind] if kind == "-legacy" else ["-keypbe", kind, "-certpbe", kind]
    openssl(tmp_path, "pkcs12", "-export", "-in", "own.pem", *how, "-passout", "pass:open", "-out", "own.pfx")

    assert read_certificate(of((tmp_path / "own.pfx").read_bytes()), Password("open", "V")) == EXPECTED


def test_pem_that_openssl_makes_of_a_bundle_is_read(tmp_path: Path) -> None:
    (tmp_path / "own.pfx").write_bytes(bundle(OWN, "", AUTHORITY))
    openssl(tmp_path, "pkcs12", "-in", "own.pfx", "-passin", "pass:", "-nodes", "-out", "own.pem")
    text = (tmp_path / "own.pem").read_text()

    assert "Bag Attributes" in text
    assert read_credential(of(text)) == EXPECTED


@pytest.mark.parametrize("form", ["traditional", "pkcs8", "traditional der", "openssh"])
def test_key_in_every_form_of_openssl_is_read(form: str, tmp_path: Path) -> None:
    (tmp_path / "own.key").write_text(OWN.key)
    (tmp_path / "own.key").chmod(0o600)
    options = {"traditional": ["-traditional"], "traditional der": ["-traditional", "-outform", "DER"]}.get(form, [])
    openssl(tmp_path, "rsa", "-in", "own.key", *options, "-out", "other.key")
    key = (tmp_path / "other.key").read_bytes()
    if form == "openssh":
        from cryptography.hazmat.primitives import serialization as s

        loaded = s.load_pem_private_key(OWN.key.encode(), None)
        key = loaded.private_bytes(s.Encoding.PEM, s.PrivateFormat.OpenSSH, s.NoEncryption())

    assert read_certificate_pair(of(OWN.certificate), of(key)).certificate_pem == OWN.certificate


@pytest.mark.parametrize("options", [["pkey"], ["rsa", "-traditional"]])
def test_encrypted_key_is_read_with_its_password_and_refused_without(options: list[str], tmp_path: Path) -> None:
    (tmp_path / "own.key").write_text(OWN.key)
    openssl(tmp_path, *options, "-in", "own.key", "-aes256", "-passout", "pass:open", "-out", "closed.key")
    content = (tmp_path / "closed.key").read_text() + OWN.certificate

    assert read_certificate(of(content), Password("open", "V")) == EXPECTED
    assert "private key with a password" in refused(content).what
    assert "openssl pkey -in 'my credential.pem'" in refused(content).repair
    assert "CERTIFICATE_PASSWORD does not open" in refused(content, "wrong").what


def test_bundle_with_a_password_is_refused_with_the_command_that_converts_it() -> None:
    error = refused(bundle(OWN, "open"))

    assert "PKCS#12 bundle with a password" in error.what
    assert "openssl pkcs12 -in 'my credential.pem' -nodes -out NEW.pem" in error.repair
    assert "CERTIFICATE_PASSWORD does not open" in refused(bundle(OWN, "open"), "wrong").what


WEAK = rsa_pair(bits=1024)


@pytest.mark.parametrize(
    ("content", "reason", "repair"),
    [
        (ec_pair().pem, "elliptic curve secp256r1", "openssl req -x509 -newkey rsa:2048"),
        (bundle(ec_pair()), "elliptic curve secp256r1", "openssl req -x509 -newkey rsa:2048"),
        (WEAK.pem, "an RSA key of 1024 bits", "openssl req -x509 -newkey rsa:2048"),
        (OWN.certificate, "a certificate without its private key", "openssl pkcs12 -in BUNDLE.pfx -nodes"),
        (OWN.key, "a private key without its certificate", "cat CERTIFICATE.pem >> 'my credential.pem'"),
        (OWN.key + OTHER.certificate, "the private key of another certificate", "certificate's own key"),
        (OWN.pem + OTHER.pem, "2 certificates that it has the private keys of", "registered"),
        (OWN.pem[:-40], "a block that begins in line", "copy the PEM anew"),
        (OWN.pem.replace("M", "*", 1), "a damaged block PRIVATE KEY", "copy the PEM anew"),
        ("- --BEGIN PRIVATE KEY---\nMII", "no complete line -----BEGIN", "copy the PEM anew"),
        ("hush-hush", "neither PEM nor a PKCS#12 bundle", "as PEM"),
        (b"\xfe\xed\xfe\xed\0\0\0\2", "a Java key store", "keytool -importkeystore"),
        (b"", "is empty", "PEM"),
        (b"\x93\x00\xfa", "is not text in UTF-8 or UTF-16", "iconv"),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else "content",
)
def test_certificate_that_cannot_be_used_is_refused_with_reason_and_repair(
    content: bytes | str, reason: str, repair: str
) -> None:
    error = refused(content)

    assert reason in error.what
    assert repair in error.repair


@pytest.mark.parametrize(
    ("arguments", "reason", "repair"),
    [
        (["req", "-new", "-key", "own.key", "-subj", "/CN=x"], "a certificate request", "as PEM"),
        (["rsa", "-in", "own.key", "-pubout"], "a public key", "as PEM"),
        (["crl2pkcs7", "-nocrl", "-certfile", "own.crt"], "a block PKCS7", "openssl pkcs7"),
        (["x509", "-in", "own.crt", "-trustout", "-setalias", "x"], "a block TRUSTED CERTIFICATE", "openssl x509"),
    ],
)
def test_other_files_of_openssl_are_refused_by_name(
    arguments: list[str], reason: str, repair: str, tmp_path: Path
) -> None:
    (tmp_path / "own.key").write_text(OWN.key)
    (tmp_path / "own.crt").write_text(OWN.certificate)
    openssl(tmp_path, *arguments, "-out", "other.pem")

    error = refused((tmp_path / "other.pem").read_text())

    assert reason in error.what
    assert repair in error.repair


@pytest.mark.parametrize(
    ("certificate", "key"),
    [(OWN.certificate, OWN.key), (OWN.pem, OWN.key), (OWN.pem, OWN.pem), (BUNDLE, BUNDLE), (OWN.certificate, BUNDLE)],
)
def test_certificate_and_key_from_two_files_are_read(certificate: str | bytes, key: str | bytes) -> None:
    pair = read_certificate_pair(of(certificate), of(key))

    assert pair.certificate_pem == OWN.certificate
    assert "PRIVATE KEY" in pair.private_key_pem


@pytest.mark.parametrize(
    "content",
    [
        b"hush",
        b"hush\n",
        b"hush\r\n",
        b" hush ",
        b'"hush"',
        b"'hush'\n",
        b"\xef\xbb\xbfhush",
        "hush\r\n".encode("utf-16"),
        b"\xfe\xff" + "hush".encode("utf-16-be"),
        "hush\n".encode("utf-16-le"),
        "\u201chush\u201d".encode(),
        "\u200bhush\u00a0".encode(),
    ],
)
def test_client_secret_is_read_without_what_surrounds_it(content: bytes) -> None:
    assert read_credential(of(content)) == ClientSecret("hush")


@pytest.mark.parametrize(
    "secret", ["aB_c9=", "A_B=", "q[8:?]=x*+@.-", "a_b=c", "x" * 300, "MII" + "A" * 300, "{x}", "a'b\"c"]
)
def test_client_secret_as_older_portals_and_people_made_them_is_read_as_it_is(secret: str) -> None:
    assert read_credential(of(secret)) == ClientSecret(secret)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf\n", "is empty"),
        (b'""', "is empty"),
        (b"one\ntwo\n", "holds 2 lines"),
        (b'{"appId": "a", "password": "hush"}', "holds JSON"),
        (b"AZURE_CLIENT_SECRET=hush\n", "holds AZURE_CLIENT_SECRET="),
        (b"hu\x07sh", "control characters"),
        (b"hush\\n", "written as two characters"),
        (b"gr\xfc\xdf", "is not text"),
    ],
)
def test_client_secret_that_is_none_is_refused_without_its_text(content: bytes, reason: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_credential(of(content))

    assert reason in caught.value.what
    assert "hush" not in str(caught.value)
    assert caught.value.repair


@given(
    st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="\"'`{[\\="), min_size=1, max_size=60)
)
def test_client_secret_of_printable_characters_is_read_as_it_is(secret: str) -> None:
    assert read_credential(of(f"{secret}\n")) == ClientSecret(secret)


def test_variable_is_called_by_its_name_and_read_as_a_file_is() -> None:
    source = SecretSource.of_variable({"V": f"{OWN.pem}"}, "V")
    assert read_credential(source) == EXPECTED

    with pytest.raises(UsageError, match="V: its value holds 2 lines"):
        read_credential(SecretSource.of_variable({"V": "a\nb"}, "V"))
    with pytest.raises(UsageError, match="V: its value is not text"):
        read_credential(SecretSource.of_variable({"V": "a\udcff"}, "V"))


def test_file_that_cannot_be_read_is_refused_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "long").write_bytes(b"a" * ((1 << 20) + 1))

    for name, reason in (
        ("gone", "No such file"),
        (".", "Is a directory"),
        ("long", "longer than"),
        ("\0", "its name"),
    ):
        with pytest.raises(UsageError, match=reason) as caught:
            SecretSource.of_file(tmp_path / name, "VARIABLE")
        assert caught.value.where == "VARIABLE"
        assert caught.value.repair


def test_content_of_any_length_that_is_read_is_decided_at_once() -> None:
    for content in ("\u200b " * 200_000, '"' * 1_000_000, "-----BEGIN X-----" * 60_000, "MIIA" * 250_000):
        read_or_refused(content.encode())
    assert read_or_refused(b"a\n" * 500_000) != ""


def test_source_shows_nothing_of_its_content() -> None:
    assert "hush" not in repr(of("hush"))
    assert "open" not in repr(Password("open", "V"))
