"""The status of a stack: credentials, publisher, drift, and permissions of each organisation in three states.

*Declared* is what the application asks for, *granted* what an organisation has assigned to it, *effective* what a fresh
token says. They differ in good order only while consents are under way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from orgcal.durations import days_left, rfc3339
from orgcal.entra.auth import TokenSource
from orgcal.entra.credentials import Credential
from orgcal.entra.exchange_roles import REACHES_ALL, reaching_every_mailbox, removal_command, split_permissions
from orgcal.entra.graph import GraphClient
from orgcal.entra.home.applications import by_object_id
from orgcal.entra.probe import granted_roles, probe_tenant
from orgcal.entra.role_relation import compare
from orgcal.errors import OrgcalError, explained
from orgcal.platforms import open_platform
from orgcal.stack.open_stack import OpenStack
from orgcal.stack.outputs import StackOutputs
from orgcal.tenants.model import ACTIVE, Access, State, Tenant
from verify.agreement import WARN_DAYS, check_agreement, credential_differences
from verify.context import RunContext
from verify.models import Options, Verdict
from verify.sources import from_outputs

LOST_ACCESS = frozenset({State.REVOKED, State.TOO_LITTLE, State.TOO_MUCH})
"""States in which an organisation's access is not what it was or should be, until it consents again or is removed."""


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
        missing: declared, and not included in what is effective or (where no token tells) granted.
        surplus: granted or effective, and not declared any more.
        note: why something is not known; empty otherwise.
        access: `scoped` where it limits the connector to some mailboxes; those permissions are then in no token.
    """

    tenant_id: str
    name: str
    state: str
    granted: tuple[str, ...] | None = None
    effective: tuple[str, ...] | None = None
    missing: tuple[str, ...] = ()
    surplus: tuple[str, ...] = ()
    note: str = ""
    access: Access = "all"


@dataclass(frozen=True, slots=True)
class Status:
    """Everything about a stack.

    Attributes:
        declared: names of the permissions that the application declares.
        publisher: name of the verified publisher; None where it cannot be read.
        drift: one sentence each; empty if connector, application and grants agree with the stack.
        unknown: what could not be compared.
        revocation: which revoked credentials still exist, in a sentence; empty if none.
    """

    stack: str
    client_id: str
    declared: tuple[str, ...]
    publisher: str | None
    credentials: tuple[CredentialStatus, ...]
    tenants: tuple[TenantStatus, ...]
    drift: tuple[str, ...]
    unknown: tuple[str, ...] = ()
    revocation: str = ""

    @property
    def ok(self) -> bool:
        """No drift, nobody who lost access, no revoked credential that still exists, none that ends within 30 days."""
        lost = any(item.state in LOST_ACCESS for item in self.tenants)
        return not (self.drift or self.revocation or lost or any(item.short for item in self.credentials))

    def as_json(self) -> dict[str, Any]:
        """As a JSON object."""
        values = asdict(self)
        return {"generations": values.pop("credentials"), "organisations": values.pop("tenants"), **values}


def read_status(stack: OpenStack, *, now: datetime | None = None) -> Status:
    """The status of a deployed stack at the time `now`; nothing is written.

    Raises:
        UsageError: the stack has not been deployed, or its emulator does not run.
    """
    stack.environment.running_endpoints()
    outputs, environ = stack.outputs, stack.environ
    connector, given = from_outputs(outputs)
    context = RunContext(Options(connector, environ=environ, given_credential=given))
    try:
        agreement = check_agreement(outputs, context)
        organisations = tuple(_organisations(outputs, stack.registry.tenants(), context))
        publisher = _publisher(outputs, context, environ)
    finally:
        context.close()
    differences = [str(item) for item in agreement.evidence.get("differences") or ()]
    unknown = [str(item) for item in agreement.evidence.get("unknown") or ()]
    pushed_to = outputs.also_pushed_to if outputs.credential_kind != "federated" else {}
    for name, platform in pushed_to.items():
        repair = f"repair: pulumi up --refresh --stack {outputs.stack}"
        try:
            stored = open_platform(platform, environ).read_credentials(outputs.connector_key)
            differences += [
                f"also_push_to.{name}: {item}; {repair}" for item in credential_differences(outputs, stored)
            ]
        except Exception as error:  # noqa: BLE001  # as an answer that cannot be read
            unknown.append(f"also_push_to.{name}: {explained(error)}")
    if agreement.verdict is Verdict.ERROR:
        unknown.append(agreement.sentence)
    grants = [
        f"{item.name}: {', '.join(item.missing)} declared, but not permitted there; "
        f"repair: orgcal consent {'script' if item.access == 'scoped' else 'link'} {item.tenant_id} "
        f"--stack {outputs.stack}"
        for item in organisations
        if item.missing
    ]
    for item in organisations:
        if item.access == "scoped" and (reaching := reaching_every_mailbox(item.surplus)):
            removal = removal_command(outputs.client_id, reaching)
            grants.append(f"{item.name}: {REACHES_ALL}: {', '.join(reaching)}; repair: {removal}")
    return Status(
        stack=outputs.stack,
        client_id=outputs.client_id,
        declared=tuple(item.name for item in outputs.permissions),
        publisher=publisher,
        credentials=tuple(
            CredentialStatus(
                generation=item.generation,
                active=item.generation == outputs.active_generation,
                key_id=item.key_id,
                expires_at=rfc3339(item.expires_at),
                days_left=days_left(item.expires_at, now or datetime.now(UTC)),
            )
            for item in outputs.credentials
        ),
        tenants=organisations,
        drift=(*differences, *grants),
        unknown=tuple(unknown),
        revocation=outputs.revocation,
    )


def _publisher(outputs: StackOutputs, context: RunContext, environ: Mapping[str, str]) -> str | None:
    from orgcal.entra.operator import operator_tokens

    try:
        tokens = operator_tokens(context.endpoints, environ, outputs.tenant_id, context.session)
        graph = GraphClient(context.endpoints, tokens, context.session)
        application = by_object_id(graph, outputs.application_object_id)
    except OrgcalError:
        return None
    return application.verified_publisher if application is not None else None


def _organisations(outputs: StackOutputs, tenants: Iterable[Tenant], context: RunContext) -> Iterator[TenantStatus]:
    credential: Credential | None = None
    problem = ""
    try:
        credential = context.credential().credential
    except OrgcalError as error:
        problem = error.what
    every = {item.name for item in outputs.permissions}
    of_scoped = set(split_permissions(every).in_entra)  # the others are granted in Exchange, and in no token
    for tenant in tenants:
        if tenant.state not in ACTIVE or credential is None:
            yield TenantStatus(tenant.tenant_id, tenant.label, tenant.state.value, note=problem or tenant.reason)
            continue
        try:
            declared = of_scoped if tenant.access == "scoped" else every
            yield _organisation(outputs, tenant, credential, declared, context)
        except Exception as error:  # noqa: BLE001  # whatever an answer breaks is this organisation's, not the command's
            yield TenantStatus(tenant.tenant_id, tenant.label, tenant.state.value, note=explained(error).what)


def _organisation(
    outputs: StackOutputs, tenant: Tenant, credential: Credential, declared: set[str], context: RunContext
) -> TenantStatus:
    tokens = TokenSource(context.endpoints, tenant.tenant_id, outputs.client_id, credential, context.session)
    probe = probe_tenant(context.endpoints, tokens, context.session, outputs.client_id, frozenset(declared))
    if probe.error is not None:
        missing = tuple(sorted(declared))
        note = "; ".join(filter(None, (probe.sentence, probe.repair_for(tenant.tenant_id))))
        return TenantStatus(
            tenant.tenant_id, tenant.label, tenant.state.value, missing=missing, note=note, access=tenant.access
        )
    effective = probe.effective if probe.source == "token" else None
    granted: frozenset[str] | None
    try:
        granted, note = granted_roles(context.endpoints, tokens, context.session, outputs.client_id), ""
    except OrgcalError as error:
        granted, note = None, f"grants: {error.what}"
    has = effective if effective is not None else granted
    return TenantStatus(
        tenant.tenant_id,
        tenant.label,
        tenant.state.value,
        granted=None if granted is None else tuple(sorted(granted)),
        effective=None if effective is None else tuple(sorted(effective)),
        missing=() if has is None else tuple(sorted(compare(declared, has).missing)),
        surplus=tuple(sorted(compare(declared, {*(granted or ()), *(effective or ())}).surplus)),
        note=note,
        access=tenant.access,
    )
