"""A verification and the registry: which organisations it is to read, and what it proved of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from orgcal import __version__
from orgcal.entra.aadsts import MEANINGS, Kind
from orgcal.tenants.history import KEEP, Run, add_runs, began
from orgcal.tenants.model import State, Tenant
from orgcal.tenants.registry import Registry
from orgcal.tenants.scope import MailboxScope, awaited_since
from orgcal.tenants.states import Cause, Move, after_failed_verification
from verify.baseline import baseline_of
from verify.models import CheckResult, MailboxClass, Target, Verdict
from verify.summary import WORST_FIRST, OrganisationSummary, Summary

_WELL = (Verdict.PASS, Verdict.WARN)
_NOT_WELL = (Verdict.FAIL,)


def registered_targets(registry: Registry) -> Iterator[Target]:
    """Every organisation of a registry."""
    for tenant in registry.tenants():
        baseline = baseline_of(registry, tenant.tenant_id)
        yield Target(
            tenant.tenant_id,
            tenant.label,
            invited=tenant.state is State.INVITED,
            baseline=baseline,
            scope=MailboxScope.of(tenant, registry.now()),
        )


def record(registry: Registry, summary: Summary, *, keep: timedelta = KEEP) -> None:
    """Write down for every organisation of the registry that it was verified, how that ended, and what it proves.

    `checked_at` is the time of every try, `verified_at` of one that succeeded; only that can make a state better.

    Args:
        keep: how long the history is kept, to which each organisation adds a row.
    """
    runs = []
    for organisation in summary.organisations.values():
        known = registry.get(organisation.tenant_id)
        if known is not None and organisation.checked:
            after = registry.move(known.tenant_id, Cause.VERIFY, _decision(registry, organisation))
            runs.append(_run(registry, organisation, after))
    add_runs(registry, runs, keep=keep)


def note_since(registry: Registry, summary: Summary) -> None:
    """Fill in since when each organisation of a run is as the run found it, for reports.

    An organisation that has just changed is so since now. It stays open for those of which nobody could tell.
    """
    for verdicts in (_WELL, _NOT_WELL):
        found = [item for item in summary.organisations.values() if item.verdict in verdicts]
        before = began(registry, verdicts) if found else {}
        for organisation in found:
            if registry.get(organisation.tenant_id) is not None:
                organisation.since = before.get(organisation.tenant_id.lower(), registry.now())


def _run(registry: Registry, organisation: OrganisationSummary, after: Tenant) -> Run:
    """The row of the history; what nobody looked at is left out of it."""
    worst = min(organisation.results.values(), key=lambda result: WORST_FIRST.index(result.verdict))
    passed = worst.verdict is Verdict.PASS
    roles, calendars = (organisation.results.get(check) for check in ("roles", "calendars"))
    reading = calendars.evidence if calendars is not None else {}
    mailboxes = organisation.mailboxes if "mailboxes" in reading else {}
    return Run(
        at=registry.now(),
        tenant_id=after.tenant_id,
        kind="verify",
        version=__version__,
        verdict=worst.verdict.value,
        state=after.state,
        users=organisation.users if organisation.read else None,
        calendars=organisation.calendars if mailboxes else None,
        readable=mailboxes.get(MailboxClass.OK),
        no_mailbox=mailboxes.get(MailboxClass.NO_MAILBOX),
        restricted=mailboxes.get(MailboxClass.RESTRICTED),
        deleted=mailboxes.get(MailboxClass.DELETED),
        failed=mailboxes.get(MailboxClass.FAILED),
        not_read=mailboxes.get(MailboxClass.NOT_READ),
        roles=tuple(roles.evidence.get("effective", ())) if roles is not None else (),
        checks={result.check: result.verdict.value for result in _not_passed(organisation)},
        duration_s=round(sum(result.duration_s for result in organisation.results.values()), 3),
        requests=int(reading.get("requests", 0)),
        throttled_s=float(reading.get("waited_s", 0.0)),
        cause="" if passed else worst.sentence,
    )


def _not_passed(organisation: OrganisationSummary) -> Iterator[CheckResult]:
    return (result for result in organisation.results.values() if result.verdict is not Verdict.PASS)


def _decision(registry: Registry, organisation: OrganisationSummary) -> Callable[[Tenant], Move]:
    verdict, now = organisation.verdict, registry.now()
    changed: dict[str, Any] = {"checked_at": now, "verdict": verdict.value}

    def decide(tenant: Tenant) -> Move:
        if tenant.access == "scoped" and (found := _scoped_state(organisation)) is not None:
            since_when = {"awaited_since": awaited_since(tenant, found[0], now)}
            scoped = {**changed, **since_when, **_group_id(organisation)}
            if found[0] is not State.VERIFIED:
                return Move(*after_failed_verification(tenant, *found), scoped)
        else:
            scoped = changed
        if verdict in (Verdict.PASS, Verdict.WARN):
            proved = {"permissions": _permissions(organisation) or list(tenant.permissions)}
            since = {"verified_at": now, "consented_at": tenant.consented_at or now}
            return Move(State.VERIFIED, "", {**scoped, **since, **proved})
        if verdict is Verdict.FAIL:
            return Move(*after_failed_verification(tenant, *_failure(organisation)), changed)
        return Move(tenant.state, tenant.reason, changed)

    return decide


def _group_id(organisation: OrganisationSummary) -> dict[str, str]:
    """The field of the group that was found by its name; empty where none was."""
    scope = organisation.results.get("scope")
    group_id = "" if scope is None else str(scope.evidence.get("group_id") or "")
    return {"group_id": group_id} if group_id else {}


def _scoped_state(organisation: OrganisationSummary) -> tuple[State, str] | None:
    """The state that the checks of a limited organisation prove, and why; None where they prove none."""
    for check in ("roles", "scope"):
        result = organisation.results.get(check)
        if result is not None and "state" in result.evidence:
            return State(result.evidence["state"]), result.sentence
    return None


def _permissions(organisation: OrganisationSummary) -> list[str]:
    """The declared permissions that were effective; none where the token could not be read."""
    roles = organisation.results.get("roles")
    evidence = roles.evidence if roles is not None else {}
    return sorted(set(evidence.get("declared", ())) - set(evidence.get("missing", ()))) if "missing" in evidence else []


def _failure(organisation: OrganisationSummary) -> tuple[State | None, str]:
    """The state that a failed verification proves, and why; None where it proves none."""
    failed = {check: result for check, result in organisation.results.items() if result.verdict is Verdict.FAIL}
    reason = next(iter(failed.values())).sentence
    if "tenant" in failed:
        return State.FAILED, reason
    if "token" in failed:
        return (State.REVOKED if _not_consented(failed["token"]) else None), reason
    roles = organisation.results.get("roles")
    if roles is None:
        return None, reason
    if roles.verdict is Verdict.FAIL:
        return (State.RECONSENT_NEEDED if roles.evidence.get("effective") else State.REVOKED), roles.sentence
    # A token with every declared permission is what `consented` means; reading with it failed.
    return (State.CONSENTED if roles.evidence.get("missing") == [] else None), reason


def _not_consented(token: CheckResult) -> bool:
    number: Any = token.evidence.get("aadsts")
    meaning = MEANINGS.get(number)
    return meaning is not None and meaning.kind is Kind.NOT_CONSENTED
