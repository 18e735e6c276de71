"""Reads a stack's state as the engine exports it. No other module knows how such an export is laid out.

Rotation decides by this and never by a file of its own: the state is what a killed run leaves behind.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from orgcal.entra.credentials import ClientCertificate, ClientSecret, Credential, CredentialKind
from orgcal.errors import UsageError
from orgcal.formats import refuse_newer_state
from orgcal.numbers import whole_number
from orgcal.resource_types import (
    APPLICATION,
    CERTIFICATE,
    CERTIFICATE_KEY,
    CONNECTOR,
    CONNECTOR_CREDENTIALS,
    CREDENTIAL_LEDGER,
    CREDENTIALS_COMPONENT,
    FEDERATED_CREDENTIAL,
    PASSWORD,
    SECRET_SIGNATURE,
    SERVICE_PRINCIPAL,
    SIGNATURE_KEY,
    STACK,
)
from orgcal.settings import GenerationSet
from orgcal.stack.outputs import OUTPUT_NAME, StackOutputs, read_outputs

Resource = Mapping[str, Any]
"""A resource as an export lists it: `urn`, `type`, `inputs`, `outputs`, …"""

_CREDENTIALS: Mapping[str, tuple[CredentialKind, str]] = {
    PASSWORD: ("secret", "keyId"),
    CERTIFICATE: ("certificate", "keyId"),
    FEDERATED_CREDENTIAL: ("federated", "credentialId"),
}
"""Type -> kind of the credential, and the output that holds the id that Graph gave it."""
CREDENTIAL_TYPES = frozenset({*_CREDENTIALS, CERTIFICATE_KEY})
"""Types of the resources that the program makes for each generation."""


@dataclass(frozen=True, slots=True)
class UnfinishedOperation:
    """An operation that the engine began with a resource, and of which it does not know whether it ended.

    Attributes:
        operation: `creating`, `updating`, `deleting`, … as the engine's pending operations call it.
        inputs: as the program gave them; secrets are blanked or encrypted.
        parent: URN of the parent; empty for the stack itself.
    """

    operation: str
    urn: str
    type: str
    inputs: Mapping[str, Any]
    parent: str
    provider: str

    @property
    def name(self) -> str:
        """The resource's name in the program."""
        return name_in(self.urn)

    @property
    def kind(self) -> str:
        """The last part of its type, such as `ServicePrincipal`."""
        return self.type.rpartition(":")[2]


@dataclass(frozen=True, slots=True)
class DeploymentPlace:
    """Where a stack was deployed: cloud, the emulator's directory, and the connector's callback URL."""

    cloud: str
    directory_id: str
    callback_url: str


@dataclass(frozen=True, slots=True)
class GenerationRecord:
    """Times of a generation by the ledger, UTC."""

    created: datetime
    expires: datetime
    superseded: datetime | None = None
    retired: datetime | None = None
    revoked: datetime | None = None


@dataclass(frozen=True, slots=True)
class LiveCredential:
    """A credential that is in the state.

    Attributes:
        credential: what to prove it with; None where the state has no material (a trust, or a private key of the
            user's).
        ends: the end date that Entra ID gave, which may come before the ledger's; None of a trust.
    """

    generation: int
    kind: CredentialKind
    key_id: str
    credential: Credential | None
    ends: datetime | None


@dataclass(frozen=True, slots=True)
class CredentialState:
    """The part of a state that rotation works with.

    Attributes:
        outputs: the stack's record; of the last update that came to its end.
        ledger: what the last update that the ledger allowed asked for.
        entries: every generation there ever was; of live ones with the end date that Entra ID gave.
        credentials: live credentials by generation.
        pushed: generations that the connector got, in the platform and in further ones; none of a trust.
        under_way: an update was interrupted, or is running.
        interrupted_creation: the engine lists a credential whose creation was interrupted, and warns of it.
        ledger_urn: the ledger's URN.
    """

    outputs: StackOutputs
    ledger: GenerationSet
    entries: Mapping[int, GenerationRecord]
    credentials: Mapping[int, LiveCredential]
    pushed: frozenset[int]
    under_way: bool
    interrupted_creation: bool
    ledger_urn: str

    @property
    def revoked(self) -> frozenset[int]:
        """Generations that were revoked and whose credential may still exist."""
        return frozenset(self.outputs.revoked)

    @property
    def complete(self) -> bool:
        """Whether everything is as the ledger says."""
        active = self.credentials.get(self.ledger.active)
        pushed = set() if active is not None and active.kind == "federated" else {self.ledger.active}
        recorded = (tuple(item.generation for item in self.outputs.credentials), self.outputs.active_generation)
        return (
            not self.under_way
            and tuple(sorted(self.credentials)) == self.ledger.generations
            and self.pushed == pushed
            and recorded == (self.ledger.generations, self.ledger.active)
        )


class StackState:
    """The state of one stack.

    Args:
        exported: as `pulumi stack export` prints it; `credential_state` needs its secrets shown.

    Raises:
        UsageError: a newer orgcal wrote the state.
    """

    def __init__(self, exported: Mapping[str, Any]) -> None:
        self._deployment: Mapping[str, Any] = exported.get("deployment") or {}
        self._pending: list[Mapping[str, Any]] = self._deployment.get("pending_operations") or []
        self.resources: list[Resource] = self._deployment.get("resources") or []
        ledger = self._one(CREDENTIAL_LEDGER)
        refuse_newer_state(ledger.get("inputs") or {}, where=f"stack {stack_in(ledger.get('urn'))}")

    def live(self, *types: str) -> Iterator[Resource]:
        """Resources of these types that no interrupted update still has to delete."""
        return (item for item in self.resources if item.get("type") in types and not item.get("delete"))

    @property
    def application_ids(self) -> frozenset[str]:
        """Object ids of applications."""
        return frozenset(self._ids(APPLICATION, "objectId"))

    @property
    def principal_ids(self) -> frozenset[str]:
        """Object ids of service principals."""
        return frozenset(self._ids(SERVICE_PRINCIPAL, "objectId"))

    @property
    def credential_ids(self) -> frozenset[str]:
        """Key ids of secrets and certificates, ids of federated credentials."""
        return frozenset(value for kind, (_, name) in _CREDENTIALS.items() for value in self._ids(kind, name))

    @property
    def urns(self) -> frozenset[str]:
        """URNs of all resources."""
        return frozenset(str(item.get("urn")) for item in self.resources)

    @property
    def external_count(self) -> int:
        """Number of resources that exist outside the state."""
        return sum(exists_outside(str(item.get("type")), item.get("custom")) for item in self.resources)

    @property
    def platforms(self) -> list[Any]:
        """Settings of the platforms that the connector and its credential were deployed to."""
        found = self.live(CONNECTOR, CONNECTOR_CREDENTIALS)
        return [resource.get("inputs", {}).get("platform") for resource in found]

    @property
    def place(self) -> DeploymentPlace | None:
        """Where the stack was deployed; None before the first deployment."""
        record = (self._one(STACK).get("outputs") or {}).get(OUTPUT_NAME)
        if not isinstance(record, dict) or "cloud" not in record:
            return None
        return DeploymentPlace(*(str(record.get(name, "")) for name in ("cloud", "directory_id", "callback_url")))

    @property
    def client_id(self) -> str:
        """Client id of the application, by the stack's record; empty before the first deployment."""
        record = (self._one(STACK).get("outputs") or {}).get(OUTPUT_NAME)
        return str(record.get("client_id") or "") if isinstance(record, Mapping) else ""

    def declared(self) -> tuple[str, frozenset[str]]:
        """Hash and names of the permissions that the last update declared; empty before the first one."""
        record = (self._one(STACK).get("outputs") or {}).get(OUTPUT_NAME)
        if not isinstance(record, Mapping):
            return "", frozenset()
        permissions = record.get("permissions") or ()
        return str(record.get("permission_hash") or ""), frozenset(str(item.get("name")) for item in permissions)

    @property
    def revoked(self) -> tuple[int, ...]:
        """Generations that were revoked and whose credential may still exist, ascending."""
        ledger = _reveal(self._one(CREDENTIAL_LEDGER).get("inputs") or {})
        names = (name_in(item.get("urn")) for item in self.resources if item.get("type") in _CREDENTIALS)
        made = {number for name in names if (number := whole_number(name.rpartition("-")[2])) is not None}
        alive = made | set(map(int, ledger.get("generations") or ()))
        entries = (ledger.get("entries") or {}).items()
        return tuple(sorted(alive & {int(number) for number, entry in entries if "revoked" in entry}))

    def outputs(self, *, where: str) -> StackOutputs:
        """The stack's record; needs secrets shown. A `UsageError` with `where` if the stack has not been deployed."""
        record = read_outputs(_reveal(self._one(STACK).get("outputs") or {}), where=where)
        return record.model_copy(update={"revoked": self.revoked})

    @property
    def credential_urns(self) -> tuple[str, ...]:
        """URNs of what a rotation changes: ledger, pushed credentials, and a pattern for those of each generation.

        A pattern also fits what is not made yet, and is no error where it fits nothing.
        Source: `UrnTargets` in pulumi/pulumi, pkg/resource/deploy/deployment.go, v3.274.1.
        """
        known = (str(item["urn"]) for item in self.live(CREDENTIAL_LEDGER, CONNECTOR_CREDENTIALS))
        return (*known, f"**{CREDENTIALS_COMPONENT}$**")

    def unfinished(self) -> tuple[list[UnfinishedOperation], datetime]:
        """Operations that interrupted runs began with resources of plugins, and when the state was written."""
        operations = [
            UnfinishedOperation(
                str(item["type"]),
                str(item["resource"]["urn"]),
                str(item["resource"]["type"]),
                item["resource"].get("inputs") or {},
                str(item["resource"].get("parent") or ""),
                str(item["resource"].get("provider") or "").rpartition("::")[0],
            )
            for item in self._pending
            if item["type"] != "reading"
        ]
        written = str((self._deployment.get("manifest") or {}).get("time") or "")
        return operations, datetime.fromisoformat(written) if operations else datetime.now(UTC)

    def incomplete_ids(self, urns: Collection[str]) -> list[str]:
        """Ids of service principals among `urns` that the azuread plugin made and could not complete."""
        made = self.live(SERVICE_PRINCIPAL)
        return [str(item["id"]) for item in made if item.get("urn") in urns and item.get("initErrors")]

    def credential_state(self, *, where: str) -> CredentialState:
        """The credential's part of the state; a `UsageError` with `where` if the stack has not been deployed."""
        outputs = self.outputs(where=where)
        ledger = _reveal(self._one(CREDENTIAL_LEDGER).get("inputs") or {})
        if not ledger:
            raise UsageError("the stack's state holds no ledger of its credentials", where=where, repair="orgcal up")
        credentials = {item.generation: item for item in self._credentials()}
        entries = {int(number): _generation_record(entry) for number, entry in (ledger.get("entries") or {}).items()}
        for number, item in credentials.items():
            if item.ends is not None and number in entries:
                entries[number] = replace(entries[number], expires=item.ends)
        back = ledger.get("rollbackTo")
        pending = {str(item.get("type")) for item in self._pending}
        return CredentialState(
            outputs=outputs,
            ledger=GenerationSet(
                tuple(sorted(map(int, ledger["generations"]))),
                int(ledger["active"]),
                None if back is None else int(back),
                tuple(number for number in self.revoked if number in ledger["generations"]),
            ),
            entries=entries,
            credentials=credentials,
            pushed=frozenset(int(item["inputs"]["generation"]) for item in self.live(CONNECTOR_CREDENTIALS)),
            # An interrupted creation stays listed for ever; whether it was made good, the ledger tells.
            under_way=any(item.get("delete") for item in self.resources) or bool(pending - {"creating", "reading"}),
            interrupted_creation=any(
                item.get("type") == "creating" and (item.get("resource") or {}).get("type") in CREDENTIAL_TYPES
                for item in self._pending
            ),
            ledger_urn=str(self._one(CREDENTIAL_LEDGER).get("urn") or ""),
        )

    def _credentials(self) -> Iterator[LiveCredential]:
        keys = {name_in(item.get("urn")): _reveal(item.get("outputs") or {}) for item in self.live(CERTIFICATE_KEY)}
        for item in self.live(*_CREDENTIALS):
            kind, id_name = _CREDENTIALS[item["type"]]
            name, outputs = name_in(item.get("urn")), _reveal(item.get("outputs") or {})
            number = whole_number(name.rpartition("-")[2])
            if number is None:
                continue
            credential: Credential | None = None
            if kind == "secret" and outputs.get("value"):
                credential = ClientSecret(str(outputs["value"]))
            elif kind == "certificate" and (pair := keys.get(name)):
                credential = ClientCertificate(str(pair["privateKeyPem"]), str(pair["certificatePem"]))
            ends = datetime.fromisoformat(str(outputs["endDate"])) if outputs.get("endDate") else None
            yield LiveCredential(number, kind, str(outputs.get(id_name) or ""), credential, ends)

    def _ids(self, kind: str, name: str) -> Iterator[str]:
        """One output of each resource of a type, those included that an update still has to delete."""
        values = ((item.get("outputs") or {}).get(name) for item in self.resources if item.get("type") == kind)
        return (value for value in values if isinstance(value, str))

    def _one(self, kind: str) -> Resource:
        return next(self.live(kind), {})


def name_in(urn: object) -> str:
    """The resource's name at the end of a URN."""
    return str(urn).rpartition("::")[2]


def stack_in(urn: object) -> str:
    """The stack's name in a URN, `urn:pulumi:STACK::…`."""
    return str(urn).removeprefix("urn:pulumi:").partition("::")[0]


def exists_outside(kind: str, custom: object) -> bool:
    """Whether a resource is more than an entry of the state, as the stack, its components and its providers are.

    `kind` is its type token; the engine calls it `custom` where a plugin manages it.
    """
    return bool(custom) and not kind.startswith("pulumi:")


def without_creations(exported: Mapping[str, Any], types: Set[str] | None) -> dict[str, Any] | None:
    """The export without interrupted creations of these resource types (None: all); None where it lists none."""
    deployment = exported["deployment"]
    operations = deployment.get("pending_operations") or []
    kept = [
        item
        for item in operations
        if item.get("type") != "creating" or (types is not None and item["resource"].get("type") not in types)
    ]
    return None if kept == operations else {**exported, "deployment": {**deployment, "pending_operations": kept}}


def replace_secrets(value: Any, placeholder: object) -> Any:
    """A copy of a state's part with a placeholder for each secret in it."""
    if isinstance(value, list):
        return [replace_secrets(item, placeholder) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get(SIGNATURE_KEY) == SECRET_SIGNATURE:
        return {SIGNATURE_KEY: SECRET_SIGNATURE, "plaintext": json.dumps(placeholder)}
    return {name: replace_secrets(item, placeholder) for name, item in value.items()}


def _reveal(value: Any) -> Any:
    """A copy of a state's part with each secret as it is; never to be printed."""
    if isinstance(value, Mapping):
        if SIGNATURE_KEY in value:
            return json.loads(value["plaintext"]) if "plaintext" in value else None
        return {name: _reveal(item) for name, item in value.items()}
    return [_reveal(item) for item in value] if isinstance(value, list) else value


def _generation_record(entry: Mapping[str, str]) -> GenerationRecord:
    return GenerationRecord(**{name: datetime.fromisoformat(text) for name, text in entry.items()})
