"""The report as one HTML file without outside references: for people who would rather look than read.

Readable on a phone, by a screen reader, in light and in dark, without JavaScript.
"""

from __future__ import annotations

import math
import re
from datetime import datetime
from typing import Any

import jinja2
from markupsafe import Markup

from orgcal.printable import printable
from verify.answers import TABLE, Place
from verify.latencies import BUCKET_RATIO
from verify.models import MAILBOX_WORDS, Verdict
from verify.summary import WORST_FIRST, OrganisationSummary, Summary, conclusion, conclusion_verdict

MAX_ORGANISATIONS = 2000

LEAST_WIDTH = 0.8
"""Percent of a bar: three failures among ten thousand users must be seen."""

LEAST_BATCHES = 10
"""Of fewer there is nothing to see, and the sentence below the picture says it all."""

LEAST_COLUMNS = 16
"""Places in the picture of latencies, so that a few columns do not become walls."""

MAX_NAMES = 200
"""Organisations that are well and named on the first screen; it is about the others."""

_TIMES = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}(?:[ T][0-9]{2}:[0-9]{2}(?::[0-9]{2})?(?: ?UTC|Z)?)?)")

SYMBOLS: dict[Verdict, str] = {
    Verdict.PASS: "✓",
    Verdict.WARN: "!",
    Verdict.SKIP: "–",
    Verdict.FAIL: "✕",
    Verdict.ERROR: "?",
}


def html(summary: Summary, began: datetime) -> str:
    """The report as text."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("verify.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        finalize=_shown,
    )
    environment.filters["whole_times"] = whole_times
    organisations = sorted(summary.organisations.values(), key=_worst_first)
    well = [item for item in organisations if item.verdict is Verdict.PASS]
    return environment.get_template("report.html.j2").render(
        summary=summary,
        conclusion=conclusion(summary),
        tone=conclusion_verdict(summary).value,
        facts=summary.run.labelled(summary.duration_s) if summary.run else {"began": f"{began:%Y-%m-%d %H:%M} UTC"},
        not_well=[item for item in organisations if item.verdict is not Verdict.PASS][:MAX_ORGANISATIONS],
        well=well[:MAX_NAMES],
        well_left_out=max(0, len(well) - MAX_NAMES),
        well_count=len(well),
        organisations=organisations[:MAX_ORGANISATIONS],
        left_out=max(0, len(organisations) - MAX_ORGANISATIONS),
        totals={
            "organisations": len(organisations),
            "users": sum(item.users for item in organisations),
            "calendars": sum(item.calendars for item in organisations),
        },
        refusals=refusals,
        symbols=SYMBOLS,
        bar=bar,
        latency=latency,
        mailbox_words=MAILBOX_WORDS,
    )


def whole_times(text: str) -> Markup:
    """`text` as HTML in which no date or time is broken into two lines."""
    whole = Markup('<span class="time">{}</span>')
    parts = _TIMES.split(printable(text))  # every second one is a time
    return Markup("").join(whole.format(part) if place % 2 else part for place, part in enumerate(parts))


def bar(organisation: OrganisationSummary) -> list[dict[str, Any]]:
    """The users of an organisation by class, as pieces of one bar; empty where nobody was listed.

    Each piece has its class, words, count, and where it lies in percent of the bar.
    """
    counts = {mailbox_class: count for mailbox_class, count in organisation.mailboxes.items() if count}
    total = sum(counts.values())
    widths = [max(LEAST_WIDTH, 100.0 * count / total) for count in counts.values()]
    parts: list[dict[str, Any]] = []
    start = 0.0
    for (mailbox_class, count), wide in zip(counts.items(), widths, strict=True):
        width = 100.0 * wide / sum(widths)
        lies = {"start": round(start, 3), "width": round(width, 3)}
        parts.append({"name": mailbox_class.value, "words": MAILBOX_WORDS[mailbox_class], "count": count, **lies})
        start += width
    return parts


def latency(organisation: OrganisationSummary) -> dict[str, Any] | None:
    """The picture of the latencies of an organisation's batches; None where no batch was sent.

    Columns are in units of 100 by 40, their places grow by a tenth, and few batches have none.
    """
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
        {
            "x": round(place * width, 2),
            "width": round(width * 0.86, 2),
            "y": round(40 - 40 * count / highest, 2),
            "height": round(40 * count / highest, 2),
        }
        for place, count in places
    ]
    if sum(count for _, count in buckets) < LEAST_BATCHES:
        columns = []
    end_ms = first_ms * BUCKET_RATIO ** (100 / width - 1)
    return {
        "columns": columns,
        "p50_ms": said["p50"],
        "p95_ms": said["p95"],
        "first_ms": round(first_ms),
        "last_ms": round(max(last_ms, end_ms)),
    }


def refusals(organisation: OrganisationSummary) -> list[dict[str, Any]]:
    """Why mailboxes were not read, most frequent first: what each refusal means, and who must change what."""
    calendars = organisation.results.get("calendars")
    counts: dict[str, int] = calendars.evidence.get("refusals", {}) if calendars else {}
    rules = {rule.name: rule for rule in reversed(TABLE) if Place.ENTRY in rule.places}
    return [
        {"name": name, "count": count, "sentence": rules[name].sentence, "repair": rules[name].repair}
        for name, count in counts.items()
        if name in rules
    ]


def _shown(value: Any) -> Any:
    """A value of the template as the page shows it; what the template itself made stays as it is."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _worst_first(organisation: OrganisationSummary) -> tuple[int, str]:
    return WORST_FIRST.index(organisation.verdict), organisation.organisation.lower()
