"""A rotation: one step after the other, each read from the state, carried out, recorded and logged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from orgcal.errors import OrgcalError, StackLocked
from orgcal.operations.deploy import deploy
from orgcal.rotation import checks
from orgcal.rotation.lock import WAIT, UpdateLock
from orgcal.rotation.log import RotationLog
from orgcal.rotation.orphans import remove_leftovers
from orgcal.rotation.proof import PATIENCE
from orgcal.rotation.proof_session import Proofs
from orgcal.rotation.record import Record
from orgcal.rotation.report import RotationResult
from orgcal.rotation.status import position_of, standing_of
from orgcal.rotation.steps import Action, RotationRequest, RotationStep, next_step
from orgcal.settings import GenerationSet
from orgcal.settings.credential_file import SettingsFile
from orgcal.stack.prepare import OpenStack
from orgcal.stack.runner import OnStep
from orgcal.stack.state import CREDENTIAL_TYPES, StackState, read_state

Tell = Callable[[str], object]
_MOST_STEPS = 12
"""A rotation has at most seven, with a step to finish and one to withdraw; more would go in circles."""


@dataclass(frozen=True)
class RotationContext:
    """What a rotation works with.

    Attributes:
        prepared: the stack.
        file: where its generations are written down.
        record: how that is kept.
        on_step: is told of each resource that the engine works on.
        tell: is told in one line what happens.
        patience: how long a new credential may take to be accepted everywhere.
        wait: how long to wait for others that work on the stack.
        now: the time, UTC.
    """

    prepared: OpenStack
    file: SettingsFile
    record: Record
    on_step: OnStep
    tell: Tell
    patience: timedelta = PATIENCE
    wait: timedelta = WAIT
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


class Rotation:
    """One run.

    Args:
        around: what it works with.
        asked: what was asked for.
    """

    def __init__(self, around: RotationContext, asked: RotationRequest) -> None:
        self._around = around
        self._asked = asked
        self._environment = around.prepared.environment
        self._where = f"stack {self._environment.stack}"
        self._drive = around.prepared.drive()
        self._turn = UpdateLock(self._environment.stack, around.wait, around.tell)
        self._log = RotationLog(around.prepared, around.tell)
        self._outcome = RotationResult()
        self._called_at = around.now()
        self._deployed = False

    def run(self) -> RotationResult:
        """Do what is due.

        Returns:
            What was done; `RotationResult.failed` is the proof that did not come, if one did not.

        Raises:
            UsageError: it cannot be done as things stand; nothing was changed.
            StackLocked: others are at work on the stack, and did not end in time.
            OrgcalError: a step was refused; the sentence says what is so now.
        """
        around = self._around
        with self._turn.alone(self._environment.stack_dir):
            state = self._settled_state()
            section = around.file.read()
            checks.check_place(state, self._environment)
            checks.check_asked(state, section, self._asked, around.now())
            around.record.check()
            assert self._environment.endpoints is not None
            environ = self._environment.to_environ(around.prepared.environ)
            try:
                with Proofs(
                    self._environment.endpoints,
                    state.outputs,
                    environ,
                    around.file,
                    self._log,
                    patience=around.patience,
                    tell=around.tell,
                    now=around.now,
                ) as proofs:
                    self._outcome.proofs = proofs.made
                    self._end(self._steps(state, proofs))
            finally:
                around.record.close()
        return self._outcome

    def _steps(self, state: StackState, proofs: Proofs) -> StackState:
        """Step after step until none is due, or a proof does not come; the state at the end."""
        self._follow(state)
        while len(self._outcome.done) < _MOST_STEPS:
            position = position_of(state, self._around.file.read(), may_begin=self._may_begin(state))
            step = next_step(position, self._asked, self._around.now())
            try:
                if not self._take(step, state, proofs):
                    return self._settled_state() if self._outcome.done else state
            except StackLocked:
                self._turn.pause("another update of this stack")
            state = self._settled_state()
        raise OrgcalError("the steps go in circles", where=self._where, repair="orgcal rotate --status")

    def _take(self, step: RotationStep, state: StackState, proofs: Proofs) -> bool:
        """Carry out one step; whether there may be another one."""
        if step.do is Action.ADD:
            self._check_new(step.generation, state, proofs)
        if step.do not in (Action.WAIT, Action.REST):
            self._around.tell(f"{step.words()}: {step.why}")
        number, live, active = step.generation, state.ledger.generations, state.ledger.active
        match step.do:
            case Action.REST:
                return False
            case Action.WAIT:
                proofs.in_use(state)
                return False
            case Action.FINISH:
                return self._finish(step, state, proofs)
            case Action.ADD:
                with self._taken_back_if_refused({number}):
                    self._move(GenerationSet((*live, number), active), step)
            case Action.ACTIVATE | Action.ROLL_BACK:
                if not proofs.before_use(number, state):
                    return False
                self._move(GenerationSet(live, number, number if step.do is Action.ROLL_BACK else None), step)
                return proofs.in_use(self._read())
            case Action.RETIRE:
                if not proofs.in_use(state):
                    return False
                self._move(GenerationSet((active,), active), step)
            case Action.WITHDRAW:
                if state.entries[number].superseded is not None and not proofs.in_use(state):
                    return False
                self._withdraw(step, state)
        return True

    def _check_new(self, number: int, state: StackState, proofs: Proofs) -> None:
        environ = self._environment.to_environ(self._around.prepared.environ)
        checks.check_new_generation(number, state, self._around.file.read(), environ)
        proofs.check_clock(state)

    def _finish(self, step: RotationStep, state: StackState, proofs: Proofs) -> bool:
        """Bring the stack to what its ledger says; what the connector does not have yet is proved before that."""
        ledger = state.ledger
        unproved = bool(state.pushed - {ledger.active}) and ledger.active in state.held
        if unproved and not proofs.before_use(ledger.active, state):
            return False
        with self._taken_back_if_refused({*ledger.generations} - {*state.held, ledger.active}):
            self._move(ledger, step, afterwards=GenerationSet(ledger.generations, ledger.active))
        if not self._read().complete:
            raise OrgcalError(
                "the interrupted update could not be brought to its end",
                where=self._where,
                repair=f"pulumi refresh --stack {self._environment.stack}, then orgcal rotate",
            )
        return True

    def _withdraw(self, step: RotationStep, state: StackState) -> None:
        active = state.ledger.active
        left = tuple(number for number in state.ledger.generations if number != step.generation)
        self._move(GenerationSet(left, active, active), step, afterwards=GenerationSet(left, active))

    @contextmanager
    def _taken_back_if_refused(self, made: Set[int]) -> Iterator[None]:
        """After a refusal, generations that could not be made leave ledger and file again: nothing is half done."""
        try:
            yield
        except StackLocked:
            raise
        except OrgcalError:
            try:
                state = self._settled_state()
                for number in made & {*state.ledger.generations} - {*state.held}:
                    self._withdraw(RotationStep(Action.WITHDRAW, number, "it could not be made"), state)
            except OrgcalError as error:
                self._around.tell(f"it could not be taken back now ({error.what}); orgcal rotate goes on from here")
            raise

    def _move(self, named: GenerationSet, step: RotationStep, *, afterwards: GenerationSet | None = None) -> None:
        """Write `named` down, bring the stack up to it, and keep the record.

        Args:
            named: what the program shall see.
            step: that this is, for record and log.
            afterwards: what stays written, if something else.
        """
        file, before = self._around.file, self._around.file.read().generation_set
        file.write(named)
        try:
            self._up()
        except OrgcalError:
            if not self._began(named):
                file.write(before)
            raise
        self._outcome.done.append(step)
        if afterwards is not None:
            file.write(afterwards)
        self._log.step(step)
        self._around.record.publish(f"{self._where}: {step.words()}")

    def _began(self, named: GenerationSet) -> bool:
        """Whether the ledger took `named` before an update failed; if nobody can tell, the next run finds out."""
        try:
            return self._read().ledger.same_as(named)
        except OrgcalError:
            return True

    def _up(self) -> None:
        around = self._around
        if self._deployed:
            self._drive.up(preview_first=around.prepared.guarded, on_step=around.on_step)
        else:
            deploy(around.prepared, on_step=around.on_step, tell=around.tell)
            self._deployed = True

    def _follow(self, state: StackState) -> None:
        """Write the file where the state is ahead of it; record what an interrupted run wrote and did not record."""
        if state.interrupted_creation:  # what it has made is found by its name, at the end
            self._drive.forget_creations(CREDENTIAL_TYPES)
        file, ledger = self._around.file, state.ledger
        named = file.read().generation_set
        if max(named.generations) > max(state.entries):
            return  # the file begins a rotation
        if named.rollback_to == named.active != ledger.active and named.active in ledger.generations:
            self._asked = replace(self._asked, rollback=True)
            return  # an interrupted roll-back goes on
        wanted = GenerationSet(ledger.generations, ledger.active)
        if named != wanted:
            file.write(wanted)
            self._around.tell(f"the state is ahead of the stack's file: {file.place.name} is written")
        self._around.record.publish(f"{self._where}: generations of the credential as the state has them")

    def _may_begin(self, state: StackState) -> bool:
        """Not a second rotation in one run, nor one right after somebody else's that was waited for."""
        newest = state.entries[max(state.entries)]
        if self._turn.waited and newest.created >= self._called_at.replace(microsecond=0):
            return False
        done = {step.do for step in self._outcome.done}
        return not done or (done == {Action.FINISH} and not self._asked.now and not self._asked.revoke)

    def _end(self, state: StackState) -> None:
        """Remove what killed runs left, and say where the stack stands."""
        around = self._around
        if state.complete:
            try:
                removed = remove_leftovers(around.prepared, state.outputs, self._read, around.tell)
                self._outcome.removed = [item.object_id for item in removed]
                self._log.removed(removed)
            except OrgcalError as error:
                self._outcome.removed = None
                around.tell(f"left-over credentials could not be looked for: {error.what}")
        done = {step.do for step in self._outcome.done}
        if self._asked.revoke and done & {Action.RETIRE, Action.WITHDRAW} and Action.ADD not in done:
            active = state.ledger.active
            around.tell(f"generation {active} stays in use; if it is the one that leaked: orgcal rotate --revoke again")
        ahead = replace(self._asked, now=False, revoke=False, rollback=False)
        self._outcome.standing = standing_of(state, around.file.read(), ahead, around.now())

    def _settled_state(self) -> StackState:
        """The state, once nobody works on it."""
        self._turn.until_free(self._drive)
        return self._read()

    def _read(self) -> StackState:
        return read_state(self._drive.export(show_secrets=True), where=self._where)
