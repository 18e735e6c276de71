"""What an update would do to a stack, in the guide's words, and what that means for customers.

`make_plan` is a pure function of what the engine's preview reported and of what is known of the customers; `read_plan`
asks registry and directory, each only where the preview makes it matter.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orgcal.entra.role_relation import canonical
from orgcal.errors import OrgcalError, Refused
from orgcal.operations.plan_words import OPERATIONS, Allowance, kind_of
from orgcal.operations.stale_consents import good_hashes, is_stale
from orgcal.printable import counted
from orgcal.resource_types import APPLICATION, CONNECTOR
from orgcal.stack.engine_events import UpdateResult
from orgcal.stack.state import StackState, exists_outside, name_in
from orgcal.tenants.model import ACTIVE, Tenant

if TYPE_CHECKING:
    from orgcal.stack.open_stack import OpenStack


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """What becomes of one resource.

    Attributes:
        operation: `created`, `changed`, `replaced` or `deleted`.
        kind: the guide's word, such as `application`.
        name: in the program.
        properties: names of those that differ, where the engine tells them.
    """

    operation: str
    kind: str
    name: str
    properties: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "operation": self.operation,
            "kind": self.kind,
            "name": self.name,
            "properties": list(self.properties),
        }


@dataclass(frozen=True, slots=True)
class Irreversible:
    """Something in a plan that nobody can undo, so that it needs a word of its own.

    Attributes:
        allowance: the word.
        says: one sentence.
        repair: how to do without it; empty where there is no way.
    """

    allowance: Allowance
    says: str
    repair: str = ""

    def as_json(self) -> dict[str, str]:
        """As a JSON object."""
        return {"allow": self.allowance, "what": self.says, "repair": self.repair}


@dataclass(frozen=True, slots=True)
class PlanFacts:
    """What is known besides the preview.

    Attributes:
        tenants: organisations that have consented; None where the registry cannot be asked.
        client_id: of the application that is deployed; empty where none is.
        declared: names of the permissions that the settings declare.
        hash_before: of the permissions that were declared until now; empty before the first deployment.
        names_before: their names.
        restorable: client ids of applications of the same name in the recycle bin.
    """

    stack: str
    tenants: Sequence[Tenant] | None = ()
    client_id: str = ""
    declared: Collection[str] = ()
    hash_before: str = ""
    names_before: frozenset[str] = frozenset()
    restorable: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What an update would do.

    Attributes:
        changes: resources that do not stay the same, in the engine's order.
        counts: number of resources by the engine's operation, such as `{"create": 3, "same": 4}`.
        state_changes: whether the state differs afterwards, although no resource may.
        consequences: what it means for customers, one sentence each.
        irreversible: what cannot be undone.
    """

    changes: tuple[PlannedChange, ...]
    counts: Mapping[str, int]
    state_changes: bool = False
    consequences: tuple[str, ...] = ()
    irreversible: tuple[Irreversible, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.changes and not self.state_changes

    def as_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "changes": dict(self.counts),
            "plan": [change.as_json() for change in self.changes],
            "consequences": list(self.consequences),
            "irreversible": [item.as_json() for item in self.irreversible],
        }


def make_plan(result: UpdateResult, facts: PlanFacts) -> Plan:
    """The plan that follows from a preview.

    Args:
        result: of the engine's preview.
        facts: what registry, settings and directory say.
    """
    changes = tuple(
        PlannedChange(OPERATIONS.get(step.operation, step.operation), kind_of(step.type), step.name, step.properties)
        for step in result.steps
    )
    touched = {(step.type, step.operation) for step in result.steps}
    new_client_id = bool(touched & {(APPLICATION, "create"), (APPLICATION, "replace"), (APPLICATION, "delete")})
    consequences: list[str] = []
    irreversible: list[Irreversible] = []
    if facts.tenants is None and changes:
        consequences.append("the registry cannot be read, so nobody knows whom of the customers this concerns")
    consented = facts.tenants or ()
    if new_client_id and (consented or (facts.tenants is None and facts.client_id)):
        irreversible.append(_new_client_id(facts))
    if new_client_id and facts.restorable:
        irreversible.append(_recycle_bin(facts))
    if touched & {(CONNECTOR, "replace"), (CONNECTOR, "delete")} and (consented or facts.tenants is None):
        who = _who(consented) if consented else "organisations that nobody knows"
        irreversible.append(
            Irreversible("connector-in-use", f"a connector is removed that {who} may use; connections to it are lost")
        )
    if consented and new_client_id:
        consequences.append(f"{_who(consented)} must consent again, to a new client id")
    elif stale := _newly_stale(consented, facts):
        added = ", ".join(_added(facts))
        consequences.append(f"{_who(stale)} must consent again, as permissions are added: {added}")
    return Plan(changes, dict(result.changes), result.state_changes, tuple(consequences), tuple(irreversible))


def refuse_irreversible(plan: Plan, allowed: Collection[str], *, stack: str) -> None:
    """Refuse a plan that holds what cannot be undone and nobody has allowed.

    Raises:
        Refused: with every such thing, and the words that allow them.
    """
    refused = [item for item in plan.irreversible if item.allowance not in allowed]
    if not refused:
        return
    words = " ".join(dict.fromkeys(f"--allow {item.allowance}" for item in refused))
    ways = [item.repair for item in refused if item.repair]
    raise Refused(
        "; ".join(item.says for item in refused),
        where=f"stack {stack}",
        repair="; or ".join([*dict.fromkeys(ways), f"if that is what you want: orgcal up --stack {stack} {words}"]),
    )


def read_plan(stack: OpenStack, state: StackState, result: UpdateResult, tell: Callable[[str], object]) -> Plan:
    """The plan that follows from a preview of a stack; registry and directory are asked where it makes them matter.

    Args:
        state: before the update.
        tell: is told in one line what cannot be known.
    """
    if not result.steps:
        return make_plan(result, PlanFacts(stack.name))
    hash_before, names_before = state.declared()
    creates = any((step.type, step.operation) == (APPLICATION, "create") for step in result.steps)
    facts = PlanFacts(
        stack.name,
        tenants=_consented(stack, tell),
        client_id=state.client_id,
        declared=stack.settings.connector.scopes,
        hash_before=hash_before,
        names_before=names_before,
        restorable=_restorable(stack, tell) if creates and not stack.core.ephemeral else (),
    )
    return make_plan(result, facts)


def plan_of_destroy(
    stack: OpenStack, state: StackState, tell: Callable[[str], object], *, for_good: bool = False
) -> Plan:
    """What destroying a stack would do.

    Args:
        for_good: also from the recycle bin, out of which an application could be brought back for 30 days.
    """
    outside = [item for item in state.resources if exists_outside(str(item.get("type")), item.get("custom"))]
    changes = tuple(
        PlannedChange("deleted", kind_of(str(item["type"])), name_in(item.get("urn"))) for item in reversed(outside)
    )
    consented = _consented(stack, tell) or ()
    consequences = []
    if consented and state.application_ids:
        until = "" if for_good else ", unless the application is brought back within 30 days (orgcal adopt --restore)"
        loses = "loses" if len(consented) == 1 else "lose"
        consequences.append(f"{_who(consented)} {loses} access, and must consent again{until}")
    return Plan(changes, {"delete": len(changes)}, consequences=tuple(consequences))


def consented_organisations(stack: OpenStack) -> list[Tenant]:
    """Organisations that have consented to the stack's application; raises as the registry does."""
    return [tenant for tenant in stack.registry.tenants() if tenant.state in ACTIVE] if stack.has_registry else []


def _consented(stack: OpenStack, tell: Callable[[str], object]) -> list[Tenant] | None:
    try:
        return consented_organisations(stack)
    except OrgcalError as error:
        tell(f"the registry cannot be read: {error.what}")
        return None


def _restorable(stack: OpenStack, tell: Callable[[str], object]) -> list[str]:
    from orgcal.entra.home.applications import deleted_named

    try:
        with stack.home_graph() as graph:
            return [item.client_id for item in deleted_named(graph, stack.settings.application.display_name)]
    except OrgcalError as error:
        tell(f"the recycle bin of the home tenant cannot be read: {error.what}")
        return []


def _newly_stale(tenants: Sequence[Tenant], facts: PlanFacts) -> list[Tenant]:
    """Those whose consent covered what was declared, and does not cover what the settings declare."""
    if not facts.names_before or not _added(facts):
        return []
    before = {facts.hash_before}
    after = good_hashes("", facts.declared, facts.hash_before, facts.names_before)
    return [
        tenant
        for tenant in tenants
        if is_stale(tenant, facts.declared, after) and not is_stale(tenant, facts.names_before, before)
    ]


def _added(facts: PlanFacts) -> list[str]:
    """Permissions that the settings declare and the deployed application does not, sorted."""
    known = set(map(canonical, facts.names_before))
    return sorted(name for name in facts.declared if canonical(name) not in known)


def _new_client_id(facts: PlanFacts) -> Irreversible:
    whose = f" {facts.client_id}" if facts.client_id else ""
    who = _who(facts.tenants) if facts.tenants else "organisations that nobody knows"
    plural = "have" if facts.tenants and len(facts.tenants) > 1 else "has"
    return Irreversible(
        "new-client-id",
        f"the application gets a new client id, and {who} {plural} consented to the old one{whose}",
        _adopt(facts) if facts.restorable else "",
    )


def _recycle_bin(facts: PlanFacts) -> Irreversible:
    count = len(facts.restorable)
    what = "an application of this name is" if count == 1 else f"{count} applications of this name are"
    return Irreversible(
        "recycle-bin",
        f"{what} in the recycle bin ({', '.join(facts.restorable)}), and organisations that consented to it would "
        "have to consent to a new one again",
        _adopt(facts),
    )


def _adopt(facts: PlanFacts) -> str:
    return f"bring it back: orgcal adopt --stack {facts.stack} --client-id {facts.restorable[0]} --restore"


def _who(tenants: Sequence[Tenant]) -> str:
    """How many organisations, and the first of their names."""
    names = ", ".join(tenant.label for tenant in tenants[:3]) + (", …" if len(tenants) > 3 else "")
    return f"{counted(len(tenants), 'organisation')} ({names})"
