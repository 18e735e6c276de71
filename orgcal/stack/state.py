"""What a stack's state says about its credential: the ledger, what is there of it, and what the connector has.

Rotation decides by this and never by a file of its own: the state is what a killed run leaves behind.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from orgcal.entra.credentials import ClientCertificate, ClientSecret, Credential
from orgcal.errors import UsageError
from orgcal.settings import CredentialKind, GenerationSet
from orgcal.stack.outputs import StackOutputs, read_outputs

_LEDGER = "orgcal:index:CredentialLedger"
_PUSHED = "orgcal:index:ConnectorCredentials"
_KEY = "orgcal:index:CertificateKey"
_STACK = "pulumi:pulumi:Stack"
_KINDS: Mapping[str, tuple[CredentialKind, str]] = {
    "azuread:index/applicationPassword:ApplicationPassword": ("secret", "keyId"),
    "azuread:index/applicationCertificate:ApplicationCertificate": ("certificate", "keyId"),
    "azuread:index/applicationFederatedIdentityCredential:ApplicationFederatedIdentityCredential": (
        "federated",
        "credentialId",
    ),
}
CREDENTIAL_TYPES = frozenset({*_KINDS, _KEY})
"""What is made for each generation."""
_SIGNATURE = "4dabf18193072939515e22adb298388d"
"""The key by which the engine marks special values such as secrets.

Source: https://github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/sig/sig.go
"""


@dataclass(frozen=True, slots=True)
class GenerationRecord:
    """What the ledger remembers of a generation; times are UTC."""

    created: datetime
    expires: datetime
    superseded: datetime | None = None
    retired: datetime | None = None


@dataclass(frozen=True, slots=True)
class LiveCredential:
    """A credential that the state holds.

    Attributes:
        credential: what to prove it with; None where the state cannot tell (a trust, or a private key of the user's).
        ends: the end date that Entra ID tells, which may come before the ledger's; None of a trust.
    """

    generation: int
    kind: CredentialKind
    key_id: str
    credential: Credential | None
    ends: datetime | None


@dataclass(frozen=True, slots=True)
class StackState:
    """The credential's part of a state.

    Attributes:
        outputs: the stack's record; of the last update that came to its end.
        ledger: what the last update that the ledger allowed asked for.
        entries: every generation there ever was; of those held with the end date that Entra ID tells.
        held: live credentials by generation.
        pushed: generations that the connector got, in the platform and in further ones; none of a trust.
        under_way: an update was interrupted, or is running.
        interrupted_creation: the engine lists a credential whose creation was interrupted, and warns of it.
    """

    outputs: StackOutputs
    ledger: GenerationSet
    entries: Mapping[int, GenerationRecord]
    held: Mapping[int, LiveCredential]
    pushed: frozenset[int]
    under_way: bool
    interrupted_creation: bool

    @property
    def complete(self) -> bool:
        """Whether everything is as the ledger says."""
        active = self.held.get(self.ledger.active)
        pushed = set() if active is not None and active.kind == "federated" else {self.ledger.active}
        told = (tuple(item.generation for item in self.outputs.credentials), self.outputs.active_generation)
        return (
            not self.under_way
            and tuple(sorted(self.held)) == self.ledger.generations
            and self.pushed == pushed
            and told == (self.ledger.generations, self.ledger.active)
        )


def read_state(exported: Mapping[str, Any], *, where: str) -> StackState:
    """What an export of the state, secrets shown, says about the credential.

    Args:
        exported: of `Drive.export(show_secrets=True)`.
        where: the stack, for the error.

    Raises:
        UsageError: the stack has not been deployed.
    """
    deployment = exported.get("deployment") or {}
    resources = [item for item in deployment.get("resources") or [] if isinstance(item, Mapping)]
    outputs = read_outputs(_revealed(_one(resources, _STACK).get("outputs") or {}), where=where)
    ledger = _revealed(_one(resources, _LEDGER).get("inputs") or {})
    if not ledger:
        raise UsageError("the stack's state holds no ledger of its credentials", where=where, repair="orgcal up")
    held = {item.generation: item for item in _held(resources)}
    entries = {int(number): _entry(said) for number, said in (ledger.get("entries") or {}).items()}
    for number, item in held.items():
        if item.ends is not None and number in entries:
            entries[number] = replace(entries[number], expires=item.ends)
    operations = deployment.get("pending_operations") or []
    pending = {str(item.get("type")) for item in operations}
    return StackState(
        outputs=outputs,
        ledger=GenerationSet(
            tuple(sorted(map(int, ledger["generations"]))), int(ledger["active"]), _number(ledger.get("rollbackTo"))
        ),
        entries=entries,
        held=held,
        pushed=frozenset(int(item["inputs"]["generation"]) for item in _live(resources, _PUSHED)),
        # An interrupted creation stays listed for ever; whether it was made good, the ledger tells.
        under_way=any(item.get("delete") for item in resources) or bool(pending - {"creating", "reading"}),
        interrupted_creation=any(
            item.get("type") == "creating" and (item.get("resource") or {}).get("type") in CREDENTIAL_TYPES
            for item in operations
        ),
    )


def _held(resources: list[Mapping[str, Any]]) -> Iterator[LiveCredential]:
    keys = {_name(item): _revealed(item.get("outputs") or {}) for item in resources if item.get("type") == _KEY}
    for item in resources:
        kind, id_name = _KINDS.get(str(item.get("type")), ("secret", ""))
        number = _name(item).rpartition("-")[2]
        if not id_name or not number.isdigit() or item.get("delete"):
            continue
        said = _revealed(item.get("outputs") or {})
        credential: Credential | None = None
        if kind == "secret" and said.get("value"):
            credential = ClientSecret(str(said["value"]))
        elif kind == "certificate" and (pair := keys.get(_name(item))):
            credential = ClientCertificate(str(pair["privateKeyPem"]), str(pair["certificatePem"]))
        ends = datetime.fromisoformat(str(said["endDate"])) if said.get("endDate") else None
        yield LiveCredential(int(number), kind, str(said.get(id_name) or ""), credential, ends)


def _live(resources: list[Mapping[str, Any]], kind: str) -> Iterator[Mapping[str, Any]]:
    return (item for item in resources if item.get("type") == kind and not item.get("delete"))


def _one(resources: list[Mapping[str, Any]], kind: str) -> Mapping[str, Any]:
    return next(_live(resources, kind), {})


def _name(resource: Mapping[str, Any]) -> str:
    return str(resource.get("urn")).rpartition("::")[2]


def _revealed(value: Any) -> Any:
    """`value` with the secrets in it as they are; such an object is never printed."""
    if isinstance(value, Mapping):
        if _SIGNATURE in value:
            return json.loads(value["plaintext"]) if "plaintext" in value else None
        return {name: _revealed(item) for name, item in value.items()}
    return [_revealed(item) for item in value] if isinstance(value, list) else value


def _entry(said: Mapping[str, str]) -> GenerationRecord:
    moments = {name: datetime.fromisoformat(text) for name, text in said.items()}
    return GenerationRecord(moments["created"], moments["expires"], moments.get("superseded"), moments.get("retired"))


def _number(value: Any) -> int | None:
    return None if value is None else int(value)
