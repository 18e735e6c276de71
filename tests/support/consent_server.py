"""A consent service that answers what a test says: the server without a registry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from orgcal.consent.outcomes import CallbackAnswer, ConsentOutcome

CALLBACK = "/consent/callback"


@dataclass
class FakeService:
    """Answers callbacks and result pages with what a test says; an exception is raised."""

    redirect_uri: str = f"https://acme.example{CALLBACK}"
    taken: Any = ConsentOutcome.NOT_OURS
    results: list[Any] = field(default_factory=list)
    answers: list[CallbackAnswer] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    resumed: int = 0
    resumes: int = 0
    read_logo: Callable[[], bytes] = bytes
    outputs: Any = field(
        default_factory=lambda: SimpleNamespace(
            display_name="Acme Sync",
            publisher="acme.example",
            permissions=[SimpleNamespace(name="Calendars.Read"), SimpleNamespace(name="User.Read.All")],
        )
    )

    def answered(self, answer: CallbackAnswer) -> Any:
        """What is made of a callback."""
        self.answers.append(answer)
        return _or_raise(self.taken)

    def shown(self, result: str) -> Any:
        """What the page with this handle shows; the last thing again and again."""
        self.asked.append(result)
        return _or_raise(self.results.pop(0) if len(self.results) > 1 else self.results[0])

    def resume(self) -> int:
        """How many proofs are gone on with."""
        self.resumes += 1
        return self.resumed


def _or_raise(said: Any) -> Any:
    if isinstance(said, Exception):
        raise said
    return said
