"""What an application proves itself with: a secret, a certificate, or a token of another issuer.

None of them shows its value in a repr, a traceback or a comparison message.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, repr=False)
class ClientSecret:
    """A client secret: its text, not its id (the portal shows both, and people paste the wrong one)."""

    value: str

    def __repr__(self) -> str:
        return "ClientSecret(***)"


@dataclass(frozen=True, slots=True, repr=False)
class ClientCertificate:
    """A certificate with its private key, both PEM; Entra holds the certificate only."""

    private_key_pem: str
    certificate_pem: str

    def __repr__(self) -> str:
        return "ClientCertificate(***)"


@dataclass(frozen=True, slots=True, repr=False)
class FederatedToken:
    """A token of another issuer, such as GitHub's, that Entra accepts instead of a secret.

    Attributes:
        read: gives a current token each time it is called; these tokens live for minutes.
    """

    read: Callable[[], str]

    def __repr__(self) -> str:
        return "FederatedToken(***)"


Credential = ClientSecret | ClientCertificate | FederatedToken


def msal_credential(credential: Credential) -> Any:
    """The form in which MSAL takes `credential`; MSAL computes a certificate's thumbprint itself."""
    match credential:
        case ClientSecret(value):
            return value
        case ClientCertificate(private_key_pem, certificate_pem):
            return {"private_key": private_key_pem, "public_certificate": certificate_pem}
        case FederatedToken(read):
            return {"client_assertion": read}
