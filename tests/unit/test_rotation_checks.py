"""What a rotation refuses before its first write: one sentence, and the repair."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

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
    with pytest.raises(UsageError) as refused:
        check_request(one(), section(), RotationRequest(rollback=True), NOW)
    assert str(refused.value) == (
        "stack prod: generation 3 is the only live one; there is nothing to go back to\n"
        "  repair: orgcal rotate --now makes a new one"
    )


def test_rollback_repeated_after_it_was_done_is_fine() -> None:
    state = one()
    withdrawn = {**state.entries, 4: GenerationRecord(NOW, NOW, NOW, NOW)}

    check_request(dataclasses.replace(state, entries=withdrawn), section(), RotationRequest(rollback=True), NOW)


def test_rollback_to_an_expired_generation_is_refused() -> None:
    check_request(two(), section(), RotationRequest(rollback=True), NOW)
    with pytest.raises(UsageError) as refused:
        check_request(two(), section(), RotationRequest(rollback=True), datetime(2030, 1, 1, tzinfo=UTC))
    assert str(refused.value) == (
        "stack prod: generation 3 has expired, so nothing can go back to it\n  repair: orgcal rotate --now"
    )


@pytest.mark.parametrize("asked", [RotationRequest(now=True), RotationRequest(revoke=True)], ids=["now", "revoke"])
def test_rotation_of_a_federated_credential_is_refused_in_one_sentence(asked: RotationRequest) -> None:
    federated = section(kind="federated", trusts={3: TRUSTED})

    assert has_nothing_to_rotate(trusting(), federated)
    assert not has_nothing_to_rotate(trusting(), section(kinds={3: "federated"}, trusts={3: TRUSTED})), (
        "a secret is to take over"
    )
    check_request(trusting(), federated, RotationRequest(), NOW)
    with pytest.raises(UsageError) as refused:
        check_request(trusting(), federated, asked, NOW)
    assert str(refused.value) == (
        "stack prod: the platform proves itself with tokens of its own, so there is nothing to rotate\n"
        "  repair: to trust others: orgcal:credential.trusts, docs/credentials.md"
    )


def test_new_generation_that_would_be_a_trust_is_refused() -> None:
    with pytest.raises(UsageError) as refused:
        check_new_generation(4, one(), section(kind="federated", kinds={3: "secret"}), {})
    assert str(refused.value) == (
        "orgcal:credential.kind: generation 4 would be a trust in the platform's own tokens, and only the platform can "
        "prove it\n  repair: change over by hand: docs/credentials.md, From one kind to another"
    )


def test_emulator_that_does_not_run_is_said_before_anything_is_asked(tmp_path: Path) -> None:
    environment = StackEnvironment(tmp_path, "dev", "emulator", tmp_path, tmp_path.as_uri(), None)

    with pytest.raises(UsageError, match="emulator does not run") as refused:
        check_place(one(), environment)
    assert refused.value.repair == "orgcal emulator start --stack dev"


def placed(cloud: str, directory_id: str | None) -> StackEnvironment:
    """Where a stack is that runs on the emulator with this directory; None for a cloud that is none."""
    emulated = None if directory_id is None else SimpleNamespace(directory_id=directory_id)
    endpoints = SimpleNamespace(emulated=emulated)
    return cast(StackEnvironment, SimpleNamespace(cloud=cloud, stack="dev", running_endpoints=lambda: endpoints))


def test_emulator_that_was_replaced_is_refused_and_the_stacks_own_is_not() -> None:
    state = one()
    outputs = state.outputs.model_copy(update={"directory_id": "first"})
    state = dataclasses.replace(state, outputs=outputs)

    check_place(state, placed("emulator", "first"))
    check_place(state, placed("emulator", None))
    check_place(state, placed("public", "second"))
    with pytest.raises(UsageError) as refused:
        check_place(state, placed("emulator", "second"))
    assert str(refused.value) == (
        "stack dev: the emulator's directory is another one than the stack was deployed to\n"
        "  repair: orgcal up --stack dev"
    )


def test_rollback_at_the_moment_of_expiry_comes_too_late() -> None:
    expires = two().entries[3].expires

    with pytest.raises(UsageError, match="generation 3 has expired"):
        check_request(two(), section(), RotationRequest(rollback=True), expires)


def test_rollback_goes_on_when_the_old_generation_is_active_already_even_if_it_expired() -> None:
    state = two()
    state = dataclasses.replace(state, ledger=dataclasses.replace(state.ledger, active=3))

    check_request(state, section(), RotationRequest(rollback=True), datetime(2030, 1, 1, tzinfo=UTC))


def test_rollback_to_a_revoked_generation_is_refused() -> None:
    state = two()
    revoked = dataclasses.replace(state, outputs=state.outputs.model_copy(update={"revoked": (3,)}))
    newer = dataclasses.replace(state, outputs=state.outputs.model_copy(update={"revoked": (4,)}))

    check_request(newer, section(), RotationRequest(rollback=True), NOW)
    with pytest.raises(UsageError) as refused:
        check_request(revoked, section(), RotationRequest(rollback=True), NOW)
    assert str(refused.value) == (
        "stack prod: generation 3 is revoked, so nothing goes back to it\n  repair: orgcal rotate"
    )
    check_request(revoked, section(), RotationRequest(now=True), NOW)


def test_rollback_after_an_interrupted_update_is_let_through() -> None:
    interrupted = dataclasses.replace(one(), under_way=True)

    check_request(interrupted, section(), RotationRequest(rollback=True), NOW)


def test_revoked_trust_in_the_file_has_nothing_to_rotate() -> None:
    federated = section(kind="federated", trusts={3: TRUSTED}, revoked=(3,))

    with pytest.raises(UsageError, match="there is nothing to rotate"):
        check_request(trusting(), federated, RotationRequest(), NOW)


def test_rotation_of_a_secret_has_something_to_rotate() -> None:
    assert not has_nothing_to_rotate(one(), section())
    assert not has_nothing_to_rotate(one(), section(kind="federated", trusts={3: TRUSTED})), "a secret is in use"
    assert not has_nothing_to_rotate(two(), section(kind="federated", trusts={3: TRUSTED}))
    nothing_made = dataclasses.replace(trusting(), credentials={})
    assert not has_nothing_to_rotate(nothing_made, section(kind="federated", trusts={3: TRUSTED}))


CALLBACK = "https://app.example.com/cb"
ANY_KIND = {"kind": "file", "path": "a.json", "callback_url": CALLBACK}
SECRETS_ONLY = {
    "kind": "file",
    "path": "a.env",
    "callback_url": CALLBACK,
    "names": {"client_id": "ID", "client_secret": "SECRET"},
}


def held_by(platform: dict[str, Any], **further: dict[str, Any]) -> CredentialState:
    outputs = one().outputs.model_copy(update={"platform": platform, "also_pushed_to": further})
    return dataclasses.replace(one(), outputs=outputs)


@pytest.mark.parametrize(
    "state", [held_by(SECRETS_ONLY), held_by(ANY_KIND, vault=SECRETS_ONLY)], ids=["platform", "further platform"]
)
def test_new_generation_of_a_kind_that_a_platform_cannot_hold_is_refused(state: CredentialState) -> None:
    check_new_generation(4, state, section(), {})
    with pytest.raises(UsageError, match="takes a secret, not a certificate") as refused:
        check_new_generation(4, state, section(kind="certificate", kinds={3: "secret"}), {})
    assert refused.value.where.endswith("a.env")
    assert refused.value.repair == "set orgcal:credential.kind to the other; nothing was changed"


def test_new_certificate_is_made_unless_the_old_one_was_brought_along() -> None:
    state, files = held_by(ANY_KIND), {"certificate_file": "a.pem", "private_key_file": "a.key"}

    check_new_generation(4, state, section(kind="certificate"), {})
    check_new_generation(4, state, section(kind="certificate", certificates={3: files, 4: files}), {})
    check_new_generation(4, state, section(kinds={3: "certificate"}, certificates={3: files}), {})
    with pytest.raises(UsageError) as refused:
        check_new_generation(4, state, section(kind="certificate", certificates={3: files}), {})
    assert str(refused.value) == (
        "orgcal:credential.certificates.4: you brought the certificate of generation 3 along, and there are no files "
        "for generation 4\n"
        "  repair: add 4: {certificate_file: \u2026, private_key_file: \u2026} beside those of 3"
    )
