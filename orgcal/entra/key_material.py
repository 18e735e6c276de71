"""Private keys and certificates in files and variables, in the encodings in which people have them.

Read are PEM (with attributes of `openssl pkcs12` before the blocks, chains, any order, blocks on one line or with two
characters `\\n` for a line end, as variables have them), PKCS#12 and DER, each also in base64. What cannot be read is
refused with the reason and the command that converts it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from orgcal.entra.secret_text import SecretSource
from orgcal.errors import UsageError

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

MAKE_RSA = (
    "make an RSA key with a certificate and register that: openssl req -x509 -newkey rsa:2048 -sha256 -days 365 -nodes "
    "-subj /CN=connector -keyout KEY.pem -out CERTIFICATE.pem"
)
NOT_RSA = "that Entra ID does not take: it accepts signatures of RSA keys only"
"""What is wrong with a key of another kind, behind its name."""
_OTHER_BLOCKS = {
    "CERTIFICATE REQUEST": "a certificate request",
    "NEW CERTIFICATE REQUEST": "a certificate request",
    "PUBLIC KEY": "a public key",
    "RSA PUBLIC KEY": "a public key",
    "PGP PRIVATE KEY BLOCK": "a PGP key",
}
_CONVERSIONS = {
    "PKCS7": "openssl pkcs7 -in {file} -print_certs -out NEW.pem",
    "CMS": "openssl pkcs7 -in {file} -print_certs -out NEW.pem",
    "TRUSTED CERTIFICATE": "openssl x509 -in {file} -out NEW.pem",
}
"""Blocks that hold certificates in another form, and what converts them."""
_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,40})-----((?>.*?(?=-----)))-----END \1-----", re.DOTALL)
_HEADER = re.compile(r"(Proc-Type: *\S+)|(DEK-Info: *\S+)")
_BASE64 = re.compile(r"[A-Za-z0-9+/\s]+={0,2}\s*")
_LONGEST_SECRET = 256
"""Characters of a client secret at most: Entra ID's have 40. Longer base64 is that of a bundle or a PEM."""


@dataclass(frozen=True, slots=True)
class Password:
    """What opens a private key.

    Attributes:
        value: the password; empty for none.
        name: of the variable that holds it; empty where there is no such variable.
    """

    value: str = field(default="", repr=False)
    name: str = ""

    @property
    def encoded(self) -> bytes | None:
        """The password as bytes; None for none."""
        return self.value.encode("utf-8", "surrogateescape") or None


class _Block(NamedTuple):
    label: str
    body: str
    line: int


@dataclass(slots=True)
class KeyMaterial:
    """Private keys and certificates of one source, in their order."""

    keys: list[PrivateKeyTypes] = field(default_factory=list)
    certificates: list[x509.Certificate] = field(default_factory=list)


def is_pkcs12(content: bytes) -> bool:
    """Whether content is a PKCS#12 bundle, the only form that the azuread plugin takes."""
    return _after_header(content).startswith(b"\x02\x01\x03")


def holds_key_material(source: SecretSource) -> bool:
    """Whether this is, or was meant to be, a key or certificate; anything else may be a client secret.

    Raises:
        UsageError: it is no text, and none of the binary forms.
    """
    return _is_binary(source.content) or _is_armoured(source.text()) or _unwrapped(source.text()) is not None


def key_material(source: SecretSource, password: Password = Password()) -> KeyMaterial:
    """The private keys and certificates in a file or variable; at least one of them.

    Raises:
        UsageError: there are none, or they cannot be read; with the command that converts them.
    """
    if not source.content.strip():
        raise source.error("is empty", "put the private key and its certificate into it, as PEM")
    if _is_binary(source.content):
        return _of_binary(source.content, source, password)
    return _of_text(source.text(), source, password)


def _is_binary(raw: bytes) -> bool:
    """Whether content is DER or a Java key store; texts never begin with these bytes."""
    return raw.startswith((b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce")) or bool(_after_header(raw))


def _after_header(raw: bytes) -> bytes:
    """What follows the header of an ASN.1 sequence; empty for anything else."""
    # A short form of the length would be ASCII, and none of these is so short.
    if raw[:1] != b"\x30" or not b"\x80" <= raw[1:2] <= b"\x84":
        return b""
    content = raw[2 + (raw[1] & 0x7F) :]
    return content if content[:1] in (b"\x02", b"\x30", b"\x06") else b""


def _is_armoured(text: str) -> bool:
    """Whether a text is PEM, perhaps damaged, and so no client secret."""
    return re.search(r"-----BEGIN |BEGIN [A-Z ]*(?:CERTIFICATE|PRIVATE KEY)", text) is not None


def _unwrapped(text: str) -> bytes | None:
    """What a text of base64 holds, if that is a bundle, DER or PEM; else None."""
    bare = text.strip().strip("\"'")
    if len(bare) <= _LONGEST_SECRET or not _BASE64.fullmatch(bare):
        return None
    try:
        raw = base64.b64decode("".join(bare.split()))
    except binascii.Error:
        return None
    return raw if _is_binary(raw) or b"-----BEGIN " in raw else None


def _of_text(text: str, source: SecretSource, password: Password) -> KeyMaterial:
    if not _is_armoured(text):
        inner = _unwrapped(text)
        if inner is None:
            in_file = "name a file with the private key and its certificate, as PEM or PKCS#12"
            in_variable = f'export {source.where}="$(base64 < FILE.pfx)", or put the PEM into it'
            repair = in_file if source.path else in_variable
            raise source.error("holds neither PEM nor a PKCS#12 bundle", repair)
        if _is_binary(inner):
            return _of_binary(inner, source, password)
        text = inner.decode("ascii", "replace")
    blocks = list(_blocks(text, source))
    if not blocks:
        raise source.error(
            "has no complete line -----BEGIN …-----", "copy the PEM anew, with its first and last line as they were"
        )
    material = KeyMaterial()
    for block in blocks:
        if block.label.endswith("PRIVATE KEY"):
            material.keys.append(_key_of(block, source, password))
        elif block.label in ("CERTIFICATE", "X509 CERTIFICATE"):
            material.certificates.append(_certificate_of(block, source))
        elif block.label in _CONVERSIONS:
            repair = _CONVERSIONS[block.label].format(file=source.argument)
            raise source.error(f"holds a block {block.label}, which is another form of certificate", repair)
    if not material.keys and not material.certificates:
        labels = ", ".join(dict.fromkeys(_OTHER_BLOCKS.get(block.label, block.label) for block in blocks))
        repair = "name a file with the private key and its certificate, as PEM"
        raise source.error(f"holds {labels}, and neither private key nor certificate", repair)
    return material


def _blocks(text: str, source: SecretSource) -> Iterator[_Block]:
    """The blocks of a PEM; what stands between them, such as `Bag Attributes`, is skipped."""
    position = 0
    while (start := text.find("-----BEGIN ", position)) >= 0:
        line = text.count("\n", 0, start) + 1
        block = _BLOCK.match(text, start)
        if block is None:
            what = f"has a block that begins in line {line} and has no proper end"
            raise source.error(what, "copy the PEM anew, with all of its lines")
        yield _Block(block[1], block[2], line)
        position = block.end()


def _pem_of(block: _Block) -> bytes:
    """The block as it should be: headers before an empty line, then the rest without blanks."""
    body = block.body.replace("\\r", "\n").replace("\\n", "\n")
    headers = "".join(f"{match[0]}\n" for match in _HEADER.finditer(body))
    rest = "".join(_HEADER.sub("", body).split())
    parts = [f"-----BEGIN {block.label}-----", *([headers] if headers else []), rest, f"-----END {block.label}-----"]
    return ("\n".join(parts) + "\n").encode()


def _certificate_of(block: _Block, source: SecretSource) -> x509.Certificate:
    from cryptography import x509

    block = block._replace(label="CERTIFICATE")
    try:
        return x509.load_pem_x509_certificate(_pem_of(block))
    except ValueError:
        raise _damaged(block, source) from None


def _key_of(block: _Block, source: SecretSource, password: Password) -> PrivateKeyTypes:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    pem = _pem_of(block)
    encrypted = block.label == "ENCRYPTED PRIVATE KEY" or b"ENCRYPTED" in pem.partition(b"\n\n")[0].partition(b"\n")[2]
    of_ssh = block.label == "OPENSSH PRIVATE KEY"  # does not say outside whether it is encrypted
    load = serialization.load_ssh_private_key if of_ssh else serialization.load_pem_private_key
    try:
        return load(pem, password.encoded if encrypted or of_ssh else None)
    except (ValueError, TypeError):
        if encrypted or of_ssh:
            raise _locked("private key", source, password) from None
        raise _damaged(block, source) from None
    except UnsupportedAlgorithm:
        raise source.error(f"holds a private key {NOT_RSA}", MAKE_RSA) from None


def _damaged(block: _Block, source: SecretSource) -> UsageError:
    return source.error(
        f"has a damaged block {block.label}, which begins in line {block.line}",
        "copy the PEM anew, with all of its lines",
    )


def _locked(what: str, source: SecretSource, password: Password) -> UsageError:
    if password.name and not password.value:
        problem = f"holds a {what} with a password, and {password.name} is not set"
    elif password.value:
        problem = f"holds a {what} that {password.name} does not open, or that is damaged"
    else:
        problem = f"holds a {what} with a password, or a damaged one"
    if what == "private key":
        command = f"openssl pkey -in {source.argument} -out NEW.pem && openssl x509 -in {source.argument} >> NEW.pem"
    else:
        command = f"openssl pkcs12 -in {source.argument} -nodes -out NEW.pem"
    first = f"export {password.name}=…, or convert it" if password.name else "convert it"
    old = "" if what == "private key" else " (an old bundle needs -legacy too)"
    return source.error(
        problem, f"{first}: (umask 077; {command}), which asks for the password{old}; then name NEW.pem"
    )


def _of_binary(raw: bytes, source: SecretSource, password: Password) -> KeyMaterial:
    if is_pkcs12(raw):
        return _of_bundle(raw, source, password)
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    try:
        return KeyMaterial(certificates=[x509.load_der_x509_certificate(raw)])
    except ValueError:
        pass
    for candidate in dict.fromkeys((password.encoded, None)):
        try:
            return KeyMaterial(keys=[serialization.load_der_private_key(raw, candidate)])
        except (ValueError, TypeError, UnsupportedAlgorithm):
            pass
    if raw.startswith((b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce")):
        command = f"keytool -importkeystore -srckeystore {source.argument} -destkeystore NEW.pfx -deststoretype PKCS12"
        raise source.error("is a Java key store", f"{command}, then openssl pkcs12 -in NEW.pfx -nodes -out NEW.pem")
    raise source.error(
        "is binary and neither PKCS#12 nor a certificate or an open key in DER",
        "name a file with the private key and its certificate, as PEM",
    )


def _of_bundle(raw: bytes, source: SecretSource, password: Password) -> KeyMaterial:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import pkcs12

    try:
        bundle = pkcs12.load_pkcs12(raw, password.encoded)
    except UnsupportedAlgorithm:
        raise source.error(
            "is encrypted in a way that is not known here",
            f"(umask 077; openssl pkcs12 -legacy -in {source.argument} -nodes -out NEW.pem), then name NEW.pem",
        ) from None
    except ValueError:
        raise _locked("PKCS#12 bundle", source, password) from None
    held = [bundle.cert, *bundle.additional_certs]
    return KeyMaterial([bundle.key] if bundle.key else [], [each.certificate for each in held if each])
