"""The report that people read while it happens: live on a terminal, plain lines elsewhere.

Results go to standard output, progress to standard error, so that output can be piped while progress is watched.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from orgcal.output import plain_markup, styled
from verify.models import CheckResult, MailboxClass, Target, Verdict
from verify.report.base import Report
from verify.run_description import RunDescription
from verify.summary import Summary, conclusion, conclusion_verdict

STYLES: dict[Verdict, str] = {
    Verdict.PASS: "green",
    Verdict.WARN: "yellow",
    Verdict.SKIP: "dim",
    Verdict.FAIL: "bold red",
    Verdict.ERROR: "bold magenta",
}

PLAIN_WIDTH = 200
"""Columns where nobody looks at a terminal: long names of organisations cut no column short."""


class ConsoleReport(Report):
    """Prints results as they arrive, then a table; as a `verify.Listener` it also shows progress.

    Args:
        quiet: print only the conclusion, and what is not well.
        out: for results.
        progress: for progress bars; they appear only where this is a terminal.
    """

    def __init__(self, *, quiet: bool = False, out: TextIO | None = None, progress: TextIO | None = None) -> None:
        self._quiet = quiet
        self._out = Console(file=styled(out or sys.stdout), highlight=False, soft_wrap=True)
        if not self._out.is_terminal:
            self._out.width = PLAIN_WIDTH
        stream = progress or sys.stderr
        self._lock = threading.Lock()
        self._tasks: dict[str, TaskID] = {}
        self._progress: Progress | None = None
        if not quiet and stream.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("CI"):
            self._progress = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("users"),
                TimeElapsedColumn(),
                console=Console(file=styled(stream), highlight=False),
                refresh_per_second=10,
                transient=True,
            )
            self._progress.start()

    # --- verify.Listener ---

    def started(self, target: Target, total: int | None) -> None:
        if self._progress is None:
            return
        with self._lock:
            task = self._tasks.get(target.tenant_id)
            if task is None:
                self._tasks[target.tenant_id] = self._progress.add_task(
                    plain_markup(target.organisation or target.tenant_id), total=total
                )
            else:
                self._progress.update(task, total=total)

    def progress(self, target: Target, listed: int, read: int) -> None:  # noqa: ARG002  # the bar needs one
        if self._progress is None:
            return
        task = self._tasks.get(target.tenant_id)
        if task is not None:
            self._progress.update(task, completed=read)

    def finished(self, target: Target) -> None:
        if self._progress is None:
            return
        with self._lock:
            task = self._tasks.pop(target.tenant_id, None)
            if task is not None:
                self._progress.remove_task(task)

    # --- results ---

    def begin(self, run: RunDescription) -> None:
        if not self._quiet:
            known = (f"{label} {text}" for label, text in run.labelled().items())
            self._print(f"[dim]{plain_markup(', '.join(known))}[/]")

    def result(self, result: CheckResult) -> None:
        if self._quiet and result.verdict in (Verdict.PASS, Verdict.SKIP):
            return
        subject = result.organisation or "connector"
        verdict = f"[{STYLES[result.verdict]}]{result.verdict.word:<7}[/]"
        self._print(f"{verdict} {plain_markup(subject)}  {result.check}: {plain_markup(result.sentence)}")
        if result.repair and result.verdict is not Verdict.PASS:
            self._print(f"        [dim]→[/] {plain_markup(result.repair)}")

    def end(self, summary: Summary) -> None:
        self.close()
        if not self._quiet and summary.organisations:
            self._out.print()
            self._out.print(organisations_table(summary))
        if not self._quiet and summary.run is not None:
            self._out.print(f"[dim]verified in {summary.duration_s:,.1f} s[/]")
        self._out.print(f"[{STYLES[conclusion_verdict(summary)]}]{plain_markup(conclusion(summary))}[/]")

    def close(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def _print(self, line: str) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._out.print(line)
            self._progress.start()
        else:
            self._out.print(line)


def organisations_table(summary: Summary) -> Table:
    """A row for each organisation: consent, users, calendars, and mailboxes that were not read, by reason."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("organisation", no_wrap=True)
    table.add_column("verdict")
    classes = [MailboxClass.NO_MAILBOX, MailboxClass.RESTRICTED, MailboxClass.DELETED, MailboxClass.FAILED]
    if any(organisation.mailboxes[MailboxClass.NOT_READ] for organisation in summary.organisations.values()):
        classes.append(MailboxClass.NOT_READ)
    for name in ("users", "calendars", *(mailbox_class.value.replace("_", " ") for mailbox_class in classes)):
        table.add_column(name, justify="right")
    for organisation in summary.organisations.values():
        verdict = organisation.verdict
        table.add_row(
            plain_markup(organisation.organisation),
            f"[{STYLES[verdict]}]{verdict.word}[/]",
            *("-" if number is None else f"{number:,}" for number in organisation.numbers(*classes)),
        )
    return table
