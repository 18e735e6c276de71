"""Rows of a rotation in the registry's log, where the stack has a registry."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from orgcal.operations.sweep import Orphan
from orgcal.rotation.log import RotationLog
from orgcal.rotation.proof import Proof
from orgcal.rotation.steps import Action, RotationStep
from orgcal.stack.outputs import StackOutputs
from orgcal.stack.state import StackState
from orgcal.tenants.credentials import KnownCredential, known_credentials
from orgcal.tenants.model import State
from orgcal.tenants.registry import FILE_NAME, RegistryUnavailable, open_stack_registry
from tests.support.open_stacks import open_stack
from tests.support.stack_exports import exported, password


def test_log_has_a_row_for_each_step_proof_and_leftover(tmp_path: Path) -> None:
    told: list[str] = []
    registry = open_stack_registry(tmp_path, "orgcal", "prod", {"ORGCAL_OPERATOR": "ada"})
    with open_stack(tmp_path, environ={"ORGCAL_OPERATOR": "ada"}) as stack:
        log = RotationLog(stack, told.append)
        log.step(RotationStep(Action.ADD, 4, "asked for"))
        log.proof(4, Proof(True, "3 fresh tokens", "stack's credential", ("Contoso",)))
        log.proof(4, Proof(False, "no token", "platform's tokens"))
        log.removed([Orphan("secret", "orgcal:orgcal/prod generation 4", "key", "object")])

    rows = list(registry.log())
    registry.close()
    assert told == []
    assert [(row.operator, row.action, row.subject, row.result) for row in rows] == [
        ("ada", "rotate", "generation 4", "add"),
        ("ada", "rotate", "generation 4", "proved"),
        ("ada", "rotate", "generation 4", "not proved"),
        ("ada", "rotate", "generation 4", "left-over removed"),
    ]
    assert [row.detail for row in rows] == [
        {"why": "asked for"},
        {"way": "stack's credential", "organisations": ["Contoso"], "said": "3 fresh tokens"},
        {"way": "platform's tokens", "organisations": [], "said": "no token"},
        {"name": "orgcal:orgcal/prod generation 4", "key_id": "key"},
    ]


def test_log_has_a_row_for_a_run_that_failed_and_one_for_the_first_that_succeeded_after_it(tmp_path: Path) -> None:
    with open_stack(tmp_path) as stack:
        assert list(stack.registry.log()) == []
        log = RotationLog(stack, print)
        for failure in ("", "no token", "no token", "", ""):
            log.ended(failure)

        assert [(row.subject, row.result, row.detail) for row in stack.registry.log()] == [
            ("run", "failed", {"why": "no token"}),
            ("run", "failed", {"why": "no token"}),
            ("run", "succeeded", {}),
        ]


def test_log_without_a_registry_makes_none_and_knows_nobody(tmp_path: Path) -> None:
    log = RotationLog(open_stack(tmp_path), print)

    log.step(RotationStep(Action.ADD, 4, "asked for"))
    log.known(StackOutputs.model_construct())
    log.ended("no token")

    assert log.sample("seed") == []
    assert not (tmp_path / FILE_NAME).exists()


def test_log_samples_the_organisations_that_have_consented(tmp_path: Path) -> None:
    registry = open_stack_registry(tmp_path, "orgcal", "prod", {})
    states = (State.VERIFIED, State.INVITED, State.RECONSENT_NEEDED, State.CONSENTED, State.REVOKED, State.FAILED)
    for number, (name, state) in enumerate(zip("ABCDEF", states, strict=True)):
        tenant = registry.add(f"00000000-0000-0000-0000-{number:012d}", name)
        registry.set_state(tenant.tenant_id, state)
    registry.close()

    with open_stack(tmp_path) as stack:
        sampled = RotationLog(stack, print).sample("seed")
    assert {item.name for item in sampled} == {"A", "C", "D"}, "whoever lacks a new permission has access all the same"


def test_log_gives_the_registry_the_generations_that_are_live(tmp_path: Path) -> None:
    with open_stack(tmp_path) as stack:
        assert list(stack.registry.log()) == []
        state = StackState(exported([3, 4], 4, password(3), password(4), pushed=4)).credential_state(where="stack prod")
        RotationLog(stack, print).known(state.outputs)

        known = known_credentials(stack.registry)
    expires = datetime(2027, 5, 1, tzinfo=UTC)
    assert known is not None
    assert (known.active, known.credentials) == (
        4,
        (KnownCredential(3, "secret", expires), KnownCredential(4, "secret", expires)),
    )


def test_registry_that_cannot_take_the_generations_is_told_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise RegistryUnavailable("the database is full")

    told: list[str] = []
    monkeypatch.setattr("orgcal.rotation.log.note_credentials", refuse)
    with open_stack(tmp_path) as stack:
        assert list(stack.registry.log()) == []
        RotationLog(stack, told.append).known(StackOutputs.model_construct())

    assert told == ["the registry does not know the generations: the database is full"]


def test_log_that_cannot_be_written_stops_no_rotation(tmp_path: Path) -> None:
    told: list[str] = []
    (tmp_path / "file").write_text("")
    environ = {"ORGCAL_REGISTRY_URL": f"sqlite:///{tmp_path}/file/tenants.sqlite"}
    log = RotationLog(open_stack(tmp_path, environ=environ), told.append)

    log.step(RotationStep(Action.ADD, 4, "asked for"))
    log.ended("no token")

    assert log.sample("seed") == []
    reason = told[0].removeprefix("the log could not be written: ")
    assert told == [
        f"the log could not be written: {reason}",
        f"the log could not be written: {reason}",
        f"the registry cannot be asked ({reason}); the proof is made in the home tenant",
    ]
    assert reason
