"""An update that is refused before the ledger has taken it leaves the stack's file as it was."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from orgcal.errors import EngineError
from orgcal.rotation.steps import RotationRequest
from orgcal.stack.runner import UpdateResult
from tests.support.simulated_stack import STACK_FILE, SimulatedStack, simulate

NOW = RotationRequest(now=True)
DAILY = RotationRequest(within=timedelta(days=30))


class Refusing(SimulatedStack):
    """As where a setting of the platform is wrong: the program ends before anything is written."""

    refuses = True

    def up(self, *, preview_first: bool, on_step: object = None) -> UpdateResult:
        if self.refuses:
            raise EngineError("a setting of the platform is wrong", where="stack prod")
        return super().up(preview_first=preview_first, on_step=on_step)


@pytest.fixture(autouse=True)
def _simulated(monkeypatch: pytest.MonkeyPatch) -> None:
    simulate(monkeypatch)


def test_rotation_that_is_refused_before_the_ledger_puts_the_settings_back(tmp_path: Path) -> None:
    stack = Refusing(tmp_path)

    with pytest.raises(EngineError, match="a setting of the platform is wrong"):
        stack.rotate(NOW)

    assert stack.path.read_text() == STACK_FILE
    assert stack.directory == {1: "key-1"}
    stack.refuses = False
    assert stack.rotate(DAILY).done == [], "nothing was begun that would go on"
    assert [(step.do.value, step.generation) for step in stack.rotate(NOW).done] == [("add", 2), ("activate", 2)]
