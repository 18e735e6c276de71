"""The second proof, once the connector has the new credential: through the platform, as far as it lets anybody look."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from orgcal.entra.credentials import Credential
from orgcal.errors import OrgcalError, UsageError
from orgcal.platforms import CredentialKind, Platform, StoredCredential, kind_refusal, open_platform
from orgcal.rotation.proof import CredentialProber, Organisation, Proof
from orgcal.stack.outputs import StackOutputs

TOKENS, READ_BACK, NEITHER = "platform's tokens", "credential read back", "nothing"
REPAIR = "orgcal rotate tries again; orgcal rotate --rollback goes back to the old one while it lives"


def platforms_of(outputs: StackOutputs) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Settings of each platform that holds the connector's credential, by its name; the main one has none."""
    yield "", outputs.platform
    yield from outputs.also_pushed_to.items()


class PlatformProber:
    """Proves that the connector works with one generation of its credential, in one platform.

    Args:
        settings: of the platform; the main one's unless given.
    """

    def __init__(
        self,
        prober: CredentialProber,
        outputs: StackOutputs,
        environ: Mapping[str, str],
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self._prober = prober
        self._outputs = outputs
        self._platform: Platform = open_platform(outputs.platform if settings is None else settings, environ)

    def prove(
        self, generation: int | None, credential: Credential | None, sample: Sequence[Organisation], home: Organisation
    ) -> Proof:
        """Prove it in the best way that the platform allows; the result says which one that was.

        Args:
            generation: that the connector is to have; None where it trusts tokens and has no credential.
            credential: of that generation, by the stack's state; None where it cannot tell.
            sample: organisations that have consented.
        """
        capabilities = self._platform.capabilities
        wrong = "" if generation is None else self._prober.settle(lambda: self._different(generation, credential))
        if wrong:
            return Proof(False, wrong, READ_BACK, repair=REPAIR)
        if capabilities.tokens and capabilities.connections != "none":
            proof = self._through_tokens(sample, home)
            if proof is not None:
                return proof
        if capabilities.reads_back == "value":
            stored = self._stored()
            if stored is not None and stored.credential is not None:
                proof = self._prober.prove(stored.credential.credential, sample, home, way=READ_BACK)
                return proof if proof.passed else replace(proof, repair=REPAIR)
        uses = "it trusts tokens" if generation is None else f"the connector uses generation {generation}"
        sentence = f"{self._platform.place} shows neither tokens nor credentials; {uses}"
        return Proof(True, sentence, NEITHER)

    def _through_tokens(self, sample: Sequence[Organisation], home: Organisation) -> Proof | None:
        """By tokens that the platform takes itself; None where it is connected to none of the organisations."""
        connected = {tenant.lower() for tenant in self._platform.connections(self._outputs.connector_key)}
        reachable = [item for item in [*sample, home] if item.tenant_id.lower() in connected]
        if not reachable:
            return None
        wrong = self._prober.settle(lambda: self._no_token(reachable))
        names = tuple(item.name for item in reachable)
        if wrong:
            return Proof(False, wrong, TOKENS, repair=REPAIR)
        return Proof(True, f"the platform itself took tokens in {', '.join(names)}", TOKENS, names)

    def _no_token(self, organisations: Sequence[Organisation]) -> str:
        for organisation in organisations:
            try:
                self._platform.access_token(self._outputs.connector_key, organisation.tenant_id)
            except OrgcalError as error:
                return f"the platform got no token in {organisation.name}: {error.what}"
        return ""

    def _different(self, generation: int, credential: Credential | None) -> str:
        """How the platform's credential differs from the one pushed; empty if it does not, or nobody can tell."""
        try:
            stored = self._stored()
        except OrgcalError as error:
            return error.what
        if stored is None:
            return "the connector has no credential"
        if stored.generation is not None and stored.generation != generation:
            return f"the connector has generation {stored.generation}, not {generation}"
        if stored.credential is None or credential is None or stored.credential.credential == credential:
            return ""
        return f"the connector's credential is not generation {generation} of the stack"

    def _stored(self) -> StoredCredential | None:
        return self._platform.read_credentials(self._outputs.connector_key)


def check_kind(outputs: StackOutputs, environ: Mapping[str, str], kind: CredentialKind) -> None:
    """Refuse, with UsageError, a kind of credential that one of the connector's platforms cannot authenticate with."""
    for _, settings in platforms_of(outputs):
        platform = open_platform(settings, environ)
        refusal = kind_refusal(platform.capabilities, kind)
        if refusal:
            raise UsageError(
                refusal, where=platform.place, repair="set orgcal:credential.kind to the other; nothing was changed"
            )
