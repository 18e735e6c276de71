"""Every way in which a key or certificate cannot be used is told whole: what the file holds, and the command for it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from orgcal.entra.certificates import (
    as_pkcs12,
    ends_at_utc,
    read_certificate,
    read_certificate_pair,
    read_credential,
    usable,
)
from orgcal.entra.credentials import ClientCertificate, ClientSecret
from orgcal.entra.key_material import Password, is_pkcs12
from orgcal.entra.secret_text import SecretSource
from orgcal.errors import UsageError
from tests.support.certificates import bundle, ec_pair, rsa_pair

OWN, AUTHORITY, OTHER = rsa_pair(), rsa_pair("authority"), rsa_pair("other")
EXPECTED = ClientCertificate(OWN.key, OWN.certificate)
RSA_OID, OTHER_OID = bytes.fromhex("2a864886f70d010101"), bytes.fromhex("2a864886f70d010163")
"""That of RSA keys, and one that nobody has given away."""


def of(content: bytes | str, path: str = "my key.pem") -> SecretSource:
    raw = content.encode() if isinstance(content, str) else content
    return SecretSource("here", Path(path) if path else None, raw)


def der(pem: str) -> bytes:
    return base64.b64decode("".join(pem.splitlines()[1:-1]))


def block(label: str, content: bytes = b"ABC") -> str:
    return f"-----BEGIN {label}-----\n{base64.b64encode(content).decode()}\n-----END {label}-----\n"


def private(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> str:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def closed(form: serialization.PrivateFormat) -> str:
    key = serialization.load_pem_private_key(OWN.key.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    encryption = serialization.BestAvailableEncryption(b"open")
    return key.private_bytes(serialization.Encoding.PEM, form, encryption).decode()


P384 = private(ec.generate_private_key(ec.SECP384R1()))
ED25519 = private(ed25519.Ed25519PrivateKey.generate())
STRANGE_CHAIN = block("CERTIFICATE", der(AUTHORITY.certificate).replace(RSA_OID, OTHER_OID))
"""A certificate with a key of a kind that cryptography does not know."""

MAKE = (
    "make an RSA key with a certificate and register that: openssl req -x509 -newkey rsa:2048 -sha256 -days 365 -nodes "
    "-subj /CN=connector -keyout KEY.pem -out CERTIFICATE.pem"
)
TAKES_RSA = "that Entra ID does not take: it accepts signatures of RSA keys only"
ANEW = "copy the PEM anew, with all of its lines"
NAME_PEM = "name a file with the private key and its certificate, as PEM"
NEITHER = "and neither private key nor certificate"
APPEND = "append the certificate that is registered: cat CERTIFICATE.pem >> 'my key.pem'"
OWN_KEY = "name the certificate's own key, or the key's certificate"
BOTH = "name a file with both: openssl pkcs12 -in BUNDLE.pfx -nodes -out NEW.pem, or cat KEY.pem 'my key.pem' > NEW.pem"
STORE = (
    "keytool -importkeystore -srckeystore 'my key.pem' -destkeystore NEW.pfx -deststoretype PKCS12, then openssl "
    "pkcs12 -in NEW.pfx -nodes -out NEW.pem"
)
FORM = "holds a block {}, which is another form of certificate"
PKCS7 = "openssl pkcs7 -in 'my key.pem' -print_certs -out NEW.pem"


@pytest.mark.parametrize(
    ("content", "what", "repair"),
    [
        (ec_pair().pem, f"holds a private key (elliptic curve secp256r1) {TAKES_RSA}", MAKE),
        (P384 + ec_pair().pem, f"holds a private key (elliptic curve secp384r1) {TAKES_RSA}", MAKE),
        (bundle(ec_pair()), f"holds a private key (elliptic curve secp256r1) {TAKES_RSA}", MAKE),
        (ED25519 + OWN.certificate, f"holds a private key {TAKES_RSA}", MAKE),
        (
            block("PRIVATE KEY", der(OWN.key).replace(RSA_OID, OTHER_OID)) + OWN.certificate,
            f"holds a private key {TAKES_RSA}",
            MAKE,
        ),
        (rsa_pair(bits=1024).pem, "holds an RSA key of 1024 bits; Entra ID takes 2048 bits or more", MAKE),
        (OWN.certificate, "holds a certificate without its private key", BOTH),
        (der(OWN.certificate), "holds a certificate without its private key", BOTH),
        (OWN.key, "holds a private key without its certificate", APPEND),
        (der(OWN.key), "holds a private key without its certificate", APPEND),
        (OWN.key + OTHER.certificate, "holds the private key of another certificate", OWN_KEY),
        (OWN.key + STRANGE_CHAIN, "holds the private key of another certificate", OWN_KEY),
        (P384 + OWN.key + ec_pair().certificate, "holds the private key of another certificate", OWN_KEY),
        (
            OWN.pem + OTHER.pem,
            "holds 2 certificates that it has the private keys of",
            "leave the one that is registered on the application, with its key",
        ),
        (OWN.pem[:-40], f"has a block that begins in line {len(OWN.key.splitlines()) + 1} and has no proper end", ANEW),
        ("\n" + OWN.key[:-6], "has a block that begins in line 2 and has no proper end", ANEW),
        ("-----BEGIN x-----\n-----END x-----", "has a block that begins in line 1 and has no proper end", ANEW),
        ("-----BEGIN A-----\n-----END B-----", "has a block that begins in line 1 and has no proper end", ANEW),
        (
            f"-----BEGIN {'A' * 41}-----\n-----END {'A' * 41}-----",
            "has a block that begins in line 1 and has no proper end",
            ANEW,
        ),
        ("xxxx-----END A-----\n-----BEGIN AB", "has a block that begins in line 2 and has no proper end", ANEW),
        (OWN.pem.replace("M", "*", 1), "has a damaged block PRIVATE KEY, which begins in line 1", ANEW),
        (
            f"\n{OWN.key}\n{block('CERTIFICATE')}",
            f"has a damaged block CERTIFICATE, which begins in line {len(OWN.key.splitlines()) + 3}",
            ANEW,
        ),
        (
            "- --BEGIN PRIVATE KEY---\nMII",
            "has no complete line -----BEGIN …-----",
            "copy the PEM anew, with its first and last line as they were",
        ),
        (
            "hush-hush",
            "holds neither PEM nor a PKCS#12 bundle",
            "name a file with the private key and its certificate, as PEM or PKCS#12",
        ),
        (b"\xfe\xed\xfe\xed\0\0\0\2", "is a Java key store", STORE),
        (b"\xce\xce\xce\xce\0\0\0\2", "is a Java key store", STORE),
        *[
            (raw, "is binary and neither PKCS#12 nor a certificate or an open key in DER", NAME_PEM)
            for raw in (b"\x30\x80\x30\0", b"\x30\x82\1\0\x06\5abc", b"\x30\x84\0\0\0\5\x02x")
        ],
        (b"", "is empty", "put the private key and its certificate into it, as PEM"),
        (b" \n", "is empty", "put the private key and its certificate into it, as PEM"),
        (
            b"\x93\x00\xfa",
            "is not text in UTF-8 or UTF-16",
            "iconv -f ENCODING -t UTF-8 'my key.pem' > NEW, or save the secret anew as UTF-8",
        ),
        (block("CERTIFICATE REQUEST"), f"holds a certificate request, {NEITHER}", NAME_PEM),
        (block("NEW CERTIFICATE REQUEST"), f"holds a certificate request, {NEITHER}", NAME_PEM),
        (block("PUBLIC KEY"), f"holds a public key, {NEITHER}", NAME_PEM),
        (block("PGP PRIVATE KEY BLOCK"), f"holds a PGP key, {NEITHER}", NAME_PEM),
        (
            block("RSA PUBLIC KEY") + block("X509 CRL") + block("PUBLIC KEY"),
            f"holds a public key, X509 CRL, {NEITHER}",
            NAME_PEM,
        ),
        (block("PKCS7"), FORM.format("PKCS7"), PKCS7),
        (OWN.pem + block("CMS"), FORM.format("CMS"), PKCS7),
        (
            block("TRUSTED CERTIFICATE"),
            FORM.format("TRUSTED CERTIFICATE"),
            "openssl x509 -in 'my key.pem' -out NEW.pem",
        ),
    ],
)  # fmt: skip
def test_content_that_cannot_be_used_is_told_whole(content: bytes | str, what: str, repair: str) -> None:
    with pytest.raises(UsageError) as refused:
        read_certificate(of(content))

    assert vars(refused.value) == {"what": f"the file my key.pem {what}", "where": "here", "repair": repair}


def test_variable_that_holds_none_is_told_how_to_set_it() -> None:
    with pytest.raises(UsageError) as refused:
        read_certificate(of("hush", path=""))

    assert vars(refused.value) == {
        "what": "its value holds neither PEM nor a PKCS#12 bundle",
        "where": "here",
        "repair": 'export here="$(base64 < FILE.pfx)", or put the PEM into it',
    }


CONVERT_KEY = (
    "(umask 077; openssl pkey -in 'my key.pem' -out NEW.pem && openssl x509 -in 'my key.pem' >> NEW.pem), which asks "
    "for the password; then name NEW.pem"
)
CONVERT_BUNDLE = (
    "(umask 077; openssl pkcs12 -in 'my key.pem' -nodes -out NEW.pem), which asks for the password (an old bundle "
    "needs -legacy too); then name NEW.pem"
)
PKCS8, TRADITIONAL = serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL


@pytest.mark.parametrize(
    ("content", "called", "convert"),
    [
        (lambda: closed(PKCS8) + OWN.certificate, "private key", CONVERT_KEY),
        (lambda: closed(TRADITIONAL) + OWN.certificate, "private key", CONVERT_KEY),
        (lambda: bundle(OWN, "open"), "PKCS#12 bundle", CONVERT_BUNDLE),
    ],
    ids=["pkcs8", "traditional", "bundle"],
)
def test_content_with_a_password_is_told_how_to_open_it(
    content: Callable[[], bytes | str], called: str, convert: str
) -> None:
    source = of(content())
    for password, what, first in (
        (Password(), f"holds a {called} with a password, or a damaged one", "convert it"),
        (Password("", "V"), f"holds a {called} with a password, and V is not set", "export V=…, or convert it"),
        (
            Password("wrong", "V"),
            f"holds a {called} that V does not open, or that is damaged",
            "export V=…, or convert it",
        ),
    ):
        with pytest.raises(UsageError) as refused:
            read_certificate(source, password)
        assert vars(refused.value) == {
            "what": f"the file my key.pem {what}",
            "where": "here",
            "repair": f"{first}: {convert}",
        }
    assert read_certificate(source, Password("open", "V")) == EXPECTED


def test_openssh_key_that_is_damaged_may_have_a_password() -> None:
    with pytest.raises(UsageError, match="holds a private key with a password, or a damaged one"):
        read_certificate(of(block("OPENSSH PRIVATE KEY") + OWN.certificate))


def test_password_is_what_the_variable_holds_byte_for_byte() -> None:
    assert [Password(value).encoded for value in ("", "caf\u00e9", "a\udcff")] == [None, b"caf\xc3\xa9", b"a\xff"]
    assert (Password().value, Password().name) == ("", "")


@pytest.mark.parametrize(
    "content",
    [
        P384 + OWN.pem,
        OWN.pem + OWN.pem,
        OWN.pem + STRANGE_CHAIN,
        OWN.key + OWN.certificate.replace("CERTIFICATE", "X509 CERTIFICATE"),
        base64.b64encode(f"friendlyName: \u00dc\n{OWN.pem}".encode()),
        OWN.pem.replace("\n", "\\r\\n"),
        f"{OWN.pem}{block('PUBLIC KEY')}",
    ],
)
def test_what_stands_beside_key_and_certificate_is_left_out(content: bytes | str) -> None:
    assert read_certificate(of(content)) == EXPECTED


@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_base64_in_quotes_is_read_to_its_last_letter(quote: str) -> None:
    text = OWN.pem + " " * ((2 - len(OWN.pem)) % 3) + "W"
    encoded = base64.b64encode(text.encode()).decode()

    assert encoded.endswith("X")
    assert read_credential(of(f" {quote}{encoded}{quote}\n")) == EXPECTED


def test_base64_of_256_characters_may_be_a_secret_and_longer_one_is_a_key() -> None:
    """Entra ID's secrets have 40 characters."""
    encoded = base64.b64encode(b"\x30\x82\1\0\2" + b"x" * 187).decode()
    longer = f"{encoded[:64]}\n{encoded[64:]}"

    assert (len(encoded), len(longer)) == (256, 257)
    assert read_credential(of(encoded)) == ClientSecret(encoded)
    with pytest.raises(UsageError, match="is binary and neither PKCS#12 nor"):
        read_credential(of(longer))


@pytest.mark.parametrize("secret", ["0~", "A" * 257, "a-" * 200, "QUJD" * 100])
def test_text_that_only_looks_like_a_key_is_a_secret(secret: str) -> None:
    assert read_credential(of(secret)) == ClientSecret(secret)


def test_bundle_is_told_from_other_der() -> None:
    assert is_pkcs12(bundle(OWN))
    assert not is_pkcs12(der(OWN.certificate))
    assert not is_pkcs12(OWN.pem.encode())


# --- pairs ---


@pytest.mark.parametrize(
    ("certificate", "key", "kept"),
    [
        (OWN.certificate, OWN.key, True),
        (f"{OWN.certificate}{AUTHORITY.certificate}", f"{OWN.key}\n", True),
        (f"\ufeff{OWN.certificate}", OWN.key, False),
        (OWN.certificate, f"\ufeff{OWN.key}", False),
        (f"{AUTHORITY.certificate}{OWN.certificate}", OWN.key, False),
        (OWN.pem, OWN.pem, False),
        (OWN.certificate, OWN.pem, True),
        (OWN.certificate, f"{P384}{OWN.key}", False),
        (OWN.certificate, f"{OWN.key}# caf\u00e9".encode("latin-1"), None),
        (der(OWN.certificate), OWN.key, False),
        (OWN.pem, AUTHORITY.certificate, False),
    ],
)
def test_texts_of_a_pair_stay_as_they_are_unless_they_need_conversion(
    certificate: bytes | str, key: bytes | str, kept: bool | None
) -> None:
    """Another text would replace the certificate of a stack that is deployed."""
    if kept is None:
        with pytest.raises(UsageError, match="is not text"):
            read_certificate_pair(of(certificate), of(key))
        return
    pair = read_certificate_pair(of(certificate), of(key))

    found = (pair.private_key_pem, pair.certificate_pem)
    assert found == ((key, certificate) if kept else (OWN.key, OWN.certificate))


def test_pair_without_a_certificate_is_told_of_the_certificates_file() -> None:
    with pytest.raises(UsageError) as refused:
        read_certificate_pair(of(OWN.key, "certificate.pem"), of(OWN.key))

    assert vars(refused.value) == {
        "what": "the file certificate.pem holds no certificate",
        "where": "here",
        "repair": "name a PEM file with the certificate",
    }


def test_pair_of_strangers_is_told_of_the_keys_file() -> None:
    with pytest.raises(UsageError, match=r"the file my key\.pem holds the private key of another certificate"):
        read_certificate_pair(of(OTHER.certificate, "certificate.pem"), of(OWN.key))


# --- what was stored ---


def test_stored_certificate_is_read_as_a_file_is() -> None:
    assert usable(ClientCertificate(OWN.key.replace("\n", "\\n"), f" {OWN.certificate}")) == EXPECTED
    for stored in (ClientCertificate("no key\ud800", OWN.certificate), ClientCertificate("", OWN.certificate)):
        with pytest.raises(UsageError) as refused:
            usable(stored)
        assert refused.value.where == "the application's certificate"
        assert refused.value.what == "its value holds a certificate without its private key"


def test_bundle_of_a_certificate_opens_with_its_password_alone() -> None:
    raw = as_pkcs12(EXPECTED, "p\u00e4ss")

    assert is_pkcs12(raw)
    assert read_certificate(of(raw), Password("p\u00e4ss", "V")) == EXPECTED
    with pytest.raises(UsageError, match="V does not open"):
        read_certificate(of(raw), Password("pass", "V"))


def test_end_of_a_certificate_is_that_of_its_validity() -> None:
    """Which begins 20 days ago and lasts 30 (`rsa_pair`)."""
    left = ends_at_utc(OWN.certificate) - datetime.now(UTC)

    assert timedelta(days=9) < left <= timedelta(days=10)
