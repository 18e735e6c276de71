"""The comparison with what was read before: an organisation that loses mailboxes is not well, though each refusal is.

A policy of the customer's Exchange may leave out mailboxes on purpose, so the number itself proves nothing. What
changes does: a group that loses members, a policy that is new.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from verify.answers import TABLE
from verify.classification import ReadingStats
from verify.models import Baseline, CheckResult, MailboxClass, Verdict

if TYPE_CHECKING:
    from orgcal.tenants.registry import Registry
    from verify.summary import OrganisationSummary, Summary

LEAST_SHARE = 0.9
"""Of the mailboxes read before; fewer are worth a look."""

_EXPECTED = frozenset(rule.name for rule in TABLE if rule.mailbox_class is MailboxClass.DELETED)
"""Users leave every day."""


def baseline_verdict(stats: ReadingStats, before: Baseline, accept: str, members: int | None = None) -> CheckResult:
    """Were as many mailboxes read as before, and for the same reasons not?

    Args:
        stats: of a reading that was complete.
        accept: the command that takes what is read now as the measure.
        members: of the group that the organisation limits the connector to; None where there is none.
    """
    now = measured(stats)
    day = f"on {before.at:%Y-%m-%d}" if before.at else "before"
    new = sorted(now.refusals - before.refusals)
    evidence = {"before": before.as_json(), "readable": now.readable, "new_refusals": new}
    problems = []
    if now.readable < before.readable * LEAST_SHARE:
        problems.append(f"{now.readable:,} mailboxes were read, and {before.readable:,} {day}")
    if members is not None and members < (before.members or 0) * LEAST_SHARE:
        problems.append(f"the group has {members:,} members, and had {before.members:,} {day}")
    problems += [f"a refusal that nobody met {day}: {name} ({stats.tally.refusals[name]:,} users)" for name in new]
    if problems:
        repair = f"ask the organisation whether that is on purpose; if it is: {accept}"
        return CheckResult("baseline", Verdict.WARN, "; ".join(problems), repair, evidence=evidence)
    sentence = f"{now.readable:,} mailboxes were read, and {before.readable:,} {day}"
    return CheckResult("baseline", Verdict.PASS, sentence, evidence=evidence)


def measured(stats: ReadingStats) -> Baseline:
    """What a reading came to, as a measure for later ones."""
    return Baseline(stats.tally.counts[MailboxClass.OK], frozenset(stats.tally.refusals) - _EXPECTED)


def baseline_of(registry: Registry, tenant_id: str) -> Baseline | None:
    """What earlier runs read of an organisation; None before the first that passed."""
    entry = registry.last("measure", tenant_id)
    if entry is None:
        return None
    detail, members = entry.detail, entry.detail.get("members")
    refusals = frozenset(detail.get("refusals") or ())
    return Baseline(int(detail.get("readable") or 0), refusals, entry.at, None if members is None else int(members))


def remember(registry: Registry, summary: Summary, *, accepted: bool) -> None:
    """Write down what was read of each organisation where that is the measure of later runs.

    Args:
        accepted: also where it is less than before.
    """
    for organisation in summary.organisations.values():
        calendars, compared = (organisation.results.get(check) for check in ("calendars", "baseline"))
        known = registry.get(organisation.tenant_id)
        if known is None or calendars is None or calendars.verdict is not Verdict.PASS:
            continue
        if organisation.mailboxes[MailboxClass.NOT_READ] or (
            compared and compared.verdict is Verdict.WARN and not accepted
        ):
            continue
        before = baseline_of(registry, known.tenant_id)
        found = _next(before, calendars.evidence, _members(organisation), accepted=accepted)
        if found != before:
            detail = {"readable": found.readable, "refusals": sorted(found.refusals), "members": found.members}
            registry.note("measure", known.tenant_id, f"{found.readable} mailboxes", **detail)


def _members(organisation: OrganisationSummary) -> int | None:
    """How many are in the group that the organisation limits the connector to; None where there is none."""
    scope = organisation.results.get("scope")
    return None if scope is None else scope.evidence.get("members")


def _next(before: Baseline | None, evidence: Mapping[str, Any], members: int | None, *, accepted: bool) -> Baseline:
    """The measure for the next run, from the evidence of the check `calendars` that passed.

    The number only grows until somebody accepts a smaller one, so that an organisation cannot shrink unnoticed by a
    twentieth each night.
    """
    readable = int(evidence["mailboxes"][MailboxClass.OK.value])
    refusals = frozenset(evidence["refusals"]) - _EXPECTED
    if before is not None and not accepted:
        readable = max(readable, before.readable)
        members = max(members, before.members or 0) if members is not None else None
    return Baseline(readable, refusals, members=members)
