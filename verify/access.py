"""Checks before anything is read: does the tenant exist, is there a token, and what does it permit?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orgcal.errors import EntraError, OrgcalError, Unreachable
from orgcal.msgraph.auth import TokenSource
from orgcal.msgraph.roles import EffectiveRoles, effective_roles
from orgcal.msgraph.tokens import Tokens
from verify.models import CheckResult, SecretReference, Target, Verdict
from verify.shared import Shared

NO_SUCH_TENANT = frozenset({90002, 90038})
"""Source: https://learn.microsoft.com/en-us/entra/identity-platform/reference-error-codes"""

NOT_CONSENTED = frozenset({700016, 7000229})


@dataclass(frozen=True, slots=True)
class Access:
    """What was found out; `tokens` is None where there is no token.

    Attributes:
        results: of the checks `tenant` and `token`.
        roles: application permissions that are effective; None where nobody can tell.
        roles_from: `token`, `grants`, or nothing.
    """

    results: tuple[CheckResult, ...]
    tokens: Tokens | None = None
    roles: frozenset[str] | None = None
    roles_from: str = ""


class PlatformTokens:
    """Access tokens that the integration platform hands out, as the connector's users get them."""

    def __init__(self, reference: SecretReference, environ: Mapping[str, str], tenant_id: str) -> None:
        from orgcal.platforms import open_platform

        self._platform = open_platform(reference.settings, environ)
        self._key = reference.name
        self._tenant_id = tenant_id
        self._token = ""

    @property
    def can(self) -> bool:
        """Whether this platform hands out tokens."""
        return self._platform.capabilities.tokens

    def token(self) -> str:
        """The platform's token, asked for once."""
        if not self._token:
            self._token = self._platform.access_token(self._key, self._tenant_id)
        return self._token

    def renewed(self, refused: str) -> str:
        """Another token, if the platform has one."""
        if self._token == refused:
            self._token = self._platform.access_token(self._key, self._tenant_id)
        return self._token


def gain_access(target: Target, shared: Shared) -> Access:
    """Ask for a token of `target`, in the way the options say."""
    try:
        tokens, origin = _tokens(target, shared)
        tokens.token()
    except OrgcalError as error:
        return Access(_refused(target, error))
    exists = CheckResult("tenant", Verdict.PASS, "the tenant exists")
    granted = CheckResult("token", Verdict.PASS, f"Entra ID gave a token ({origin})", evidence={"credential": origin})
    try:
        found = effective_roles(shared.world, tokens, shared.session, shared.options.connector.client_id)
    except OrgcalError:
        found = EffectiveRoles(None, "")
    return Access((exists, granted), tokens, found.names, found.source)


def _tokens(target: Target, shared: Shared) -> tuple[Tokens, str]:
    """Tokens of the organisation, and where they come from as words."""
    options = shared.options
    connector = options.connector
    if options.through_platform and connector.credential.kind == "platform":
        platform = PlatformTokens(connector.credential, options.environ, target.tenant_id)
        if platform.can:
            return platform, "through the platform"
    found = shared.credential()
    source = TokenSource(shared.world, target.tenant_id, connector.client_id, found.credential, shared.session)
    origin = f"credential {found.origin}"
    if options.through_platform:
        origin += "; the platform hands out no tokens"
    return source, origin


def _refused(target: Target, error: OrgcalError) -> tuple[CheckResult, ...]:
    """The results of `tenant` and `token` where there is no token."""
    evidence: dict[str, Any] = {}
    if isinstance(error, EntraError):
        evidence = {"error": error.error, "aadsts": error.aadsts, "correlation_id": error.correlation_id}
        if error.aadsts in NO_SUCH_TENANT:
            return (
                CheckResult("tenant", Verdict.FAIL, error.what, error.repair, evidence=evidence),
                CheckResult("token", Verdict.SKIP, "there is no tenant to ask for a token"),
            )
        repair = error.repair
        if error.aadsts in NOT_CONSENTED and target.consent_link:
            repair = f"send this link to the organisation's administrator: {target.consent_link}"
        return (
            CheckResult("tenant", Verdict.PASS, "the tenant exists"),
            CheckResult("token", Verdict.FAIL, error.what, repair, evidence=evidence),
        )
    verdict = Verdict.ERROR if isinstance(error, Unreachable) else Verdict.FAIL
    where = f"{error.where}: " if error.where else ""
    return (
        CheckResult("tenant", Verdict.SKIP, "nobody could be asked"),
        CheckResult("token", verdict, f"{where}{error.what}", error.repair),
    )
