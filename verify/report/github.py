"""In GitHub Actions: a summary of the step, and at most ten annotations, worst first.

Limits: a summary over 1 MiB is not cut but refused, and of each kind ten annotations of a step are shown.
Source: https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from verify.models import CheckResult, MailboxClass, Verdict
from verify.report import Silent
from verify.summary import Summary

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


class GithubReport(Silent):
    """Writes at the end of the run.

    Args:
        path: the step's summary file.
        out: where annotations go; standard error, so that `--json` stays JSON.
    """

    def __init__(self, path: Path | None, out: TextIO | None = None) -> None:
        self._path = path
        self._out = out or sys.stderr

    def end(self, summary: Summary) -> None:
        """Write summary and annotations."""
        for line in annotation_lines(summary):
            self._out.write(line + "\n")
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(step_summary(summary))


def annotation_lines(summary: Summary) -> list[str]:
    """Workflow commands for the worst results."""
    order = [Verdict.FAIL, Verdict.ERROR, Verdict.WARN]
    wanted = sorted((result for result in summary.results if result.verdict in order), key=_rank)
    lines = []
    for result in wanted[:MAX_ANNOTATIONS]:
        kind = "warning" if result.verdict is Verdict.WARN else "error"
        title = _property(f"{result.organisation or 'connector'}: {result.check}")
        lines.append(f"::{kind} title={title}::{_data(' → '.join(filter(None, [result.sentence, result.repair])))}")
    return lines


def step_summary(summary: Summary) -> str:
    """Markdown: a row for each organisation, details folded."""
    head = "| organisation | verdict | users | calendars | no mailbox | restricted | failed |\n"
    rows = ["## Calendar access of organisations\n", "" if summary.complete else "**interrupted**\n", head]
    rows.append("|---|---|--:|--:|--:|--:|--:|\n")
    classes = (MailboxClass.NO_MAILBOX, MailboxClass.RESTRICTED, MailboxClass.FAILED)
    for number, organisation in enumerate(sorted(summary.organisations.values(), key=lambda item: item.verdict.value)):
        if number == MAX_ROWS:
            rows.append(f"\n{len(summary.organisations) - MAX_ROWS} more organisations are in the full report.\n")
            break
        verdict = organisation.verdict
        counts = " | ".join(str(organisation.mailboxes[mailbox_class]) for mailbox_class in classes)
        rows.append(
            f"| {_cell(organisation.organisation)} | {_SYMBOLS[verdict]} {verdict.value} | {organisation.users} "
            f"| {organisation.calendars} | {counts} |\n"
        )
    bad = [result for result in summary.results if result.verdict not in (Verdict.PASS, Verdict.SKIP)]
    if bad:
        rows.append("\n<details><summary>What is not well</summary>\n\n")
        rows += [
            f"- {_SYMBOLS[result.verdict]} **{_cell(result.organisation or 'connector')}** {result.check}: "
            f"{_cell(result.sentence)}{f' → {_cell(result.repair)}' if result.repair else ''}\n"
            for result in bad[:MAX_ROWS]
        ]
        rows.append("\n</details>\n")
    text = "".join(rows)
    if len(text.encode()) > MAX_SUMMARY_BYTES:
        return (
            f"## Calendar access of organisations\n\n{len(summary.organisations)} organisations; see the full report.\n"
        )
    return text


def _rank(result: CheckResult) -> int:
    return [Verdict.FAIL, Verdict.ERROR, Verdict.WARN].index(result.verdict)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _cell(text: str) -> str:
    """Text that cannot leave its cell or become markup."""
    escaped = "".join(f"\\{char}" if char in "\\`*_{}[]()#+!|~" else char for char in " ".join(text.split()))
    return escaped.replace("<", "&lt;").replace(">", "&gt;")
