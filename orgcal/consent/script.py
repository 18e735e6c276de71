"""The steps for administrators of an organisation that limits the connector to some mailboxes, filled in.

    guide = limit_guide(tenant, outputs, endpoints)
    "\n".join(as_script(guide, "powershell"))

They go in the order of least exposure: the connector never has more than it needs, as the page that grants
everything is not used. Sources: https://learn.microsoft.com/en-us/exchange/permissions-exo/application-rbac;
https://learn.microsoft.com/en-us/graph/api/rbacapplication-post-roleassignments?view=graph-rest-beta; for the commands,
docs/docs/cmd of pnp/cli-microsoft365 at db0361d.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from orgcal.consent.script_commands import COMMENTS, Commands, Facts, Form, commands_of, undo_of
from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.exchange_roles import LAG_WORDS, POLICIES_PAGE, RBAC_PAGE, UNDER_POLICIES, split_permissions
from orgcal.errors import UsageError
from orgcal.printable import printable
from orgcal.stack.outputs import StackOutputs
from orgcal.tenants.model import GROUP_LENGTH, Tenant
from orgcal.tenants.names import check_text

GRANTS = "Privileged Role Administrator"
EXCHANGE = "Exchange Administrator"
StepId = Literal["principal", "grant", "scope", "assign", "test"]


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Attributes:
        title: what is done.
        actor: the least role of who does it.
        reason: why, and what to look out for.
        commands: by form.
        source: Microsoft's page about it.
    """

    step: StepId
    title: str
    actor: str
    reason: str
    commands: Mapping[Form, Commands]
    source: str


@dataclass(frozen=True, slots=True)
class LimitGuide:
    """Everything that an organisation's administrators need to limit the connector to some mailboxes.

    Attributes:
        facts: names and ids that the commands hold.
        undo: commands that take everything back, by form.
        notes: what else they should know, a sentence or two each.
        proof: the command by which the vendor proves the result.
    """

    organisation: str
    application: str
    publisher: str
    facts: Facts
    steps: tuple[Step, ...]
    undo: Mapping[Form, Commands]
    notes: tuple[str, ...]
    proof: str

    def as_json(self) -> dict[str, Any]:
        """The guide as a JSON object."""
        return asdict(self)


def limit_guide(
    tenant: Tenant, outputs: StackOutputs, endpoints: CloudEndpoints, *, group: str = "", home: bool = False
) -> LimitGuide:
    """The steps for an organisation's administrators.

    Args:
        group: name or id of the group of mailboxes, where the registry has none.
        home: it is the stack's own home tenant, as a trial.

    Raises:
        UsageError: the organisation limits nothing, no group is known, or the connector has no permission that Exchange
            can limit.
    """
    stack = outputs.stack
    named = tenant.domain or tenant.tenant_id
    if tenant.access != "scoped" and not home:
        what = f"{tenant.label} lets the connector read all mailboxes"
        repair = f"orgcal tenants add {named} --access scoped --group NAME --stack {stack}"
        raise UsageError(what, where=tenant.tenant_id, repair=repair)
    if group:
        check_text(group, "the group's name", longest=GROUP_LENGTH)
    group = group or tenant.group_id or tenant.scope_group
    if not group:
        what = f"no group of {tenant.label} is known whose mailboxes the connector may read"
        raise UsageError(what, where=tenant.tenant_id, repair="--group NAME, or its object id")
    profile = split_permissions(item.name for item in outputs.permissions)
    if not profile.roles:
        what = "the connector declares no permission that Exchange can limit to some mailboxes"
        raise UsageError(what, where="orgcal:connector.scopes", repair="add Calendars.Read, or Calendars.ReadWrite")
    facts = Facts(
        cloud=endpoints.cloud,
        graph_url="https://graph.microsoft.com" if endpoints.cloud == "emulator" else endpoints.graph_url,
        tenant_id=tenant.tenant_id,
        client_id=outputs.client_id,
        application=printable(outputs.display_name),
        group=printable(group),
        permissions={item.name: item.role_id for item in outputs.permissions if item.name in profile.in_entra},
        roles=profile.roles,
        inside=tenant.inside,
        outside=tenant.outside,
        home=home,
    )
    return LimitGuide(
        tenant.label,
        facts.application,
        printable(outputs.publisher),
        facts,
        tuple(_steps(facts)),
        undo_of(facts),
        tuple(_notes(facts, profile.widened)),
        f"orgcal consent check {named} --stack {stack}",
    )


def as_text(guide: LimitGuide) -> Iterator[str]:
    """The guide for people, with the commands of PowerShell, line by line."""
    yield f"To let {guide.application} read the mailboxes of the group {guide.facts.group} of {guide.organisation}, and"
    yield "no others. Do not open a consent link: it grants every mailbox."
    for number, step in enumerate(guide.steps, start=1):
        yield ""
        yield f"{number}. {step.title} ({step.actor})"
        yield f"   {step.reason}"
        yield f"   {step.source}"
        yield from (f"     {line}" for line in step.commands["powershell"])
    yield ""
    yield "Good to know:"
    yield from (f"  - {note}" for note in guide.notes)
    yield ""
    yield "To undo all:"
    yield from (f"     {line}" for line in guide.undo["powershell"])
    yield ""
    yield f"The vendor then proves it: {guide.proof}"


def as_script(guide: LimitGuide, form: Form) -> Iterator[str]:
    """The steps as a program of this form, line by line; how to undo them stands in comments at its end."""
    comment = COMMENTS[form]
    yield f"{comment} Lets {guide.application} read the mailboxes of the group {guide.facts.group}, and no others."
    yield f"{comment} For {guide.organisation} ({guide.facts.tenant_id}). Do not open a consent link: it grants all."
    for number, step in enumerate(guide.steps, start=1):
        yield ""
        yield f"{comment} {number}. {step.title} ({step.actor})"
        yield f"{comment} {step.reason}"
        yield from step.commands[form]
    yield ""
    yield f"{comment} To undo all:"
    yield from (f"{comment} {line}" for line in guide.undo[form])


def as_undo(guide: LimitGuide, form: Form) -> Iterator[str]:
    """What undoes the steps, as a program of this form, line by line."""
    yield f"{COMMENTS[form]} Takes {guide.application} out of {guide.organisation} ({guide.facts.tenant_id})."
    yield from guide.undo[form]


def _steps(facts: Facts) -> Iterator[Step]:
    commands = commands_of(facts)
    roles, permissions = ", ".join(facts.roles), ", ".join(facts.permissions)
    yield Step(
        "principal",
        "Make the enterprise application",
        GRANTS,
        "It has no permission yet. The consent page would make it too, and grant every mailbox at the same moment.",
        commands["principal"],
        "https://learn.microsoft.com/en-us/graph/api/serviceprincipal-post-serviceprincipals",
    )
    yield Step(
        "grant",
        f"Grant {permissions}, and nothing else",
        GRANTS,
        "This lists users and groups, and opens no mailbox. A calendar permission granted here would reach all of "
        "them, whatever Exchange says.",
        commands["grant"],
        "https://learn.microsoft.com/en-us/graph/api/serviceprincipal-post-approleassignments",
    )
    yield Step(
        "scope",
        f"Name the mailboxes: those of the group {facts.group}",
        EXCHANGE,
        "Only direct members count; members of groups in it do not. -ObjectId is the object id of the enterprise "
        "application, not of an app registration.",
        commands["scope"],
        RBAC_PAGE,
    )
    yield Step(
        "assign",
        f"Assign {roles} in that scope",
        EXCHANGE,
        f"Exactly the mailbox permissions that the connector declares. Then wait: {LAG_WORDS}.",
        commands["assign"],
        RBAC_PAGE,
    )
    yield Step(
        "test",
        "Test a mailbox inside and one outside",
        EXCHANGE,
        "InScope must be True for the first and False for the second. True for both means that the permission is "
        "granted in Entra ID as well. The test does not wait for the delay; the vendor's proof does.",
        commands["test"],
        "https://learn.microsoft.com/en-us/powershell/module/exchange/test-serviceprincipalauthorization",
    )


def _notes(facts: Facts, widened: Sequence[str]) -> Iterator[str]:
    lag = LAG_WORDS[0].upper() + LAG_WORDS[1:]
    yield f"{lag}; until then the connector reads nothing, which is no fault ({RBAC_PAGE})."
    yield (
        "Members of groups inside of the group do not count. Use a group whose members are assigned one by one, not a "
        "dynamic one."
    )
    for name in widened:
        limits = "" if name in UNDER_POLICIES else " Application access policies do not limit it either."
        yield f"Exchange has no role for {name}; the role above includes it and shows events in full.{limits}"
    yield (
        "Application access policies are the older way: they take away from a grant of Entra ID, and Microsoft advises "
        f"against new ones. They do not cover Calendars.ReadBasic.All ({POLICIES_PAGE})."
    )
    yield (
        "To move from such a policy: do these steps, let the vendor prove them, remove the calendar permission in "
        f"Entra ID, and then the policy (Get-ApplicationAccessPolicy | Where-Object AppId -eq '{facts.client_id}' | "
        "Remove-ApplicationAccessPolicy)."
    )
