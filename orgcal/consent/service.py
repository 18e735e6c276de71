"""Consent for one connector in one object: makes links, takes callbacks, proves, and keeps the registry true."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from orgcal.consent import links as consent_links
from orgcal.consent.outcomes import CallbackAnswer, ConsentOutcome
from orgcal.consent.proof import FIRST_PAUSE_S, LONGEST_PAUSE_S, PATIENCE_S, ConsentProber
from orgcal.consent.recording import record, record_refusal, register
from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.probe import TenantAccess
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
_PROBERS = 16
AT_ONCE = 32
"""Organisations probed together. Each needs two requests to Entra ID one after the other, so never more are in
flight; 64 would be polite too, but more threads than this gain nothing in one process."""


class _Closed(Exception):
    """The service is being closed."""


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
    """How a link's use ended, or stands: `outcome` is None while nobody has used it."""

    tenant_id: str
    outcome: ConsentOutcome | None
    detail: str = ""


class ConsentService:
    """Consent for one deployed connector.

    Args:
        patience_s: how long grants may take to arrive after an administrator agreed.
    """

    def __init__(
        self,
        registry: Registry,
        outputs: StackOutputs,
        endpoints: CloudEndpoints,
        environ: Mapping[str, str],
        *,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self.registry = registry
        self.outputs = outputs
        self.endpoints = endpoints
        self._environ = environ
        self._patience_s = patience_s
        self._session = new_session(endpoints, pool_size=max(_PROBERS, AT_ONCE))
        self._closing = threading.Event()
        self._clock = Clock(sleep=self._pause)
        self.prober = self.new_prober(self.credential)
        self._pool = ThreadPoolExecutor(_PROBERS, thread_name_prefix="proof")
        self._ended = threading.Condition()

    def close(self) -> None:
        """End the proofs, which the next service goes on with, and close the connections."""
        self._closing.set()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._session.close()

    def new_prober(self, credential: Callable[[], Credential]) -> ConsentProber:
        """A prober of this connector that takes its credential from `credential`."""
        declared = frozenset(permission.name for permission in self.outputs.permissions)
        return ConsentProber(self.endpoints, self.outputs.client_id, declared, credential, self._session, self._clock)

    def credential(self) -> Credential:
        """The connector's credential, as it is now.

        Raises:
            UsageError: no place that was named can tell it.
            PlatformError: the platform refused.
            Unreachable: the platform gave no answer.
        """
        connector, given = from_outputs(self.outputs)
        return find_credential(Options(connector, environ=self._environ, given_credential=given)).credential

    # --- links ---

    @cached_property
    def redirect_uri(self) -> str:
        """Our callback; `UsageError` where the stack has none that could be used. A server on another port sets it."""
        return consent_links.checked_redirect_uri(self.outputs)

    def link(self, tenant: Tenant, *, lifetime: timedelta = consent_links.LIFETIME) -> ConsentLink:
        """A new link for an organisation of the registry; the platform's, where that starts consent itself.

        Raises:
            UsageError: the stack has no callback of ours, or the platform starts consent itself and gives no links out.
            PlatformError: the platform refused.
        """
        if capabilities_of(self.outputs.platform).connections == "own flow":
            return self._link_of_platform(tenant)
        made = links.make_link(
            self.registry,
            tenant.tenant_id,
            client_id=self.outputs.client_id,
            redirect_uri=self.redirect_uri,
            permission_hash=self.outputs.permission_hash,
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
        self.registry.note("link", tenant.tenant_id, "made", by=kind, expires_at=expires_at.isoformat())
        message = self._message(tenant, url, expires_at)
        return ConsentLink(tenant.tenant_id, url, expires_at, "", message, "platform")

    def _message(self, tenant: Tenant, url: str, expires_at: datetime) -> str:
        return consent_links.message(
            organisation=tenant.name,
            connector=self.outputs.connector_name,
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
            RegistryUnavailable: nothing was recorded; the link is still good.
        """
        if not answer.state or answer.claimed is None:
            return ConsentOutcome.NOT_OURS
        spent = links.spend(self.registry, answer.state, client_id=self.outputs.client_id)
        if not isinstance(spent, links.Spent):
            refused = {
                "used": ConsentOutcome.LINK_USED,
                "expired": ConsentOutcome.LINK_EXPIRED,
                "revoked": ConsentOutcome.LINK_EXPIRED,
            }
            return refused.get(spent, ConsentOutcome.NOT_OURS)
        outcome = answer.claimed
        if outcome is ConsentOutcome.PROVING and answer.tenant_id and answer.tenant_id != spent.link.tenant_id:
            outcome = ConsentOutcome.WRONG_ORGANISATION
        if outcome is ConsentOutcome.PROVING:
            self._pool.submit(self._prove, spent.link)
        else:
            self._pool.submit(self._refuse, spent.link, outcome, answer.code)
        return spent

    def resume(self) -> int:
        """Go on with proofs that an earlier server did not end; how many there were."""
        waiting = links.unfinished(self.registry)
        for link in waiting:
            self._pool.submit(self._prove, link)
        return len(waiting)

    def wait_for(self, handle: str, timeout_s: float) -> ConsentResult:
        """How the link `ConsentLink.handle` ended, or how it stands after `timeout_s`.

        It does not matter which process receives the callback.

        Raises:
            UsageError: there is no such link.
        """

        def look_up() -> ConsentResult:
            link = links.look_up(self.registry, handle)
            if link is None:
                raise UsageError("there is no such consent link", where=handle)
            return _result(link)

        return self._until_ended(timeout_s).until(
            lambda result: result.outcome not in (None, ConsentOutcome.PROVING), look_up
        )

    def wait_until_ended(self, handle: str, timeout_s: float) -> ConsentResult | None:
        """What the result page `handle` shows, after up to `timeout_s` while a proof goes on; None if there is none."""

        def look_up() -> ConsentResult | None:
            link = links.by_result(self.registry, handle)
            return None if link is None else _result(link)

        return self._until_ended(timeout_s).until(
            lambda result: result is None or result.outcome is not ConsentOutcome.PROVING, look_up
        )

    def _until_ended(self, timeout_s: float) -> Patience:
        """Pauses that end early when a proof ends in this process; short, as it may be another that proves."""

        def sleep(seconds: float) -> None:
            with self._ended:
                self._ended.wait(seconds)

        return Patience(timeout_s, Clock(sleep=sleep), first_s=0.1, longest_s=0.25)

    # --- the proof ---

    def _prove(self, link: Link) -> None:
        try:
            probe = self.prober.prove(link.tenant_id, patience_s=self._patience_s)
            self._write_down(lambda: self._record(link, probe))
        except _Closed:
            return  # the link stays unfinished, and the next service goes on with it
        except Exception:  # noqa: BLE001  # nobody else would see it
            # The page must not say "working on it" for ever; what broke is in the log, without personal data.
            _LOG.exception("the proof for link %s broke", link.state_hash[:8])
            self._write_down(lambda: self._finish(link, ConsentOutcome.FAILED, "internal"))

    def _record(self, link: Link, probe: TenantAccess) -> None:
        record(self.registry, link, probe)
        if probe.access != "granted":
            self._finish(link, ConsentOutcome.NOT_ARRIVED, probe.sentence)
            return
        register(self.registry, self.outputs, self._environ, link.tenant_id)
        self._finish(link, ConsentOutcome.DONE)

    def _refuse(self, link: Link, outcome: ConsentOutcome, code: str) -> None:
        """Write down an answer that says no."""

        def write() -> None:
            if outcome is ConsentOutcome.FAILED:
                record_refusal(self.registry, link, code)
            self._finish(link, outcome, code)

        with suppress(_Closed):
            self._write_down(write)

    def _write_down(self, write: Callable[[], None]) -> None:
        """Write, however long the database is away: what was proved must not be lost."""
        patience = Patience(math.inf, self._clock, first_s=FIRST_PAUSE_S, longest_s=LONGEST_PAUSE_S)
        while True:
            try:
                write()
                break
            except RegistryUnavailable:
                _LOG.warning("the registry cannot be asked; trying again")
                patience.wait()

    def _pause(self, seconds: float) -> None:
        if self._closing.wait(seconds):
            raise _Closed

    def _finish(self, link: Link, outcome: ConsentOutcome, detail: str = "") -> None:
        links.finish(self.registry, link, outcome.value, detail)
        with self._ended:
            self._ended.notify_all()


def _result(link: Link) -> ConsentResult:
    return ConsentResult(link.tenant_id, ConsentOutcome(link.outcome) if link.outcome else None, link.detail)
