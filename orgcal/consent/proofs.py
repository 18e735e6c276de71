"""The proofs of consents that administrators gave: tried again until the grants are seen, and then written down.

One proof serves all links of an organisation, and waits without holding a thread, so that many open proofs hold up
nobody. What a process that was killed, or one that lost its database, did not end is picked up every minute.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from orgcal.consent.answers import INTERNAL, ConsentNews, log_news, news_of
from orgcal.consent.outcomes import ConsentOutcome
from orgcal.consent.proof import FIRST_PAUSE_S, LONGEST_PAUSE_S, ConsentProber
from orgcal.consent.recording import Declared, record, register
from orgcal.consent.schedule import Schedule
from orgcal.entra.probe import TenantAccess
from orgcal.patience import backoff_s
from orgcal.stack.outputs import StackOutputs
from orgcal.tenants import links
from orgcal.tenants.model import Link
from orgcal.tenants.registry import Registry, RegistryUnavailable

_LOG = logging.getLogger("orgcal.consent")

PICK_UP_S = 60.0
"""So often it is looked for proofs that nobody goes on with, and so old they are then."""
THREADS = 16
"""A try needs about two requests to Entra ID and one to Graph, so these are hundreds of organisations a minute."""


@dataclass(slots=True)
class _Proof:
    """The proof of one organisation.

    Attributes:
        deadlines: of each link, by its hash: seconds of the clock.
        tries: since the last link came.
    """

    declared: Declared
    waiting: dict[str, Link] = field(default_factory=dict)
    deadlines: dict[str, float] = field(default_factory=dict)
    tries: int = 0


class Proofs:
    """Proves consents for one connector, and keeps the registry true.

    Args:
        patience_s: how long grants may take to arrive after an administrator agreed.
        pick_up_s: how often unfinished proofs are looked for.
        tell: called with each answer whose proof has ended.

    Attributes:
        ended: notified when a proof has ended.
    """

    def __init__(
        self,
        registry: Registry,
        outputs: StackOutputs,
        environ: Mapping[str, str],
        prober: ConsentProber,
        *,
        patience_s: float,
        pick_up_s: float = PICK_UP_S,
        tell: Callable[[ConsentNews], object] = log_news,
    ) -> None:
        self.ended = threading.Condition()
        self._registry = registry
        self._outputs = outputs
        self._environ = environ
        self._prober = prober
        self._patience_s = patience_s
        self._pick_up_s = pick_up_s
        self._tell = tell
        self._schedule = Schedule(THREADS, "proof")
        self._lock = threading.Lock()
        self._open: dict[tuple[str, Declared], _Proof] = {}

    def close(self) -> None:
        """End the proofs; the links stay unfinished, and the next process goes on with them."""
        self._schedule.close()

    def begin(self, link: Link) -> None:
        """Prove the consent that was given through `link`; nothing more if that is being done."""
        declared = Declared.of_link(link, self._outputs)
        key = (link.tenant_id, declared)
        with self._lock:
            proof = self._open.setdefault(key, _Proof(declared))
            if link.state_hash in proof.waiting:
                return
            proof.waiting[link.state_hash] = link
            proof.deadlines[link.state_hash] = time.monotonic() + self._patience_s
            proof.tries = 0
        self._schedule.soon(key, lambda: self._try(key))

    def resume(self) -> int:
        """Go on with proofs that another process did not end, now and every minute; how many there are now.

        Raises:
            RegistryUnavailable: the database cannot be asked now.
        """
        waiting = links.unfinished(self._registry)
        for link in waiting:
            self.begin(link)
        self._schedule.soon("pick up", self._pick_up)
        return len(waiting)

    def _pick_up(self) -> float:
        try:
            before = self._registry.now() - timedelta(seconds=self._pick_up_s)
            for link in links.unfinished(self._registry, used_before=before):
                self.begin(link)
        except RegistryUnavailable:
            _LOG.warning("the registry cannot be asked; trying again")
        return self._pick_up_s

    def _try(self, key: tuple[str, Declared]) -> float | None:
        """One try of a proof; the seconds until the next, or None where all its links have ended."""
        with self._lock:
            proof = self._open.get(key)
            waiting = [] if proof is None else list(proof.waiting.values())
        if proof is None:  # ended while this was asked for
            return None
        done = self._done(key[0], proof, waiting)
        with self._lock:
            for link in done:
                del proof.waiting[link.state_hash], proof.deadlines[link.state_hash]
            if not proof.waiting:
                del self._open[key]
                return None
            proof.tries += 1
            return backoff_s(proof.tries, first_s=FIRST_PAUSE_S, longest_s=LONGEST_PAUSE_S)

    def _done(self, tenant_id: str, proof: _Proof, waiting: list[Link]) -> list[Link]:
        """Those of `waiting` that have ended: elsewhere, by what is granted now, or because their time is over."""
        try:
            proving = links.still_proving(self._registry, waiting)
        except RegistryUnavailable:
            _LOG.warning("the registry cannot be asked; trying again")
            return []
        if not proving:
            return waiting
        probe = self._probe(tenant_id, proof.declared)
        at_once = probe is None or probe.access == "granted"
        now = time.monotonic()
        return [
            link
            for link in waiting
            if link.state_hash not in proving
            or ((at_once or proof.deadlines[link.state_hash] <= now) and self._ended(link, proof.declared, probe))
        ]

    def _probe(self, tenant_id: str, declared: Declared) -> TenantAccess | None:
        """The access as it is now; None where the probe itself broke."""
        try:
            return self._prober.probe(tenant_id, frozenset(declared.permissions), list_users=True)
        except Exception:  # noqa: BLE001  # nobody else would see it
            _LOG.exception("the proof of %s broke", tenant_id)
            return None

    def _ended(self, link: Link, declared: Declared, probe: TenantAccess | None) -> bool:
        """Write down how a link ended; False where the database is away, so that it has to be tried again."""
        try:
            self._write(link, declared, probe)
        except RegistryUnavailable:
            _LOG.warning("the registry cannot be asked; trying again")
            return False
        except Exception:  # noqa: BLE001  # nobody else would see it
            # The page must not say "working on it" for ever; what broke is in the log, without personal data.
            _LOG.exception("the proof for link %s broke", link.state_hash[:8])
            return self._ended(link, declared, None) if probe is not None else True
        with self.ended:
            self.ended.notify_all()
        return True

    def _write(self, link: Link, declared: Declared, probe: TenantAccess | None) -> None:
        outcome, detail, missing = ConsentOutcome.FAILED, INTERNAL, tuple[str, ...]()
        if probe is not None:
            if record(self._registry, link, declared, probe) is None:
                return
            outcome, detail, missing = ConsentOutcome.NOT_ARRIVED, probe.sentence, probe.missing
            if probe.access == "granted":
                outcome, detail = ConsentOutcome.DONE, ""
                register(self._registry, self._outputs, self._environ, link.tenant_id)
        if links.finish(self._registry, link, outcome.value, detail):
            self._tell(news_of(self._registry, self._outputs.stack, link.tenant_id, outcome, detail, missing))
