"""Tokens of an application for Microsoft Graph in one tenant, through MSAL.

    source = TokenSource(endpoints, tenant_id, client_id, ClientSecret(value))
    source.token()         # from memory while it lasts; the first one of a new source always comes from Entra ID
    source.fresh_token()   # from Entra ID, whatever any cache says: the proof after a consent or a rotation
    roles_of(token)        # application permissions in it, for reports

What MSAL does and callers here need not know: constructing its application object already uses the network; failures
come as dicts, as ValueError or as exceptions of requests; it answers a repeated 400 from memory for 60 s, so that
waiting for a consent with the same object would see the old answer; eight threads with an empty cache ask eight times.
"""

from __future__ import annotations

import logging
import math
import re
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from orgcal.entra.aadsts import meaning_of, number_in
from orgcal.entra.answers import RETRIED_STATUSES, entra_unreachable, parse_object, retry_after_s, shorten
from orgcal.entra.certificates import usable
from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.credentials import ClientCertificate, Credential, msal_credential
from orgcal.entra.tenant_ids import checked_tenant
from orgcal.errors import EntraError, Unreachable

if TYPE_CHECKING:
    import requests

MAX_SPOKEN = 600
"""Characters of Entra ID's own words; the longest are about 400, and end with what has to be compared."""

LONGEST_LIFETIME_S = 86400.0
"""Of an access token; Entra ID's own last 28 hours at most, and a shorter belief only asks once more.

Source: https://learn.microsoft.com/en-us/entra/identity-platform/access-tokens#token-lifetime
"""

RENEW_BEFORE_S = 300.0
"""A token with less left is renewed, as MSAL does itself."""


class Tokens(Protocol):
    """Access tokens for one tenant, wherever they come from; `TokenSource` is the usual implementation."""

    def token(self) -> str:
        """A token that should still be good."""

    def renewed(self, refused: str) -> str:
        """A token other than `refused`, which a server answered with 401."""


@dataclass(eq=False)
class TokenSource:
    """Tokens for Microsoft Graph of one application in one tenant; safe to share between threads.

    Attributes:
        tenant_id: GUID or domain of the organisation.
        session: of `new_session(endpoints)`.
    """

    endpoints: CloudEndpoints
    tenant_id: str
    client_id: str
    credential: Credential = field(repr=False)
    session: requests.Session = field(repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    _token: str = field(default="", init=False, repr=False)
    _renew_at: float = field(default=0.0, init=False)

    def token(self) -> str:
        """A token with some minutes left, asked from Entra ID only when the last one is nearly over.

        Raises:
            EntraError: Entra ID refused.
            Unreachable: Entra ID gave no usable answer.
            UsageError: the certificate is none that Entra ID takes, or `tenant_id` names no single tenant.
        """
        with self._lock:
            if not self._token or time.monotonic() >= self._renew_at:
                self._ask()
            return self._token

    def fresh_token(self) -> str:
        """A token that Entra ID issued after this call began, not one from any cache; raises as `token` does."""
        with self._lock:
            self._ask()
            return self._token

    def renewed(self, refused: str) -> str:
        """A token other than `refused`, which a server answered with 401; many callers cause one request."""
        with self._lock:
            if self._token in ("", refused):  # empty where another thread's request for a new one failed
                self._ask()
            return self._token

    def _ask(self) -> None:
        """Ask Entra ID, with an MSAL application made for this one request, so that it can remember nothing."""
        import msal  # imported here: a tenth of a second that most commands never need
        import requests

        self._token = ""
        _quiet("msal")
        credential = self.credential
        if isinstance(credential, ClientCertificate):
            credential = usable(credential)  # MSAL's own words about a key would be Python's
        http_client = _ObservedSession(self.session)
        tenant = checked_tenant(self.tenant_id, where="tenant of a token")
        where = f"token for client {self.client_id} in tenant {tenant}"
        try:
            application = msal.ConfidentialClientApplication(
                self.client_id,
                client_credential=msal_credential(credential),
                authority=f"{self.endpoints.login_url}/{tenant}",
                instance_discovery=False,  # clouds are pinned; the check would ask the public cloud about every other
                http_client=http_client,
                http_cache={},
            )
            answer: dict[str, Any] = application.acquire_token_for_client([self.endpoints.graph_scope])
        except requests.exceptions.RequestException as error:
            raise entra_unreachable(error, self.endpoints.login_url) from error
        except ValueError as error:
            raise _refused_discovery(error, where) from error
        except msal.exceptions.MsalServiceError as error:
            what = f"Entra ID cannot answer now ({shorten(str(error))})"
            raise Unreachable(what, where=where, retry_after_s=http_client.retry_after_s) from error
        except (AttributeError, KeyError, TypeError, RuntimeError, OverflowError) as error:
            # MSAL reads the answer without checks: JSON that is no object, or lacks a key, ends in one of these.
            raise Unreachable(
                f"Entra ID's answer cannot be understood ({type(error).__name__})", where=where, repair="try again"
            ) from error
        if "access_token" not in answer:
            if http_client.status in RETRIED_STATUSES:
                raise Unreachable(
                    f"Entra ID cannot answer now ({http_client.status})",
                    where=where,
                    repair="try again",
                    retry_after_s=http_client.retry_after_s,
                )
            raise _refused_token(answer, where)
        self._token = _usable_token(answer["access_token"], where)
        self._renew_at = time.monotonic() + _lifetime_s(answer.get("expires_in")) - RENEW_BEFORE_S


def _quiet(library: str) -> None:
    """Keep a library's warnings off the terminal: they repeat what our errors say, with pieces of answers."""
    logger = logging.getLogger(library)
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())


def _usable_token(token: Any, where: str) -> str:
    """A token that a header can hold; raises Unreachable for anything else."""
    if not (isinstance(token, str) and token and token.isascii() and token.isprintable()):
        raise Unreachable("Entra ID's answer holds a token that cannot be used", where=where, repair="try again")
    return token


def _lifetime_s(named: Any) -> float:
    """Seconds that a token lasts, at most `LONGEST_LIFETIME_S`; 0 where the answer names none."""
    try:
        seconds = float(named)
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return min(max(seconds, 0.0), LONGEST_LIFETIME_S) if math.isfinite(seconds) else 0.0


class _ObservedSession:
    """The session as MSAL uses it; keeps what MSAL does not report: the last answer's status, and how long to wait."""

    def __init__(self, session: requests.Session) -> None:
        self._session = session
        self.status = 0
        self.retry_after_s: float | None = None

    def get(self, url: str, **options: Any) -> requests.Response:
        return self._observed(self._session.get(url, **options))

    def post(self, url: str, **options: Any) -> requests.Response:
        return self._observed(self._session.post(url, **options))

    def close(self) -> None:
        """Nothing: the session belongs to whoever made it."""

    def _observed(self, response: requests.Response) -> requests.Response:
        """Check the answer before MSAL reads it, which would log the whole of one that is not JSON, with a traceback.

        Raises:
            Unreachable: it is not a JSON object, though its status says that it should be.
        """
        self.status = response.status_code
        self.retry_after_s = retry_after_s(response.headers)
        if response.status_code < 500 and response.status_code not in RETRIED_STATUSES:
            content_type = response.headers.get("Content-Type", "")
            parse_object(response.content, where=response.url.partition("?")[0], content_type=content_type)
        return response


def claims_of(token: str) -> dict[str, Any] | None:
    """The claims in `token`, for reports; None if it cannot be read.

    Microsoft calls Graph's tokens opaque to clients, so None is a case to live with and never an error. The signature
    is not checked: nothing is decided by this that a server would not decide again.

    Source: https://learn.microsoft.com/en-us/entra/identity-platform/access-tokens
    """
    import jwt  # imported here: most commands never need it

    try:
        return jwt.decode(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        return None


def roles_of(token: str) -> frozenset[str] | None:
    """The application permissions in `token`; None if it cannot be read."""
    claims = claims_of(token)
    roles = None if claims is None else claims.get("roles", [])
    return frozenset(map(str, roles)) if isinstance(roles, list) else None


def names_principal(token: str) -> bool:
    """Whether a token names the application's service principal, or permissions; true where it cannot be read.

    Right after a consent Entra ID may give one that does not, which Graph refuses (`Authorization_IdentityNotFound`)
    until the principal has arrived everywhere. Before 2026-03-31 tenants without a consent gave such tokens for good.

    Source: https://learn.microsoft.com/en-us/entra/identity-platform/retire-service-principal-less-authentication
    """
    claims = claims_of(token)
    return claims is None or bool(claims.get("oid") or claims.get("roles"))


def refusal_in(text: str, where: str, *, home_tenant: str = "") -> EntraError:
    """The refusal that another client of Entra ID reports as `text`, whose AADSTS number decides the hint.

    Args:
        home_tenant: where the operator was refused, to whom other hints apply than to the connector; empty otherwise.
    """
    named = re.search(r"\b(invalid_\w+|unauthorized_client|interaction_required)\b", text)
    refusal = _entra_error(named[1] if named else "refused", number_in(text), text, "", where)
    if home_tenant:
        refusal.repair = meaning_of(refusal.aadsts).for_operator.replace("TENANT", home_tenant)
    return refusal


def _spoken_part(text: str) -> str:
    """Entra ID's own sentences in an `error_description`: without the number before and the ids behind them."""
    spoken = re.sub(r"^.*?AADSTS[0-9]{3,9}:\s*", "", text, count=1, flags=re.DOTALL)
    return shorten(re.split(r"\s*Trace ID:", spoken)[0], MAX_SPOKEN)


def _refused_token(answer: dict[str, Any], where: str) -> EntraError | Unreachable:
    if not answer.get("error") and not answer.get("error_codes"):
        return Unreachable("Entra ID's answer holds neither a token nor a refusal", where=where, repair="try again")
    codes = answer.get("error_codes")
    text, error, correlation_id = (str(answer.get(f) or "") for f in ("error_description", "error", "correlation_id"))
    number = codes[0] if isinstance(codes, list) and codes and isinstance(codes[0], int) else number_in(text)
    return _entra_error(error or "unknown", number, text, correlation_id, where)


def _refused_discovery(error: ValueError, where: str) -> EntraError | Unreachable:
    """The refusal of a tenant that MSAL meets before it asks for a token; the answer hangs on the error's context."""
    text = str(error.__context__ or error)
    status = re.search(r"HTTP status: ([0-9]{3})", text)
    number = number_in(text)
    if status and number and int(status[1]) < 500:
        return _entra_error("invalid_request", number, "", "", where, int(status[1]))
    return Unreachable(f"Entra ID's description of the tenant cannot be used: {shorten(text, 160)}", where=where)


def _entra_error(error: str, number: int, text: str, correlation_id: str, where: str, status: int = 0) -> EntraError:
    meaning, spoken = meaning_of(number, error), _spoken_part(text)
    code = f"({error}{f', AADSTS{number}' if number else ''})"
    what = f"{meaning.sentence or f'Entra ID refused: {spoken or error}'} {code}"
    if meaning.quoted and spoken:
        what = f"{what}; Entra ID says: {spoken}"
    return EntraError(
        what,
        error=error,
        aadsts=number,
        status=status,
        correlation_id=correlation_id,
        where=where,
        repair=meaning.repair,
    )
