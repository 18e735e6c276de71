"""What a person is asked before a rotation that was called for: what is next, and what it means."""

from __future__ import annotations

from orgcal.printable import counted
from orgcal.rotation.status import RotationStatus
from orgcal.rotation.steps import Action, RotationRequest


def rotation_question(request: RotationRequest, status: RotationStatus) -> str:
    """The question, of one line, such as `Revoke generation 2 of stack prod?`."""
    if request.revoke:
        number = _revoked_next(status)
        what = "Go on with the revocation" if number is None else f"Revoke generation {number}"
        return f"{what} of stack {status.stack}?"
    return f"{'Roll back' if request.rollback else 'Rotate'} the credential of stack {status.stack}?"


def meaning_for_customers(request: RotationRequest, status: RotationStatus, organisations: int) -> str:
    """What it means for them, and for whoever uses the credential; a sentence without an end.

    Args:
        organisations: how many have consented.
    """
    whom = f"{counted(organisations, 'organisation')} {'uses' if organisations == 1 else 'use'}"
    return f"{whom} this connector; {_meaning(request, status)}"


def _meaning(request: RotationRequest, status: RotationStatus) -> str:
    if request.revoke:
        number, active = _revoked_next(status), status.state.ledger.active
        if number is not None and number != active:
            return (
                f"generation {number} stops working at once, everywhere it is used, and generation {active} stays; "
                "if that one leaked, run this again afterwards"
            )
        return "the active generation stops working as soon as another is in the connector, everywhere it is used"
    if request.rollback:
        return "it goes back to the generation before, which is proved first"
    return "the old generation works on until its overlap ends" if request.overlap else "the old one ends at once"


def _revoked_next(status: RotationStatus) -> int | None:
    """The generation that this run writes down as revoked; None where an earlier one is not replaced yet."""
    return status.step.generation if status.step.do is Action.REVOKE else None
