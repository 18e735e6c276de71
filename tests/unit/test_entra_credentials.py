"""The one credential: how it is compared, and how its texts travel to platforms and back."""

from __future__ import annotations

import pytest

from orgcal.entra.credentials import (
    ClientCertificate,
    ClientSecret,
    Credential,
    FederatedToken,
    StorableCredential,
    fields_of,
    from_fields,
    msal_credential,
)
from orgcal.platforms import PlatformCredential

SECRET = ClientSecret("hush")
CERTIFICATE = ClientCertificate("-----KEY-----\n", "-----CERTIFICATE-----\n")


@pytest.mark.parametrize("credential", [SECRET, CERTIFICATE])
def test_credential_is_the_same_after_a_way_through_flat_fields(credential: StorableCredential) -> None:
    stored = PlatformCredential("client", 3, credential, scopes=("Calendars.Read",))

    assert from_fields(fields_of(credential)) == credential
    assert PlatformCredential.from_fields(stored.fields()).same_as(stored)
    assert PlatformCredential.from_fields(stored.fields()).generation == 3


def test_certificates_are_equal_whatever_white_space_surrounds_them() -> None:
    other = ClientCertificate("-----KEY-----", "\n-----CERTIFICATE-----")

    assert (other, hash(other)) == (CERTIFICATE, hash(CERTIFICATE))
    assert other != ClientCertificate("-----KEY-----", "another")
    assert ClientSecret("-----KEY-----") != CERTIFICATE


@pytest.mark.parametrize(
    ("credential", "fingerprint"),
    [
        (SECRET, "hmac-sha256:f6a4e30b5fd9f70eb47a63eb48cbcd4f36d619b55a4ceb75d1a2d37edc5ebe59"),
        (CERTIFICATE, "hmac-sha256:ae90918617b096c368369c5c5f6ac01b0fd700ea59730902a083a33b3ba22b25"),
    ],
)
def test_fingerprint_of_a_stack_deployed_before_stays(credential: StorableCredential, fingerprint: str) -> None:
    assert PlatformCredential("client", 1, credential).fingerprint(b"key") == fingerprint


@pytest.mark.parametrize("credential", [SECRET, CERTIFICATE, FederatedToken(lambda: "hush")])
def test_repr_shows_no_value(credential: object) -> None:
    assert repr(credential) == f"{type(credential).__name__}()"
    assert "hush" not in repr(PlatformCredential("client", 1, SECRET))


def token() -> str:
    return "hush"


@pytest.mark.parametrize(
    ("credential", "kind", "fields", "of_msal"),
    [
        (SECRET, "secret", {"client_secret": "hush"}, "hush"),
        (
            CERTIFICATE,
            "certificate",
            {"certificate_pem": "-----CERTIFICATE-----\n", "private_key_pem": "-----KEY-----\n"},
            {"private_key": "-----KEY-----\n", "public_certificate": "-----CERTIFICATE-----\n"},
        ),
        (FederatedToken(token), "federated", None, {"client_assertion": token}),
    ],
)
def test_credential_has_one_form_in_fields_and_one_for_msal(
    credential: Credential, kind: str, fields: dict[str, str] | None, of_msal: object
) -> None:
    """Source: https://learn.microsoft.com/en-us/python/api/msal/msal.application.confidentialclientapplication
    (`client_credential`)."""
    assert credential.kind == kind
    assert msal_credential(credential) == of_msal
    assert isinstance(credential, FederatedToken) or fields_of(credential) == fields


@pytest.mark.parametrize(
    ("fields", "credential"),
    [
        ({}, ClientSecret("")),
        ({"client_secret": None, "certificate_pem": None}, ClientSecret("")),
        ({"client_secret": "a", "certificate_pem": "", "private_key_pem": "k"}, ClientSecret("a")),
        ({"client_secret": "a", "certificate_pem": "c", "private_key_pem": "k"}, ClientCertificate("k", "c")),
        ({"certificate_pem": "c"}, ClientCertificate("", "c")),
    ],
)
def test_certificate_among_the_fields_comes_before_a_secret(
    fields: dict[str, str | None], credential: StorableCredential
) -> None:
    assert from_fields(fields) == credential
