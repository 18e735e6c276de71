"""The checks of an organisation that limits the connector to some mailboxes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from orgcal.entra.exchange_roles import split_permissions
from orgcal.entra.graph import GraphClient
from orgcal.errors import OrgcalError
from orgcal.tenants.scope import GroupReading, MailboxScope
from verify.access import Access
from verify.classification import ReadingStats
from verify.context import RunContext
from verify.models import CheckResult, Mailbox, MailboxClass, Target, Verdict
from verify.scope import ScopeTally, read_group, scope_verdict, scoped_roles_verdict
from verify.verdicts import calendars_verdict, users_verdict

ReadMailboxes = Callable[[Callable[[Mailbox], None]], ReadingStats]
"""Reads an organisation, and calls its argument with each user that is done."""


def scoped_checks(
    target: Target, scope: MailboxScope, access: Access, context: RunContext, read: ReadMailboxes
) -> tuple[list[CheckResult], ReadingStats, int | None]:
    """The results of `roles`, `users`, `calendars` and `scope`, what was read, and how many are in the group."""
    connector = context.options.connector
    command = connector.script_command(target.organisation or target.tenant_id)
    group, error = _group(scope, access, context)
    known = group is not None and not group.problem
    tally = ScopeTally(group.members if group is not None and known else None, scope.outside)
    stats = read(tally.add)
    profile = split_permissions(connector.permissions)
    results = [scoped_roles_verdict(command, access, profile, connector.client_id, stats), users_verdict(stats)]
    results.append(_calendars(stats, tally, access, connector.calendars == "none"))
    if error is not None:
        results.append(CheckResult("scope", Verdict.ERROR, f"the group cannot be read: {error.what}", error.repair))
    else:
        results.append(scope_verdict(command, scope, group, tally))
    return results, stats, len(group.members) if group is not None and known else None


def _group(scope: MailboxScope, access: Access, context: RunContext) -> tuple[GroupReading | None, OrgcalError | None]:
    """The group of the scope; or why it cannot be read."""
    if not scope.group or access.tokens is None:
        return None, None
    graph = GraphClient(
        context.endpoints, access.tokens, context.session, budget_s=context.options.pace.single_budget_s
    )
    try:
        return read_group(graph, scope.group_id or scope.group), None
    except OrgcalError as error:
        return None, error


def _calendars(stats: ReadingStats, tally: ScopeTally, access: Access, none: bool) -> CheckResult:
    """Can calendars be read? Where Exchange refuses every mailbox, the check `scope` says what that means."""
    found = calendars_verdict(stats, access.roles, None, "none" if none else "exchange")
    refused = stats.tally.counts[MailboxClass.RESTRICTED]
    if found.verdict is Verdict.FAIL and refused and not tally.read and not stats.tally.counts[MailboxClass.FAILED]:
        return replace(found, verdict=Verdict.SKIP, sentence=f"every mailbox is refused ({refused:,})", repair="")
    return found
