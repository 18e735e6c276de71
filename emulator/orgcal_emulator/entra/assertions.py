"""Client assertions: signed by a certificate of the application, or by an issuer it trusts.

Sources: https://learn.microsoft.com/en-us/entra/identity-platform/certificate-credentials and
https://learn.microsoft.com/en-us/entra/workload-id/workload-identity-federation
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa

from orgcal_emulator.clock import Clock, parse_rfc3339
from orgcal_emulator.directory.federated import trusts
from orgcal_emulator.directory.objects import Application, ServicePrincipal, Tenant
from orgcal_emulator.entra.errors import EntraFailure, bad_assertion

KeySource = Callable[[str], list[dict[str, Any]] | None]
"""Published keys (JWKs) of an issuer, or None where nothing could be fetched."""

_ALGORITHMS = ("RS256", "PS256")
_MIN_RSA_BITS = 2048
"""Answered as in issue 136 of AzureAD/azure-activedirectory-library-for-python; 50032 is `WeakRsaKey` in
https://learn.microsoft.com/en-us/entra/identity-platform/reference-error-codes."""
_SKEW_S = 300
_TO_URL_SAFE = str.maketrans("+/", "-_")
_LAST_YEAR_S = 253402300799
"""The end of the year 9999."""


class AssertionChecker:
    """Checks client assertions.

    Args:
        issuer_keys: where the keys of federated issuers come from.
    """

    def __init__(self, clock: Clock, issuer_keys: KeySource) -> None:
        self._clock = clock
        self._issuer_keys = issuer_keys

    def check(
        self, application: Application, principal: ServicePrincipal, tenant: Tenant, assertion: str, base_url: str
    ) -> None:
        """Refuse an assertion that does not prove it is this application.

        Raises:
            EntraFailure: 401 `invalid_client`.
        """
        try:
            header = jwt.get_unverified_header(assertion)
            claims = jwt.decode(assertion, options={"verify_signature": False})
        except jwt.InvalidTokenError as error:
            raise _malformed() from error
        if not _is_text_throughout(header) or not _is_text_throughout(claims):
            raise _malformed()
        if header.get("alg") not in _ALGORITHMS:
            raise bad_assertion(5002738, f"Invalid JWT token. '{str(header.get('alg'))[:20]}' is not a supported "
                                "signature algorithm. Supported signing algorithms are: 'RS256, PS256'")  # fmt: skip
        if str(claims.get("iss")).lower() == application.client_id:
            self._check_certificate(application, principal, tenant, assertion, header, claims, base_url)
        else:
            self._check_federated(application, assertion, header, claims)

    def _check_certificate(
        self,
        application: Application,
        principal: ServicePrincipal,
        tenant: Tenant,
        assertion: str,
        header: dict[str, Any],
        claims: dict[str, Any],
        base_url: str,
    ) -> None:
        if str(claims.get("sub")).lower() != application.client_id:
            raise bad_assertion(700021, "Client assertion application identifier doesn't match 'client_id' parameter.")
        audiences = _audiences(claims)
        if len(audiences) > 1:
            # As in issue 887 of zitadel/oidc.
            raise bad_assertion(5002741, "Number of audience values in the provided client credential exceed maximum "
                                f"allowed. {len(audiences)} audience values provided, "
                                "maximum allowed is 1.")  # fmt: skip
        if not any(self._is_own_address(str(each), tenant, base_url) for each in audiences):
            raise bad_assertion(50013, "Assertion failed signature validation. [Reason - The assertion audience claim "
                                "does not match the required value].")  # fmt: skip
        # The client signs by this machine's clock, and cannot know how far the emulated one was moved.
        self._check_time(claims, self._clock.now(), self._clock.machine_now())
        credential, certificate = _find_certificate(
            [*application.properties["keyCredentials"], *principal.properties["keyCredentials"]], header
        )
        if certificate is None or credential is None:
            raise bad_assertion(
                700027,
                "The certificate with identifier used to sign the client assertion is not registered on application. "
                f"[Reason - The key was not found., Thumbprint of key used by client: '{_thumbprint(header)}']",
            )
        if parse_rfc3339(credential["endDateTime"]) <= self._clock.now():
            raise bad_assertion(700027, "Client assertion failed signature validation. [Reason - The key used is "
                                f"expired., Found key 'Start={credential['startDateTime']}, "
                                f"End={credential['endDateTime']}']")  # fmt: skip
        key = certificate.public_key()
        if isinstance(key, rsa.RSAPublicKey) and key.key_size < _MIN_RSA_BITS:
            raise bad_assertion(50032, f"RSA key size {key.key_size} is less than the minimum required "
                                f"{_MIN_RSA_BITS} bits.")  # fmt: skip
        if not isinstance(key, rsa.RSAPublicKey) or not _signed_by(assertion, key, header["alg"]):
            raise bad_assertion(700027, "Client assertion failed signature validation. [Reason - The provided "
                                "signature value did not match the expected signature value.]")  # fmt: skip

    def _check_federated(
        self, application: Application, assertion: str, header: dict[str, Any], claims: dict[str, Any]
    ) -> None:
        issuer, subject = str(claims.get("iss")), str(claims.get("sub"))
        audiences = _audiences(claims)
        if not application.federated:
            raise bad_assertion(70025, "The client has no configured federated identity credentials.")
        of_issuer = [each for each in application.federated if each["issuer"] == issuer]
        if not of_issuer:
            raise bad_assertion(700211, "No matching federated identity record found for presented assertion issuer "
                                f"'{issuer[:600]}'.")  # fmt: skip
        of_subject = [each for each in of_issuer if trusts(each, claims)]
        if not of_subject and any((each["subject"] or "").casefold() == subject.casefold() for each in of_issuer):
            # Source: https://github.com/Azure/login/issues/517
            raise bad_assertion(7002138, "No matching federated identity record found for presented assertion subject "
                                f"'{subject[:600]}'. The subject matches with case-insensitive comparison, but not "
                                "with case-sensitive comparison.")  # fmt: skip
        if not of_subject:
            raise bad_assertion(700213, "No matching federated identity record found for presented assertion subject "
                                f"'{subject[:600]}'.")  # fmt: skip
        if not any(each["audiences"][0] in audiences for each in of_subject):
            raise bad_assertion(700212, "No matching federated identity record found for presented assertion audience "
                                f"'{str(audiences[0] if audiences else '')[:600]}'.")  # fmt: skip
        self._check_time(claims, self._clock.now())
        keys = self._issuer_keys(issuer)
        if keys is None:
            raise EntraFailure("invalid_request", 50166, "Request to External OIDC endpoint failed.")
        for published in keys:
            if published.get("kid") == header.get("kid") and _signed_by_jwk(assertion, published, header["alg"]):
                return
        raise bad_assertion(700027, "Client assertion failed signature validation. [Reason - The key was not found.]")

    @staticmethod
    def _check_time(claims: dict[str, Any], *moments: float) -> None:
        """Refuse an assertion that is valid at none of these moments."""
        ends, begins = _seconds(claims.get("exp")), _seconds(claims.get("nbf", 0))
        if not any(begins - _SKEW_S <= now < ends + _SKEW_S for now in moments):
            raise bad_assertion(700024, "Client assertion is not within its valid time range. Current time: "
                                f"{int(moments[0])}, expiry time of assertion: {int(ends)}.")  # fmt: skip

    @staticmethod
    def _is_own_address(audience: str, tenant: Tenant, base_url: str) -> bool:
        names = (tenant.tenant_id, tenant.default_domain)
        hosts = (base_url, "https://login.microsoftonline.com")
        ends = ("/oauth2/v2.0/token", "/oauth2/token", "/v2.0", "/", "")
        return audience.lower() in {f"{host}/{name}{end}" for host in hosts for name in names for end in ends}


def _malformed() -> EntraFailure:
    return bad_assertion(50027, "JWT token is invalid or malformed.")


def _audiences(claims: dict[str, Any]) -> list[Any]:
    audience = claims.get("aud")
    return audience if isinstance(audience, list) else [audience]


def _seconds(value: Any) -> float:
    """A claim that is a time. Parsers of JSON let `NaN` and `1e999` through, which are none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _LAST_YEAR_S:
        raise _malformed()
    return value


def _is_text_throughout(value: dict[str, Any]) -> bool:
    """Whether every text in it can be written: half of a surrogate pair cannot."""
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        return False
    return True


def _find_certificate(
    credentials: list[dict[str, Any]], header: dict[str, Any]
) -> tuple[dict[str, Any] | None, x509.Certificate | None]:
    """The registered certificate that the assertion's header names: by `x5t#S256`, else `x5t`, else `kid`.

    MSAL .NET wrote `kid` alone for years, and so does go-azure-sdk (sdk/auth/client_credentials.go), with which
    the azuread plugin logs in: base64 of the SHA-1 thumbprint, or its hexadecimal digits.
    Source: https://github.com/AzureAD/microsoft-authentication-library-for-dotnet/pull/1714
    """
    wanted_sha256, wanted_sha1, key_id = (_plain(header.get(name)) for name in ("x5t#S256", "x5t", "kid"))
    for credential in credentials:
        certificate = x509.load_der_x509_certificate(base64.b64decode(credential["key"]))
        sha256 = _encode(certificate.fingerprint(hashes.SHA256()))
        thumbprint = certificate.fingerprint(hashes.SHA1())  # noqa: S303
        sha1 = _encode(thumbprint)
        if wanted_sha256:
            matches = wanted_sha256 == sha256
        elif wanted_sha1:
            matches = wanted_sha1 == sha1
        else:
            matches = key_id == sha1 or key_id.upper() == thumbprint.hex().upper()
        if matches:
            return credential, certificate
    return None, None


def _plain(value: Any) -> str:
    """A thumbprint without padding: some clients, MSAL among them, leave it on; MSAL for Go writes `+` and `/`."""
    return str(value or "").rstrip("=").translate(_TO_URL_SAFE)


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _thumbprint(header: dict[str, Any]) -> str:
    return str(header.get("x5t#S256") or header.get("x5t") or header.get("kid") or "")[:64]


def _signed_by(assertion: str, key: Any, algorithm: str) -> bool:
    try:
        jwt.decode(
            assertion,
            key,
            algorithms=[algorithm],
            options={"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False},
        )
    except jwt.InvalidTokenError:
        return False
    return True


def _signed_by_jwk(assertion: str, published: dict[str, Any], algorithm: str) -> bool:
    try:
        key = jwt.PyJWK(published, algorithm).key
    except (jwt.PyJWTError, ValueError, TypeError):
        return False
    return _signed_by(assertion, key, algorithm)


def digest(raw: bytes) -> str:
    """SHA-256 as assertions' headers write it."""
    return _encode(hashlib.sha256(raw).digest())
