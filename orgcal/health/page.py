"""The page that shows the health of a connector: one HTML file out of the registry, without outside references.

What is wrong now and since when comes first; then a row for each organisation with its last runs as a strip and its
readable mailboxes as a line, which a script of the page filters and sorts; then each organisation's details. It is
readable without that script, on a phone, in the dark, on paper and by a screen reader.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import jinja2
from markupsafe import Markup

from orgcal import __version__
from orgcal.durations import days_left
from orgcal.health.rules import Condition, findings_of
from orgcal.health.snapshot import Snapshot, read_snapshot
from orgcal.printable import counted, printable
from orgcal.settings import AlertSettings
from orgcal.tenants.alerts import rotation_failure
from orgcal.tenants.history import Run, Trail, runs, trails
from orgcal.tenants.model import ACTIVE, Tenant
from orgcal.tenants.registry import Registry
from orgcal.verdicts import WORDS

STRIP = 30
"""Runs in a strip."""

SHOWN = timedelta(weeks=STRIP)
"""Of the history; a strip is full even where an organisation is verified once a week."""

POINTS = 60
"""Points of a line at most; of a longer history each is the least of some runs, so that no dip is lost."""

WIDTH, HEIGHT = 120, 24
"""Of a line, in units of its picture."""

_ASKED = 50
"""Organisations whose history is asked since when they are not well, where no alert tells."""

_SYMBOLS = {"p": "pass", "w": "warn", "f": "fail", "e": "error"}
_WORST_FIRST = ("f", "e", "w", "", "p")
_FACTS: Mapping[str, str] = {
    "users": "users",
    "calendars": "calendars",
    "readable": "mailboxes read",
    "no_mailbox": "without a mailbox",
    "restricted": "restricted by policy",
    "deleted": "deleted meanwhile",
    "failed": "failed",
    "not_read": "not read",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong now.

    Attributes:
        since: empty where nobody knows.
        anchor: of the organisation's details; empty where it is about none.
    """

    sentence: str
    repair: str
    severity: str
    since: str
    anchor: str = ""


@dataclass(frozen=True, slots=True)
class OrganisationRow:
    """An organisation as the page shows it.

    Attributes:
        last: letter of the last verdict; empty before the first verification.
        strip: what the strip shows, in words.
        line: path of the line; empty where there are fewer than two numbers.
        readable: mailboxes of the last run that could look.
        rank: worst first.
    """

    tenant: Tenant
    last: str
    verdict: str
    strip: str
    cells: Sequence[tuple[str, str]]
    line: str
    line_words: str
    readable: int | None
    run: Run | None
    rank: int
    wrong: bool


def page_of(registry: Registry, settings: AlertSettings) -> str:
    """The page as text.

    Raises:
        RegistryUnavailable: the database cannot be asked now.
    """
    snapshot = read_snapshot(registry)
    told = trails(registry, since=snapshot.at - SHOWN)
    found = findings_of(snapshot, settings, rotation_failure=rotation_failure(registry))
    problems = list(_problems(registry, snapshot, found.conditions))
    wrong = {condition.subject for condition in found.conditions}
    rows = sorted(
        (_row(tenant, told.get(tenant.tenant_id), snapshot, wrong) for tenant in snapshot.tenants),
        key=lambda row: (row.rank, row.tenant.name.lower()),
    )
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("orgcal.health"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    assert environment.loader is not None
    script = environment.loader.get_source(environment, "page.js")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template("page.html.j2").render(
        snapshot=snapshot,
        version=__version__,
        at=_moment(snapshot.at),
        problems=problems,
        tiles=_tiles(snapshot, rows),
        credentials=_credentials(snapshot),
        rows=rows,
        facts=_FACTS,
        moment=_moment,
        script=Markup(script),  # noqa: S704  # a file of ours
        digest=digest,
        words={**WORDS, "never": "never"},
        strip_runs=STRIP,
    )


def _problems(registry: Registry, snapshot: Snapshot, conditions: Sequence[Condition]) -> Iterator[Problem]:
    """Worst and oldest first."""
    known = {(alert.rule, alert.subject): alert.since for alert in snapshot.alerts}
    ids = {tenant.tenant_id for tenant in snapshot.tenants}
    asked = 0
    timed: list[tuple[datetime, Condition]] = []
    for condition in conditions:
        since = known.get((condition.rule, condition.subject))
        if since is None and condition.subject in ids and asked < _ASKED:
            asked += 1
            since = not_well_since(runs(registry, condition.subject))
        timed.append((since or snapshot.at, condition))
    for since, condition in sorted(timed, key=lambda item: (item[1].severity != "critical", item[0])):
        anchor = condition.subject if condition.subject in ids else ""
        when = _moment(since) if since != snapshot.at else ""
        yield Problem(condition.sentence, condition.repair, condition.severity, when, anchor)


def not_well_since(history: Iterator[Run]) -> datetime | None:
    """When the runs began, up to the last one, that did not pass; None where the last one passed."""
    since: datetime | None = None
    for run in history:
        if run.verdict == "pass":
            since = None
        elif since is None and run.decided:
            since = run.at
    return since


def _row(tenant: Tenant, trail: Trail | None, snapshot: Snapshot, wrong: set[str]) -> OrganisationRow:
    trail = trail or Trail("", ())
    shown = trail.verdicts[-STRIP:]
    last = shown[-1:]
    counts = Counter(shown)
    told = ", ".join(f"{counts[letter]} {WORDS[_SYMBOLS[letter]]}" for letter in "pwfe" if counts[letter])
    numbers = [number for number in trail.readable if number >= 0]
    line = line_of(thinned(numbers))
    bad = tenant.tenant_id in wrong
    return OrganisationRow(
        tenant,
        last,
        _SYMBOLS.get(last, "never"),
        f"last {counted(len(shown), 'run')}: {told}" if shown else "no run yet",
        cells_of(shown),
        line,
        f"readable mailboxes: {min(numbers)} to {max(numbers)}, now {numbers[-1]}" if line else "",
        numbers[-1] if numbers else None,
        snapshot.verified.get(tenant.tenant_id),
        (0 if bad else 10) + _WORST_FIRST.index(last),
        bad,
    )


def cells_of(verdicts: str) -> list[tuple[str, str]]:
    """The strip as one path for each verdict: its letter, and squares of 3 by 12 at every 4."""
    paths: dict[str, str] = {}
    for place, letter in enumerate(verdicts, start=STRIP - len(verdicts)):
        top, height = (0, 12) if letter != "e" else (4, 4)
        paths[letter] = paths.get(letter, "") + f"M{4 * place} {top}h3v{height}h-3z"
    return list(paths.items())


def thinned(numbers: Sequence[int]) -> list[int]:
    """At most `POINTS` of the numbers: the least of each part, and the last one as it is."""
    if len(numbers) <= POINTS:
        return list(numbers)
    size = -(-(len(numbers) - 1) // (POINTS - 1))
    return [*(min(numbers[start : start + size]) for start in range(0, len(numbers) - 1, size)), numbers[-1]]


def line_of(numbers: Sequence[int]) -> str:
    """The path of a line through the numbers, from 0 at the bottom; empty where there are fewer than two."""
    if len(numbers) < 2:
        return ""
    highest, step = max(numbers) or 1, WIDTH / (len(numbers) - 1)
    points = [
        f"{place * step:.0f} {HEIGHT - 1 - (HEIGHT - 3) * number / highest:.1f}" for place, number in enumerate(numbers)
    ]
    return "M" + "L".join(points)


def _tiles(snapshot: Snapshot, rows: Sequence[OrganisationRow]) -> dict[str, str]:
    access = sum(tenant.state in ACTIVE for tenant in snapshot.tenants)
    known = snapshot.credentials
    active = known.active_credential if known is not None else None
    days = days_left(active.expires_at, snapshot.at) if active is not None else None
    forever = "does not end" if active is not None else "not known"
    return {
        "organisations": f"{len(rows):,}",
        "with access": f"{access:,}",
        "not well": f"{sum(row.wrong for row in rows):,}",
        "mailboxes read": f"{sum(row.readable or 0 for row in rows):,}",
        "days left of the credential": forever if days is None else f"{days:,}",
    }


def _credentials(snapshot: Snapshot) -> list[dict[str, Any]]:
    known = snapshot.credentials
    if known is None:
        return []
    return [
        {
            "generation": item.generation,
            "kind": item.kind,
            "role": "active"
            if item.generation == known.active
            else "superseded"
            if item.superseded_at is not None
            else "new",
            "ends": _moment(item.expires_at),
            "days": days_left(item.expires_at, snapshot.at),
            "revoked": item.revoked,
        }
        for item in known.credentials
    ]


def _moment(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment is not None else "–"


def _shown(value: Any) -> Any:
    """A value of the template as the page shows it; what the template itself made stays as it is."""
    if not isinstance(value, str) or isinstance(value, Markup) or (value.isascii() and value.isprintable()):
        return value  # most of a large page
    return printable(value)
