"""Verdicts on the reading of one organisation: roles, users, calendars."""

from __future__ import annotations

from functools import partial
from typing import Any

from orgcal.entra.permissions import READS_CALENDARS, READS_USERS, CalendarsFrom
from orgcal.entra.pinned_roles import APP_ROLE_IDS
from orgcal.entra.role_relation import compare
from orgcal.errors import GraphError, OrgcalError
from verify.access import Access
from verify.answers import TABLE, Place, error_rule
from verify.classification import ReadingStats
from verify.models import MAILBOX_WORDS, CheckId, CheckResult, MailboxClass, Tally, Verdict

_POLICY = next(rule for rule in TABLE if rule.words)
"""Exchange's refusals whose text names who must change what."""

_RECONSENT = "send the organisation's administrator a new consent link: {command}"


def roles_verdict(command: str, access: Access, required: frozenset[str], stats: ReadingStats | None) -> CheckResult:
    """Are the declared permissions effective, or included in effective ones, and nothing beyond them?

    A missing role whose calls succeed all the same is a warning: with RBAC for Applications Exchange grants it, and the
    token does not say so (https://learn.microsoft.com/en-us/exchange/permissions-exo/application-rbac).

    Args:
        command: makes a new consent link.
        required: the declared permissions.
    """
    if access.roles is None:
        unread = "the token cannot be read and neither can the grants; only the calls below prove what is permitted"
        return CheckResult("roles", Verdict.WARN, unread, evidence={"declared": sorted(required)})
    compared = compare(required, access.roles)
    missing, surplus = compared.missing, compared.surplus
    source = "" if access.roles_from == "token" else " (by the grants in the tenant, as the token cannot be read)"
    evidence: dict[str, Any] = {
        "declared": sorted(required),
        "effective": sorted(access.roles),
        "missing": sorted(missing),
        "surplus": sorted(surplus),
        "read_from": access.roles_from,
    }
    result = partial(CheckResult, "roles", evidence=evidence)
    if not missing and not compared.beyond:
        included = f"; granted besides, and included in these: {', '.join(sorted(surplus))}" if surplus else ""
        return result(Verdict.PASS, f"effective: {', '.join(sorted(required))}{included}{source}")
    if not missing:
        sentence = f"more is granted than declared: {', '.join(sorted(compared.beyond))}{source}"
        repair = "remove the grant in the customer's tenant, or add the scope to the connector"
        return result(Verdict.WARN, sentence, repair)
    names = ", ".join(sorted(missing))
    if missing <= _granted_elsewhere(access.roles, stats):
        elsewhere = "the calls that need it succeed, so it is granted elsewhere (RBAC for Applications)"
        return result(Verdict.WARN, f"missing from the token: {names}; {elsewhere}")
    sentence = f"missing: {names}"
    if not access.roles:
        sentence = "no permission is effective: the consent is missing, or has not arrived everywhere yet"
    repair = _RECONSENT.format(command=command)
    if unknown := sorted(missing - APP_ROLE_IDS.keys()):
        repair = f"check the spelling of {', '.join(unknown)}, which orgcal's own table does not have; then {repair}"
    return result(Verdict.FAIL, f"{sentence}{source}", repair)


def _granted_elsewhere(roles: frozenset[str], stats: ReadingStats | None) -> frozenset[str]:
    """Permissions that may be effective without being in the token: calls succeeded that no role in it explains.

    With `Calendars.Read` in the token, say, reading calendars says nothing about a missing `Calendars.ReadWrite`.
    """
    elsewhere: frozenset[str] = frozenset()
    if stats is not None and stats.listed and not roles & READS_USERS:
        elsewhere |= READS_USERS
    if stats is not None and stats.tally.counts[MailboxClass.OK] and not roles & READS_CALENDARS:
        elsewhere |= READS_CALENDARS
    return elsewhere


def users_verdict(stats: ReadingStats) -> CheckResult:
    """Can every user be listed?"""
    evidence: dict[str, Any] = {
        "listed": stats.listed,
        "expected": stats.expected,
        "request_id": stats.users_request_id,
        "repeated": stats.repeated,
        "relisted": stats.relisted,
    }
    result = partial(CheckResult, "users", evidence=evidence)
    error = stats.listing_error
    if error is not None:
        return _refusal("users", Place.USERS, error, f"listing users ended after {stats.listed:,}: ", evidence)
    users = plural(stats.listed, "user")
    if not stats.listing_complete:
        return result(Verdict.ERROR, f"the run ended when {users} were listed, and there are more")
    if stats.listed == 0:
        evidence["nobody"] = True
        repair = "check that this is the organisation you mean"
        return result(Verdict.ERROR, "no user was listed, so nothing is proved", repair)
    if stats.expected is not None and abs(stats.expected - stats.listed) > max(10, stats.listed // 100):
        sentence = f"{users} listed, while Microsoft Graph counts {stats.expected}; its count lags behind"
        repair = "verify again later; if the difference stays, report it to Microsoft"
        return result(Verdict.WARN, sentence, repair)
    return result(Verdict.PASS, f"{users} listed")


def calendars_verdict(
    stats: ReadingStats,
    roles: frozenset[str] | None = None,
    declared: frozenset[str] | None = None,
    source: CalendarsFrom = "consented",
) -> CheckResult:
    """Can the calendars of every user who has a mailbox be read?

    Args:
        roles: effective permissions, which tell a missing one from a policy; None where nobody can tell.
        declared: permissions of the connector; None where they do not matter.
        source: where its access to calendars comes from.
    """
    if source == "none":
        about = "the connector is about something else than calendars (orgcal:connector.calendars: none)"
        return CheckResult("calendars", Verdict.SKIP, about)
    tally = stats.tally
    counts = tally.counts
    evidence: dict[str, Any] = {
        "mailboxes": {mailbox_class.value: count for mailbox_class, count in counts.items()},
        "calendars": tally.calendars,
        "reasons": dict(sorted(tally.reasons.items(), key=lambda item: -item[1])),
        "refusals": dict(sorted(tally.refusals.items(), key=lambda item: -item[1])),
        "request_ids": dict(tally.request_ids),
        "failed_examples": list(tally.examples),
        "requests": stats.requests,
        "retries": stats.retries,
        "throttled": stats.throttles,
        "waited_s": stats.waited_s,
        "concurrency": stats.concurrency,
        "strange_entries": stats.unusable,
        "batch_ms": {
            "p50": stats.latencies.percentile_ms(50),
            "p95": stats.latencies.percentile_ms(95),
            "buckets": [list(bucket) for bucket in stats.latencies.buckets()],
        },
    }
    result = partial(CheckResult, "calendars", evidence=evidence)
    ok, failed, restricted = counts[MailboxClass.OK], counts[MailboxClass.FAILED], counts[MailboxClass.RESTRICTED]
    read = tally.total - counts[MailboxClass.NOT_READ]
    summary = f"{plural(tally.calendars, 'calendar')} of {plural(ok, 'mailbox')} read{_others(stats)}"
    if stats.reading_error is not None:
        then = f"{summary}; then: " if read or tally.calendars else ""
        return _refusal("calendars", Place.BATCH, stats.reading_error, then, evidence)
    if read == 0 and stats.listing_error is not None:
        return result(Verdict.SKIP, "there are no users to read calendars of")
    if failed:
        first = tally.examples[0]["reason"] if tally.examples else max(tally.reasons, key=tally.reasons.__getitem__)
        sentence = f"{plural(failed, 'mailbox')} of {read} failed ({first}); {summary}"
        if failed > tally.undecided:
            return result(Verdict.FAIL, sentence, _repair_of(tally))
        return result(Verdict.ERROR, sentence, "Microsoft Graph could not answer; verify again")
    if not ok and restricted:
        return result(
            Verdict.FAIL, f"access is denied for every mailbox ({restricted})", _why_denied(roles, declared, tally)
        )
    if not tally.calendars:
        sentence = f"no calendar was read, so nothing is proved{_others(stats)}"
        repair = "check that users of this organisation have mailboxes in Exchange Online"
        return result(Verdict.ERROR, sentence, repair)
    if not stats.complete:
        return result(Verdict.ERROR, f"the run ended before all were read; {summary}")
    return result(Verdict.PASS, summary)


def _repair_of(tally: Tally) -> str:
    """What to do about mailboxes that failed: by the row of most of them."""
    rows = [rule for rule in TABLE if Place.ENTRY in rule.places and rule.mailbox_class is MailboxClass.FAILED]
    return max(rows, key=lambda rule: tally.refusals.get(rule.name, 0)).repair or "see the reasons in the report"


def _why_denied(roles: frozenset[str] | None, declared: frozenset[str] | None, tally: Tally) -> str:
    """What to do where access to every mailbox is denied: who must change what."""
    if tally.refusals.get(_POLICY.name):
        return f"an application access policy of the customer's Exchange leaves out everybody: {_POLICY.repair}"
    if declared is not None and declared.isdisjoint(READS_CALENDARS):
        return (
            "no scope of the connector opens calendars: add Calendars.Read to its scopes, or let the organisation's "
            "Exchange administrator assign the role Application Calendars.Read (docs/for-your-customers.md)"
        )
    if roles is None:
        return "the calendar permission is missing, or a policy of the customer's Exchange leaves out everybody"
    if roles & READS_CALENDARS:
        return "the permission is there, so a policy of the customer's Exchange leaves out everybody: ask for its scope"
    return "no calendar permission is effective: send the organisation's administrator a new consent link"


def _refusal(check: CheckId, place: Place, error: OrgcalError, prefix: str, evidence: dict[str, Any]) -> CheckResult:
    """The end of the listing or the reading; who is wrong is decided by `verify.answers.TABLE`."""
    rule = error_rule(place, error)
    sentence = error.what
    if isinstance(error, GraphError):
        evidence["request_id"] = error.request_id
        if rule.sentence and rule.sentence not in sentence:
            sentence = f"{rule.sentence} ({sentence})"
    evidence["refusal"] = rule.name
    return CheckResult(check, rule.verdict, prefix + sentence, error.repair or rule.repair, evidence=evidence)


def _others(stats: ReadingStats) -> str:
    """The mailboxes that were not read, as the end of a sentence."""
    counts = stats.tally.counts
    by_policy = stats.tally.refusals.get(_POLICY.name, 0)
    unread = (MailboxClass.NO_MAILBOX, MailboxClass.RESTRICTED, MailboxClass.DELETED, MailboxClass.NOT_READ)
    words = {**MAILBOX_WORDS}
    if by_policy:
        words[MailboxClass.RESTRICTED] += f" ({by_policy:,} by an {_POLICY.name})"
    return "".join(f", {counts[name]:,} {words[name]}" for name in unread if counts[name])


def plural(count: int, noun: str) -> str:
    """`1 user`, `2 users`, `2 mailboxes`."""
    if count == 1:
        return f"1 {noun}"
    return f"{count:,} {noun}{'es' if noun.endswith('x') else 's'}"
