"""Finds what has changed since the last time, and makes a message of each change: it went wrong, or is well again.

What was wrong lies in the registry, so that two jobs at once, or a job that was killed, send nothing twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from orgcal.health.messages import Notice, bundled, consent_change, content_of
from orgcal.health.rules import OF_ORGANISATIONS, Condition, Findings, findings_of
from orgcal.health.snapshot import read_snapshot
from orgcal.settings import AlertSettings
from orgcal.tenants.alerts import AlertSession, OpenAlert, alert_session, rotation_failure
from orgcal.tenants.model import Tenant
from orgcal.tenants.registry import Registry

WELL: Mapping[str, str] = {
    "access-lost": "{} gives access again",
    "access-too-wide": "{}: the connector reaches no more mailboxes than it should",
    "coverage-fell": "{}: as many mailboxes can be read as before",
    "credential-ends": "the connector uses a credential that lasts long enough",
    "credential-revoked": "no revoked credential exists any more",
    "rotation-failed": "the rotation of the credential succeeded",
    "verification-old": "every organisation was verified in time",
}
"""What is told when it is well again; the organisation's name goes into it."""


def update_alerts(registry: Registry, settings: AlertSettings) -> list[Notice]:
    """Compare what is wrong with what was, write that down, and make the messages; returns what they tell.

    Raises:
        RegistryUnavailable: the database cannot be asked now; nothing was changed.
    """
    with alert_session(registry) as session:
        # Read while no other job compares, so that none decides by what was true before.
        failure = rotation_failure(registry)
        found = findings_of(read_snapshot(registry), settings, rotation_failure=failure)
        now = registry.now()
        changes = _changes(session, found, settings, now)
        tenants = found.spoken_of
        stack = registry.connector.rpartition("/")[2]
        for event in session.consents():
            tenant = tenants.get(event.tenant_id)
            told = consent_change(event, tenant, stack) if tenant is not None else None
            if told is not None and "consent" not in settings.off:
                _add(session, registry, settings, told, tenant, f"consent {event.entry}")
        bundles = bundled(changes)
        for change in bundles:
            key = f"{change.kind} {change.rule} {change.subject} {change.sentence} {now.isoformat()}"
            _add(session, registry, settings, change, tenants.get(change.subject), key)
    return bundles


def _changes(session: AlertSession, found: Findings, settings: AlertSettings, now: datetime) -> list[Notice]:
    before = session.open_alerts()
    wrong = {(item.rule, item.subject): item for item in found.conditions}
    changes = []
    for key, condition in wrong.items():
        known = before.get(key)
        since = now if known is None else known.since
        session.put(OpenAlert(*key, condition.stage, since, condition.sentence))
        if known is None or condition.stage > known.stage:
            changes.append(_problem(condition, since))
    for (rule, subject), alert in before.items():
        if (rule, subject) in wrong:
            continue
        silent = rule in settings.off or (rule in OF_ORGANISATIONS and subject not in found.spoken_of)
        if (rule, subject) in found.unknown and not silent:
            continue
        session.close(rule, subject)
        if not silent:
            tenant = found.spoken_of.get(subject)
            # A rule of another version, which shares this registry, has no words here.
            well = WELL.get(rule, f"{rule}: it is well again").format(tenant.label if tenant is not None else "")
            changes.append(Notice("recovery", rule, subject, well, "", "info", alert.since))
    return changes


def _problem(condition: Condition, since: datetime) -> Notice:
    return Notice(
        "problem",
        condition.rule,
        condition.subject,
        condition.sentence,
        condition.repair,
        condition.severity,
        since,
        condition.urgent,
    )


def _add(
    session: AlertSession, registry: Registry, settings: AlertSettings, change: Notice, tenant: Tenant | None, key: str
) -> None:
    now = registry.now()
    due_at = now if change.urgent else after_quiet_hours(now, settings)
    content = content_of(change, registry.connector, now, tenant)
    session.add_message(key, dict.fromkeys(settings.targets, due_at), change.rule, change.subject, content)


def after_quiet_hours(now: datetime, settings: AlertSettings) -> datetime:
    """`now`, or the end of the quiet hours in which it lies."""
    if settings.quiet is None:
        return now
    begin, end = settings.quiet
    local = now.astimezone(ZoneInfo(settings.time_zone))
    over = begin > end  # over midnight
    quiet = (local.time() >= begin or local.time() < end) if over else begin <= local.time() < end
    if not quiet:
        return now
    ends = local.replace(hour=end.hour, minute=end.minute, second=0, microsecond=0)
    if ends <= local:
        ends += timedelta(days=1)  # the same time of day, whatever the clocks are set to meanwhile
    return ends.astimezone(now.tzinfo)
