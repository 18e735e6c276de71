"""Where a stack stands: credentials, publisher, drift, and permissions of each organisation in three states.

*Declared* is what the application asks for, *granted* what an organisation has assigned to it, *effective* what a fresh
token says. They differ in good order only while consents are under way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from orgcal.entra.auth import TokenSource
from orgcal.entra.credentials import ClientSecret, Credential
from orgcal.entra.graph import GraphClient
from orgcal.entra.home.applications import by_object_id
from orgcal.entra.probe import granted_roles, probe_tenant
from orgcal.errors import OrgcalError
from orgcal.platforms import open_platform
from orgcal.stack.outputs import StackOutputs
from orgcal.tenants.model import ACTIVE, Tenant
from verify.agreement import check_agreement
from verify.context import RunContext
from verify.models import Options, Verdict
from verify.sources import from_outputs

WARN_DAYS = 30
"""Two weeks to notice and two to act."""
_FOREVER_DAYS = 36_500


@dataclass(frozen=True, slots=True)
class CredentialStatus:
    """One live generation.

    Attributes:
        days_left: whole days; None for what does not end.
    """

    generation: int
    active: bool
    key_id: str
    expires_at: str
    days_left: int | None

    @property
    def short(self) -> bool:
        """Whether it ends within 30 days."""
        return self.days_left is not None and self.days_left < WARN_DAYS


@dataclass(frozen=True, slots=True)
class TenantStatus:
    """Permissions of the connector in one organisation.

    Attributes:
        granted: names, by the app role assignments; None where they cannot be read.
        effective: names, by a fresh token; None where there is none or it cannot be read.
        missing: declared, and neither effective nor (where no token tells) granted.
        surplus: granted or effective, and not declared any more.
        note: why something is not known; empty otherwise.
    """

    tenant_id: str
    name: str
    state: str
    granted: tuple[str, ...] | None = None
    effective: tuple[str, ...] | None = None
    missing: tuple[str, ...] = ()
    surplus: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """Everything about a stack.

    Attributes:
        declared: names of the permissions that the application declares.
        publisher: name of the verified publisher; None where it cannot be read.
        drift: one sentence each; empty if connector, application and grants agree with the stack.
        unknown: what could not be compared.
    """

    stack: str
    client_id: str
    declared: tuple[str, ...]
    publisher: str | None
    credentials: tuple[CredentialStatus, ...]
    tenants: tuple[TenantStatus, ...]
    drift: tuple[str, ...]
    unknown: tuple[str, ...] = field(default=())

    @property
    def ok(self) -> bool:
        """No drift, and no credential that ends within 30 days."""
        return not self.drift and not any(item.short for item in self.credentials)

    def as_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {"ok": self.ok, **asdict(self)}


def look(
    outputs: StackOutputs, tenants: Sequence[Tenant], environ: Mapping[str, str], *, now: datetime | None = None
) -> Status:
    """The status of a deployed stack; nothing is written.

    Args:
        outputs: of the stack, secret included.
        tenants: organisations of its registry.
        environ: the environment that the stack lives in.
        now: the time that lifetimes are compared with.
    """
    connector, given = from_outputs(outputs)
    shared = RunContext(Options(connector, environ=environ, given_credential=given))
    try:
        agreement = check_agreement(outputs, shared)
        seen = tuple(_tenants(outputs, tenants, shared))
        publisher = _publisher(outputs, shared, environ)
    finally:
        shared.close()
    differences = [str(item) for item in agreement.evidence.get("differences") or ()]
    unknown = [str(item) for item in agreement.evidence.get("unknown") or ()]
    pushed_to = outputs.also_pushed_to if outputs.credential_kind != "federated" else {}
    for name, platform in pushed_to.items():
        try:
            differences += _differences_in(outputs, name, platform, environ)
        except OrgcalError as error:
            unknown.append(f"also_push_to.{name}: {error}")
    if agreement.verdict is Verdict.ERROR:
        unknown.append(agreement.sentence)
    grants = [
        f"{tenant.name}: {', '.join(tenant.missing)} declared, but not permitted there; "
        f"repair: orgcal consent link {tenant.tenant_id} --stack {outputs.stack}"
        for tenant in seen
        if tenant.missing
    ]
    return Status(
        stack=outputs.stack,
        client_id=outputs.client_id,
        declared=tuple(item.name for item in outputs.permissions),
        publisher=publisher,
        credentials=tuple(_credentials(outputs, now or datetime.now(UTC))),
        tenants=seen,
        drift=(*differences, *grants),
        unknown=tuple(unknown),
    )


def _differences_in(
    outputs: StackOutputs, name: str, platform: Mapping[str, Any], environ: Mapping[str, str]
) -> Iterator[str]:
    """How the credential in a further platform differs from the stack's, as far as that platform tells."""
    held = open_platform(platform, environ).read_credentials(outputs.connector_key)
    where, repair = f"also_push_to.{name}", f"repair: pulumi up --refresh --stack {outputs.stack}"
    if held is None:
        yield f"{where}: no credential is there; {repair}"
        return
    secret = outputs.client_secret
    if held.client_id is not None and held.client_id != outputs.client_id:
        yield f"{where}: client id {held.client_id} instead of {outputs.client_id}; {repair}"
    if held.generation is not None and held.generation != outputs.active_generation:
        yield f"{where}: generation {held.generation} instead of {outputs.active_generation}; {repair}"
    elif held.credential and secret and held.credential.credential != ClientSecret(secret.get_secret_value()):
        yield f"{where}: another secret than the stack's; {repair}"


def _credentials(outputs: StackOutputs, now: datetime) -> Iterator[CredentialStatus]:
    for item in outputs.credentials:
        days = (item.expires_at - now).days
        yield CredentialStatus(
            generation=item.generation,
            active=item.generation == outputs.active_generation,
            key_id=item.key_id,
            expires_at=item.expires_at.isoformat(),
            days_left=None if days > _FOREVER_DAYS else days,
        )


def _publisher(outputs: StackOutputs, shared: RunContext, environ: Mapping[str, str]) -> str | None:
    from orgcal.entra.operator import operator_tokens

    try:
        tokens = operator_tokens(shared.endpoints, environ, outputs.tenant_id, shared.session)
        found = by_object_id(GraphClient(shared.endpoints, tokens, shared.session), outputs.application_object_id)
    except OrgcalError:
        return None
    return found.verified_publisher if found is not None else None


def _tenants(outputs: StackOutputs, tenants: Sequence[Tenant], shared: RunContext) -> Iterator[TenantStatus]:
    credential: Credential | None = None
    problem = ""
    try:
        credential = shared.credential().credential
    except OrgcalError as error:
        problem = error.what
    declared = {item.name for item in outputs.permissions}
    for tenant in tenants:
        if tenant.state not in ACTIVE or credential is None:
            yield TenantStatus(tenant.tenant_id, tenant.name, tenant.state.value, note=problem or tenant.reason)
            continue
        yield _tenant(outputs, tenant, credential, declared, shared)


def _tenant(
    outputs: StackOutputs, tenant: Tenant, credential: Credential, declared: set[str], shared: RunContext
) -> TenantStatus:
    tokens = TokenSource(shared.endpoints, tenant.tenant_id, outputs.client_id, credential, shared.session)
    access = probe_tenant(shared.endpoints, tokens, shared.session, outputs.client_id, frozenset(declared))
    if access.error is not None:
        missing = tuple(sorted(declared))
        return TenantStatus(tenant.tenant_id, tenant.name, tenant.state.value, missing=missing, note=access.sentence)
    effective = access.effective if access.source == "token" else None
    granted: frozenset[str] | None
    try:
        granted, note = granted_roles(shared.endpoints, tokens, shared.session, outputs.client_id), ""
    except OrgcalError as error:
        granted, note = None, f"grants: {error.what}"
    has = effective if effective is not None else granted
    return TenantStatus(
        tenant.tenant_id,
        tenant.name,
        tenant.state.value,
        granted=None if granted is None else tuple(sorted(granted)),
        effective=None if effective is None else tuple(sorted(effective)),
        missing=() if has is None else tuple(sorted(declared - has)),
        surplus=tuple(sorted(((granted or frozenset()) | (effective or frozenset())) - declared)),
        note=note,
    )
