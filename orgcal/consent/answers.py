"""What became of an administrator's answer, as operators are told: on the terminal, as JSON, in the log, by alerts.

    Contoso (22222222-…) has declined the consent (AADSTS65004: the administrator declined); next: orgcal consent link …

No line holds a link, its state or the handle of a result page.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from orgcal.consent.outcomes import ConsentOutcome
from orgcal.durations import rfc3339
from orgcal.entra.aadsts import meaning_of, number_in
from orgcal.printable import printable
from orgcal.tenants.model import LogEntry, Tenant
from orgcal.tenants.registry import Registry, RegistryUnavailable

_LOG = logging.getLogger("orgcal.consent")

Event = Literal["proving", "accepted", "declined", "refused", "incomplete", "ignored", "unanswered"]
"""`proving`: agreed, and the permissions are looked for; `accepted`: they were seen; `incomplete`: they were not, in
time; `declined` by an administrator; `refused` by Entra ID or a policy; `ignored`: the link was no longer good;
`unanswered`: nobody used it for as long as somebody waited."""

ENDED: Mapping[ConsentOutcome, tuple[Event, str]] = {
    ConsentOutcome.DONE: ("accepted", "has consented"),
    ConsentOutcome.DECLINED: ("declined", "has declined the consent"),
    ConsentOutcome.NOT_ADMINISTRATOR: (
        "refused",
        "has not consented: who opened the link is no administrator there",
    ),
    ConsentOutcome.WRONG_ORGANISATION: (
        "refused",
        "has not consented: somebody of another organisation used its link",
    ),
    ConsentOutcome.SERVICE_MISSING: ("refused", "could not consent: it lacks a service that the application needs"),
    ConsentOutcome.MISCONFIGURED: (
        "refused",
        "could not consent: the application's registration is not as Entra ID wants it",
    ),
    ConsentOutcome.BLOCKED: ("refused", "could not consent: a policy of the organisation stopped the sign-in"),
    ConsentOutcome.BUSY: ("refused", "could not consent: Entra ID could not answer"),
    ConsentOutcome.NOT_ARRIVED: ("incomplete", "has agreed, and the permissions have not arrived in time"),
    ConsentOutcome.FAILED: ("refused", "could not consent: Entra ID answered with an error"),
}
"""What operators are told of an answer that ended; alerts tell nothing else."""

INTERNAL = "internal"
"""Detail of a consent whose proof broke, which is no answer of Microsoft's."""

_ON_THE_WAY: Mapping[ConsentOutcome, tuple[Event, str]] = {
    ConsentOutcome.PROVING: ("proving", "has agreed; its permissions are looked for"),
    ConsentOutcome.WITHDRAWN: ("ignored", "was removed while its consent was proved"),
    ConsentOutcome.LINK_USED: ("ignored", "used its link again, by which it has consented"),
    ConsentOutcome.LINK_USED_WAITING: ("ignored", "used its link again, whose permissions have not been seen yet"),
    ConsentOutcome.LINK_USED_IN_VAIN: ("ignored", "used its link again, by which it has not consented"),
    ConsentOutcome.LINK_EXPIRED: ("ignored", "used a link that is not good any more"),
}


@dataclass(frozen=True, slots=True)
class ConsentNews:
    """What became of an answer.

    Attributes:
        outcome: None where there is no answer.
        organisation: its label.
        detail: Microsoft's code, or why permissions were not seen.
        meaning: what Microsoft's code means; empty where there is none, or where it is not known.
        missing: declared permissions that were not seen.
        next: what the operator does now; empty where nothing is to be done.
    """

    event: Event
    outcome: ConsentOutcome | None
    tenant_id: str
    organisation: str
    sentence: str
    detail: str
    meaning: str
    missing: tuple[str, ...]
    next: str
    time: datetime

    def line(self) -> str:
        """One line for a person."""
        told = f"{self.organisation} ({self.tenant_id}) {self.sentence}{in_brackets(self.detail)}"
        return printable(f"{told}; next: {self.next}" if self.next else told)

    def as_json(self) -> dict[str, Any]:
        """One line of JSON Lines."""
        return {
            "event": self.event,
            "outcome": self.outcome.value if self.outcome is not None else None,
            "tenant_id": self.tenant_id,
            "organisation": self.organisation,
            "sentence": self.sentence,
            "detail": self.detail,
            "meaning": self.meaning,
            "missing": list(self.missing),
            "next": self.next,
            "time": rfc3339(self.time),
        }


Listener = Callable[[ConsentNews], object]
"""Is told of each answer, in the thread that received or proved it: what takes long belongs into another one."""


def sentence_of(outcome: ConsentOutcome, detail: str) -> str:
    """What an organisation has done, or what became of its consent; arguments as of `next_step`."""
    if detail == INTERNAL:
        return "has agreed, and orgcal broke while it looked for the permissions"
    return _told(outcome)[1]


def _told(outcome: ConsentOutcome) -> tuple[Event, str]:
    """Event and sentence of an outcome; its own name of one that belongs to no organisation."""
    return ENDED.get(outcome) or _ON_THE_WAY.get(outcome, ("ignored", outcome.value))


def in_brackets(detail: str) -> str:
    """What a sentence says at its end: the detail of an answer, with the meaning of Microsoft's number in it."""
    why = ": ".join(part for part in (detail, meaning_of(number_in(detail)).sentence) if part)
    return f" ({why})" if why else ""


def told_of(entry: LogEntry) -> str:
    """What a row of the log says of an administrator's answer; empty for a row about something else."""
    is_answer = entry.action == "consent" and "before" not in entry.detail and entry.result in set(ConsentOutcome)
    if not is_answer:
        return ""
    detail = str(entry.detail.get("detail", ""))
    return f"{entry.result}: {sentence_of(ConsentOutcome(entry.result), detail)}{in_brackets(detail)}"


def next_step(outcome: ConsentOutcome, tenant_id: str, stack: str, detail: str) -> str:
    """What the operator does after an answer; empty where nothing is to be done.

    Args:
        detail: of the answer, with Microsoft's number where it has one.
    """
    if outcome is ConsentOutcome.DONE:
        return f"orgcal verify --tenant {tenant_id} --stack {stack}"
    if outcome in (ConsentOutcome.NOT_ARRIVED, ConsentOutcome.LINK_USED_WAITING) or detail == INTERNAL:
        return f"orgcal consent check {tenant_id} --stack {stack}"
    if outcome in (ConsentOutcome.PROVING, ConsentOutcome.LINK_USED, ConsentOutcome.WITHDRAWN):
        return ""
    link = f"orgcal consent link {tenant_id} --stack {stack}"
    if outcome is ConsentOutcome.DECLINED:
        return f"{link}, if that was a mistake"
    repair = meaning_of(number_in(detail)).repair.replace("orgcal consent link TENANT", link)
    return repair if link in repair else f"{repair}, then {link}" if repair else link


def news_of(
    registry: Registry,
    stack: str,
    tenant_id: str,
    outcome: ConsentOutcome,
    detail: str = "",
    missing: tuple[str, ...] = (),
) -> ConsentNews:
    """What is told of an answer; the organisation's label is its tenant id where the registry cannot be asked."""
    try:
        known = registry.get(tenant_id)
    except RegistryUnavailable:
        known = None
    sentence = sentence_of(outcome, detail)
    if outcome is ConsentOutcome.DONE:
        sentence += ": every permission that the link asks for is effective"
    return ConsentNews(
        _told(outcome)[0],
        outcome,
        tenant_id,
        known.label if known is not None else tenant_id,
        sentence,
        detail,
        meaning_of(number_in(detail)).sentence,
        missing,
        next_step(outcome, tenant_id, stack, detail),
        registry.now(),
    )


def unanswered(tenant: Tenant, stack: str, waited: str, now: datetime) -> ConsentNews:
    """What is told where nobody used a link for as long as somebody waited.

    Args:
        waited: in words.
    """
    sentence, again = f"has not answered within {waited}", f"orgcal log {tenant.tenant_id} --stack {stack}"
    return ConsentNews("unanswered", None, tenant.tenant_id, tenant.label, sentence, "", "", (), again, now)


def log_news(news: ConsentNews) -> None:
    """Tell the server's log, `orgcal.consent`."""
    _LOG.info("%s", news.line())
