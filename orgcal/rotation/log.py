"""Rows in the registry's log, where the stack has a registry; and the organisations it knows."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from orgcal.errors import OrgcalError
from orgcal.operations.sweep import Orphan
from orgcal.rotation.proof import Organisation, Proof, sample_of
from orgcal.rotation.steps import RotationStep
from orgcal.stack.open_stack import OpenStack


class RotationLog:
    """The log of one stack's rotations; a registry that cannot be asked stops no rotation.

    Args:
        stack: whose registry it is.
        tell: is told where a row could not be written.
    """

    def __init__(self, stack: OpenStack, tell: Callable[[str], object]) -> None:
        self._stack = stack
        self._tell = tell

    def step(self, step: RotationStep) -> None:
        """A step was done."""
        self._write(step.generation, step.do.value, why=step.why)

    def proof(self, generation: int, proof: Proof) -> None:
        """A proof was made."""
        result = "proved" if proof.passed else "not proved"
        self._write(generation, result, way=proof.way, organisations=list(proof.organisations), said=proof.words())

    def removed(self, orphans: Iterable[Orphan]) -> None:
        """Left-over credentials were removed."""
        for orphan in orphans:
            number = int(orphan.name.rpartition(" ")[2])
            self._write(number, "left-over removed", name=orphan.name, key_id=orphan.object_id)

    def sample(self, seed: str) -> list[Organisation]:
        """A few organisations that have consented; none where there is no registry.

        Args:
            seed: another one chooses others.
        """
        if not self._stack.has_registry:
            return []
        try:
            return sample_of(self._stack.registry.tenants(), seed)
        except OrgcalError as error:
            self._tell(f"the registry cannot be asked ({error.what}); the proof is made in the home tenant")
            return []

    def _write(self, generation: int, result: str, **detail: object) -> None:
        if not self._stack.has_registry:
            return
        try:
            self._stack.registry.note("rotate", f"generation {generation}", result, **detail)
        except OrgcalError as error:
            self._tell(f"the log could not be written: {error.what}")
