"""In GitHub Actions: a summary of the step, and at most ten annotations, worst first.

Limits: a summary over 1 MiB is not cut but refused, and of each kind ten annotations of a step are shown.
Source: https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from orgcal.output import give_command
from orgcal.printable import printable
from verify.models import CheckResult, MailboxClass, Verdict
from verify.report.base import Report
from verify.summary import PROOFS, WORST_FIRST, OrganisationSummary, Summary, conclusion

MAX_ANNOTATIONS = 10
MAX_SUMMARY_BYTES = 900_000
MAX_ROWS = 1000
_SYMBOLS = {
    Verdict.PASS: "✅",
    Verdict.WARN: "⚠️",
    Verdict.SKIP: "⏭️",
    Verdict.FAIL: "❌",
    Verdict.ERROR: "❓",
}


def github_report(environ: Mapping[str, str] | None = None) -> GithubReport | None:
    """The report, where we run in GitHub Actions."""
    environ = os.environ if environ is None else environ
    if environ.get("GITHUB_ACTIONS") != "true":
        return None
    named = environ.get("GITHUB_STEP_SUMMARY")
    return GithubReport(Path(named) if named else None)


class GithubReport(Report):
    """Writes at the end of the run.

    Args:
        path: the step's summary file.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def end(self, summary: Summary) -> None:
        for kind, title, text in worst_annotations(summary):
            give_command(sys.stderr, kind, text, title=title)  # not on standard output, so that `--json` stays JSON
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(step_summary(summary))


def worst_annotations(summary: Summary) -> list[tuple[Literal["warning", "error"], str, str]]:
    """Kind, title and text of an annotation for each of the worst results."""
    return [
        (
            "warning" if result.verdict is Verdict.WARN else "error",
            printable(f"{result.organisation or 'connector'}: {result.check}"),
            printable(" → ".join(filter(None, [result.sentence, result.repair]))),
        )
        for result in _not_well(summary)[:MAX_ANNOTATIONS]
    ]


def step_summary(summary: Summary) -> str:
    """Markdown: the conclusion, a row for each organisation, worst first, details folded; never more than is taken."""
    head = "| organisation | verdict | users | calendars | no mailbox | restricted | failed | proved by |\n"
    lines = [f"## Calendar access of organisations\n\n{_cell(conclusion(summary))}\n\n"]
    if not summary.complete:
        lines.append("**interrupted**\n\n")
    if summary.run is not None:
        facts = summary.run.labelled(summary.duration_s)
        lines.append(" · ".join(f"{label} {_cell(text)}" for label, text in facts.items()) + "\n\n")
    organisations = sorted(summary.organisations.values(), key=lambda item: WORST_FIRST.index(item.verdict))
    rows = _fitting((_row(organisation) for organisation in organisations), MAX_SUMMARY_BYTES // 2)
    if rows:
        lines += [head, "|---|---|--:|--:|--:|--:|--:|---|\n", *rows]
    if len(rows) < len(organisations):
        lines.append(f"\n{len(organisations) - len(rows)} more organisations are in the full report.\n")
    bad = _not_well(summary)
    details = _fitting((_detail(result) for result in bad), MAX_SUMMARY_BYTES // 3)
    if details:
        lines += ["\n<details><summary>What is not well</summary>\n\n", *details]
        if len(details) < len(bad):
            lines.append(f"- {len(bad) - len(details)} more are in the full report\n")
        lines.append("\n</details>\n")
    return "".join(lines)


def _row(organisation: OrganisationSummary) -> str:
    classes = (MailboxClass.NO_MAILBOX, MailboxClass.RESTRICTED, MailboxClass.FAILED)
    numbers = " | ".join("-" if number is None else str(number) for number in organisation.numbers(*classes))
    verdict = organisation.verdict
    proof = PROOFS[organisation.proof] if organisation.proof else "-"
    return f"| {_cell(organisation.organisation)} | {_SYMBOLS[verdict]} {verdict.word} | {numbers} | {proof} |\n"


def _detail(result: CheckResult) -> str:
    repair = f" → {_cell(result.repair)}" if result.repair else ""
    subject = _cell(result.organisation or "connector")
    return f"- {_SYMBOLS[result.verdict]} **{subject}** {result.check}: {_cell(result.sentence)}{repair}\n"


def _fitting(lines: Iterable[str], limit: int) -> list[str]:
    """The first of `lines`, as many as there is room for in `limit` bytes."""
    taken: list[str] = []
    for line in lines:
        limit -= len(line.encode())
        if limit < 0 or len(taken) == MAX_ROWS:
            break
        taken.append(line)
    return taken


def _not_well(summary: Summary) -> list[CheckResult]:
    """The results that somebody has to look at, worst first."""
    bad = [result for result in summary.results if result.verdict not in (Verdict.PASS, Verdict.SKIP)]
    return sorted(bad, key=lambda result: WORST_FIRST.index(result.verdict))


def _cell(text: str) -> str:
    """Text that cannot leave its cell or become markup."""
    escaped = "".join(f"\\{char}" if char in "\\`*_{}[]()#+!|~" else char for char in printable(" ".join(text.split())))
    return escaped.replace("<", "&lt;").replace(">", "&gt;")
