"""The rules of alerts: pure functions of what the registry knows, each with what is wrong and when it is well again.

What nobody could look at keeps its alert: a night without a network neither raises one nor takes one back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from orgcal.durations import days_left
from orgcal.health.snapshot import Snapshot
from orgcal.printable import counted, printable
from orgcal.settings import AlertSettings, RuleName
from orgcal.tenants.model import ACTIVE, State, Tenant
from orgcal.tenants.names import name_key

Severity = Literal["info", "warning", "critical"]

CREDENTIAL, CONNECTOR, ROTATION = "credential", "connector", "rotation"
"""Subjects of what is no organisation's."""

OF_ORGANISATIONS: frozenset[RuleName] = frozenset({"access-lost", "access-too-wide", "coverage-fell"})
"""Rules whose subject is a tenant id."""

_NAMED = 5
"""Organisations that a sentence names; of others it tells how many there are."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that is wrong.

    Attributes:
        stage: grows as it gets worse; a message is sent where it has grown.
        sentence: for a person; names of organisations may be in it.
        repair: what to do.
        urgent: it does not wait for the end of quiet hours.
    """

    rule: RuleName
    subject: str
    sentence: str
    repair: str
    stage: int = 0
    severity: Severity = "warning"
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class Findings:
    """What the rules found.

    Attributes:
        conditions: what is wrong.
        unknown: rules and subjects about which nobody knows anything now.
        spoken_of: tenant ids of organisations that alerts may be about: neither removed nor muted.
    """

    conditions: tuple[Condition, ...]
    unknown: frozenset[tuple[str, str]]
    spoken_of: Mapping[str, Tenant] = field(default_factory=dict)


def findings_of(snapshot: Snapshot, settings: AlertSettings, *, rotation_failure: str) -> Findings:
    """What is wrong by the rules that are on.

    Args:
        rotation_failure: why the last rotation failed; empty where it did not.
    """
    stack = snapshot.connector.rpartition("/")[2]
    spoken_of = {tenant.tenant_id: tenant for tenant in snapshot.tenants if not is_muted(tenant, settings)}
    found: list[Condition] = [*_credentials(snapshot, settings, stack), *_verification(snapshot, settings, spoken_of)]
    if rotation_failure:
        found.append(
            Condition(
                "rotation-failed",
                ROTATION,
                f"the last rotation of the credential failed: {printable(rotation_failure)}",
                f"orgcal rotate --stack {stack}, which goes on where it stopped",
                severity="critical",
            )
        )
    unknown: set[tuple[str, str]] = set()
    if snapshot.credentials is None:
        unknown |= {("credential-ends", CREDENTIAL), ("credential-revoked", CREDENTIAL)}
    for tenant in spoken_of.values():
        found += [*_access_lost(tenant, stack), *_access_too_wide(tenant, stack)]
        run = snapshot.decided.get(tenant.tenant_id)
        if run is None or run.readable is None or tenant.state not in ACTIVE:
            unknown.add(("coverage-fell", tenant.tenant_id))
        else:
            found += _coverage_fell(tenant, run.checks, run.cause, stack)
    on = [condition for condition in found if condition.rule not in settings.off]
    return Findings(tuple(on), frozenset(unknown), spoken_of)


def is_muted(tenant: Tenant, settings: AlertSettings) -> bool:
    """Whether the settings name an organisation among those of which no message is made."""
    names = {tenant.tenant_id, tenant.domain.lower(), name_key(tenant.name)} - {""}
    return any(muted.lower() in names or name_key(muted) in names for muted in settings.mute)


def _credentials(snapshot: Snapshot, settings: AlertSettings, stack: str) -> Iterator[Condition]:
    known = snapshot.credentials
    if known is None:
        return
    revoked = [str(item.generation) for item in known.credentials if item.revoked]
    if revoked:
        yield Condition(
            "credential-revoked",
            CREDENTIAL,
            f"the credential of generation {' and '.join(revoked)} was revoked and still exists",
            f"orgcal rotate --stack {stack}",
            severity="critical",
            urgent=True,
        )
    active = known.active_credential
    days = None if active is None else days_left(active.expires_at, snapshot.at)
    if active is None or days is None or days >= max(settings.days_left, default=0):
        return
    reached = sum(days < limit for limit in settings.days_left)
    ended = active.expires_at <= snapshot.at
    left = f"ends in {days} days" if days > 1 else "ends within a day" if days < 1 else "ends in 1 day"
    when = f"{active.expires_at:%Y-%m-%d %H:%M} UTC"
    yield Condition(
        "credential-ends",
        CREDENTIAL,
        f"the credential (generation {active.generation}) {f'ended at {when}' if ended else f'{left}, at {when}'}",
        f"orgcal rotate --now --stack {stack}",
        stage=reached + ended,
        severity="critical" if days < 7 else "warning",
        urgent=ended,
    )


def _access_lost(tenant: Tenant, stack: str) -> Iterator[Condition]:
    """Who had consented and is in a state without the access that the connector declares."""
    without = (State.REVOKED, State.RECONSENT_NEEDED, State.FAILED, State.TOO_LITTLE)
    if tenant.consented_at is None or tenant.state not in without:
        return
    if tenant.state is State.TOO_LITTLE:
        why = f" ({printable(tenant.reason)})" if tenant.reason else ""
        sentence = f"{tenant.label} lets the connector read fewer mailboxes than it should{why}"
        repair = f"orgcal consent script {tenant.tenant_id} --stack {stack}"
        yield Condition("access-lost", tenant.tenant_id, sentence, repair)
        return
    partly = tenant.state is State.RECONSENT_NEEDED
    lost = "lacks a permission that the connector declares" if partly else "has taken its access away"
    why = f" ({printable(tenant.reason)})" if tenant.reason else ""
    yield Condition(
        "access-lost",
        tenant.tenant_id,
        f"{tenant.label} {lost}{why}",
        f"orgcal consent link {tenant.tenant_id} --stack {stack}",
        stage=0 if partly else 1,
        severity="warning" if partly else "critical",
    )


def _access_too_wide(tenant: Tenant, stack: str) -> Iterator[Condition]:
    """Who limits the connector, which reaches more mailboxes than it should."""
    if tenant.state is State.TOO_MUCH:
        why = f" ({printable(tenant.reason)})" if tenant.reason else ""
        yield Condition(
            "access-too-wide",
            tenant.tenant_id,
            f"{tenant.label} limits the connector, which reaches more mailboxes than it should{why}",
            f"orgcal consent check {tenant.tenant_id} --stack {stack}, which says what removes that",
        )


def _coverage_fell(tenant: Tenant, checks: Mapping[str, str], cause: str, stack: str) -> Iterator[Condition]:
    if checks.get("baseline") == "warn" or "fail" in (checks.get("users"), checks.get("calendars")):
        yield Condition(
            "coverage-fell",
            tenant.tenant_id,
            f"{tenant.label}: {printable(cause)}",
            f"orgcal verify --tenant {tenant.tenant_id} --stack {stack}",
        )


def _verification(snapshot: Snapshot, settings: AlertSettings, spoken_of: Mapping[str, Tenant]) -> Iterator[Condition]:
    limit = settings.verified_within_time
    active = [tenant for tenant in spoken_of.values() if tenant.state in ACTIVE]
    old = [tenant for tenant in active if (age := _age(tenant, snapshot)) is not None and age > limit]
    if not old:
        return
    names = ", ".join(tenant.label for tenant in old[:_NAMED])
    more = f" and {len(old) - _NAMED} more" if len(old) > _NAMED else ""
    hours = int(limit.total_seconds() // 3600)
    yield Condition(
        "verification-old",
        CONNECTOR,
        f"{len(old)} of {counted(len(active), 'organisation')} {'was' if len(old) == 1 else 'were'} not verified "
        f"for {counted(hours, 'hour')}: {names}{more}",
        "see why the nightly job or orgcal watch does not run, or cannot tell",
        stage=int(len(old) == len(active) > 1),
    )


def _age(tenant: Tenant, snapshot: Snapshot) -> timedelta | None:
    """Time since the last verification that told something, or since the consent; None of who never consented."""
    run = snapshot.decided.get(tenant.tenant_id)
    moments = [*([tenant.consented_at] if tenant.consented_at else []), *([run.at] if run else [])]
    return snapshot.at - max(moments) if moments else None
