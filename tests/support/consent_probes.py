"""A registry in memory, the record of a connector, and probes that a test scripts: consent without an emulator."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from orgcal.entra.probe import TenantAccess
from orgcal.errors import OrgcalError
from orgcal.stack.outputs import GraphPermission, StackOutputs
from orgcal.stack.state import StackState
from orgcal.tenants import links
from orgcal.tenants.model import Link
from orgcal.tenants.registry import Registry, RegistryUnavailable
from tests.support.registry import in_memory
from tests.support.stack_exports import exported, password

CONTOSO, FABRIKAM = "22222222-2222-2222-2222-222222222222", "33333333-3333-3333-3333-333333333333"
WEEK = timedelta(days=7)
NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
GRANTED = TenantAccess("granted", "every declared permission is effective", users_readable=True)
NOT_YET = TenantAccess("none", "it has not consented")
AWAY = RegistryUnavailable("the registry cannot be asked now", where="registry")


class Time:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def memory_registry(time: Time | None = None) -> Registry:
    """A registry that knows Contoso."""
    registry = in_memory(time or Time())
    registry.add(CONTOSO, "Contoso", domain="contoso.example")
    return registry


def made_link(registry: Registry, tenant_id: str = CONTOSO, client_id: str = "client") -> links.NewLink:
    """A link that is good for a week."""
    uri = "https://acme.example/cb"
    return links.make_link(
        registry, tenant_id, client_id=client_id, redirect_uri=uri, permission_hash="h", lifetime=WEEK
    )


def outputs_with(*permissions: str) -> StackOutputs:
    """The record of a stack that declares these permissions."""
    outputs = StackState(exported([1], 1, password(1), pushed=1)).credential_state(where="stack prod").outputs
    named = tuple(GraphPermission(name=name, role_id=f"id of {name}") for name in permissions)
    uri = "https://acme.example/consent/callback"
    known = {"permissions": named, "consent_redirect_uri": uri, "redirect_uris": (uri,)}
    return outputs.model_copy(update=known)


def used_link(registry: Registry, *permissions: str) -> Link:
    """A link of Contoso's that an administrator has just used."""
    made = links.make_link(
        registry,
        CONTOSO,
        client_id="client",
        redirect_uri="https://acme.example/consent/callback",
        permission_hash="hash of the link",
        permissions=permissions,
        lifetime=timedelta(days=7),
    )
    spent = links.spend(registry, made.state, client_id="client")
    assert isinstance(spent, links.Spent)
    return spent.link


class ScriptedProber:
    """Answers probes one after the other, the last one again and again; an exception is raised."""

    def __init__(self, *answers: TenantAccess | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, frozenset[str] | None, bool]] = []

    def probe(self, tenant_id: str, declared: Iterable[str] | None = None, *, list_users: bool = False) -> TenantAccess:
        """The next answer."""
        self.asked.append((tenant_id, None if declared is None else frozenset(declared), list_users))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class FakePlatform:
    """Takes connections, or refuses each."""

    def __init__(self, connections: str = "registered", refusal: OrgcalError | None = None) -> None:
        self.capabilities = self
        self.connections = connections
        self.refusal = refusal
        self.registered: list[tuple[str, str]] = []

    def register_connection(self, key: str, tenant_id: str) -> None:
        """Connect an organisation."""
        if self.refusal is not None:
            raise self.refusal
        self.registered.append((key, tenant_id))
