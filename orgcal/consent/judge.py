"""What the server of callbacks needs of the service that judges them, so that neither imports the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from orgcal.consent.outcomes import CallbackAnswer, Outcome
    from orgcal.outputs import StackOutputs
    from orgcal.tenants.links import Spent


class Shown(Protocol):
    """How a link's use ended, or stands."""

    @property
    def outcome(self) -> Outcome | None: ...

    @property
    def detail(self) -> str: ...


class Judge(Protocol):
    """What callbacks are handed to: `orgcal.consent.service.ConsentService`."""

    redirect_uri: str

    @property
    def outputs(self) -> StackOutputs: ...

    def answered(self, answer: CallbackAnswer) -> Spent | Outcome: ...

    def wait_until_ended(self, handle: str, timeout_s: float) -> Shown | None: ...

    def resume(self) -> int: ...


AnyJudge = TypeVar("AnyJudge", bound=Judge)
