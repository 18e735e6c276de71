"""Certificates with their private keys, from files and variables, in the one form that everything else takes.

    read_credential(SecretSource.of_file(path))          # a certificate with its key, or a client secret
    read_certificate(source, Password(value, name))      # a certificate with its key
    read_certificate_pair(certificate, key)              # from two files

What comes out is one RSA key and the certificate of that key, as PEM without a password. A chain is left out: Entra ID
has the certificate itself.

Entra ID checks client assertions that are signed with RSA only. Sources: PS256 in
docs/identity-platform/certificate-credentials.md of MicrosoftDocs/entra-docs (07bd829d); the remark "AAD only supports
RSA certs for client credentials" beside `SignWithCertificate` of microsoft-authentication-library-for-dotnet (pull
request 3897, which leaves the size of keys to Entra ID); azure-identity refuses other keys (`get_client_credential` in
_credentials/certificate.py of 1.27.0). Keys of less than 2048 bits are refused by Entra ID (silverhack/monkey365#183:
"AADSTS700027: RSA key size 1024 is less than the minimum required 2048 bits").
"""

from __future__ import annotations

import codecs
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from orgcal.entra.credentials import ClientCertificate, ClientSecret, StorableCredential
from orgcal.entra.key_material import (
    MAKE_RSA,
    NOT_RSA,
    KeyMaterial,
    Password,
    holds_key_material,
    key_material,
)
from orgcal.entra.secret_text import SecretSource

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import rsa

MIN_RSA_BITS = 2048
"""Smallest key that Entra ID takes."""


def read_credential(source: SecretSource) -> StorableCredential:
    """The credential in a file or variable: a certificate with its private key, or else a client secret.

    Raises:
        UsageError: it cannot be read, or Entra ID would not take it; with the command that converts or makes it.
    """
    if holds_key_material(source):
        return _paired(key_material(source), source)
    return ClientSecret(source.secret())


def read_certificate(source: SecretSource, password: Password = Password()) -> ClientCertificate:  # noqa: B008 - frozen
    """The certificate with its private key in a file or variable; raises as `read_credential` does."""
    return _paired(key_material(source, password), source)


def read_certificate_pair(certificate: SecretSource, key: SecretSource) -> ClientCertificate:
    """The certificate with its private key, from two files, each of which may hold both.

    Texts of PEM that need no conversion are given back as they are, since another text would replace the certificate
    of a stack that is deployed.

    Raises:
        UsageError: as of `read_credential`; `where` is the file or setting that is wrong.
    """
    of_certificate, of_key = key_material(certificate), key_material(key)
    both = KeyMaterial(of_key.keys or of_certificate.keys, of_certificate.certificates or of_key.certificates)
    if not both.certificates:
        raise certificate.error("holds no certificate", "name a PEM file with the certificate")
    pair = _paired(both, key)
    return (
        pair
        if _needs_conversion(certificate.content, key.content, pair)
        else ClientCertificate(key.content.decode(), certificate.content.decode())
    )


def _needs_conversion(certificate: bytes, key: bytes, pair: ClientCertificate) -> bool:
    """Whether something else than two PEM texts, read from their beginning, was given for `pair`."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    if b"PRIVATE KEY-----" in certificate or certificate.startswith(codecs.BOM_UTF8) or key.startswith(codecs.BOM_UTF8):
        return True
    try:
        leaf = x509.load_pem_x509_certificate(certificate)
        fits = serialization.load_pem_private_key(key, None).public_key() == leaf.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return True
    return not fits or leaf != x509.load_pem_x509_certificate(pair.certificate_pem.encode())


@lru_cache(maxsize=8)
def usable(certificate: ClientCertificate) -> ClientCertificate:
    """A certificate that was stored somewhere, as `read_certificate` reads it; raises as that does."""
    pem = f"{certificate.private_key_pem}\n{certificate.certificate_pem}"
    return read_certificate(SecretSource("the application's certificate", None, pem.encode("utf-8", "replace")))


def as_pkcs12(certificate: ClientCertificate, password: str) -> bytes:
    """The certificate and its key as a PKCS#12 bundle that `password` opens.

    Its encryption (PBES2 with PBKDF2, HMAC-SHA-256 and AES-256-CBC) is one that the azuread plugin reads:
    `pbes2CipherFor` in crypto.go of SSLMate/go-pkcs12 (033b78e9), which go-azure-sdk uses in
    sdk/auth/client_certificate_authorizer.go.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import pkcs12

    key = serialization.load_pem_private_key(certificate.private_key_pem.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    leaf = x509.load_pem_x509_certificate(certificate.certificate_pem.encode())
    closed = serialization.BestAvailableEncryption(password.encode())
    return pkcs12.serialize_key_and_certificates(None, key, leaf, None, closed)


def ends_at_utc(certificate_pem: str) -> datetime:
    """The end of a certificate's validity."""
    from cryptography import x509

    return x509.load_pem_x509_certificate(certificate_pem.encode()).not_valid_after_utc


def _paired(material: KeyMaterial, source: SecretSource) -> ClientCertificate:
    """The one key with its certificate, as Entra ID takes them."""
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    _check_both(material, source)
    pairs = {
        certificate.fingerprint(hashes.SHA256()): (key, certificate)
        for key in material.keys
        if isinstance(key, rsa.RSAPrivateKey)
        for certificate in material.certificates
        if _belong_together(key, certificate)
    }
    if not pairs:
        raise source.error(
            "holds the private key of another certificate", "name the certificate's own key, or the key's certificate"
        )
    if len(pairs) > 1:
        what = f"holds {len(pairs)} certificates that it has the private keys of"
        raise source.error(what, "leave the one that is registered on the application, with its key")
    [(key, certificate)] = pairs.values()
    if key.key_size < MIN_RSA_BITS:
        what = f"holds an RSA key of {key.key_size} bits; Entra ID takes {MIN_RSA_BITS} bits or more"
        raise source.error(what, MAKE_RSA)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return ClientCertificate(pem.decode(), certificate.public_bytes(serialization.Encoding.PEM).decode())


def _check_both(material: KeyMaterial, source: SecretSource) -> None:
    """Refuse a source that lacks the key or the certificate, or has no key that Entra ID takes."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    if not material.keys:
        both = f"openssl pkcs12 -in BUNDLE.pfx -nodes -out NEW.pem, or cat KEY.pem {source.argument} > NEW.pem"
        raise source.error("holds a certificate without its private key", f"name a file with both: {both}")
    others = [key for key in material.keys if not isinstance(key, rsa.RSAPrivateKey)]
    if len(others) == len(material.keys):
        key = others[0]
        curve = f" (elliptic curve {key.curve.name})" if isinstance(key, ec.EllipticCurvePrivateKey) else ""
        raise source.error(f"holds a private key{curve} {NOT_RSA}", MAKE_RSA)
    if not material.certificates:
        repair = f"append the certificate that is registered: cat CERTIFICATE.pem >> {source.argument}"
        raise source.error("holds a private key without its certificate", repair)


def _belong_together(key: rsa.RSAPrivateKey, certificate: x509.Certificate) -> bool:
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        return certificate.public_key() == key.public_key()
    except (UnsupportedAlgorithm, ValueError):  # an authority's key of a kind that is not known here
        return False
