"""Passwords and keys of applications and service principals."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import replace
from typing import Any, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from orgcal_emulator.clock import parse_rfc3339, rfc3339
from orgcal_emulator.directory.errors import read_only
from orgcal_emulator.directory.objects import Application, ServicePrincipal, is_guid, new_guid
from orgcal_emulator.directory.policies import check_key, check_password
from orgcal_emulator.directory.schema import Moment, Nested, Text
from orgcal_emulator.graph.errors import bad_request, invalid_value
from orgcal_emulator.store import Table

TWO_YEARS_S = 2 * 365 * 24 * 3600
"""Lifetime of a password whose end the client does not say.

Source: https://learn.microsoft.com/en-us/graph/api/application-addpassword
"""


_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~"
_FROM_BASE64URL = str.maketrans("-_", "+/")
_LAST_YEAR_S = 253402300799

_PASSWORD = Nested(
    {"displayName": Text(256), "endDateTime": Moment(), "startDateTime": Moment(),
     "customKeyIdentifier": Text(200)},
    {"displayName": None, "endDateTime": None, "startDateTime": None, "customKeyIdentifier": None},
)  # fmt: skip


Owner = TypeVar("Owner", Application, ServicePrincipal)


def hash_secret(secret: str, salt: str | None = None) -> str:
    """A salted hash of a secret. One round is enough: secrets are made here, 40 random characters each."""
    salt = salt or secrets.token_hex(8)
    return f"{salt}${hashlib.sha256(f'{salt}{secret}'.encode()).hexdigest()}"


def matches(secret: str, hashed: str) -> bool:
    """Whether `secret` is what `hashed` was made from, found in constant time."""
    return hmac.compare_digest(hash_secret(secret, hashed.partition("$")[0]), hashed)


def new_secret() -> str:
    """A password in the form Entra gives them: 40 characters, `8Q~` from the fourth."""
    letters = [secrets.choice(_ALPHABET[:62]) for _ in range(3)]
    return "".join(letters) + "8Q~" + "".join(secrets.choice(_ALPHABET) for _ in range(34))


def add_password(
    owner: Owner, body: dict[str, Any], now: float, policy: dict[str, Any]
) -> tuple[Owner, dict[str, Any]]:
    """The owner with one more password, and the credential with its secret, which is shown only this once.

    Args:
        body: the action's parameters.
        policy: the tenant's app management restrictions.

    Raises:
        GraphFailure: 400.
    """
    for name in body:
        if name != "passwordCredential" and "@" not in name:
            raise invalid_value(name, "addPassword")
    given = body.get("passwordCredential") or {}
    if isinstance(given, dict):
        for name in ("secretText", "keyId", "hint"):
            if given.get(name) is not None:
                raise read_only(name)
        given = {name: value for name, value in given.items() if name not in ("secretText", "keyId", "hint")}
    wanted = _PASSWORD.check(given, "passwordCredential", "addPassword")
    start = parse_rfc3339(wanted["startDateTime"]) if wanted["startDateTime"] else now
    end = parse_rfc3339(wanted["endDateTime"]) if wanted["endDateTime"] else start + TWO_YEARS_S
    if end <= start or end <= now or end > _LAST_YEAR_S:
        raise bad_request("Password credential end date is invalid.", "PasswordCredentialInvalidEndDate")
    check_password(policy, end - start)
    secret = new_secret()
    credential = {
        "customKeyIdentifier": wanted["customKeyIdentifier"],
        "displayName": wanted["displayName"],
        "endDateTime": rfc3339(end),
        "hint": secret[:3],
        "keyId": new_guid(),
        "secretText": None,
        "startDateTime": rfc3339(start),
    }
    properties = {**owner.properties, "passwordCredentials": [*owner.properties["passwordCredentials"], credential]}
    hashes = {**owner.secret_hashes, credential["keyId"]: hash_secret(secret)}
    return replace(owner, properties=properties, secret_hashes=hashes), {**credential, "secretText": secret}


def with_passwords(owner: Owner, wanted: Any, now: float, policy: dict[str, Any]) -> tuple[Owner, list[dict[str, Any]]]:
    """A new owner with the passwords that its creation asks for, and these with their secrets.

    Args:
        wanted: `passwordCredentials` of the request.

    Raises:
        GraphFailure: 400.
    Source: example 2 of https://learn.microsoft.com/en-us/graph/api/application-post-applications
    """
    if wanted is not None and not isinstance(wanted, list):
        raise invalid_value("passwordCredentials", type(owner).__name__)
    secrets_shown = []
    for each in wanted or ():
        if not isinstance(each, dict):
            raise invalid_value("passwordCredentials", type(owner).__name__)
        owner, credential = add_password(owner, {"passwordCredential": each}, now, policy)
        secrets_shown.append(credential)
    return owner, secrets_shown


def remove_password(owner: Owner, body: dict[str, Any], table: Table[Owner]) -> Owner:
    """The owner without the password `keyId`.

    Args:
        table: of the owner.

    Raises:
        GraphFailure: 400, there is none with this id (any more, or yet).
    """
    key_id = body.get("keyId")
    if not is_guid(key_id):
        raise invalid_value("keyId", "removePassword")
    wanted = str(key_id).lower()
    left = [each for each in owner.properties["passwordCredentials"] if each["keyId"] != wanted]
    unknown = len(left) == len(owner.properties["passwordCredentials"])
    if unknown or table.graph.lacks(owner.object_id, lambda seen: _has_password(seen, wanted)):
        raise bad_request(f"No password credential found with keyId '{key_id}'.")
    hashes = {key: value for key, value in owner.secret_hashes.items() if key != wanted}
    return replace(owner, properties={**owner.properties, "passwordCredentials": left}, secret_hashes=hashes)


def _has_password(owner: Application | ServicePrincipal, key_id: str) -> bool:
    return any(each["keyId"] == key_id for each in owner.properties["passwordCredentials"])


def kept_passwords(owner: Owner, wanted: Any) -> dict[str, Any]:
    """`passwordCredentials` of a PATCH: it may leave some out, never bring a new one.

    Raises:
        GraphFailure: 400.
    """
    if not isinstance(wanted, list) or not all(isinstance(each, dict) for each in wanted):
        raise invalid_value("passwordCredentials", type(owner).__name__)
    known = {each["keyId"]: each for each in owner.properties["passwordCredentials"]}
    ids = [str(each.get("keyId")).lower() for each in wanted]
    if any(each not in known for each in ids):
        raise bad_request(
            "New password credentials must be generated with service actions.", "CannotCreatePasswordCredential"
        )
    return {"passwordCredentials": [known[each] for each in dict.fromkeys(ids)]}


def merge_keys(
    owner: Owner | None, wanted: list[dict[str, Any]], now: float, policy: dict[str, Any]
) -> list[dict[str, Any]]:
    """`keyCredentials` as they are kept: known ones keep their key, new ones need a certificate.

    Raises:
        GraphFailure: 400.
    """
    known = {each["keyId"]: each for each in owner.properties["keyCredentials"]} if owner is not None else {}
    keys = []
    for each in wanted:
        old = known.get(each["keyId"] or "")
        keys.append(old if old is not None and not each["key"] else _new_key(each, now, policy))
    if len({each["keyId"] for each in keys}) != len(keys):
        raise bad_request("Request contains a property with duplicate values.")
    return keys


def with_certificate(application: Application, pem: str, now: float) -> Application:
    """The application with this certificate among its `keyCredentials`; the same one where it has it already.

    Args:
        pem: the certificate's text.
        now: in seconds since the epoch.
    """
    der = x509.load_pem_x509_certificate(pem.encode()).public_bytes(Encoding.DER)
    keys = application.properties["keyCredentials"]
    if any(each["key"] == base64.b64encode(der).decode() for each in keys):
        return application
    given = {"type": "AsymmetricX509Cert", "usage": "Verify", "key": base64.b64encode(der).decode()}
    names = ("keyId", "displayName", "customKeyIdentifier", "startDateTime", "endDateTime")
    key = _new_key({**given, **dict.fromkeys(names)}, now, {})
    return replace(application, properties={**application.properties, "keyCredentials": [*keys, key]})


def _new_key(given: dict[str, Any], now: float, policy: dict[str, Any]) -> dict[str, Any]:
    if given["type"] != "AsymmetricX509Cert" or given["usage"] != "Verify":
        raise bad_request(
            "New key credentials of this type and usage must be generated with service actions.",
            "KeyCredentialsInvalid",
        )
    certificate = _certificate(given["key"])
    start, end = certificate.not_valid_before_utc.timestamp(), certificate.not_valid_after_utc.timestamp()
    wanted_start = parse_rfc3339(given["startDateTime"]) if given["startDateTime"] else start
    wanted_end = parse_rfc3339(given["endDateTime"]) if given["endDateTime"] else end
    if int(wanted_start) < int(start):
        raise bad_request("Key credential start date is invalid.", "KeyCredentialsInvalidStartDate")
    if int(wanted_end) > int(end) or wanted_end <= now or wanted_end <= wanted_start:
        raise bad_request("Key credential end date is invalid.", "KeyCredentialsInvalidEndDate")
    check_key(policy, wanted_end - wanted_start)
    der = certificate.public_bytes(Encoding.DER)
    return {
        "customKeyIdentifier": given["customKeyIdentifier"]
        or hashlib.sha1(der, usedforsecurity=False).hexdigest().upper(),
        "displayName": given["displayName"] or certificate.subject.rfc4514_string() or None,
        "endDateTime": rfc3339(wanted_end),
        "key": base64.b64encode(der).decode(),
        "keyId": given["keyId"] or new_guid(),
        "startDateTime": rfc3339(wanted_start),
        "type": given["type"],
        "usage": given["usage"],
    }


def _certificate(text: str | None) -> x509.Certificate:
    """The certificate in a `key`: base64 of DER, or of the PEM text, as the azuread plugin sends it."""
    try:
        raw = decoded_binary(text or "")
        if raw.startswith(b"-----BEGIN"):
            return x509.load_pem_x509_certificate(raw)
        return x509.load_der_x509_certificate(raw)
    except (ValueError, binascii.Error) as error:
        raise bad_request("Key credential is invalid: the key is no certificate.", "KeyCredentialsInvalid") from error


def decoded_binary(text: str) -> bytes:
    """The bytes of an `Edm.Binary`: base64url with or without padding as OData writes it, or base64, in lines or not.

    Azure CLI sends the lines of a PEM file as they are. Source: 7.1 of
    https://docs.oasis-open.org/odata/odata-json-format/v4.01/odata-json-format-v4.01.html and
    src/azure-cli/azure/cli/command_modules/role/custom.py of Azure/azure-cli.

    Raises:
        ValueError: `text` is neither.
    """
    packed = "".join(text.split()).translate(_FROM_BASE64URL).rstrip("=")
    return base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True)


def shown_keys(credentials: list[dict[str, Any]], *, with_key: bool) -> list[dict[str, Any]]:
    """`keyCredentials` as reads show them: the certificate only where `$select` names the property."""
    return credentials if with_key else [{**each, "key": None} for each in credentials]
