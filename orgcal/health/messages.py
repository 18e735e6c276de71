"""The messages of alerts: what changed, as JSON for webhooks and as text for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from orgcal.consent.answers import ENDED, in_brackets, next_step, sentence_of
from orgcal.consent.outcomes import ConsentOutcome
from orgcal.durations import rfc3339
from orgcal.health.rules import Severity
from orgcal.printable import printable
from orgcal.tenants.alerts import ConsentEvent
from orgcal.tenants.model import Tenant

Kind = Literal["problem", "recovery", "event", "test"]

AT_ONCE = 20
"""More changes of one rule than this become one message: a fault of our own may touch every customer."""

_NAMED = 10


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that a message tells.

    Attributes:
        subject: tenant id, or what else it is about.
        since: when the problem was first found, UTC; of an event when it happened.
    """

    kind: Kind
    rule: str
    subject: str
    sentence: str
    repair: str
    severity: Severity
    since: datetime
    urgent: bool = False


def consent_change(event: ConsentEvent, tenant: Tenant, stack: str) -> Notice | None:
    """What an answer of an administrator's tells; None where nobody needs to hear of it."""
    outcome = ConsentOutcome(event.outcome) if event.outcome in set(ConsentOutcome) else None
    if outcome is None or outcome not in ENDED:
        return None
    detail = printable(in_brackets(event.detail))
    return Notice(
        "event",
        "consent",
        tenant.tenant_id,
        f"{tenant.label} {sentence_of(outcome, event.detail)}{detail}",
        next_step(outcome, tenant.tenant_id, stack, event.detail),
        "info" if outcome is ConsentOutcome.DONE else "warning",
        event.at,
    )


def bundled(changes: Sequence[Notice]) -> list[Notice]:
    """The changes, those of one rule and kind as one where there are too many of them."""
    groups: dict[tuple[str, str], list[Notice]] = {}
    for change in changes:
        groups.setdefault((change.kind, change.rule), []).append(change)
    told: list[Notice] = []
    for group in groups.values():
        told += group if len(group) <= AT_ONCE else [_one_of(group)]
    return told


def _one_of(group: Sequence[Notice]) -> Notice:
    first = group[0]
    named = "; ".join(change.sentence for change in group[:_NAMED])
    return Notice(
        first.kind,
        first.rule,
        "many",
        f"{len(group)} organisations at once: {named}; and {len(group) - _NAMED} more",
        "orgcal alerts list, or orgcal history",
        first.severity,
        min(change.since for change in group),
        any(change.urgent for change in group),
    )


def content_of(change: Notice, connector: str, now: datetime, tenant: Tenant | None) -> dict[str, Any]:
    """The message as JSON; `title` and `text` are for people."""
    words = {"problem": change.severity, "recovery": "recovered", "event": "consent", "test": "test"}
    since = f"since {change.since:%Y-%m-%d %H:%M} UTC" if change.kind in ("problem", "recovery") else ""
    lines = (change.sentence, since, f"next: {change.repair}" if change.repair else "", f"connector {connector}")
    return {
        "kind": change.kind,
        "rule": change.rule,
        "severity": change.severity,
        "connector": connector,
        "subject": change.subject,
        "tenant_id": tenant.tenant_id if tenant is not None else None,
        "organisation": tenant.name if tenant is not None else None,
        "sentence": change.sentence,
        "repair": change.repair,
        "since": rfc3339(change.since),
        "at": rfc3339(now),
        "title": f"orgcal {connector}: {words[change.kind]}: {_short(change.sentence)}",
        "text": "\n".join(line for line in lines if line),
    }


def _short(sentence: str) -> str:
    return sentence if len(sentence) <= 90 else f"{sentence[:87]}..."
