"""The proof of a credential before anybody depends on it: fresh tokens, several in a row, in several organisations.

Entra ID's servers learn of a new credential one after the other, so a single token proves little and a single refusal
nothing. Each token is asked for with an MSAL object and caches of its own (`TokenSource`), since MSAL repeats a refusal
from memory for a minute.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from orgcal.entra.answers import moment_in
from orgcal.entra.auth import TokenSource
from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.credentials import Credential
from orgcal.entra.probe import TenantAccess, token_refusal
from orgcal.errors import Unreachable, UsageError
from orgcal.patience import Clock, Patience
from orgcal.tenants.model import ACTIVE, Tenant

if TYPE_CHECKING:
    import requests

IN_A_ROW = 3
SAMPLE = 5
"""Organisations asked at most. They share the credential: more of them only reach more of Entra ID's servers."""
LONGEST_PAUSE_S = 15.0

MOST_CLOCK_OFFSET_S = 300.0
"""What Entra ID tolerates in the times of an assertion.

Source: https://learn.microsoft.com/en-us/entra/identity-platform/reference-error-codes (AADSTS700024)
"""


@dataclass(frozen=True, slots=True)
class Organisation:
    """A tenant in which a token can be asked for."""

    tenant_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Proof:
    """The result of a proof.

    Attributes:
        passed: tokens came in every organisation whose answer says anything about the credential.
        sentence: for a person.
        way: what it was proved with: `stack's credential`, `platform's tokens`, `credential read back`, or `nothing`.
        organisations: names of those in which Entra ID issued tokens.
        repair: what to do where it failed.
        platform: name in `also_push_to` of the further platform that it was made through; empty otherwise.
    """

    passed: bool
    sentence: str
    way: str
    organisations: tuple[str, ...] = ()
    repair: str = ""
    platform: str = ""

    def words(self) -> str:
        """The sentence, with the platform that it is about where that is a further one."""
        return f"also_push_to.{self.platform}: {self.sentence}" if self.platform else self.sentence

    def as_json(self) -> dict[str, Any]:
        """As a JSON object."""
        fields = asdict(self)
        del fields["repair"]
        return {**fields, "platform": self.platform or None}


class ClockSkew:
    """How far Entra ID's clock is from this machine's, by the Date header of its answers."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.offset_s: float | None = None

    def __call__(self, answer: requests.Response, *_: Any, **__: Any) -> None:
        """A response hook of a session."""
        date = moment_in(answer.headers.get("Date", ""))
        if date is not None:
            self.offset_s = (date - self._now()).total_seconds()

    def check(self) -> None:
        """Refuse, with UsageError, where this machine's clock is off by minutes: the ledger dates credentials by it."""
        if self.offset_s is None or abs(self.offset_s) <= MOST_CLOCK_OFFSET_S:
            return
        minutes = round(abs(self.offset_s) / 60)
        side = "behind" if self.offset_s > 0 else "ahead of"
        raise UsageError(
            f"this machine's clock is {minutes} minutes {side} Entra ID's, which dates and retires credentials; "
            "nothing was changed",
            where="clock",
            repair="set the clock (timedatectl set-ntp true), then run the same command again",
        )


@dataclass(frozen=True, slots=True)
class CredentialProber:
    """Takes fresh tokens until they come several times in a row, or patience is over.

    Args:
        patience: how long a credential may take to be accepted everywhere.
        tell: called with one line about what the proof waits for.
    """

    endpoints: CloudEndpoints
    client_id: str
    session: requests.Session
    patience: timedelta
    tell: Callable[[str], object] = lambda _: None
    clock: Clock | None = None

    def prove(self, credential: Credential, sample: Sequence[Organisation], home: Organisation, *, way: str) -> Proof:
        """Prove `credential` in the organisations of `sample`, or in `home` where none of them can tell.

        `way` says where the credential comes from.
        """
        patience = self._patience()
        proved: list[str] = []
        for organisation in [*sample, home]:
            if organisation is home and proved:
                break
            refusal = self._last_refusal(credential, organisation, patience)
            if refusal is None:
                proved.append(organisation.name)
            elif (
                organisation is home or refusal.access == "credential refused" or isinstance(refusal.error, Unreachable)
            ):
                waited, repair = "", refusal.repair_for(organisation.name)
                if refusal.may_change:
                    waited = f" for {self.patience.total_seconds():.0f} s"
                    repair = "orgcal rotate goes on from here; a new credential may need minutes to be known everywhere"
                sentence = f"{organisation.name} gave no tokens{waited}: {refusal.sentence}"
                return Proof(False, sentence, way, tuple(proved), repair)
            else:
                self.tell(f"  {organisation.name} cannot tell: {refusal.sentence}")
        return Proof(True, f"{IN_A_ROW} fresh tokens in a row in {', '.join(proved)}", way, tuple(proved))

    def settle(self, problem: Callable[[], str]) -> str:
        """The problem that stays until patience is over, asked for with growing pauses; empty once there is none."""
        return self._patience().until(lambda sentence: not sentence, problem)

    def _last_refusal(
        self, credential: Credential, organisation: Organisation, patience: Patience
    ) -> TenantAccess | None:
        """The refusal that stayed until the end; None if the tokens came."""
        tenant_id, in_a_row, told = organisation.tenant_id, 0, False
        patience.tries = 1
        while in_a_row < IN_A_ROW:
            refusal = token_refusal(TokenSource(self.endpoints, tenant_id, self.client_id, credential, self.session))
            if refusal is None:
                in_a_row += 1
                continue
            if refusal.may_change and not told:
                self.tell(f"  waiting for {organisation.name}: {refusal.sentence}")
                told = True
            if not refusal.may_change or not patience.wait():
                return refusal
            in_a_row = 0
        return None

    def _patience(self) -> Patience:
        return Patience(self.patience.total_seconds(), self.clock, longest_s=LONGEST_PAUSE_S)


def sample_of(tenants: Iterable[Tenant], seed: str) -> list[Organisation]:
    """A few of the organisations that have consented, each with the same chance; the same for the same seed."""
    chosen: list[Organisation] = []
    dice = random.Random(seed)  # noqa: S311  # a sample is no secret
    active = (tenant for tenant in tenants if tenant.state in ACTIVE)
    for count, tenant in enumerate(active, start=1):
        organisation = Organisation(tenant.tenant_id, tenant.label)
        if len(chosen) < SAMPLE:
            chosen.append(organisation)
        elif (place := dice.randrange(count)) < SAMPLE:
            chosen[place] = organisation
    return chosen
