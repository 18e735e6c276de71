"""What a run of a rotation did, for people and as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from orgcal.rotation.proof import Proof
from orgcal.rotation.status import RotationStatus
from orgcal.rotation.steps import RotationStep


@dataclass
class RotationResult:
    """What a run did.

    Attributes:
        done: the steps, in order.
        proofs: that were made, in order.
        removed: key ids of left-over credentials that were removed; None where nobody could look for them.
        standing: where the stack stands at the end.
        pull_request: address of the pull request; empty if there is none.
    """

    done: list[RotationStep] = field(default_factory=list)
    proofs: list[Proof] = field(default_factory=list)
    removed: list[str] | None = field(default_factory=list)
    standing: RotationStatus | None = None
    pull_request: str = ""

    @property
    def failed(self) -> Proof | None:
        """The proof that ended the run, if one did."""
        return self.proofs[-1] if self.proofs and not self.proofs[-1].passed else None

    def as_json(self) -> dict[str, Any]:
        """As a JSON object."""
        failed = self.failed
        return {
            "ok": failed is None,
            "done": [{"step": step.do.value, "generation": step.generation, "why": step.why} for step in self.done],
            "proofs": [proof.as_json() for proof in self.proofs],
            "repair": failed.repair if failed else "",
            "leftovers_removed": self.removed,
            "pull_request": self.pull_request or None,
            **(self.standing.as_json() if self.standing else {}),
        }
