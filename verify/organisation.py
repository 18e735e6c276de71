"""All checks of one organisation, in order."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from orgcal.entra.auth import Tokens
from orgcal.errors import explained
from verify.access import Access, gain_access
from verify.baseline import baseline_verdict
from verify.classification import ReadingStats
from verify.context import RunContext
from verify.models import CheckId, CheckResult, Mailbox, Target, Verdict
from verify.reading import Reading
from verify.verdicts import calendars_verdict, roles_verdict, users_verdict

WITH_A_TOKEN: tuple[CheckId, ...] = ("roles", "users", "calendars")
"""Checks that each organisation has once there is a token."""


def verify_organisation(target: Target, context: RunContext) -> list[CheckResult]:
    """The results of `target`, in the order in which they are found; errors become results, never exceptions."""
    options = context.options
    if target.invited and not (target.named or options.strict):
        named, connector = target.organisation or target.tenant_id, options.connector
        scoped = target.scope is not None
        sentence = "invited, and limits the connector" if scoped else "invited, and has not consented yet"
        command = connector.script_command(named) if scoped else connector.consent_command(named)
        repair = f"send this link to its administrator: {target.consent_link}" if target.consent_link else command
        return [_of(target, CheckResult("token", Verdict.SKIP, sentence, repair))]
    began = time.perf_counter()
    context.entered(1)
    try:
        results = _checks(target, context)
    finally:
        context.entered(-1)
        if options.listener:
            options.listener.finished(target)
    elapsed_s = time.perf_counter() - began
    return [
        _of(target, replace(result, duration_s=elapsed_s if result.check == "calendars" else 0.0)) for result in results
    ]


def _checks(target: Target, context: RunContext) -> list[CheckResult]:
    return checks_with(gain_access(target, context), target, context)


def checks_with(access: Access, target: Target, context: RunContext) -> list[CheckResult]:
    """The results of `target` that follow from the access that was gained."""
    results = list(access.results)
    if access.tokens is None:
        missing = "there is no token to read with"
        return results + [CheckResult(check, Verdict.SKIP, missing) for check in WITH_A_TOKEN]
    connector = context.options.connector
    if target.scope is not None:
        from verify.scoped_organisation import scoped_checks

        read = partial(read_mailboxes, target, context, access.tokens)
        checked, stats, members = scoped_checks(target, target.scope, access, context, read)
        results += checked
    else:
        stats, members = read_mailboxes(target, context, access.tokens), None
        again = connector.consent_command(target.tenant_id)
        declared = frozenset(connector.permissions)
        results.append(roles_verdict(again, access, declared, stats))
        results.append(users_verdict(stats))
        results.append(calendars_verdict(stats, access.roles, declared, connector.calendars))
    if target.baseline is not None and stats.complete and not context.options.sample:
        accept = connector.accept_command(target.organisation or target.tenant_id)
        results.append(baseline_verdict(stats, target.baseline, accept, members))
    if "events" in context.options.probes:
        from verify.probes import probe_events

        results.append(probe_events(context, access, stats, scoped=target.scope is not None))
    return results


def read_mailboxes(
    target: Target, context: RunContext, tokens: Tokens, on_mailbox: Callable[[Mailbox], None] | None = None
) -> ReadingStats:
    """Read the users and calendars of an organisation; `on_mailbox` is called with each user that is done."""
    options = context.options
    if options.listener:
        options.listener.started(target, None)
    return Reading(
        target,
        context.endpoints,
        tokens,
        context.session,
        pace=options.pace,
        # Somebody is read all the same, so that users are listed in the one way there is.
        sample=1 if options.connector.calendars == "none" else options.sample,
        seed=options.seed,
        with_names=options.show_users,
        stopped=options.stop,
        listener=options.listener,
        connections=None if options.pace.fixed else context,
        on_mailbox=on_mailbox,
    ).run()


def unforeseen(target: Target, error: Exception) -> CheckResult:
    """The result for an organisation whose checks broke in a way that nobody foresaw; the others go on."""
    known = explained(error)
    return _of(target, CheckResult("calendars", Verdict.ERROR, known.what, known.repair))


def interrupted(target: Target) -> CheckResult:
    """The result for an organisation that a worker had when the run was stopped."""
    return _of(target, CheckResult("calendars", Verdict.ERROR, "the run ended before its worker had answered"))


def _of(target: Target, result: CheckResult) -> CheckResult:
    return replace(result, tenant_id=target.tenant_id, organisation=target.organisation or target.tenant_id)
