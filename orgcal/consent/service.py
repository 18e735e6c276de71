"""Consent for one connector in one object: makes links, takes callbacks, proves, and keeps the registry true."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from orgcal.consent import links as consent_links
from orgcal.consent.answers import ConsentNews, Listener, log_news, news_of
from orgcal.consent.outcomes import CallbackAnswer, ConsentOutcome, used_before
from orgcal.consent.proof import PATIENCE_S, ConsentProber
from orgcal.consent.proofs import PICK_UP_S, THREADS, Proofs
from orgcal.consent.recording import Declared, register
from orgcal.durations import rfc3339
from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.session import new_session
from orgcal.errors import UsageError
from orgcal.patience import Clock, Patience
from orgcal.platforms import capabilities_of, open_platform
from orgcal.platforms.model import StartsConsent
from orgcal.stack.outputs import StackOutputs
from orgcal.tenants import links
from orgcal.tenants.model import JsonRecord, Link, Tenant
from orgcal.tenants.registry import Registry, RegistryUnavailable
from verify import Options
from verify.credentials import find_credential
from verify.sources import from_outputs

if TYPE_CHECKING:
    from orgcal.entra.credentials import Credential

_LOG = logging.getLogger("orgcal.consent")

_MOST_UNSURE = 1000
"""Callbacks of which it is remembered that nobody knows whether they were recorded; older ones are forgotten."""
AT_ONCE = 32
"""Organisations probed together. Each needs two requests to Entra ID one after the other, so never more are in
flight; 64 would be polite too, but more threads than this gain nothing in one process."""


@dataclass(frozen=True, slots=True)
class ConsentLink(JsonRecord):
    """A link for one organisation's administrator.

    Attributes:
        url: to be opened; whoever has it can answer once, so it is as secret as a password.
        handle: names the link in the registry without being able to use it; see `ConsentService.wait_for`. Empty for a
            link of the platform.
        message: a short text that can be sent with it.
        made_by: whose flow it begins: ours, or that of a platform that starts consent itself.
    """

    tenant_id: str
    url: str = field(repr=False)
    expires_at: datetime
    handle: str
    message: str = field(repr=False)
    made_by: Literal["orgcal", "platform"] = "orgcal"


@dataclass(frozen=True, slots=True)
class ConsentResult:
    """How a link's use ended, or stands.

    Attributes:
        outcome: None while nobody has used it.
        permissions: names of those that the link asks for.
    """

    tenant_id: str
    outcome: ConsentOutcome | None
    detail: str
    permissions: tuple[str, ...] = ()


class ConsentService:
    """Consent for one deployed connector.

    Args:
        patience_s: how long grants may take to arrive after an administrator agreed.
        pick_up_s: how often proofs are looked for that nobody goes on with, once `resume` was called.
        read_logo: gives the application's picture for our pages, empty where it has none; called when they are served.

    Attributes:
        listeners: told of each administrator's answer, and of how its proof ended; the log unless changed.
    """

    def __init__(
        self,
        registry: Registry,
        outputs: StackOutputs,
        endpoints: CloudEndpoints,
        environ: Mapping[str, str],
        *,
        patience_s: float = PATIENCE_S,
        pick_up_s: float = PICK_UP_S,
        read_logo: Callable[[], bytes] = bytes,
    ) -> None:
        self.read_logo = read_logo
        self.registry = registry
        self.outputs = outputs
        self.endpoints = endpoints
        self._environ = environ
        self._session = new_session(endpoints, pool_size=max(THREADS, AT_ONCE))
        self.prober = self.new_prober(self.credential)
        self.listeners: list[Listener] = [log_news]
        self._proofs = Proofs(
            registry, outputs, environ, self.prober, patience_s=patience_s, pick_up_s=pick_up_s, tell=self._tell
        )
        self._unsure: OrderedDict[str, str] = OrderedDict()  # hash of a state -> result handle of its callback
        self._unsure_lock = threading.Lock()

    def close(self) -> None:
        """End the proofs, which the next service goes on with, and close the connections."""
        self._proofs.close()
        self._session.close()

    def new_prober(self, credential: Callable[[], Credential]) -> ConsentProber:
        """A prober of this connector that takes its credential from `credential`."""
        declared = frozenset(Declared.of(self.outputs).permissions)
        return ConsentProber(self.endpoints, self.outputs.client_id, declared, credential, self._session)

    def credential(self) -> Credential:
        """The connector's credential, as it is now.

        Raises:
            UsageError: no place that was named can tell it.
            PlatformError: the platform refused.
            Unreachable: the platform gave no answer.
        """
        connector, given = from_outputs(self.outputs)
        return find_credential(Options(connector, environ=self._environ, given_credential=given)).credential

    def register(self, tenant_id: str) -> None:
        """Tell a platform that keeps organisations of one whose access was proved; its refusal is in the log."""
        register(self.registry, self.outputs, self._environ, tenant_id)

    # --- links ---

    @cached_property
    def redirect_uri(self) -> str:
        """Our callback; `UsageError` where the stack has none that could be used. A server on another port sets it."""
        return consent_links.checked_redirect_uri(self.outputs)

    def link(self, tenant: Tenant, *, lifetime: timedelta = consent_links.LIFETIME) -> ConsentLink:
        """A new link for an organisation of the registry; the platform's, where that starts consent itself.

        Raises:
            UsageError: the organisation limits the connector, the stack has no callback of ours, or the platform starts
                consent itself and gives no links out.
            PlatformError: the platform refused.
        """
        if tenant.access == "scoped":
            named, stack = tenant.domain or tenant.tenant_id, self.outputs.stack
            raise UsageError(
                f"{tenant.label} limits the connector to some mailboxes, and the consent page grants all of them",
                where=tenant.tenant_id,
                repair=f"orgcal consent script {named} --stack {stack}; or, if it shall reach all mailboxes: orgcal "
                f"tenants add {named} --access all --stack {stack}",
            )
        if capabilities_of(self.outputs.platform).connections == "own flow":
            return self._link_of_platform(tenant)
        made = links.make_link(
            self.registry,
            tenant.tenant_id,
            client_id=self.outputs.client_id,
            redirect_uri=self.redirect_uri,
            permission_hash=self.outputs.permission_hash,
            permissions=Declared.of(self.outputs).permissions,
            lifetime=lifetime,
        )
        url = consent_links.consent_url(
            self.endpoints,
            tenant_id=tenant.tenant_id,
            client_id=self.outputs.client_id,
            redirect_uri=self.redirect_uri,
            state=made.state,
        )
        message = self._message(tenant, url, made.link.expires_at)
        return ConsentLink(tenant.tenant_id, url, made.link.expires_at, made.link.state_hash, message)

    def _link_of_platform(self, tenant: Tenant) -> ConsentLink:
        """A link into the platform's own flow; one of ours would leave the platform without the connection."""
        platform = open_platform(self.outputs.platform, self._environ)
        if not isinstance(platform, StartsConsent):
            raise UsageError(
                "this platform starts consent itself; a link of ours would leave it without the connection",
                where=f"platform {self.outputs.platform.get('kind')}",
                repair="make the link in the platform, then: orgcal consent check",
            )
        url, expires_at = platform.consent_link(self.outputs.connector_key, tenant.tenant_id, tenant.name)
        kind = str(self.outputs.platform["kind"])
        self.registry.note("link", tenant.tenant_id, "made", by=kind, expires_at=rfc3339(expires_at))
        message = self._message(tenant, url, expires_at)
        return ConsentLink(tenant.tenant_id, url, expires_at, "", message, "platform")

    def _message(self, tenant: Tenant, url: str, expires_at: datetime) -> str:
        return consent_links.message(
            organisation=tenant.label,
            application=self.outputs.display_name,
            publisher=self.outputs.publisher,
            url=url,
            expires_at=expires_at,
            permissions=[permission.name for permission in self.outputs.permissions],
        )

    # --- callbacks ---

    def answered(self, answer: CallbackAnswer) -> links.Spent | ConsentOutcome:
        """Take Entra ID's answer: use up the link it belongs to, and begin the proof if it says yes.

        Nothing in the answer is believed but the state, and that only once.

        Returns:
            The used link, whose result page shows how it goes on; or the page to show at once.

        Raises:
            RegistryUnavailable: nobody knows whether the answer was recorded; the same call again finds it out, and
                does what is left to do.
        """
        if not answer.state or answer.claimed is None:
            return ConsentOutcome.NOT_OURS
        spent = self._spend(answer)
        if isinstance(spent, links.Spent):
            link, shown = spent.link, ConsentOutcome(spent.link.outcome)
        else:
            known = links.of_state(self.registry, answer.state)
            if known is None or spent == "unknown":
                return ConsentOutcome.NOT_OURS
            link, shown = known, used_before(known.outcome) if spent == "used" else ConsentOutcome.LINK_EXPIRED
        detail = link.detail if isinstance(spent, links.Spent) else ""
        self._tell(news_of(self.registry, self.outputs.stack, link.tenant_id, shown, detail))
        if not isinstance(spent, links.Spent):
            return shown
        if shown is ConsentOutcome.PROVING:
            self._proofs.begin(link)
        return spent

    def _tell(self, news: ConsentNews) -> None:
        for listener in self.listeners:
            try:
                listener(news)
            except Exception:  # noqa: BLE001  # the page must be shown, and the registry knows the answer
                _LOG.exception("an answer could not be told")

    def _spend(self, answer: CallbackAnswer) -> links.Spent | links.WhyNot:
        key = links.digest(answer.state)
        with self._unsure_lock:
            result = self._unsure.pop(key, "") or links.new_result()
        try:
            return links.spend(
                self.registry,
                answer.state,
                client_id=self.outputs.client_id,
                result=result,
                refused=answer.refusal_of,
            )
        except RegistryUnavailable:
            with self._unsure_lock:
                self._unsure[key] = result
                while len(self._unsure) > _MOST_UNSURE:
                    self._unsure.popitem(last=False)
            raise

    def resume(self) -> int:
        """Go on with proofs that an earlier server did not end, now and every minute; how many there are now."""
        return self._proofs.resume()

    def wait_for(
        self, handle: str, timeout_s: float, on_look: Callable[[ConsentResult], object] = lambda _: None
    ) -> ConsentResult:
        """How the link `ConsentLink.handle` ended, or how it stands after `timeout_s`.

        It does not matter which process receives the callback.

        Args:
            on_look: called with how it stands, each time that the registry was asked.

        Raises:
            UsageError: there is no such link.
        """

        def look_up() -> ConsentResult:
            link = links.look_up(self.registry, handle)
            if link is None:
                raise UsageError("there is no such consent link", where=handle)
            result = _result(link)
            on_look(result)
            return result

        def sleep(seconds: float) -> None:
            """Until a proof ends in this process; not long, as it may be another that proves."""
            with self._proofs.ended:
                self._proofs.ended.wait(seconds)

        patience = Patience(timeout_s, Clock(sleep=sleep), first_s=0.1, longest_s=0.25 if timeout_s <= 60 else 1.0)
        return patience.until(lambda result: result.outcome not in (None, ConsentOutcome.PROVING), look_up)

    def shown(self, result: str) -> ConsentResult | None:
        """What the result page with this handle shows now; None if there is no such page."""
        link = links.by_result(self.registry, result)
        return None if link is None else _result(link)


def _result(link: Link) -> ConsentResult:
    outcome = ConsentOutcome(link.outcome) if link.outcome else None
    return ConsentResult(link.tenant_id, outcome, link.detail, link.permissions)
