"""The order of a rotation: what is proved before which update, what is told, and which updates deploy everything."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orgcal.errors import EngineError, OrgcalError, StackLocked
from orgcal.rotation import run
from orgcal.rotation.lock import UpdateLock
from orgcal.rotation.steps import RotationRequest
from orgcal.stack.runner import UpdateResult
from orgcal.stack.state import CredentialState, StackState
from orgcal.tenants.registry import Registry
from tests.support.simulated_stack import Killed, PassingProofs, SimulatedStack, simulate

NOW = RotationRequest(now=True)
DAILY = RotationRequest(within=timedelta(days=30))
AT_ONCE = RotationRequest(within=timedelta(days=30), overlap=timedelta(0))


class NotedProofs(PassingProofs):
    """Notes what is to be proved; `failing` names the proofs that do not come."""

    noted: list[str]
    failing: set[str]

    def before_use(self, *asked: Any) -> bool:
        generation, state = asked
        assert isinstance(state, CredentialState)
        return self._note(f"{generation} before use")

    def in_use(self, *asked: Any) -> bool:
        [state] = asked
        return self._note(f"{state.ledger.active} in use")

    def check_clock(self, *asked: Any) -> bool:
        [state] = asked
        assert isinstance(state, CredentialState)
        return self._note("clock")

    def _note(self, what: str) -> bool:
        type(self).noted.append(what)
        return what not in type(self).failing


@pytest.fixture
def proofs(monkeypatch: pytest.MonkeyPatch) -> type[NotedProofs]:
    simulate(monkeypatch)
    monkeypatch.setattr(run, "Proofs", NotedProofs)
    NotedProofs.noted, NotedProofs.failing = [], set()
    return NotedProofs


def steps(stack: SimulatedStack, request: RotationRequest) -> list[str]:
    return [f"{step.do.value} {step.generation}" for step in stack.rotate(request).done]


def test_new_credential_is_proved_before_and_after_it_is_put_to_use(tmp_path: Path, proofs: type[NotedProofs]) -> None:
    stack = SimulatedStack(tmp_path)

    assert steps(stack, NOW) == ["add 2", "activate 2"]

    assert proofs.noted[:3] == ["clock", "2 before use", "2 in use"]
    assert [line for line in stack.told if not line.startswith("left-over")] == [
        "add generation 2: asked for",
        "activate generation 2: generation 2 is to replace generation 1",
    ]
    assert "left-over credentials could not be looked for: nobody is logged in" in stack.told


def test_run_during_the_overlap_proves_what_is_in_use_and_changes_nothing(
    tmp_path: Path, proofs: type[NotedProofs]
) -> None:
    stack = SimulatedStack(tmp_path)
    stack.rotate(NOW)
    proofs.noted = []

    assert steps(stack, DAILY) == []

    assert proofs.noted == ["2 in use"]


def test_run_with_nothing_due_proves_nothing(tmp_path: Path, proofs: type[NotedProofs]) -> None:
    stack = SimulatedStack(tmp_path)

    assert steps(stack, DAILY) == []

    assert proofs.noted == []
    assert stack.everything == 0


def test_credential_that_is_not_accepted_is_not_put_to_use(tmp_path: Path, proofs: type[NotedProofs]) -> None:
    stack = SimulatedStack(tmp_path)
    proofs.failing = {"2 before use"}

    assert steps(stack, NOW) == ["add 2"]

    assert stack.platform == 1
    assert sorted(stack.directory) == [1, 2]
    proofs.failing = set()
    assert steps(stack, DAILY) == ["activate 2"], "the next run goes on"


def test_credential_that_does_not_work_in_use_keeps_the_old_one(tmp_path: Path, proofs: type[NotedProofs]) -> None:
    stack = SimulatedStack(tmp_path)
    proofs.failing = {"2 in use"}

    assert steps(stack, NOW) == ["add 2", "activate 2"]
    assert steps(stack, AT_ONCE) == []

    assert sorted(stack.directory) == [1, 2]


def test_superseded_credential_goes_after_a_proof_and_by_a_clock_that_is_right(
    tmp_path: Path, proofs: type[NotedProofs]
) -> None:
    stack = SimulatedStack(tmp_path)
    stack.rotate(NOW)
    proofs.noted = []

    assert steps(stack, AT_ONCE) == ["retire 1"]

    assert proofs.noted == ["2 in use", "clock"]
    assert list(stack.directory) == [2]


def test_revoked_credential_goes_whatever_the_clock_says(tmp_path: Path, proofs: type[NotedProofs]) -> None:
    stack = SimulatedStack(tmp_path)
    stack.rotate(NOW)
    proofs.noted = []

    assert steps(stack, RotationRequest(revoke=True)) == ["revoke 1", "retire 1"]

    assert "clock" not in proofs.noted
    assert "generation 2 stays in use; if it is the one that leaked: orgcal rotate --revoke again" in stack.told


def test_rollback_proves_the_old_credential_before_it_and_then_drops_the_new_one(
    tmp_path: Path, proofs: type[NotedProofs]
) -> None:
    stack = SimulatedStack(tmp_path)
    stack.rotate(NOW)
    proofs.noted = []

    assert steps(stack, RotationRequest(rollback=True)) == ["roll back 1", "withdraw 2"]

    assert proofs.noted[:2] == ["1 before use", "1 in use"]
    assert stack.platform == 1
    assert list(stack.directory) == [1]
    assert "rollback_to" not in stack.path.read_text(), "no later mistake may go back"


def test_rolled_back_credential_stays_while_the_old_one_is_not_proved(
    tmp_path: Path, proofs: type[NotedProofs]
) -> None:
    stack = SimulatedStack(tmp_path)
    stack.rotate(NOW)
    proofs.failing = {"1 in use"}

    assert steps(stack, RotationRequest(rollback=True)) == ["roll back 1"]
    assert steps(stack, RotationRequest(rollback=True)) == []

    assert sorted(stack.directory) == [1, 2]


def test_interrupted_push_is_proved_before_it_is_finished(tmp_path: Path, proofs: type[NotedProofs]) -> None:
    """Killed after the ledger took generation 2 as the active one, and before the platform got it."""
    stack = SimulatedStack(tmp_path)
    proofs.failing = {"2 before use"}
    stack.rotate(NOW)
    proofs.failing = set()
    with pytest.raises(Killed):
        stack.rotate(DAILY, kill_at=3)
    assert stack.state().credential_state(where="stack prod").ledger.active == 2
    assert (stack.platform, stack.pushed) == (1, 1)
    proofs.noted, proofs.failing = [], {"2 before use"}

    assert steps(stack, DAILY) == []
    assert proofs.noted == ["2 before use"]
    assert stack.platform == 1
    proofs.failing = set()

    assert steps(stack, DAILY) == ["finish 2"]
    assert stack.platform == 2


def test_first_update_of_a_run_is_a_whole_deployment_and_the_others_are_not(
    tmp_path: Path, proofs: type[NotedProofs], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deployment follows the emulator, looks for interrupted runs and tells the registry: once in a run is enough."""
    stack, deployed = SimulatedStack(tmp_path), list[bool]()

    def deploy(opened: Any, *, credential_only: bool, **more: Any) -> UpdateResult:
        deployed.append(credential_only)
        bring_up = stack.up_credential if credential_only else stack.up
        return bring_up(preview_first=True)

    monkeypatch.setattr(run, "deploy", deploy)

    assert steps(stack, NOW) == ["add 2", "activate 2"]
    assert deployed == [False]
    assert stack.everything == 2
    assert steps(stack, RotationRequest(revoke=True)) == ["revoke 1", "retire 1"]
    assert deployed == [False, True], "while a revocation is under way, whatever else changes waits"


def test_update_of_somebody_else_that_began_meanwhile_is_waited_for(
    tmp_path: Path, proofs: type[NotedProofs], monkeypatch: pytest.MonkeyPatch
) -> None:
    stack, paused = SimulatedStack(tmp_path), list[str]()
    locked = iter([True, False, False])

    def deploy(opened: Any, **more: Any) -> UpdateResult:
        if next(locked):
            raise StackLocked("another update runs", where="stack prod")
        return stack.up(preview_first=True)

    monkeypatch.setattr(run, "deploy", deploy)
    monkeypatch.setattr(UpdateLock, "pause", lambda _, holder: paused.append(holder))

    assert steps(stack, NOW) == ["add 2", "activate 2"]
    assert paused == ["another update of this stack"]


def test_state_that_is_ahead_of_the_file_is_written_into_it_and_recorded(
    tmp_path: Path, proofs: type[NotedProofs]
) -> None:
    stack = SimulatedStack(tmp_path)
    stale = stack.path.read_text()
    stack.rotate(NOW)
    written = stack.path.read_text()
    stack.path.write_text(stale)
    stack.published = stale
    stack.told.clear()

    assert steps(stack, DAILY) == []

    assert stack.path.read_text() == stack.published == written
    assert stack.told[0] == "the state is ahead of the stack's file: Pulumi.prod.yaml is written"


def test_file_that_names_a_newer_generation_begins_a_rotation(tmp_path: Path, proofs: type[NotedProofs]) -> None:
    stack = SimulatedStack(tmp_path)
    stack.path.write_text(stack.path.read_text().replace("generations: [1]", "generations: [1, 5]"))

    assert steps(stack, DAILY) == ["add 5", "activate 5"]


def test_run_tells_where_the_stack_stands_at_its_end(tmp_path: Path, proofs: type[NotedProofs]) -> None:
    stack = SimulatedStack(tmp_path)

    result = stack.rotate(NOW)

    assert result.status is not None
    assert (result.status.stack, result.status.agrees) == ("prod", True)
    assert result.status.step.words() == "wait generation 1", "what was asked for is done, and not next again"
    assert result.removed is None, "nobody could look"


def test_rotation_whose_new_credential_cannot_be_made_is_taken_back(
    tmp_path: Path, proofs: type[NotedProofs], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refused(SimulatedStack):
        def _credentials(self, wanted: Any) -> None:
            if 2 in wanted.generations and 2 not in self.credentials:
                raise OrgcalError("the directory is full", where="stack prod")
            super()._credentials(wanted)

    stack = Refused(tmp_path)
    before = stack.path.read_text()

    with pytest.raises(OrgcalError, match="the directory is full"):
        stack.rotate(NOW)

    state = stack.state().credential_state(where="stack prod")
    assert (state.ledger.generations, state.ledger.active) == ((1,), 1)
    assert stack.path.read_text() == before
    assert list(stack.directory) == [1]


def test_interrupted_rollback_goes_on_and_is_not_taken_for_an_old_file(
    tmp_path: Path, proofs: type[NotedProofs]
) -> None:
    stack = SimulatedStack(tmp_path)
    stack.rotate(NOW)
    with pytest.raises(Killed):
        stack.rotate(RotationRequest(rollback=True), kill_at=2)
    assert "rollback_to: 1" in stack.path.read_text(), "the file is written, and the ledger is not"
    assert stack.state().credential_state(where="stack prod").ledger.active == 2
    stack.told.clear()

    assert steps(stack, DAILY) == ["roll back 1", "withdraw 2"]

    assert not [line for line in stack.told if "ahead" in line]


def test_rollback_that_only_the_file_names_gives_way_to_a_revocation(tmp_path: Path, proofs: type[NotedProofs]) -> None:
    stack = SimulatedStack(tmp_path)
    stack.rotate(NOW)
    with pytest.raises(Killed):
        stack.rotate(RotationRequest(rollback=True), kill_at=2)

    assert steps(stack, RotationRequest(revoke=True)) == ["revoke 1", "retire 1"]


def test_every_step_has_a_row_in_the_log(tmp_path: Path, proofs: type[NotedProofs]) -> None:
    with closing(Registry("sqlite://", connector="orgcal/prod", operator="ada")) as registry:
        stack = SimulatedStack(tmp_path, registry=registry)
        stack.rotate(NOW)
        stack.rotate(RotationRequest(revoke=True))
        rows = list(registry.log())

    assert [(row.action, row.subject, row.result) for row in rows] == [
        ("rotate", "generation 2", "add"),
        ("rotate", "generation 2", "activate"),
        ("rotate", "generation 1", "revoke"),
        ("rotate", "generation 1", "retire"),
    ]
    assert rows[0].detail == {"why": "asked for"}


class MadeElsewhere(SimulatedStack):
    """Whose generation 1 was made at a moment, and at which somebody else was at work first."""

    holders: list[str]
    made_at: str

    def lock_holder(self) -> str:
        return self.holders.pop() if self.holders else ""

    def state(self, *, show_secrets: bool = False) -> StackState:
        self.inputs["entries"]["1"]["created"] = self.made_at
        return super().state(show_secrets=show_secrets)


@pytest.mark.parametrize(
    ("holders", "made_at", "done"),
    [
        (["ada"], "2026-11-28T12:00:00Z", []),
        (["ada"], "2026-11-28T12:00:07Z", []),
        (["ada"], "2026-11-28T11:59:59Z", ["add 2", "activate 2"]),
        ([], "2026-11-28T12:00:00Z", ["add 2", "activate 2"]),
    ],
    ids=["rotated in that second", "rotated later", "did something else", "nobody"],
)
def test_rotation_that_somebody_else_has_just_made_is_not_made_again(
    tmp_path: Path,
    proofs: type[NotedProofs],
    monkeypatch: pytest.MonkeyPatch,
    holders: list[str],
    made_at: str,
    done: list[str],
) -> None:
    monkeypatch.setattr(UpdateLock, "pause", lambda lock, _: setattr(lock, "waited", True))
    stack = MadeElsewhere(tmp_path, clock=lambda: datetime(2026, 11, 28, 12, 0, 0, 500_000, tzinfo=UTC))
    stack.holders, stack.made_at = holders, made_at

    assert steps(stack, NOW) == done


def test_update_that_fails_after_the_ledger_keeps_what_it_began_in_the_file(
    tmp_path: Path, proofs: type[NotedProofs], monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = SimulatedStack(tmp_path)
    stack.rotate(NOW)

    def deploy(opened: Any, **more: Any) -> UpdateResult:
        stack.up(preview_first=True)
        raise EngineError("the platform gave no answer", where="stack prod")

    monkeypatch.setattr(run, "deploy", deploy)

    with pytest.raises(EngineError, match="gave no answer"):
        stack.rotate(AT_ONCE)

    assert "generations: [2]" in stack.path.read_text(), "the next run goes on from here"
