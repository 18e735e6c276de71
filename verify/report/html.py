"""The report as one HTML file without outside references: for people who would rather look than read.

Readable on a phone, by a screen reader, in light and in dark, without JavaScript.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2

from verify.latency import BUCKET_RATIO
from verify.models import MailboxClass, Verdict
from verify.report.base import Silent
from verify.report.files import check_writable, write_report
from verify.summary import OrganisationSummary, Summary, conclusion

MAX_ORGANISATIONS = 2000

LEAST_WIDTH = 0.8
"""Percent of a bar: three failures among ten thousand users must be seen."""

LEAST_BATCHES = 10
"""Of fewer there is nothing to see, and the sentence below the picture says it all."""

LEAST_COLUMNS = 16
"""Places in the picture of latencies, so that a few columns do not become walls."""

CLASS_WORDS: dict[MailboxClass, str] = {
    MailboxClass.OK: "read",
    MailboxClass.NO_MAILBOX: "without a mailbox",
    MailboxClass.RESTRICTED: "restricted by policy",
    MailboxClass.DELETED: "deleted meanwhile",
    MailboxClass.FAILED: "failed",
    MailboxClass.NOT_READ: "not read",
}
SYMBOLS: dict[Verdict, str] = {
    Verdict.PASS: "✓",
    Verdict.WARN: "!",
    Verdict.SKIP: "–",
    Verdict.FAIL: "✕",
    Verdict.ERROR: "?",
}


class HtmlReport(Silent):
    """Writes the file at the end of the run."""

    def __init__(self, path: Path) -> None:
        check_writable(path, "--html")
        self._path = path
        self._began = datetime.now(UTC)

    def end(self, summary: Summary) -> None:
        """Write it."""
        write_report(self._path, html(summary, self._began))


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a bar: its class, words, count, and where it lies in percent of the bar."""

    name: str
    words: str
    count: int
    start: float
    width: float


def html(summary: Summary, began: datetime) -> str:
    """The report as text."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("verify.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    organisations = sorted(summary.organisations.values(), key=_worst_first)
    return environment.get_template("report.html.j2").render(
        summary=summary,
        conclusion=conclusion(summary),
        good=summary.exit_code == 0,
        began=began,
        organisations=organisations[:MAX_ORGANISATIONS],
        left_out=max(0, len(organisations) - MAX_ORGANISATIONS),
        totals={
            "organisations": len(organisations),
            "users": sum(item.users for item in organisations),
            "calendars": sum(item.calendars for item in organisations),
        },
        symbols=SYMBOLS,
        bar=bar,
        latency=latency,
        words=CLASS_WORDS,
    )


def bar(organisation: OrganisationSummary) -> list[Part]:
    """The users of an organisation by class, as pieces of one bar; empty where nobody was listed."""
    counts = {mailbox_class: count for mailbox_class, count in organisation.mailboxes.items() if count}
    total = sum(counts.values())
    widths = [max(LEAST_WIDTH, 100.0 * count / total) for count in counts.values()]
    parts: list[Part] = []
    start = 0.0
    for (mailbox_class, count), wide in zip(counts.items(), widths, strict=True):
        width = 100.0 * wide / sum(widths)
        parts.append(Part(mailbox_class.value, CLASS_WORDS[mailbox_class], count, round(start, 3), round(width, 3)))
        start += width
    return parts


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the picture of latencies; all in its own units of 100 by 40."""

    x: float
    width: float
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class LatencyPicture:
    """Latencies of the batches of one organisation; places of columns grow by a tenth, and few batches have none."""

    columns: list[Column]
    p50_ms: float
    p95_ms: float
    first_ms: float
    last_ms: float


def latency(organisation: OrganisationSummary) -> LatencyPicture | None:
    """The picture of an organisation's latencies; None where no batch was sent."""
    result = organisation.results.get("calendars")
    said: dict[str, Any] = result.evidence.get("batch_ms", {}) if result else {}
    buckets: list[list[float]] = said.get("buckets") or []
    if not buckets:
        return None
    first_ms, last_ms = buckets[0][0], buckets[-1][0]
    places = [(round(math.log(ms / first_ms, BUCKET_RATIO)), count) for ms, count in buckets]
    highest = max(count for _, count in places)
    width = 100.0 / max(LEAST_COLUMNS, places[-1][0] + 1)
    columns = [
        Column(round(i * width, 2), round(width * 0.86, 2), round(40 - 40 * n / highest, 2), round(40 * n / highest, 2))
        for i, n in places
    ]
    if sum(count for _, count in buckets) < LEAST_BATCHES:
        columns = []
    end_ms = first_ms * BUCKET_RATIO ** (100 / width - 1)
    return LatencyPicture(columns, said["p50"], said["p95"], round(first_ms), round(max(last_ms, end_ms)))


def _worst_first(organisation: OrganisationSummary) -> tuple[int, str]:
    order = [Verdict.FAIL, Verdict.ERROR, Verdict.WARN, Verdict.PASS, Verdict.SKIP]
    return order.index(organisation.verdict), organisation.organisation.lower()
