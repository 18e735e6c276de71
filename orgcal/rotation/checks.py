"""Refuses, before the first write, what a rotation cannot do."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from orgcal.errors import UsageError
from orgcal.rotation.platform_proof import check_kind
from orgcal.rotation.steps import RotationRequest
from orgcal.settings import CredentialSettings
from orgcal.stack.environment import StackEnvironment
from orgcal.stack.state import CredentialState

NO_SECRET = "the platform proves itself with tokens of its own, so there is nothing to rotate"  # noqa: S105


def has_nothing_to_rotate(state: CredentialState, section: CredentialSettings) -> bool:
    """Whether the connector trusts tokens, and its next generation would too."""
    live = state.ledger.generations
    only = state.credentials.get(state.ledger.active)
    return len(live) == 1 and only is not None and only.kind == "federated" and section.kind == "federated"


def check_request(state: CredentialState, section: CredentialSettings, request: RotationRequest, now: datetime) -> None:
    """Refuse, with UsageError, a request that is not possible now."""
    live, active = state.ledger.generations, state.ledger.active
    where = f"stack {state.outputs.stack}"
    done = max(state.entries) > active  # what was newer has been withdrawn
    if request.rollback and len(live) == 1 and state.complete and not done:
        raise UsageError(
            f"generation {active} is the only live one; there is nothing to go back to",
            where=where,
            repair="orgcal rotate --now makes a new one",
        )
    if request.rollback and active != live[0] and state.entries[live[0]].expires <= now:
        raise UsageError(
            f"generation {live[0]} has expired, so nothing can go back to it", where=where, repair="orgcal rotate --now"
        )
    if request.rollback and live[0] in state.revoked:
        raise UsageError(
            f"generation {live[0]} is revoked, so nothing goes back to it", where=where, repair="orgcal rotate"
        )
    if (request.now or request.revoke or section.revoked) and has_nothing_to_rotate(state, section):
        raise UsageError(
            NO_SECRET, where=where, repair="to trust others: orgcal:credential.trusts, docs/credentials.md"
        )


def check_place(state: CredentialState, environment: StackEnvironment) -> None:
    """Refuse, with UsageError, where the stack's emulator does not run or is not the one that it was deployed to."""
    if environment.cloud != "emulator":
        return
    emulated = environment.running_endpoints().emulated
    if emulated is not None and emulated.directory_id != state.outputs.directory_id:
        raise UsageError(
            "the emulator's directory is another one than the stack was deployed to",
            where=f"stack {environment.stack}",
            repair=f"orgcal up --stack {environment.stack}",
        )


def check_new_generation(
    number: int, state: CredentialState, section: CredentialSettings, environ: Mapping[str, str]
) -> None:
    """Refuse, with UsageError, a new generation that could not take over once it is made."""
    kind, active = section.kind_of(number), state.ledger.active
    if kind == "federated":
        raise UsageError(
            f"generation {number} would be a trust in the platform's own tokens, and only the platform can prove it",
            where="orgcal:credential.kind",
            repair="change over by hand: docs/credentials.md, From one kind to another",
        )
    check_kind(state.outputs, environ, kind)
    if kind == "certificate" and active in section.certificates and number not in section.certificates:
        raise UsageError(
            f"you brought the certificate of generation {active} along, and there are no files for generation {number}",
            where=f"orgcal:credential.certificates.{number}",
            repair=f"add {number}: {{certificate_file: …, private_key_file: …}} beside those of {active}",
        )
