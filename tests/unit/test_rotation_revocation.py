"""An order to revoke is never forgotten: killed at each write in turn, the secret is dead after the next run."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from orgcal.errors import UsageError
from orgcal.rotation.steps import RotationRequest
from orgcal.settings import read_credential
from tests.support.simulated_stack import Killed, SimulatedStack, simulate

REVOKE = RotationRequest(revoke=True)
DAILY = RotationRequest(within=timedelta(days=30))
"""What the job of every day runs: it does not ask to revoke anything."""


@pytest.fixture(autouse=True)
def _simulated(monkeypatch: pytest.MonkeyPatch) -> None:
    simulate(monkeypatch)


def overlapping(folder: Path) -> SimulatedStack:
    """Generation 2 is in use, 1 in its overlap."""
    stack = SimulatedStack(folder)
    stack.rotate(RotationRequest(now=True))
    assert sorted(stack.directory) == [1, 2]
    return stack


def steps(stack: SimulatedStack, request: RotationRequest) -> list[tuple[str, int]]:
    return [(step.do.value, step.generation) for step in stack.rotate(request).done]


def writes_of_a_revocation(folder: Path, prepare: type[SimulatedStack] | object) -> int:
    stack = prepare(folder)  # type: ignore[operator]
    stack.rotate(REVOKE)
    assert 1 not in stack.directory
    count: int = stack.writes.count
    return count


@pytest.mark.parametrize("fresh", [False, True], ids=["same checkout", "fresh checkout"])
@pytest.mark.parametrize("prepare", [SimulatedStack, overlapping], ids=["in use", "superseded"])
def test_revocation_killed_at_any_write_is_finished_by_the_next_run(
    tmp_path: Path, prepare: type[SimulatedStack], fresh: bool
) -> None:
    (tmp_path / "undisturbed").mkdir()
    total = writes_of_a_revocation(tmp_path / "undisturbed", prepare)
    assert total >= 8
    first_durable = 3 if fresh else 2  # before that, nothing has been written that the next run could see

    for kill_at in range(1, total + 1):
        folder = tmp_path / str(kill_at)
        folder.mkdir()
        stack = prepare(folder)
        before = dict(stack.directory)

        with pytest.raises(Killed):
            stack.rotate(REVOKE, kill_at=kill_at)
        if fresh:
            stack.fresh_checkout()
        if kill_at < first_durable:
            assert (stack.directory, stack.red) == (before, False)
            continue
        assert stack.red or 1 not in stack.credentials, kill_at

        stack.rotate(DAILY)

        assert 1 not in stack.directory, f"killed before write {kill_at}, the revoked secret lives"
        assert not stack.red
        assert stack.platform in stack.directory
        assert "revoked" not in stack.path.read_text()
        assert stack.path.read_text() == stack.published


def test_revocation_is_recorded_before_anything_else(tmp_path: Path) -> None:
    stack = SimulatedStack(tmp_path)

    with pytest.raises(Killed):
        stack.rotate(REVOKE, kill_at=5)

    assert read_credential(tmp_path, "prod").revoked == (1,)
    assert "revoked: [1]" in stack.published
    assert stack.state().credential_state(where="prod").revoked == {1}
    assert stack.directory == {1: "key-1"}


def test_revoking_again_finishes_the_first_revocation_and_revokes_nothing_else(tmp_path: Path) -> None:
    stack = SimulatedStack(tmp_path)
    with pytest.raises(Killed):
        stack.rotate(REVOKE, kill_at=5)

    again = steps(stack, REVOKE)

    assert again == [("add", 2), ("activate", 2), ("retire", 1)]
    assert list(stack.directory) == [2]


def test_generation_that_the_file_names_as_revoked_is_replaced(tmp_path: Path) -> None:
    stack = overlapping(tmp_path)
    text = stack.path.read_text()
    stack.path.write_text(text.replace("active: 2", "active: 2\n    revoked: [2]"))

    done = steps(stack, DAILY)

    assert done == [("revoke", 2), ("retire", 1), ("add", 3), ("activate", 3), ("retire", 2)]
    assert list(stack.directory) == [3]


def test_revocation_deploys_the_credential_alone_unless_asked(tmp_path: Path) -> None:
    (tmp_path / "all").mkdir()
    alone, whole = SimulatedStack(tmp_path), SimulatedStack(tmp_path / "all")

    alone.rotate(REVOKE)
    whole.rotate(RotationRequest(revoke=True, deploy_all=True))

    assert alone.everything == 0
    assert whole.everything == 3
    assert list(alone.directory) == list(whole.directory) == [2]


def test_rollback_to_a_revoked_generation_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    stack = overlapping(tmp_path)
    with pytest.raises(Killed):
        stack.rotate(REVOKE, kill_at=5)
    before = stack.path.read_text()

    with pytest.raises(UsageError, match="generation 1 is revoked, so nothing goes back to it"):
        stack.rotate(RotationRequest(rollback=True))

    assert stack.path.read_text() == before
