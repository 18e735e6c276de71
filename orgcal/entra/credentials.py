"""What an application authenticates with: a secret, a certificate, or a token of another issuer.

None of them shows its value in a repr, a traceback or a comparison message.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

CredentialKind = Literal["secret", "certificate", "federated"]
"""What an application logs in with."""


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """A client secret: its text, not its id (the portal shows both, and people paste the wrong one)."""

    kind: ClassVar[Literal["secret"]] = "secret"
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class ClientCertificate:
    """A certificate with its private key, both PEM; Entra ID has the certificate only.

    Two are equal whatever white space is around their texts.
    """

    kind: ClassVar[Literal["certificate"]] = "certificate"
    private_key_pem: str = field(repr=False)
    certificate_pem: str = field(repr=False)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ClientCertificate) and self._texts() == other._texts()

    def __hash__(self) -> int:
        return hash(self._texts())

    def _texts(self) -> tuple[str, str]:
        return self.private_key_pem.strip(), self.certificate_pem.strip()


@dataclass(frozen=True, slots=True)
class FederatedToken:
    """A token of another issuer, such as GitHub's, that Entra ID accepts instead of a secret.

    Attributes:
        read: gives a current token each time it is called; these tokens live for minutes.
    """

    kind: ClassVar[Literal["federated"]] = "federated"
    read: Callable[[], str] = field(repr=False)


StorableCredential = ClientSecret | ClientCertificate
"""A credential that can be stored, in a stack's state or in a platform."""
Credential = StorableCredential | FederatedToken

FIELDS = ("client_secret", "certificate_pem", "private_key_pem")
"""Names under which the texts of a storable credential travel, in files and requests."""


def fields_of(credential: StorableCredential) -> dict[str, str]:
    """The texts of `credential` by `FIELDS`, only those that its kind has."""
    if isinstance(credential, ClientSecret):
        return {"client_secret": credential.value}
    return {"certificate_pem": credential.certificate_pem, "private_key_pem": credential.private_key_pem}


def from_fields(fields: Mapping[str, Any]) -> StorableCredential:
    """The credential whose texts are among `fields`: a certificate if there is one; an empty secret if nothing is."""
    secret, certificate_pem, private_key_pem = (str(fields.get(name) or "") for name in FIELDS)
    return ClientCertificate(private_key_pem, certificate_pem) if certificate_pem else ClientSecret(secret)


def msal_credential(credential: Credential) -> Any:
    """The form in which MSAL takes `credential`; MSAL computes a certificate's thumbprint itself."""
    match credential:
        case ClientSecret(value):
            return value
        case ClientCertificate(private_key_pem, certificate_pem):
            return {"private_key": private_key_pem, "public_certificate": certificate_pem}
        case FederatedToken(read):
            return {"client_assertion": read}
