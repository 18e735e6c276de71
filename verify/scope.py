"""Organisations that limit the connector to some mailboxes: the group, test mailboxes, and who is read all the same.

Out of scope is proved as much as in scope: a mailbox outside that can be read is a failure.
Source: https://learn.microsoft.com/en-us/exchange/permissions-exo/application-rbac
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any
from urllib.parse import quote

from orgcal.entra.exchange_roles import (
    LAG_WORDS,
    REACHES_ALL,
    PermissionProfile,
    reaching_every_mailbox,
    removal_command,
)
from orgcal.entra.graph import GraphClient
from orgcal.entra.tenant_ids import is_guid
from orgcal.errors import GraphError, OrgcalError
from orgcal.printable import printable
from orgcal.tenants.model import State
from orgcal.tenants.scope import GroupReading, MailboxScope, MailboxSeen, Seen
from verify.access import Access
from verify.answers import Place, error_rule
from verify.classification import ReadingStats
from verify.models import CheckResult, Mailbox, MailboxClass, Verdict
from verify.verdicts import plural, roles_verdict

_CANDIDATES = 5
"""Users who are tried as test mailboxes, as some have no mailbox."""
_MOST_NAMED = 5
"""Object ids of mailboxes outside of the scope that a report names."""
_POLICY, _REFUSED = "application access policy", ("denied by Exchange", "no permission in the token")


def read_group(graph: GraphClient, group: str) -> GroupReading:
    """The group of a scope with its direct members, by its name or object id; raises as `GraphClient.get` does."""
    named = printable(group)
    if is_guid(group):
        try:
            found = [graph.get(f"/groups/{group}", {"$select": "id,displayName,groupTypes"})]
        except GraphError as error:
            if error.status != 404:
                raise
            found = []
    else:
        quoted = group.replace("'", "''")
        select = {"$filter": f"displayName eq '{quoted}'", "$select": "id,displayName,groupTypes"}
        found = list(islice(graph.pages("/groups", select), 2))
    if not found:
        return GroupReading(problem=f"the organisation has no group {named}")
    if len(found) > 1:
        return GroupReading(problem=f"several groups are called {named}; name the group by its object id")
    group_id = str(found[0].get("id") or "")
    users, nested = set[str](), 0
    for member in graph.pages(f"/groups/{quote(group_id, safe='')}/members", {"$select": "id", "$top": "999"}):
        if str(member.get("@odata.type")).endswith(".group"):
            nested += 1
        elif identifier := str(member.get("id") or ""):
            users.add(identifier.lower())
    kinds = found[0].get("groupTypes")
    dynamic = isinstance(kinds, list) and "DynamicMembership" in kinds
    name = printable(str(found[0].get("displayName") or group))
    problem = "" if users else f"the group {name} has no direct members, so that no mailbox is in the scope"
    return GroupReading(group_id, name, frozenset(users), nested, dynamic, problem)


def see_mailbox(graph: GraphClient, user_id: str) -> MailboxSeen:
    """Read the calendars of one user; what a server answers is in the result, and never raised."""
    try:
        graph.get(f"/users/{quote(user_id, safe='')}/calendars", {"$select": "id", "$top": "1"})
    except OrgcalError as error:
        rule = error_rule(Place.ENTRY, error)
        seen: Seen = "unknown"
        if rule.name == _POLICY:
            seen = "policy"
        elif rule.name in _REFUSED:
            seen = "refused"
        elif rule.mailbox_class is MailboxClass.NO_MAILBOX:
            seen = "no mailbox"
        elif rule.mailbox_class is MailboxClass.DELETED:
            seen = "no user"
        return MailboxSeen(user_id, seen, rule.sentence or error.what)
    return MailboxSeen(user_id, "read")


def see_scope(
    graph: GraphClient, scope: MailboxScope
) -> tuple[GroupReading | None, MailboxSeen | None, MailboxSeen | None]:
    """The group, and a mailbox inside and one outside of it; those that nobody named are chosen.

    Raises:
        OrgcalError: as `GraphClient.get` does, where the directory cannot be read.
    """
    group = read_group(graph, scope.group_id or scope.group) if scope.group else None
    members = group.members if group is not None else frozenset[str]()
    inside = _first(graph, [scope.inside] if scope.inside else sorted(members))
    outside = _first(graph, [scope.outside] if scope.outside else _others(graph, members) if members else ())
    return group, inside, outside


def _others(graph: GraphClient, members: frozenset[str]) -> Iterator[str]:
    """Users who are not among `members`."""
    for user in graph.pages("/users", {"$select": "id", "$top": "999"}):
        if (identifier := str(user.get("id") or "").lower()) and identifier not in members:
            yield identifier


def _first(graph: GraphClient, users: Iterable[str]) -> MailboxSeen | None:
    """The first of some users who has a mailbox; the last that was tried where none has."""
    seen = None
    for user_id in islice(users, _CANDIDATES):
        seen = see_mailbox(graph, user_id)
        if seen.seen != "no mailbox":
            break
    return seen


@dataclass(slots=True)
class ScopeTally:
    """Counts the mailboxes of a reading by the side of the scope that they are on.

    Attributes:
        members: object ids of the users inside; None where no group tells.
        outside_id: a user who is outside all the same; empty where nobody named one.
    """

    members: frozenset[str] | None
    outside_id: str = ""
    read: int = 0
    refused: int = 0
    by_policy: int = 0
    without: int = 0
    outside_read: int = 0
    outside_refused: int = 0
    named: list[str] = field(default_factory=list)

    def add(self, mailbox: Mailbox) -> None:
        """Count one mailbox."""
        user_id, kind = mailbox.user_id.lower(), mailbox.mailbox_class
        is_inside = user_id != self.outside_id.lower() and (self.members is None or user_id in self.members)
        if kind is MailboxClass.OK and not is_inside:
            self.outside_read += 1
            if len(self.named) < _MOST_NAMED:
                self.named.append(mailbox.user_id)
        elif kind is MailboxClass.OK:
            self.read += 1
        elif kind is MailboxClass.RESTRICTED and (not is_inside or self.members is None):
            self.outside_refused += 1
        elif kind is MailboxClass.RESTRICTED:
            self.refused += 1
            self.by_policy += mailbox.refusal == _POLICY
        elif is_inside:
            self.without += 1

    def as_json(self) -> dict[str, Any]:
        """The counts."""
        return {
            "members": None if self.members is None else len(self.members),
            "inside": {
                "read": self.read,
                "refused": self.refused,
                "by_policy": self.by_policy,
                "without_mailbox": self.without,
            },
            "outside": {"read": self.outside_read, "refused": self.outside_refused, "examples": list(self.named)},
        }


def scoped_roles_verdict(
    command: str, access: Access, profile: PermissionProfile, client_id: str, stats: ReadingStats | None
) -> CheckResult:
    """Are the permissions of the directory effective, and is none that reaches every mailbox?

    Args:
        command: prints the steps for the customer's administrators.
    """
    reaching = reaching_every_mailbox(access.roles or ())
    if not reaching:
        return roles_verdict(command, access, frozenset(profile.in_entra), stats)
    evidence = {"effective": sorted(access.roles or ()), "reaching": list(reaching), "state": State.TOO_MUCH.value}
    sentence = f"{REACHES_ALL}: {', '.join(reaching)}"
    return CheckResult("roles", Verdict.FAIL, sentence, removal_command(client_id, reaching), evidence=evidence)


def scope_verdict(command: str, scope: MailboxScope, group: GroupReading | None, tally: ScopeTally) -> CheckResult:
    """Are the mailboxes inside of the scope read, and those outside refused?

    Args:
        command: prints the steps for the customer's administrators.
    """
    evidence: dict[str, Any] = {**tally.as_json(), "group_id": group.group_id if group is not None else ""}
    result = partial(CheckResult, "scope", evidence=evidence)
    wrong = _wrong(scope, group, tally)
    if wrong is not None:
        state, sentence = wrong
        evidence["state"] = state.value
        if state is State.WAITING:
            evidence["waiting"] = True
            return result(Verdict.WARN, sentence, "verify again later")
        return result(Verdict.FAIL, sentence, command)
    if not tally.read:
        sentence = "no mailbox inside of the scope was read, so that nothing is proved"
        repair = "verify again, without --sample; if it stays, check that members of the group have mailboxes"
        return result(Verdict.ERROR, sentence, repair)
    evidence["state"] = State.VERIFIED.value
    doubts = group.warnings() if group is not None else []
    if tally.refused:
        policy = f" ({tally.by_policy:,} by an {_POLICY})" if tally.by_policy else ""
        who = f"{tally.read:,} of {plural(tally.read + tally.refused, 'mailbox')} of the group read"
        doubts.insert(0, f"{who}, {tally.refused:,} refused{policy}")
    where = f"{plural(tally.read, 'mailbox')} inside of the scope read, {tally.outside_refused:,} outside refused"
    if doubts:
        return result(Verdict.WARN, f"{'; '.join(doubts)}; {where}", command)
    return result(Verdict.PASS, where)


def _wrong(scope: MailboxScope, group: GroupReading | None, tally: ScopeTally) -> tuple[State, str] | None:
    """What is wrong with the scope, and the state that follows; None where nothing is."""
    if tally.outside_read:
        outside = plural(tally.outside_read, "mailbox")
        return State.TOO_MUCH, f"{outside} outside of the scope can be read: {', '.join(tally.named)}"
    if tally.members is None and tally.read and not tally.outside_refused:
        return State.TOO_MUCH, f"every mailbox can be read ({tally.read:,}), so that none is outside of the scope"
    if group is not None and group.problem:
        return State.TOO_LITTLE, group.problem
    if tally.read or not (tally.refused if tally.members is not None else tally.outside_refused):
        return None
    if scope.waiting:
        return State.WAITING, f"no mailbox is open yet; {LAG_WORDS}"
    if tally.refused and tally.refused == tally.by_policy:
        return State.TOO_LITTLE, f"an {_POLICY} keeps the connector off every mailbox of the scope"
    return State.TOO_LITTLE, "no mailbox can be read: no role assignment of Exchange reaches one"
