"""What a rotation refuses before its first write: one sentence, and the repair."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from orgcal.errors import UsageError
from orgcal.rotation.checks import check_new_generation, check_place, check_request, has_nothing_to_rotate
from orgcal.rotation.steps import RotationRequest
from orgcal.settings import CredentialSettings
from orgcal.stack.environment import StackEnvironment
from orgcal.stack.state import CredentialState, GenerationRecord, StackState
from tests.support.stack_exports import TRUST, exported, password, resource

NOW = datetime(2026, 11, 25, tzinfo=UTC)
TRUSTED = {"issuer": "https://token.example.com", "subject": "connector"}


def one() -> CredentialState:
    return StackState(exported([3], 3, password(3), pushed=3)).credential_state(where="stack prod")


def two() -> CredentialState:
    return StackState(exported([3, 4], 4, password(3), password(4), pushed=4)).credential_state(where="stack prod")


def trusting() -> CredentialState:
    trust = resource(TRUST, "outlook-calendar-3", outputs={"credentialId": "trust-3"})
    return StackState(exported([3], 3, trust)).credential_state(where="stack prod")


def section(**changed: Any) -> CredentialSettings:
    return CredentialSettings.model_validate({"generations": (3,), "active": 3, **changed})


def test_rollback_without_an_old_generation_is_refused() -> None:
    with pytest.raises(UsageError, match="generation 3 is the only live one"):
        check_request(one(), section(), RotationRequest(rollback=True), NOW)


def test_rollback_repeated_after_it_was_done_is_fine() -> None:
    state = one()
    withdrawn = {**state.entries, 4: GenerationRecord(NOW, NOW, NOW, NOW)}

    check_request(dataclasses.replace(state, entries=withdrawn), section(), RotationRequest(rollback=True), NOW)


def test_rollback_to_an_expired_generation_is_refused() -> None:
    check_request(two(), section(), RotationRequest(rollback=True), NOW)
    with pytest.raises(UsageError, match="generation 3 has expired"):
        check_request(two(), section(), RotationRequest(rollback=True), datetime(2030, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("asked", [RotationRequest(now=True), RotationRequest(revoke=True)], ids=["now", "revoke"])
def test_rotation_of_a_federated_credential_is_refused_in_one_sentence(asked: RotationRequest) -> None:
    federated = section(kind="federated", trusts={3: TRUSTED})

    assert has_nothing_to_rotate(trusting(), federated)
    assert not has_nothing_to_rotate(trusting(), section(kinds={3: "federated"}, trusts={3: TRUSTED})), (
        "a secret is to take over"
    )
    check_request(trusting(), federated, RotationRequest(), NOW)
    with pytest.raises(UsageError, match="tokens of its own, so there is nothing to rotate"):
        check_request(trusting(), federated, asked, NOW)


def test_new_generation_that_would_be_a_trust_is_refused() -> None:
    with pytest.raises(UsageError, match="only the platform can prove it"):
        check_new_generation(4, one(), section(kind="federated", kinds={3: "secret"}), {})


def test_emulator_that_does_not_run_is_said_before_anything_is_asked(tmp_path: Path) -> None:
    environment = StackEnvironment(tmp_path, "dev", "emulator", tmp_path, tmp_path.as_uri(), None)

    with pytest.raises(UsageError, match="emulator does not run") as refused:
        check_place(one(), environment)
    assert refused.value.repair == "orgcal emulator start --stack dev"
