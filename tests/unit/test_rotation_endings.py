"""How a run of a rotation ends: interrupted updates that are finished, rows of the log, and what is told at the end."""

from __future__ import annotations

from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orgcal.errors import EngineError, OrgcalError, StackLocked
from orgcal.rotation import run
from orgcal.rotation.proof import Proof
from orgcal.rotation.run import Rotation
from orgcal.rotation.steps import Action, RotationRequest
from orgcal.settings.credential_file import SettingsFile
from orgcal.stack.runner import UpdateResult
from orgcal.tenants.registry import Registry
from tests.support.simulated_stack import Killed, PassingProofs, SimulatedStack, on_step, simulate

NOW = RotationRequest(now=True)
DAILY = RotationRequest(within=timedelta(days=30))
REVOKE = RotationRequest(revoke=True)
WHOLE = {"preview_first": True, "on_step": on_step}
CREDENTIAL = {**WHOLE, "credential": []}


@pytest.fixture(autouse=True)
def _simulated(monkeypatch: pytest.MonkeyPatch) -> None:
    simulate(monkeypatch)


def steps(stack: SimulatedStack, request: RotationRequest) -> list[str]:
    return [f"{step.do.value} {step.generation}" for step in stack.rotate(request).done]


class Full(SimulatedStack):
    """Whose directory takes nothing."""

    def _credentials(self, *_: object) -> None:
        raise EngineError("full")


# Interrupted updates -----------------------------------------------------------------------------------------------


def interrupted(folder: Path) -> SimulatedStack:
    """Whose ledger has generation 2, which is not made: killed after the ledger's write."""
    stack = SimulatedStack(folder)
    with pytest.raises(Killed):
        stack.rotate(NOW, kill_at=3)
    assert sorted(stack.credentials) == [1]
    assert stack.state().credential_state(where="stack prod").ledger.generations == (1, 2)
    stack.told.clear()
    stack.updates.clear()
    stack.messages.clear()
    return stack


def test_interrupted_update_is_finished_with_the_whole_checkout(tmp_path: Path) -> None:
    stack = interrupted(tmp_path)

    assert steps(stack, DAILY) == ["finish 1", "activate 2"]

    assert stack.updates == [WHOLE, WHOLE]
    assert stack.told[0] == "finish the interrupted update: the last update was interrupted"
    assert stack.messages[1] == "stack prod: finish the interrupted update"


def test_interrupted_update_that_cannot_be_finished_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = interrupted(tmp_path)
    monkeypatch.setattr(type(stack), "_credentials", lambda *_: None)

    with pytest.raises(OrgcalError) as refused:
        stack.rotate(DAILY)

    assert str(refused.value) == (
        "stack prod: the interrupted update could not be brought to its end\n"
        "  repair: pulumi refresh --stack prod, then orgcal rotate"
    )


def test_interrupted_update_of_more_than_the_credential_is_finished_whole_during_a_revocation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = interrupted(tmp_path)
    stack.inputs["entries"]["1"]["revoked"] = "2026-11-20T00:00:00Z"
    alone = stack.up_credential

    def not_enough(**asked: Any) -> UpdateResult:
        made = dict(stack.credentials)
        done = alone(**asked)
        if WHOLE not in stack.updates:
            stack.credentials = made
        return done

    monkeypatch.setattr(stack, "up_credential", not_enough)

    done = steps(stack, DAILY)

    assert done[0] == "finish 1"
    assert stack.told[1:3] == [
        "finish the interrupted update: the last update was interrupted",
        "the interrupted update changed more than the credential: finishing the rest too",
    ]
    assert stack.updates[:2] == [CREDENTIAL, WHOLE]


# The log and the end -----------------------------------------------------------------------------------------------


def rows_of(folder: Path, stack_of: Any, request: RotationRequest) -> list[tuple[str, str, dict[str, Any]]]:
    """The rows of the log after a run, whether it was refused or not."""
    with closing(Registry("sqlite://", connector="orgcal/prod", operator="ada")) as registry:
        stack = stack_of(folder)
        stack.registry = registry
        with suppress(OrgcalError):
            stack.rotate(request)
        return [(row.subject, row.result, row.detail) for row in registry.log()]


def test_run_that_is_refused_has_a_row_with_the_reason(tmp_path: Path) -> None:
    assert rows_of(tmp_path, Full, NOW) == [("run", "failed", {"why": "full"})]


def test_run_that_ends_with_a_proof_that_failed_has_a_row_with_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing(PassingProofs):
        def __init__(self, *_: object, **__: object) -> None:
            self.made: Any = [Proof(False, "no token", "nothing", platform="vault")]

        def before_use(self, *_: object) -> bool:
            return False

    monkeypatch.setattr(run, "Proofs", Failing)

    assert rows_of(tmp_path, SimulatedStack, NOW)[-1] == (
        "run", "failed", {"why": "also_push_to.vault: no token"},
    )  # fmt: skip


def test_generations_that_live_at_the_end_are_known_to_the_registry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known: list[Any] = []
    monkeypatch.setattr("orgcal.rotation.log.note_credentials", lambda _, outputs: known.append(outputs))
    with closing(Registry("sqlite://", connector="orgcal/prod", operator="ada")) as registry:
        SimulatedStack(tmp_path, registry=registry).rotate(NOW)

    assert [(each.active_generation, len(each.credentials)) for each in known] == [(2, 2)]


def test_state_at_the_end_is_the_one_after_the_last_update(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing(PassingProofs):
        def in_use(self, *_: object) -> bool:
            return False

    monkeypatch.setattr(run, "Proofs", Failing)

    result = SimulatedStack(tmp_path).rotate(NOW)

    assert result.status is not None
    assert (result.status.state.ledger.active, result.status.agrees) == (2, True)


def test_what_is_next_is_told_as_for_a_run_of_every_day(tmp_path: Path) -> None:
    clock = datetime.now(UTC)
    stack = SimulatedStack(tmp_path, clock=lambda: clock)

    result = stack.rotate(RotationRequest(within=timedelta(days=30), revoke=True))

    assert result.status is not None
    assert (result.status.step.do, result.status.step.generation) == (Action.REST, 2)
    assert result.status.step.due_at is not None
    assert result.status.now == clock


@pytest.mark.parametrize("request_", [REVOKE, RotationRequest(revoke=True, overlap=timedelta(0))])
def test_revocation_that_left_the_new_generation_in_use_says_so(tmp_path: Path, request_: RotationRequest) -> None:
    stack = SimulatedStack(tmp_path)
    stack.rotate(NOW)
    stack.told.clear()

    stack.rotate(request_)

    assert stack.told[-1] == "generation 2 stays in use; if it is the one that leaked: orgcal rotate --revoke again"


def test_retirement_that_nobody_asked_to_revoke_says_nothing_of_a_leak(tmp_path: Path) -> None:
    stack = SimulatedStack(tmp_path)
    stack.rotate(NOW)

    assert steps(stack, RotationRequest(within=timedelta(days=30), overlap=timedelta(0))) == ["retire 1"]

    assert not [line for line in stack.told if "leaked" in line]


def test_run_waits_for_those_who_work_on_the_stack_under_its_name(tmp_path: Path) -> None:
    class Busy(SimulatedStack):
        def lock_holder(self) -> str:
            return "ada"

    stack = Busy(tmp_path)
    rotation = Rotation(
        stack.opened(),
        DAILY,
        SettingsFile(tmp_path, "prod", emulated=False, overlay=False),
        SimpleNamespace(),  # type: ignore[arg-type]
        on_step=on_step,
        tell=stack.told.append,
        patience=timedelta(0),
        wait=timedelta(0),
    )

    with pytest.raises(StackLocked) as refused:
        rotation.run()

    assert refused.value.where == "stack prod"
    assert stack.told == ["waiting for an update of ada, at most 0 seconds"]
