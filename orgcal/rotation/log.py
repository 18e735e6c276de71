"""Writes a rotation into the registry's log, and samples the registry's organisations, where there is a registry."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from orgcal.errors import OrgcalError
from orgcal.operations.sweep import Orphan
from orgcal.rotation.proof import Organisation, Proof, sample_of
from orgcal.rotation.steps import RotationStep
from orgcal.stack.known_credentials import note_credentials
from orgcal.stack.open_stack import OpenStack
from orgcal.stack.outputs import StackOutputs
from orgcal.tenants.log import FAILED, ROTATE, RUN


class RotationLog:
    """The log of one stack's rotations; a registry that cannot be asked stops no rotation."""

    def __init__(self, stack: OpenStack, tell: Callable[[str], object]) -> None:
        self._stack = stack
        self._tell = tell

    def step(self, step: RotationStep) -> None:
        """Log a step that was done."""
        self._write(step.generation, step.do.value, why=step.why)

    def proof(self, generation: int, proof: Proof) -> None:
        """Log a proof."""
        result = "proved" if proof.passed else "not proved"
        self._write(generation, result, way=proof.way, organisations=list(proof.organisations), said=proof.words())

    def removed(self, orphans: Iterable[Orphan]) -> None:
        """Log left-over credentials that were removed."""
        for orphan in orphans:
            number = int(orphan.name.rpartition(" ")[2])
            self._write(number, "left-over removed", name=orphan.name, key_id=orphan.object_id)

    def known(self, outputs: StackOutputs) -> None:
        """Write down which generations are live now, for metrics and alerts."""
        if not self._stack.has_registry:
            return
        try:
            note_credentials(self._stack.registry, outputs)
        except OrgcalError as error:
            self._tell(f"the registry does not know the generations: {error.what}")

    def ended(self, failure: str) -> None:
        """Log that a run failed, or that one succeeded after it; what went well before is not worth a row each day.

        Args:
            failure: why, in a sentence; empty where it succeeded.
        """
        if not self._stack.has_registry:
            return
        try:
            before = self._stack.registry.last(ROTATE, RUN)
            if failure:
                self._stack.registry.note(ROTATE, RUN, FAILED, why=failure)
            elif before is not None and before.result == FAILED:
                self._stack.registry.note(ROTATE, RUN, "succeeded")
        except OrgcalError as error:
            self._tell(f"the log could not be written: {error.what}")

    def sample(self, seed: str) -> list[Organisation]:
        """A few organisations that have consented, by `seed`; none where there is no registry."""
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
            self._stack.registry.note(ROTATE, f"generation {generation}", result, **detail)
        except OrgcalError as error:
            self._tell(f"the log could not be written: {error.what}")
