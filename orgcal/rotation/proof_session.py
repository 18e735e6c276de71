"""The two proofs of a rotation, with what they share: one session, one sample of organisations, one clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from orgcal.entra.auth import TokenSource
from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.credentials import Credential
from orgcal.entra.session import new_session
from orgcal.errors import EntraError, UsageError
from orgcal.rotation.log import RotationLog
from orgcal.rotation.platform_proof import PlatformProber, platforms_of
from orgcal.rotation.proof import ClockSkew, CredentialProber, Organisation, Proof
from orgcal.settings.credential_file import SettingsFile
from orgcal.stack.outputs import StackOutputs
from orgcal.stack.state import CredentialState

if TYPE_CHECKING:
    import requests

STACKS_OWN = "stack's credential"


class Proofs:
    """Proves generations of one stack's credential; a context manager, as it holds connections.

    Args:
        file: names the certificates that the user brought along.
        log: takes a row for each proof, and gives the organisations.
        patience: how long a new credential may take to be accepted everywhere.
        tell: called with a line for each proof, and for what it waits for.
    """

    def __init__(
        self,
        endpoints: CloudEndpoints,
        outputs: StackOutputs,
        environ: Mapping[str, str],
        file: SettingsFile,
        log: RotationLog,
        *,
        patience: timedelta,
        tell: Callable[[str], object],
        now: Callable[[], datetime],
    ) -> None:
        self._endpoints = endpoints
        self._outputs = outputs
        self._environ = environ
        self._file = file
        self._log = log
        self._tell = tell
        self._clock = ClockSkew(now)
        self._session: requests.Session = new_session(endpoints, environ=environ)
        self._session.hooks["response"].append(self._clock)
        self._prober = CredentialProber(endpoints, outputs.client_id, self._session, patience=patience, tell=tell)
        self._home = Organisation(outputs.tenant_id, "the home tenant")
        self._sample: list[Organisation] | None = None
        self._proved_in_use: int | None = None
        self.made: list[Proof] = []

    def __enter__(self) -> Proofs:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def before_use(self, generation: int, state: CredentialState) -> bool:
        """Prove a generation straight from the stack's secret; whether it passed. UsageError if only others can."""
        credential = self._credential(generation, state)
        if credential is None:
            raise UsageError(
                f"generation {generation} is a trust in the platform's own tokens, and only the platform can prove it",
                where=f"stack {self._outputs.stack}",
                repair=f"orgcal:credential.active: {generation}, then orgcal up: docs/credentials.md",
            )
        proof = self._prober.prove(credential, self._organisations(generation), self._home, way=STACKS_OWN)
        return self._recorded(generation, proof)

    def in_use(self, state: CredentialState) -> bool:
        """Prove through each platform that the connector works with the active generation, once; whether all passed.

        A superseded generation must not go while any of them still has it.
        """
        active = state.ledger.active
        if self._proved_in_use == active:
            return True
        live = state.credentials.get(active)
        pushed = active if live is None or live.kind != "federated" else None
        credential, sample = self._credential(active, state), self._organisations(active)
        for name, settings in platforms_of(state.outputs):
            if name and pushed is None:  # nothing was pushed to it
                continue
            through = PlatformProber(self._prober, state.outputs, self._environ, settings)
            proof = through.prove(pushed, credential, sample, self._home)
            if not self._recorded(active, replace(proof, platform=name)):
                return False
        self._proved_in_use = active
        return True

    def check_clock(self, state: CredentialState) -> None:
        """Refuse where this machine's clock is minutes off Entra ID's, or where Entra ID cannot be asked.

        One refusal more or less of the old credential is no matter.
        """
        credential = self._credential(state.ledger.active, state)
        if credential is None or self._endpoints.emulated is not None:  # the emulator's time is moved on purpose
            return
        outputs = self._outputs
        with suppress(EntraError):
            TokenSource(self._endpoints, outputs.tenant_id, outputs.client_id, credential, self._session).fresh_token()
        self._clock.check()

    def _recorded(self, generation: int, proof: Proof) -> bool:
        self.made.append(proof)
        self._log.proof(generation, proof)
        proved = "proved" if proof.passed else "NOT proved"
        self._tell(f"  generation {generation} {proved} ({proof.way}): {proof.words()}")
        return proof.passed

    def _credential(self, generation: int, state: CredentialState) -> Credential | None:
        live = state.credentials.get(generation)
        if live is None or live.kind == "federated":
            return None
        return live.credential or self._file.brought_along(generation)

    def _organisations(self, generation: int) -> list[Organisation]:
        if self._sample is None:
            self._sample = self._log.sample(f"{self._outputs.client_id} {generation}")
        return self._sample
