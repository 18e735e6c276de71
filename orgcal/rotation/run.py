"""Runs a rotation: one step after the other, each read from the state, carried out, recorded and logged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from orgcal.entra.home.applications import by_object_id
from orgcal.entra.home.tags import deployment_tag
from orgcal.errors import OrgcalError, StackLocked
from orgcal.operations.deploy import deploy
from orgcal.operations.sweep import Tell, credentials_of, remove_leftovers
from orgcal.rotation import checks
from orgcal.rotation.lock import UpdateLock
from orgcal.rotation.log import RotationLog
from orgcal.rotation.proof_session import Proofs
from orgcal.rotation.record import Record
from orgcal.rotation.status import RotationResult, rotation_state, status_of
from orgcal.rotation.steps import Action, RotationRequest, RotationStep, next_step
from orgcal.settings import GenerationSet
from orgcal.settings.credential_file import SettingsFile
from orgcal.stack.open_stack import OpenStack
from orgcal.stack.outputs import StackOutputs
from orgcal.stack.runner import OnStep
from orgcal.stack.state import CREDENTIAL_TYPES, CredentialState

_MOST_STEPS = 12
"""A rotation has at most seven, with a step to finish and one to withdraw; more would go in circles."""


class Rotation:
    """One run of a rotation.

    Args:
        file: where the stack's generations are written down.
        record: how that is kept.
        patience: how long a new credential may take to be accepted everywhere.
        wait: how long to wait for others that work on the stack.
    """

    def __init__(
        self,
        stack: OpenStack,
        request: RotationRequest,
        file: SettingsFile,
        record: Record,
        *,
        on_step: OnStep,
        tell: Tell,
        patience: timedelta,
        wait: timedelta,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._stack = stack
        self._request = request
        self._file = file
        self._record = record
        self._on_step = on_step
        self._tell = tell
        self._patience = patience
        self._now = now
        self._lock = UpdateLock(stack.name, wait, tell)
        self._log = RotationLog(stack, tell)
        self._result = RotationResult()
        self._called_at = now()
        self._deployed = False
        self._credential_only: bool  # of each step anew

    def run(self) -> RotationResult:
        """Do what is due.

        Returns:
            What was done; `RotationResult.failed` is the proof that did not come, if one did not.

        Raises:
            UsageError: it cannot be done as things stand; nothing was changed.
            StackLocked: others are at work on the stack, and did not end in time.
            OrgcalError: a step was refused; the sentence says what is so now.
        """
        try:
            result = self._run()
        except OrgcalError as error:
            self._log.ended(error.what)
            raise
        self._log.ended(result.failed.words() if result.failed is not None else "")
        return result

    def _run(self) -> RotationResult:
        with self._lock.alone(self._stack.stack_dir):
            state = self._settled_state()
            checks.check_place(state, self._stack.environment)
            checks.check_request(state, self._file.read(), self._request, self._now())
            self._record.check()
            try:
                with Proofs(
                    self._stack.endpoints,
                    state.outputs,
                    self._stack.environ,
                    self._file,
                    self._log,
                    patience=self._patience,
                    tell=self._tell,
                    now=self._now,
                ) as proofs:
                    self._result.proofs = proofs.made
                    self._end(self._steps(state, proofs))
            finally:
                self._record.close()
        return self._result

    def _steps(self, state: CredentialState, proofs: Proofs) -> CredentialState:
        """Step after step until none is due, or a proof does not come; the state at the end."""
        self._follow(state)
        while len(self._result.done) < _MOST_STEPS:
            decided_by = rotation_state(state, self._file.read(), may_begin=self._may_begin(state))
            step = next_step(decided_by, self._request, self._now())
            self._credential_only = bool(decided_by.revoked) and not self._request.deploy_all
            try:
                if not self._take(step, state, proofs):
                    return self._settled_state() if self._result.done else state
            except StackLocked:
                self._lock.pause("another update of this stack")
            state = self._settled_state()
        raise OrgcalError("the steps go in circles", where=self._stack.where, repair="orgcal rotate --status")

    def _take(self, step: RotationStep, state: CredentialState, proofs: Proofs) -> bool:
        """Carry out one step; whether there may be another one."""
        self._announce(step, state, proofs)
        number, live, active = step.generation, state.ledger.generations, state.ledger.active
        match step.do:
            case Action.REST:
                return False
            case Action.WAIT:
                proofs.in_use(state)
                return False
            case Action.REVOKE:
                self._revoke(step, state)
            case Action.FINISH:
                return self._finish(step, state, proofs)
            case Action.ADD:
                with self._taken_back_if_refused({number}):
                    self._move(_named(state, (*live, number), active), step)
            case Action.ACTIVATE | Action.ROLL_BACK:
                if not proofs.before_use(number, state):
                    return False
                self._move(_named(state, live, number, number if step.do is Action.ROLL_BACK else None), step)
                return proofs.in_use(self._read())
            case Action.RETIRE:
                if not proofs.in_use(state):
                    return False
                if number not in state.revoked:  # a clock that is far ahead would end the overlap
                    proofs.check_clock(state)
                self._move(_named(state, (active,), active), step)
            case Action.WITHDRAW:
                if state.entries[number].superseded is not None and not proofs.in_use(state):
                    return False
                self._withdraw(step, state)
        return True

    def _announce(self, step: RotationStep, state: CredentialState, proofs: Proofs) -> None:
        """Tell of a step; before it, refuse a new generation that could not take over."""
        if step.do is Action.ADD:
            checks.check_new_generation(step.generation, state, self._file.read(), self._stack.environ)
            proofs.check_clock(state)
        if step.do not in (Action.WAIT, Action.REST):
            self._tell(f"{step.words()}: {step.why}")

    def _revoke(self, step: RotationStep, state: CredentialState) -> None:
        """Write down that a generation is revoked: first in the record, then in the ledger; nothing takes it back.

        Whatever becomes of this run then, the next one replaces and deletes the generation.
        """
        named = _named(state, state.ledger.generations, state.ledger.active)
        self._file.write(replace(named, revoked=tuple(sorted({*named.revoked, step.generation}))))
        try:
            self._record.publish(f"{self._stack.where}: {step.words()}")
        finally:  # a record that cannot be kept does not keep a leaked secret alive
            self._stack.runner.up_credential(
                preview_first=self._stack.core.protected, on_step=self._on_step, targets=[state.ledger_urn]
            )
        self._result.done.append(step)
        self._log.step(step)

    def _finish(self, step: RotationStep, state: CredentialState, proofs: Proofs) -> bool:
        """Bring the stack to what its ledger says; what the connector does not have yet is proved before that."""
        ledger = state.ledger
        unproved = bool(state.pushed - {ledger.active}) and ledger.active in state.credentials
        if unproved and not proofs.before_use(ledger.active, state):
            return False
        with self._taken_back_if_refused({*ledger.generations} - {*state.credentials, ledger.active}):
            self._move(ledger, step, afterwards=_named(state, ledger.generations, ledger.active))
        if self._credential_only and not self._read().complete:
            self._tell("the interrupted update changed more than the credential: finishing the rest too")
            self._credential_only = False
            self._up()
        if not self._read().complete:
            raise OrgcalError(
                "the interrupted update could not be brought to its end",
                where=self._stack.where,
                repair=f"pulumi refresh --stack {self._stack.name}, then orgcal rotate",
            )
        return True

    def _withdraw(self, step: RotationStep, state: CredentialState) -> None:
        active = state.ledger.active
        left = tuple(number for number in state.ledger.generations if number != step.generation)
        self._move(_named(state, left, active, active), step, afterwards=_named(state, left, active))

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
                for number in made & {*state.ledger.generations} - {*state.credentials}:
                    self._withdraw(RotationStep(Action.WITHDRAW, number, "it could not be made"), state)
            except OrgcalError as error:
                self._tell(f"it could not be taken back now ({error.what}); orgcal rotate goes on from here")
            raise

    def _move(self, named: GenerationSet, step: RotationStep, *, afterwards: GenerationSet | None = None) -> None:
        """Write `named` down, bring the stack up to it, write `afterwards` instead if given, and keep the record."""
        before = self._file.read().generation_set
        self._file.write(named)
        try:
            self._up()
        except OrgcalError:
            if not self._began(named):
                self._file.write(before)
            raise
        self._result.done.append(step)
        if afterwards is not None:
            self._file.write(afterwards)
        self._log.step(step)
        self._record.publish(f"{self._stack.where}: {step.words()}")

    def _began(self, named: GenerationSet) -> bool:
        """Whether the ledger took `named` before an update failed; if nobody can tell, the next run finds out."""
        try:
            return self._read().ledger.same_as(named)
        except OrgcalError:
            return True

    def _up(self) -> None:
        if not self._deployed:
            deploy(self._stack, on_step=self._on_step, tell=self._tell, credential_only=self._credential_only)
            self._deployed = True
            return
        runner = self._stack.runner
        bring_up = runner.up_credential if self._credential_only else runner.up
        bring_up(preview_first=self._stack.core.protected, on_step=self._on_step)

    def _follow(self, state: CredentialState) -> None:
        """Write the file where the state is ahead of it; record what an interrupted run wrote and did not record."""
        if state.interrupted_creation:  # what it has made is found by its name, at the end
            self._stack.runner.forget_creations(CREDENTIAL_TYPES)
        ledger, named = state.ledger, self._file.read().generation_set
        if max(named.generations) > max(state.entries):
            return  # the file begins a rotation
        if (
            named.rollback_to == named.active != ledger.active
            and named.active in {*ledger.generations} - state.revoked
            and not self._request.revoke
        ):
            self._request = replace(self._request, rollback=True)
            return  # an interrupted roll-back goes on
        revoked = {*ledger.revoked, *named.revoked} & {*ledger.generations}
        wanted = GenerationSet(ledger.generations, ledger.active, revoked=tuple(sorted(revoked)))
        if named != wanted:
            self._file.write(wanted)
            self._tell(f"the state is ahead of the stack's file: {self._file.place.name} is written")
        self._record.publish(f"{self._stack.where}: generations of the credential as the state has them")

    def _may_begin(self, state: CredentialState) -> bool:
        """Not a second rotation in one run, nor one right after somebody else's that was waited for."""
        newest = state.entries[max(state.entries)]
        if self._lock.waited and newest.created >= self._called_at.replace(microsecond=0):
            return False
        done = {step.do for step in self._result.done}
        return not done or (done == {Action.FINISH} and not self._request.now)

    def _end(self, state: CredentialState) -> None:
        """Remove what killed runs left, and say where the stack stands."""
        if state.complete:
            try:
                self._remove_orphans(state.outputs)
            except OrgcalError as error:
                self._result.removed = None
                self._tell(f"left-over credentials could not be looked for: {error.what}")
        self._log.known(state.outputs)
        done = {step.do for step in self._result.done}
        if self._request.revoke and done & {Action.RETIRE, Action.WITHDRAW} and Action.ADD not in done:
            active = state.ledger.active
            self._tell(f"generation {active} stays in use; if it is the one that leaked: orgcal rotate --revoke again")
        ahead = replace(self._request, now=False, revoke=False, rollback=False)
        self._result.status = status_of(state, self._file.read(), ahead, self._now())

    def _remove_orphans(self, outputs: StackOutputs) -> None:
        """Remove credentials that a killed run made and that are not in the state.

        The directory is read first and the state after it: whatever is made meanwhile is then in the state or under
        way, and while anything is under way nothing is removed.
        """
        tag = deployment_tag(outputs.project, outputs.stack)
        with self._stack.home_graph() as graph:
            application = by_object_id(graph, outputs.application_object_id)
            made = list(credentials_of(graph, application, tag)) if application is not None else []
            if {item.object_id for item in made} <= {item.key_id for item in outputs.credentials}:
                return
            state = self._read()
            known = {item.key_id for item in state.credentials.values()}
            orphans = [item for item in made if item.object_id not in known] if state.complete else []
            remove_leftovers(graph, orphans, self._tell)
        self._result.removed = [item.object_id for item in orphans]
        self._log.removed(orphans)

    def _settled_state(self) -> CredentialState:
        """The state, once nobody works on it."""
        self._lock.until_free(self._stack.runner)
        return self._read()

    def _read(self) -> CredentialState:
        return self._stack.runner.state(show_secrets=True).credential_state(where=self._stack.where)


def _named(
    state: CredentialState, generations: tuple[int, ...], active: int, rollback_to: int | None = None
) -> GenerationSet:
    """These generations; those among them that are revoked stay so."""
    revoked = tuple(number for number in state.ledger.revoked if number in generations)
    return GenerationSet(generations, active, rollback_to, revoked)
