"""An organisation that limits the connector to some mailboxes: what is expected, what was seen, and what follows.

Exchange's role assignments take 30 minutes to 2 hours to arrive, and nobody outside of the organisation can see that
one was made; so for two hours a mailbox that is refused is waited for, and then it is too little access.
Source: https://learn.microsoft.com/en-us/exchange/permissions-exo/application-rbac
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from orgcal.entra.exchange_roles import LAG_WORDS, REACHES_ALL
from orgcal.entra.tenant_ids import is_guid
from orgcal.errors import UsageError
from orgcal.printable import printable
from orgcal.tenants.model import GROUP_LENGTH, Access, State, Tenant
from orgcal.tenants.names import check_text

if TYPE_CHECKING:
    from orgcal.entra.probe import TenantAccess

EXCHANGE_LAG = timedelta(hours=2)
"""The longest that a role assignment takes, says Microsoft; the shortest is half an hour."""


Seen = Literal["read", "refused", "policy", "no mailbox", "no user", "unknown"]
"""How reading one mailbox ended. `refused`: outside of the scope of every role assignment, or there is none (yet);
`policy`: an application access policy keeps the connector off; `unknown`: nobody could tell."""


@dataclass(frozen=True, slots=True)
class AccessProfile:
    """What an operator says of the mailboxes that an organisation lets the connector read.

    Attributes:
        group: name or object id of the group of them; empty leaves the known one.
        inside: object id of a user whose mailbox is among them; empty leaves the known one.
        outside: object id of a user whose mailbox is not.
    """

    access: Access
    group: str = ""
    inside: str = ""
    outside: str = ""

    def __post_init__(self) -> None:
        if self.access == "all" and (self.group or self.inside or self.outside):
            what = "a group or a test mailbox is named, and only organisations with --access scoped have those"
            raise UsageError(what, where="orgcal tenants add", repair="--access scoped, or leave them out")
        if self.group:
            check_text(self.group, "the group's name", longest=GROUP_LENGTH)
        for option, value in (("--inside", self.inside), ("--outside", self.outside)):
            if value and not is_guid(value):
                what = f"{printable(value[:40])!r} is no object id"
                repair = "give the user's Object ID of the Microsoft Entra admin center; addresses are not kept"
                raise UsageError(what, where=option, repair=repair)
        if self.inside and self.inside.lower() == self.outside.lower():
            raise UsageError(
                "the same mailbox cannot be inside and outside", where="--inside, --outside", repair="name two users"
            )


@dataclass(frozen=True, slots=True)
class MailboxScope:
    """The mailboxes that an organisation lets the connector read, as far as anybody told.

    Attributes:
        group: name or id of the group, as the customer called it; empty where none was named.
        group_id: its object id, once it was found.
        inside: object id of a user whose mailbox is in the scope.
        outside: object id of a user whose mailbox is not.
        waiting: a role assignment may still be on its way.
    """

    group: str = ""
    group_id: str = ""
    inside: str = ""
    outside: str = ""
    waiting: bool = False

    @classmethod
    def of(cls, tenant: Tenant, now: datetime) -> MailboxScope | None:
        """The scope that the registry knows; None of an organisation that limits nothing."""
        if tenant.access != "scoped":
            return None
        return cls(tenant.scope_group, tenant.group_id, tenant.inside, tenant.outside, is_waiting(tenant, now))


@dataclass(frozen=True, slots=True)
class GroupReading:
    """The group of a scope, as the directory shows it.

    Attributes:
        members: object ids of the users who are its direct members; Exchange counts no others.
        nested: how many groups are in it.
        dynamic: a rule decides who is a member.
        problem: why there is nothing to compare with, in a sentence; empty where there is.
    """

    group_id: str = ""
    name: str = ""
    members: frozenset[str] = field(default=frozenset(), repr=False)
    nested: int = 0
    dynamic: bool = False
    problem: str = ""

    def warnings(self) -> list[str]:
        """What makes it a doubtful scope."""
        groups = f"{self.nested} group" if self.nested == 1 else f"{self.nested} groups"
        found = []
        if self.nested:
            found.append(f"the group {self.name} holds {groups}, whose members Exchange does not count")
        if self.dynamic:
            found.append(f"the group {self.name} is dynamic: give Exchange a group whose members are assigned")
        return found


@dataclass(frozen=True, slots=True)
class MailboxSeen:
    """How reading one test mailbox ended."""

    user_id: str
    seen: Seen
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class ScopedAccess:
    """What was seen of an organisation that limits the connector.

    Attributes:
        access: by the token, for the permissions that are granted in Entra ID.
        reaching: permissions in the token that reach every mailbox; there should be none.
        group: None where none was named, or nobody could look.
    """

    access: TenantAccess
    reaching: tuple[str, ...] = ()
    group: GroupReading | None = None
    inside: MailboxSeen | None = None
    outside: MailboxSeen | None = None


@dataclass(frozen=True, slots=True)
class ScopeVerdict:
    """What follows for the organisation.

    Attributes:
        state: None where nobody can tell.
        sentence: for a person.
        warnings: what is doubtful besides.
    """

    state: State | None
    sentence: str = ""
    warnings: tuple[str, ...] = ()


def is_waiting(tenant: Tenant, now: datetime) -> bool:
    """Whether a role assignment of Exchange may still be on its way: nothing was proved yet, and it is not long ago."""
    if tenant.state in (State.VERIFIED, State.TOO_LITTLE):
        return False
    return tenant.awaited_since is None or now - tenant.awaited_since < EXCHANGE_LAG


def awaited_since(tenant: Tenant, after: State, now: datetime) -> datetime | None:
    """Since when a role assignment is waited for, once an organisation has gone to the state `after`."""
    if after is not State.WAITING:
        return None
    return tenant.awaited_since if tenant.state is State.WAITING and tenant.awaited_since else now


def judge_scope(seen: ScopedAccess, *, waiting: bool) -> ScopeVerdict:
    """What follows from what was seen, where the token could be judged.

    Args:
        waiting: a role assignment may still be on its way.
    """
    group = seen.group
    warnings = tuple(group.warnings()) if group is not None else ()
    if seen.reaching:
        return ScopeVerdict(State.TOO_MUCH, f"{REACHES_ALL}: {', '.join(seen.reaching)}", warnings)
    if seen.outside is not None and seen.outside.seen == "read":
        what = f"the mailbox of {seen.outside.user_id}, outside of the scope, can be read"
        return ScopeVerdict(State.TOO_MUCH, f"{what}: a role assignment reaches further", warnings)
    if group is not None and group.problem:
        return ScopeVerdict(State.TOO_LITTLE, group.problem, warnings)
    for mailbox in (seen.inside, seen.outside):
        if mailbox is not None and mailbox.seen == "no user":
            return ScopeVerdict(None, f"{mailbox.user_id} is no user of this organisation", warnings)
        if mailbox is not None and mailbox.seen == "unknown":
            return ScopeVerdict(None, mailbox.sentence, warnings)
    return _judge_inside(seen, warnings, waiting=waiting)


def _judge_inside(seen: ScopedAccess, warnings: tuple[str, ...], *, waiting: bool) -> ScopeVerdict:
    inside, outside = seen.inside, seen.outside
    if inside is None:
        return ScopeVerdict(None, "no mailbox inside of the scope is known: name a group, or --inside", warnings)
    if inside.seen == "no mailbox":
        return ScopeVerdict(None, f"{inside.user_id}, named as inside of the scope, has no mailbox", warnings)
    if inside.seen == "policy":
        what = f"an application access policy keeps the connector off the mailbox of {inside.user_id}"
        return ScopeVerdict(State.TOO_LITTLE, what, warnings)
    if inside.seen == "refused":
        if waiting:
            return ScopeVerdict(State.WAITING, f"the mailboxes are not open yet; {LAG_WORDS}", warnings)
        what = f"the mailbox of {inside.user_id}, inside of the scope, is refused: no role assignment reaches it"
        return ScopeVerdict(State.TOO_LITTLE, what, warnings)
    if outside is None or outside.seen == "no mailbox":
        return ScopeVerdict(None, "no mailbox outside of the scope is known to compare with: name --outside", warnings)
    return ScopeVerdict(State.VERIFIED, "", warnings)
