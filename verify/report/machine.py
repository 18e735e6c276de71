"""Reports for programs: one JSON object, and JSON Lines with a line for each user."""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

from orgcal.errors import UsageError
from orgcal.printable import printable_lines
from verify.models import CheckResult, Mailbox, Target
from verify.report.base import Report
from verify.summary import Summary, exit_code


class JsonReport(Report):
    """One JSON object on standard output, at the end."""

    def end(self, summary: Summary) -> None:
        sys.stdout.write(printable_lines(json.dumps(summary.as_json(), ensure_ascii=False)) + "\n")
        sys.stdout.flush()


class JsonLinesReport(Report):
    """A line for each user as it is read, for each result, and one at the end; a run cut off leaves what it had.

    Args:
        path: `-` is standard output.
        show_users: user names may appear.
    """

    wants_mailboxes = True

    def __init__(self, path: Path, *, show_users: bool) -> None:
        self._show_users = show_users
        self._lock = threading.Lock()
        try:
            to_file = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            descriptor = os.dup(sys.stdout.fileno()) if str(path) == "-" else os.open(path, to_file, 0o600)
            self._file = os.fdopen(descriptor, "w", encoding="utf-8")
        except OSError as error:
            raise UsageError(f"the file cannot be written ({error.strerror})", where=str(path)) from error

    def mailbox(self, target: Target, mailbox: Mailbox) -> None:
        line = {
            "type": "mailbox",
            "tenant_id": target.tenant_id,
            "user_id": mailbox.user_id,
            "class": mailbox.mailbox_class.value,
            "calendars": mailbox.calendars,
        }
        name = mailbox.name if self._show_users else ""
        known = {"reason": mailbox.reason, "request_id": mailbox.request_id, "user": name}
        self._write(line | {key: value for key, value in known.items() if value})

    def result(self, result: CheckResult) -> None:
        self._write({"type": "result", **result.as_json()})
        self._file.flush()

    def end(self, summary: Summary) -> None:
        if summary.run is not None:
            self._write({"type": "run", **summary.run.as_json(), "duration_s": round(summary.duration_s, 3)})
        self._write({"type": "end", "complete": summary.complete, "exit_code": exit_code(summary)})
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    def _write(self, line: dict[str, Any]) -> None:
        text = printable_lines(json.dumps({"schema_version": 1, **line}, ensure_ascii=False)) + "\n"
        with self._lock:
            self._file.write(text)
