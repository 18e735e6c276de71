"""A run of a rotation: what it asks of the engine, what it records, and what becomes of a step that is refused."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from orgcal.errors import EngineError, OrgcalError, StackLocked, UsageError
from orgcal.rotation import checks, run
from orgcal.rotation.lock import UpdateLock
from orgcal.rotation.log import RotationLog
from orgcal.rotation.steps import Action, RotationRequest, RotationStep
from orgcal.settings import GenerationSet
from orgcal.settings.credential_file import SettingsFile
from orgcal.stack.runner import UpdateResult
from tests.support.simulated_stack import STACK_FILE, PassingProofs, SimulatedStack, on_step, simulate
from tests.support.stack_exports import CERTIFICATE, PASSWORD, TRUST, URN

NOW = RotationRequest(now=True)
DAILY = RotationRequest(within=timedelta(days=30))
REVOKE = RotationRequest(revoke=True)
LEDGER_URN = f"{URN}orgcal:index:CredentialLedger::outlook-calendar"
WHOLE = {"preview_first": True, "on_step": on_step}
CREDENTIAL = {**WHOLE, "credential": []}
LEFTOVERS = "left-over credentials could not be looked for: nobody is logged in"


@pytest.fixture(autouse=True)
def _simulated(monkeypatch: pytest.MonkeyPatch) -> None:
    simulate(monkeypatch)


def steps(stack: SimulatedStack, request: RotationRequest) -> list[str]:
    return [f"{step.do.value} {step.generation}" for step in stack.rotate(request).done]


class Refusing(SimulatedStack):
    """Whose updates fail, once they have begun so far, as long as there are failures."""

    failures: list[OrgcalError]

    def _credentials(self, wanted: GenerationSet) -> None:
        if self.failures:
            raise self.failures.pop(0)
        super()._credentials(wanted)


def refusing(folder: Path, *failures: OrgcalError) -> Refusing:
    stack = Refusing(folder)
    stack.failures = list(failures)
    return stack


# What is asked of the engine and the record ------------------------------------------------------------------------


def test_each_step_is_an_update_and_a_record(tmp_path: Path) -> None:
    stack = SimulatedStack(tmp_path)

    stack.rotate(NOW)

    assert stack.updates == [WHOLE, WHOLE]
    assert stack.messages == [
        "stack prod: generations of the credential as the state has them",
        "stack prod: add generation 2",
        "stack prod: activate generation 2",
    ]
    assert stack.forgotten == []


def test_revocation_is_an_update_of_the_ledger_and_then_of_the_credential(tmp_path: Path) -> None:
    stack = SimulatedStack(tmp_path)

    assert steps(stack, REVOKE) == ["revoke 1", "add 2", "activate 2", "retire 1"]

    assert stack.updates == [{**WHOLE, "credential": [LEDGER_URN]}, CREDENTIAL, CREDENTIAL, CREDENTIAL]
    assert stack.messages[1] == "stack prod: revoke generation 1"
    assert stack.told == [
        "revoke generation 1: it leaked, so this run or the next replaces and deletes it",
        "add generation 2: generation 1 is revoked",
        "activate generation 2: generation 2 is to replace generation 1",
        "retire generation 1: it is revoked",
        LEFTOVERS,
    ], "a generation that was added has replaced it, so nothing is said of the one in use"


def test_revocation_whose_record_cannot_be_kept_reaches_the_ledger_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Unkept(SimulatedStack):
        def __setattr__(self, name: str, value: Any) -> None:
            if name == "published" and "revoked" in value:
                raise OrgcalError("the branch is protected")
            super().__setattr__(name, value)

    stack = Unkept(tmp_path)

    with pytest.raises(OrgcalError, match="the branch is protected"):
        stack.rotate(REVOKE)

    assert stack.state().credential_state(where="stack prod").revoked == {1}


def test_credential_whose_creation_was_interrupted_is_taken_off_the_engines_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = SimulatedStack(tmp_path)
    said = stack.state
    pending = [{"type": "creating", "resource": {"urn": f"{URN}{PASSWORD}::outlook-calendar-1", "type": PASSWORD}}]

    def interrupted(*, show_secrets: bool = False) -> Any:
        state = said(show_secrets=show_secrets)
        return type(state)({"deployment": {"resources": state.resources, "pending_operations": pending}})

    monkeypatch.setattr(stack, "state", interrupted)

    assert steps(stack, DAILY) == []

    assert stack.forgotten == [{PASSWORD, CERTIFICATE, TRUST, "orgcal:index:CertificateKey"}]


def test_proofs_are_made_with_what_the_stack_and_the_run_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    class Noted(PassingProofs):
        def __init__(self, *arguments: object, **more: object) -> None:
            given.append((arguments, more))

    monkeypatch.setattr(run, "Proofs", Noted)
    stack = SimulatedStack(tmp_path)
    stack.rotate(DAILY)

    [((endpoints, outputs, environ, file, log), more)] = given
    assert (endpoints, environ) == (None, {})
    assert outputs == stack.state(show_secrets=True).credential_state(where="stack prod").outputs
    assert isinstance(file, SettingsFile)
    assert isinstance(log, RotationLog)
    assert more == {"patience": timedelta(minutes=5), "tell": stack.told.append, "now": stack.clock}


# Order -------------------------------------------------------------------------------------------------------------


def test_place_request_and_record_are_checked_before_anything_is_proved_or_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def noted(name: str) -> Any:
        return lambda *_: asked.append(name)

    class Noted(PassingProofs):
        def __init__(self, *_: object, **__: object) -> None:
            asked.append("proofs")

    monkeypatch.setattr(checks, "check_place", noted("place"))
    monkeypatch.setattr(checks, "check_request", noted("request"))
    monkeypatch.setattr("orgcal.rotation.record.Record.check", noted("record"))
    monkeypatch.setattr("orgcal.rotation.record.Record.close", noted("close"))
    monkeypatch.setattr(run, "Proofs", Noted)

    SimulatedStack(tmp_path).rotate(DAILY)

    assert asked == ["place", "request", "record", "proofs", "close"]


def test_record_is_closed_also_where_a_step_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[bool] = []
    monkeypatch.setattr("orgcal.rotation.record.Record.close", lambda _: closed.append(True))

    with pytest.raises(EngineError):
        refusing(tmp_path, EngineError("refused")).rotate(NOW)

    assert closed == [True]


def test_new_generation_that_could_not_take_over_is_refused_before_it_is_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def refuse(*given: Any) -> None:
        asked.append(given)
        raise UsageError("it could not take over")

    monkeypatch.setattr(checks, "check_new_generation", refuse)
    stack = SimulatedStack(tmp_path)

    with pytest.raises(UsageError, match="it could not take over"):
        stack.rotate(NOW)

    [(number, state, section, environ)] = asked
    assert (number, state.ledger.active, section.active, environ) == (2, 1, 1, {})
    assert (stack.updates, stack.told) == ([], [])


def test_run_that_ends_nowhere_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    circle = RotationStep(Action.REVOKE, 1, "again and again")
    monkeypatch.setattr(run, "next_step", lambda *_: circle)

    with pytest.raises(OrgcalError) as refused:
        SimulatedStack(tmp_path).rotate(NOW)

    assert str(refused.value) == "stack prod: the steps go in circles\n  repair: orgcal rotate --status"


# What is refused ---------------------------------------------------------------------------------------------------


def test_generation_that_cannot_be_made_leaves_ledger_record_and_file(tmp_path: Path) -> None:
    stack = refusing(tmp_path, EngineError("the directory is full"))
    before = stack.path.read_text()

    with pytest.raises(EngineError, match="the directory is full"):
        stack.rotate(NOW)

    ledger = stack.state().credential_state(where="stack prod").ledger
    assert (ledger.generations, ledger.active) == ((1,), 1)
    assert stack.path.read_text() == stack.published == before
    assert stack.messages[1:] == ["stack prod: withdraw generation 2"]
    assert stack.told == ["add generation 2: asked for"]


def test_generation_that_cannot_be_taken_back_now_is_left_to_the_next_run(tmp_path: Path) -> None:
    stack = refusing(tmp_path, EngineError("the directory is full"), EngineError("it is gone"))

    with pytest.raises(EngineError, match="the directory is full"):
        stack.rotate(NOW)

    assert stack.told == [
        "add generation 2: asked for",
        "it could not be taken back now (it is gone); orgcal rotate goes on from here",
    ]
    assert steps(stack, DAILY) == [], "the ledger has taken it back, and the next run writes the file"
    assert stack.path.read_text() == stack.published == STACK_FILE


def test_generation_that_was_made_is_not_taken_back_because_of_what_follows(tmp_path: Path) -> None:
    class Late(SimulatedStack):
        fails = True

        def _update(self, *, ledger_only: bool) -> UpdateResult:
            done = super()._update(ledger_only=ledger_only)
            if self.fails:
                self.fails = False
                raise EngineError("the outputs could not be told")
            return done

    stack = Late(tmp_path)

    with pytest.raises(EngineError, match="the outputs could not be told"):
        stack.rotate(NOW)

    assert sorted(stack.directory) == [1, 2]
    assert "generations: [1, 2]" in stack.path.read_text()
    assert len(stack.updates) == 1


def test_update_of_somebody_else_takes_nothing_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paused: list[str] = []
    monkeypatch.setattr(UpdateLock, "pause", lambda _, holder: paused.append(holder))
    stack = refusing(tmp_path, StackLocked("another update runs"))

    assert steps(stack, NOW) == ["finish 1", "activate 2"]

    assert paused == ["another update of this stack"]


def test_file_is_left_as_it_is_where_nobody_can_tell_what_the_ledger_took(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = refusing(tmp_path, EngineError("the platform is away"))
    said, reads = stack.state, list[int]()

    def unreadable(*, show_secrets: bool = False) -> Any:
        reads.append(1)
        if len(reads) > 1:
            raise OrgcalError("the backend is away")
        return said(show_secrets=show_secrets)

    monkeypatch.setattr(stack, "state", unreadable)

    with pytest.raises(EngineError, match="the platform is away"):
        stack.rotate(NOW)

    assert "generations: [1, 2]" in stack.path.read_text()
    assert stack.told[-1] == "it could not be taken back now (the backend is away); orgcal rotate goes on from here"
