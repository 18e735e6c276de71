"""Checks before anything is read: does the tenant exist, is there a token, and what does it permit?"""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from orgcal.entra.aadsts import SEND_LINK
from orgcal.entra.auth import Tokens, TokenSource, names_principal
from orgcal.entra.probe import TenantAccess, probe_tenant
from orgcal.errors import EntraError, OrgcalError, Unreachable, UsageError
from orgcal.patience import Clock, Patience
from verify.answers import NO_PRINCIPAL, Again, token_rule
from verify.context import RunContext
from verify.credentials import CannotTell, NoCredential
from verify.models import CheckResult, Connector, Proof, SecretReference, Target, Verdict, never

TOKEN_ATTEMPTS = 3
_EXISTS = CheckResult("tenant", Verdict.PASS, "the tenant exists")


@dataclass(frozen=True, slots=True)
class Access:
    """The access to one organisation; `tokens` is None where there is no token.

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
    """Access tokens that the integration platform hands out, as the connector's users get them; safe to share."""

    def __init__(self, reference: SecretReference, environ: Mapping[str, str], tenant_id: str) -> None:
        from orgcal.platforms import open_platform

        self._platform = open_platform(reference.settings, environ)
        self.can = self._platform.capabilities.tokens
        self._key = reference.name
        self._tenant_id = tenant_id
        self._lock = threading.Lock()
        self._token = ""

    def token(self) -> str:
        """The platform's token, asked for once."""
        return self._token or self.renewed("")

    def renewed(self, refused: str) -> str:
        """Another token, if the platform has one; many callers cause one request."""
        with self._lock:
            if self._token == refused:
                self._token = self._platform.access_token(self._key, self._tenant_id)
            return self._token


@dataclass(slots=True)
class PatientTokens:
    """Tokens that are requested again where no answer came, Entra ID is busy, or one names no principal yet.

    Attributes:
        budget_s: seconds that the waits for one token may take in all.
        stopped: true ends a wait at once.
        clock: for tests.
    """

    tokens: Tokens
    budget_s: float
    stopped: Callable[[], bool] = never
    clock: Clock = field(default_factory=Clock)
    _judged: str = field(default="", init=False, repr=False)
    """The last token that was found to name its principal; reading it takes time, and each batch asks for one."""

    def token(self) -> str:
        """As `Tokens.token`."""
        return self._patiently(self.tokens.token)

    def renewed(self, refused: str) -> str:
        """As `Tokens.renewed`."""
        return self._patiently(lambda: self.tokens.renewed(refused))

    def _patiently(self, ask: Callable[[], str]) -> str:
        patience: Patience | None = None  # made where it is needed: each batch asks, and nearly always gets a token
        while True:
            try:
                token = ask()
                if token == self._judged or names_principal(token):
                    self._judged = token
                    return token
                error: OrgcalError = Unreachable(NO_PRINCIPAL.sentence, repair=NO_PRINCIPAL.repair)
                asked_s, ask = None, partial(self.tokens.renewed, token)
            except (Unreachable, EntraError) as refused:
                asked_s, error = getattr(refused, "retry_after_s", None), refused
                if token_rule(refused).again is Again.NO:
                    raise
            patience = patience or Patience(self.budget_s, Clock(self.clock.monotonic, self._sleep))
            if patience.tries == TOKEN_ATTEMPTS or self.stopped() or not patience.wait(asked_s):
                raise error

    def _sleep(self, seconds: float) -> None:
        while seconds > 0 and not self.stopped():
            part = min(seconds, 0.25)
            self.clock.sleep(part)
            seconds -= part


def gain_access(target: Target, context: RunContext) -> Access:
    """Ask for a token of `target`, in the way the options say."""
    options = context.options
    connector = options.connector
    try:
        source, granted = _source(target, context)
    except OrgcalError as error:
        return Access(_undecided(error))
    tokens = PatientTokens(source, options.pace.budget_s, options.stop)
    declared = frozenset(connector.permissions)
    access = probe_tenant(context.endpoints, tokens, context.session, connector.client_id, declared)
    if access.error is not None:
        return Access(_refused(target, access, access.error, context.options.connector))
    return Access((_EXISTS, granted), tokens, access.effective, access.source)


def _source(target: Target, context: RunContext) -> tuple[Tokens, CheckResult]:
    """Tokens of `target`, and the result of the check `token` once one was given."""
    options = context.options
    connector = options.connector
    instead = ""
    if (options.through_platform or connector.federated) and connector.credential.kind == "platform":
        platform = PlatformTokens(connector.credential, options.environ, target.tenant_id)
        if platform.can:
            return platform, _granted("through the platform", "platform")
        if connector.federated:
            raise CannotTell(
                "the connector proves itself with tokens of another issuer, and its platform hands out no tokens",
                where=f"connector {connector.credential.name!r}",
                repair="only a connected organisation proves it",
            )
        instead = "the platform hands out no tokens"
    located = context.credential()
    tokens = TokenSource(context.endpoints, target.tenant_id, connector.client_id, located.credential, context.session)
    return tokens, _granted(f"credential {located.origin}", located.proof, instead)


def _granted(origin: str, proof: Proof, instead: str = "") -> CheckResult:
    """The result of `token`; `instead` says why the way that was asked for cannot be gone."""
    result = partial(CheckResult, "token", evidence={"credential": origin, "proof": proof})
    sentence = f"Entra ID gave a token ({origin})"
    if not instead:
        return result(Verdict.PASS, sentence)
    return result(Verdict.WARN, f"{sentence}; not through the platform, as {instead}", "leave out --through-platform")


def _refused(
    target: Target, access: TenantAccess, error: OrgcalError, connector: Connector | None = None
) -> tuple[CheckResult, ...]:
    """The results of `tenant` and `token` where a token was requested and there is none."""
    if not isinstance(error, EntraError):
        return _undecided(error)
    rule = token_rule(error)
    evidence = {
        "error": error.error,
        "aadsts": error.aadsts,
        "correlation_id": error.correlation_id,
        "refusal": rule.name,
    }
    if access.access == "no tenant":
        return (
            CheckResult("tenant", Verdict.FAIL, error.what, error.repair, evidence=evidence),
            CheckResult("token", Verdict.SKIP, "there is no tenant to ask for a token"),
        )
    repair = access.repair.replace(SEND_LINK, _way_to_consent(target, connector))
    repair = repair.replace("TENANT", shlex.quote(target.organisation or target.tenant_id))
    return (
        _EXISTS,
        CheckResult("token", rule.verdict, error.what, repair or rule.repair, evidence=evidence),
    )


def _way_to_consent(target: Target, connector: Connector | None) -> str:
    """How the organisation's administrator comes to a consent link, by what is known of both."""
    if target.consent_link:
        return f"send this link to the organisation's administrator: {target.consent_link}"
    if connector is not None and connector.outputs is None:  # no stack, so that no command of ours makes a link
        application = f"the application {connector.client_id}"
        return f"send the organisation's administrator a consent link of {application}, and check the tenant id"
    if connector is not None and target.named and not target.organisation:  # the registry does not know it
        return f"{connector.add_command('TENANT')}; then {SEND_LINK}"
    return SEND_LINK


def _undecided(error: OrgcalError) -> tuple[CheckResult, ...]:
    """The results of `tenant` and `token` where Entra ID did not answer, or could not be asked."""
    unknown = isinstance(error, Unreachable | UsageError) and not isinstance(error, NoCredential)
    where = f"{error.where}: " if error.where else ""
    return (
        CheckResult("tenant", Verdict.SKIP, "nobody could be asked"),
        CheckResult("token", Verdict.ERROR if unknown else Verdict.FAIL, f"{where}{error.what}", error.repair),
    )
