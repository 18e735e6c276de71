"""What a report is."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

from verify.models import CheckResult, Mailbox, Target
from verify.summary import Summary


class Report(Protocol):
    """One report: is told everything while the run goes on, and ends with the whole."""

    def started(self, target: Target, total: int | None) -> None: ...
    def progress(self, target: Target, listed: int, read: int) -> None: ...
    def mailbox(self, target: Target, mailbox: Mailbox) -> None: ...
    def finished(self, target: Target) -> None: ...
    def result(self, result: CheckResult) -> None: ...
    def end(self, summary: Summary) -> None: ...
    def close(self) -> None: ...


class Silent:
    """A report that needs only the end; base of those that do."""

    def started(self, target: Target, total: int | None) -> None:
        """Nothing."""

    def progress(self, target: Target, listed: int, read: int) -> None:
        """Nothing."""

    def mailbox(self, target: Target, mailbox: Mailbox) -> None:
        """Nothing."""

    def finished(self, target: Target) -> None:
        """Nothing."""

    def result(self, result: CheckResult) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
