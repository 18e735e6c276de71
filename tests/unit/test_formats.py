"""What a newer orgcal wrote is refused in one sentence, with the format found, the newest known one and the repair."""

from __future__ import annotations

from typing import Any

import pytest

from orgcal import __version__
from orgcal.errors import UsageError
from orgcal.provider._sdk import Call, Diff, InvalidInputs, Properties, State
from orgcal.provider.connector.ledgers import CredentialLedger
from orgcal.stack.outputs import read_outputs
from orgcal.stack.state import StackState
from tests.support.stack_exports import exported, record

NEWS: Properties = {"generations": [1], "active": 1, "lifetime": "180d"}
CALL = Call("outlook-calendar", lambda severity, text: None)
REFUSAL = "has format {}, and orgcal " + __version__ + " reads formats up to {}; nothing was changed"
REPAIR = "use the orgcal that wrote it"


def of_newer(inputs: dict[str, Any]) -> dict[str, Any]:
    return {**inputs, "format": 3}


def test_state_of_a_newer_orgcal_is_refused() -> None:
    state = exported([1], 1)
    (ledger,) = (item for item in state["deployment"]["resources"] if item["type"] == CredentialLedger.token)
    ledger["inputs"] = of_newer(ledger["inputs"])

    with pytest.raises(UsageError) as refused:
        StackState(state)

    assert str(refused.value).startswith(f"stack prod: the stack's state {REFUSAL.format(3, 2)}\n  repair: ")
    assert REPAIR in refused.value.repair


def test_outputs_of_a_newer_orgcal_are_refused() -> None:
    with pytest.raises(UsageError) as refused:
        read_outputs({"orgcal": {**record([1], 1), "schema_version": 2}}, where="stack prod")

    assert REFUSAL.format(2, 1) in refused.value.what
    assert REPAIR in refused.value.repair


@pytest.mark.parametrize("found", [3, "2", None])
def test_ledger_of_a_newer_orgcal_is_refused_before_anything_is_written(found: object) -> None:
    with pytest.raises(InvalidInputs) as refused:
        CredentialLedger().check(CALL, NEWS, {**NEWS, "format": found})

    (reason,) = refused.value.failures.values()
    assert f"has format {found}" in reason
    assert REPAIR in reason


def test_refresh_refuses_the_ledger_of_a_newer_orgcal() -> None:
    with pytest.raises(UsageError, match=REFUSAL.format(3, 2)):
        CredentialLedger().read(CALL, "ledger-1", State(of_newer(NEWS)))


def test_first_format_leaves_no_mark_in_the_ledger() -> None:
    assert "format" not in CredentialLedger().check(CALL, NEWS, {})


def test_revocation_marks_the_ledger_for_good_as_an_older_orgcal_would_forget_it() -> None:
    ledger = CredentialLedger()
    before = ledger.check(CALL, NEWS, {})

    revoked = ledger.check(CALL, {**NEWS, "revoked": [1]}, before)
    diff = ledger.diff(CALL, "ledger-1", State(before), revoked)
    later = ledger.check(CALL, NEWS, revoked)

    assert revoked["format"] == later["format"] == 2
    assert "revoked" in later["entries"]["1"]
    assert diff == Diff(changed=frozenset({"revoked", "entries", "format"}))
