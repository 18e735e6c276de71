"""Reports of a verification, each in a module of its own; nothing here is loaded by `import verify`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from orgcal.errors import UsageError
from verify.models import CheckResult, Mailbox, Target
from verify.report.base import FileReport, Report
from verify.run_description import RunDescription
from verify.summary import Summary


class Reports(Report):
    """Several reports as one; those that do not want single users cost nothing for each."""

    def __init__(self, reports: Sequence[Report]) -> None:
        self._reports = reports
        self._detailed = [report for report in reports if report.wants_mailboxes]
        self.wants_mailboxes = bool(self._detailed)

    @classmethod
    def of(
        cls,
        *,
        quiet: bool,
        as_json: bool,
        jsonl: Path | None,
        junit: Path | None,
        html: Path | None,
        show_users: bool,
    ) -> Reports:
        """The reports that were asked for; files are made now, so that a wrong path is known before the run.

        Raises:
            UsageError: a file cannot be written, or two reports want standard output.
        """
        lines_to_output = jsonl is not None and str(jsonl) == "-"
        if lines_to_output and as_json:
            raise UsageError("both would be on standard output", where="--json, --jsonl -", repair="name a file")
        reports: list[Report] = []
        with ExitStack() as undo:
            if as_json:
                from verify.report.machine import JsonReport

                reports.append(JsonReport())
            else:
                from verify.report.console import ConsoleReport

                reports.append(ConsoleReport(quiet=quiet, out=sys.stderr if lines_to_output else None))
            if jsonl is not None:
                from verify.report.machine import JsonLinesReport

                lines = JsonLinesReport(jsonl, show_users=show_users)
                undo.callback(lines.close)
                reports.append(lines)
            if junit is not None:
                from verify.report.junit import junit as junit_text

                reports.append(FileReport(junit, "--junit", junit_text))
            if html is not None:
                from verify.report.html import html as html_text

                reports.append(FileReport(html, "--html", html_text))
            from verify.report.github import github_report

            github = github_report()
            if github is not None:
                reports.append(github)
            undo.pop_all()
        return cls(reports)

    def begin(self, run: RunDescription) -> None:
        for report in self._reports:
            report.begin(run)

    def started(self, target: Target, total: int | None) -> None:
        for report in self._reports:
            report.started(target, total)

    def progress(self, target: Target, listed: int, read: int) -> None:
        for report in self._reports:
            report.progress(target, listed, read)

    def mailbox(self, target: Target, mailbox: Mailbox) -> None:
        for report in self._detailed:
            report.mailbox(target, mailbox)

    def finished(self, target: Target) -> None:
        for report in self._reports:
            report.finished(target)

    def result(self, result: CheckResult) -> None:
        for report in self._reports:
            report.result(result)

    def end(self, summary: Summary) -> None:
        for report in self._reports:
            report.end(summary)

    def close(self) -> None:
        for report in self._reports:
            report.close()
