"""Optional checks of what the scopes promise beyond listing calendars."""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import quote

from orgcal.entra.graph import GraphClient
from orgcal.entra.permissions import READS_CALENDARS, READS_EVENTS
from orgcal.errors import GraphError, OrgcalError
from verify.access import Access
from verify.answers import Place, error_rule
from verify.classification import ReadingStats
from verify.context import RunContext
from verify.models import CheckResult, MailboxClass, Verdict


def probe_events(context: RunContext, access: Access, stats: ReadingStats, *, scoped: bool = False) -> CheckResult:
    """Can an event be read with its body where the scopes promise that, and not where they do not?

    `Calendars.ReadBasic.All` promises events without body, attachments and extensions; both a refusal of the body and
    an event without one keep that promise.

    Args:
        scoped: the organisation limits the connector: the mailboxes that were read are those of its scope, and the role
            that Exchange has for `Calendars.ReadBasic.All` shows bodies.

    Source: https://learn.microsoft.com/en-us/graph/permissions-reference#calendarsreadbasicall
    """
    declared = frozenset(context.options.connector.permissions)
    if not declared & READS_CALENDARS:
        return CheckResult("events", Verdict.SKIP, "no scope of the connector promises events")
    if not stats.tally.readable or access.tokens is None:
        return CheckResult("events", Verdict.SKIP, "there is no readable mailbox to probe")
    promised = bool(declared & READS_EVENTS)
    graph = GraphClient(
        context.endpoints, access.tokens, context.session, budget_s=context.options.pace.single_budget_s
    )
    evidence: dict[str, Any] = {"mailboxes": len(stats.tally.readable), "events": 0}
    result = partial(CheckResult, "events", evidence=evidence)
    for user_id in stats.tally.readable:
        path = f"/users/{quote(user_id, safe='')}/events"
        try:
            # Without `$select`: naming a property that the scopes keep back would be refused for that reason alone.
            events = graph.get(path, {"$top": "1"}).get("value")
        except GraphError as error:
            evidence["request_id"] = error.request_id
            restricted = error_rule(Place.ENTRY, error).mailbox_class is MailboxClass.RESTRICTED
            if restricted and not promised:
                return result(Verdict.PASS, "bodies of events are refused, as the scopes say")
            verdict = Verdict.FAIL if error.status == 403 else Verdict.ERROR
            repair = "compare the connector's scopes with what was consented to"
            return result(verdict, f"an event cannot be read: {error.what}", repair)
        except OrgcalError as error:
            return result(Verdict.ERROR, error.what, error.repair)
        events = events if isinstance(events, list) else []
        evidence["events"] += len(events)
        if not promised and any(isinstance(event, dict) and event.get("body") for event in events):
            sentence = "bodies of events can be read, which the scopes do not promise"
            # As after a connector asks for less, or by the role of Exchange.
            granted = scoped or bool((access.roles or frozenset()) & READS_EVENTS)
            verdict = Verdict.WARN if granted else Verdict.FAIL
            return result(verdict, sentence, "remove the surplus permission in the customer's tenant")
    if not evidence["events"]:
        return result(Verdict.PASS, "events may be read; the mailboxes probed hold none")
    sentence = "an event was read with its body" if promised else "events are read without their bodies"
    return result(Verdict.PASS, sentence)
