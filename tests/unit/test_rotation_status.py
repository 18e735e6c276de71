"""What `orgcal rotate` tells of a stack and of its own run: lines for people, JSON for programs."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orgcal.durations import rfc3339
from orgcal.rotation.proof import Proof
from orgcal.rotation.question import meaning_for_customers, rotation_question
from orgcal.rotation.status import RotationResult, RotationStatus, read_status, rotation_state, status_of
from orgcal.rotation.steps import Action, RotationRequest, RotationStep
from orgcal.settings import CredentialSettings
from orgcal.settings.credential_file import SettingsFile
from orgcal.stack.state import CredentialState, GenerationRecord
from tests.support.simulated_stack import SimulatedStack

CREATED = datetime(2026, 11, 1, tzinfo=UTC)
EXPIRES = datetime(2027, 5, 1, tzinfo=UTC)
SUPERSEDED = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)
NOW = datetime(2026, 11, 25, tzinfo=UTC)
LINE = "until 2027-05-01, 157 days left"


def settings(generations: tuple[int, ...], active: int, **more: Any) -> CredentialSettings:
    return CredentialSettings.model_validate({"generations": generations, "active": active, **more})


def one(folder: Path) -> CredentialState:
    """Generation 1 is in use, and nothing else was ever made."""
    state = SimulatedStack(folder).state().credential_state(where="stack prod")
    return dataclasses.replace(state, entries={1: GenerationRecord(CREATED, EXPIRES, None, None)})


def overlapping(folder: Path) -> CredentialState:
    """Generation 3 is in use, 2 in its overlap, 1 retired; the credential of 3 is not made yet."""
    state = one(folder)
    live = dataclasses.replace(state.credentials[1], key_id="key-2")
    entries = {
        3: GenerationRecord(CREATED, EXPIRES, None, None),
        2: GenerationRecord(CREATED, EXPIRES, SUPERSEDED, None),
        1: GenerationRecord(CREATED, EXPIRES, CREATED, SUPERSEDED),
    }
    ledger = dataclasses.replace(state.ledger, generations=(2, 3), active=3)
    return dataclasses.replace(state, ledger=ledger, entries=entries, credentials={2: live})


def test_status_as_json_has_each_generation_and_the_next_step(tmp_path: Path) -> None:
    status = status_of(one(tmp_path), settings((1,), 1), RotationRequest(within=timedelta(days=30)), NOW)

    assert status.as_json() == {
        "stack": "prod",
        "client_id": "client",
        "active_generation": 1,
        "generations": [
            {
                "generation": 1,
                "role": "active",
                "kind": "secret",
                "key_id": "key-1",
                "created_at": rfc3339(CREATED),
                "expires_at": rfc3339(EXPIRES),
                "days_left": 157,
                "superseded_at": None,
                "retired_at": None,
                "revoked_at": None,
            }
        ],
        "complete": True,
        "file_agrees": True,
        "revoked": [],
        "next": {
            "step": "rest",
            "generation": 1,
            "why": "generation 1 is good until 2027-05-01; a rotation begins from 2027-04-01",
            "due_at": "2027-04-01T00:00:00Z",
        },
    }
    assert not status.revoking


def test_status_lists_generations_by_their_number_and_what_became_of_them(tmp_path: Path) -> None:
    status = RotationStatus("prod", overlapping(tmp_path), RotationStep(Action.REST, 3, "nothing is due"), True, NOW)

    told = status.as_json()["generations"]

    assert [(each["generation"], each["role"], each["kind"], each["key_id"]) for each in told] == [
        (1, "retired", None, None),
        (2, "superseded", "secret", "key-2"),
        (3, "active", None, None),
    ]
    assert [each["superseded_at"] for each in told] == [rfc3339(CREATED), rfc3339(SUPERSEDED), None]
    assert [each["retired_at"] for each in told] == [rfc3339(SUPERSEDED), None, None]


def test_status_shows_a_generation_that_was_never_in_use_as_new(tmp_path: Path) -> None:
    state = one(tmp_path)
    ledger = dataclasses.replace(state.ledger, generations=(1, 2))
    entries = {**state.entries, 2: GenerationRecord(CREATED, EXPIRES, None, None)}

    status = status_of(
        dataclasses.replace(state, ledger=ledger, entries=entries), settings((1, 2), 1), RotationRequest(), NOW
    )

    assert [each["role"] for each in status.as_json()["generations"]] == ["active", "new"]


def test_status_of_a_stack_is_told_in_lines(tmp_path: Path) -> None:
    wait = RotationStep(Action.WAIT, 2, "it lives on", SUPERSEDED + timedelta(days=7))

    lines = list(RotationStatus("prod", overlapping(tmp_path), wait, True, NOW).lines())

    assert lines == [
        "stack prod, application client",
        f"  generation 2  superseded  secret key-2  {LINE}, superseded 2026-11-20 08:30 UTC",
        f"  generation 3  active  not made yet  {LINE}",
        "next: retire generation 2, from 2026-11-27 08:30 UTC",
    ]


def test_status_lines_end_with_what_is_next(tmp_path: Path) -> None:
    state = one(tmp_path)

    def last(step: RotationStep) -> str:
        return list(RotationStatus("prod", state, step, True, NOW).lines())[-1]

    assert last(RotationStep(Action.REST, 1, "it is good")) == "next: nothing; it is good"
    assert last(RotationStep(Action.ADD, 2, "asked for")) == "next: add generation 2 (asked for)"


def test_status_lines_tell_a_revoked_generation_one_without_an_end_and_a_file_that_differs(tmp_path: Path) -> None:
    state = one(tmp_path)
    endless = GenerationRecord(CREATED, datetime(2199, 1, 1, tzinfo=UTC), None, None, revoked=SUPERSEDED)
    outputs = state.outputs.model_copy(update={"revoked": (1,)})
    state = dataclasses.replace(state, entries={1: endless}, outputs=outputs)

    lines = list(status_of(state, settings((1, 2), 1), RotationRequest(), NOW).lines())

    assert lines[1:-1] == [
        "  generation 1  active  secret key-1  until 2199-01-01, does not end, revoked 2026-11-20 08:30 UTC",
        "  revoked  generation 1 was revoked, and the credential may still work; repair: orgcal rotate",
        "  the stack's file names other generations than the state; orgcal rotate writes it",
    ]


def test_status_is_alarming_while_the_state_or_the_file_names_a_revoked_generation(tmp_path: Path) -> None:
    state = one(tmp_path)
    revoked = dataclasses.replace(state, outputs=state.outputs.model_copy(update={"revoked": (1,)}))
    ordered = status_of(state, settings((1,), 1, revoked=(1,)), RotationRequest(), NOW)

    assert RotationStatus("prod", revoked, RotationStep(Action.ADD, 2, ""), True, NOW).revoking
    assert ordered.revoking
    assert not ordered.agrees


def test_next_step_is_decided_by_what_the_file_orders_and_the_state_has_not_done(tmp_path: Path) -> None:
    state = overlapping(tmp_path)
    revoked = dataclasses.replace(state, outputs=state.outputs.model_copy(update={"revoked": (2,)}))

    assert rotation_state(state, settings((2, 3), 3, revoked=(2,))).ordered == {2}
    assert rotation_state(revoked, settings((2, 3), 3, revoked=(2,))).ordered == frozenset()
    assert rotation_state(state, settings((1, 3), 3, revoked=(1,))).ordered == frozenset(), "it is retired"
    assert rotation_state(state, settings((3, 4), 3)).begun == 4
    assert rotation_state(state, settings((2, 3), 3)).begun is None


def test_next_step_of_a_trust_is_to_rest(tmp_path: Path) -> None:
    state = one(tmp_path)
    trust = dataclasses.replace(state.credentials[1], kind="federated")
    trusted = {"kind": "federated", "trusts": {1: {"issuer": "https://token.example.com", "subject": "connector"}}}

    idle = rotation_state(dataclasses.replace(state, credentials={1: trust}), settings((1,), 1, **trusted)).idle

    assert idle == "the platform proves itself with tokens of its own, so there is nothing to rotate"
    assert rotation_state(state, settings((1,), 1)).idle == ""


def test_result_as_json_has_what_was_done_proved_and_removed(tmp_path: Path) -> None:
    status = status_of(one(tmp_path), settings((1,), 1), RotationRequest(), NOW)
    proof = Proof(True, "3 fresh tokens", "stack's credential", ("Contoso",), "not shown")
    further = Proof(True, "it works", "platform's tokens", platform="vault")
    step = RotationStep(Action.ADD, 2, "asked for", NOW)

    told = RotationResult([step], [proof, further], ["key-9"], status, "https://github.example/pull/7").as_json()

    assert told == {
        "done": [{"step": "add", "generation": 2, "why": "asked for"}],
        "proofs": [
            {
                "passed": True,
                "sentence": "3 fresh tokens",
                "way": "stack's credential",
                "organisations": ("Contoso",),
                "platform": None,
            },
            {
                "passed": True,
                "sentence": "it works",
                "way": "platform's tokens",
                "organisations": (),
                "platform": "vault",
            },
        ],
        "repair": "",
        "leftovers_removed": ["key-9"],
        "pull_request": "https://github.example/pull/7",
        **status.as_json(),
    }
    assert further.words() == "also_push_to.vault: it works"


def test_result_fails_by_its_last_proof_only() -> None:
    good, bad = Proof(True, "", "nothing"), Proof(False, "no token", "nothing", repair="try again")

    assert RotationResult(proofs=[bad, good]).failed is None
    failed = RotationResult(proofs=[good, bad])

    assert failed.failed is bad
    told = failed.as_json()
    assert (told["repair"], told["pull_request"], told["leftovers_removed"]) == (
        "try again",
        None,
        [],
    )


def test_status_of_an_open_stack_is_read_from_its_state_and_file(tmp_path: Path) -> None:
    stack = SimulatedStack(tmp_path)
    file = SettingsFile(tmp_path, "prod", emulated=False, overlay=False)

    status = read_status(stack.opened(), file, RotationRequest(now=True), NOW)

    assert (status.stack, status.agrees, status.step.words()) == ("prod", True, "add generation 2")


@pytest.mark.parametrize(
    ("overlap_is_on", "request_", "question", "meaning"),
    [
        (True, RotationRequest(revoke=True), "Revoke generation 2 of stack prod?",
         "generation 2 stops working at once, everywhere it is used, and generation 3 stays; if that one leaked, run "
         "this again afterwards"),
        (False, RotationRequest(revoke=True), "Revoke generation 1 of stack prod?",
         "the active generation stops working as soon as another is in the connector, everywhere it is used"),
        (True, RotationRequest(rollback=True), "Roll back the credential of stack prod?",
         "it goes back to the generation before, which is proved first"),
        (False, RotationRequest(now=True), "Rotate the credential of stack prod?",
         "the old generation works on until its overlap ends"),
        (False, RotationRequest(now=True, overlap=timedelta()), "Rotate the credential of stack prod?",
         "the old one ends at once"),
    ],
)  # fmt: skip
def test_question_names_what_is_next_and_what_stops_working(
    tmp_path: Path, overlap_is_on: bool, request_: RotationRequest, question: str, meaning: str
) -> None:
    state = overlapping(tmp_path) if overlap_is_on else one(tmp_path)
    wanted = settings((2, 3), 3) if overlap_is_on else settings((1,), 1)
    status = status_of(state, wanted, request_, NOW)

    assert rotation_question(request_, status) == question
    assert meaning_for_customers(request_, status, 0) == f"0 organisations use this connector; {meaning}"
    assert meaning_for_customers(request_, status, 1) == f"1 organisation uses this connector; {meaning}"
    assert meaning_for_customers(request_, status, 2) == f"2 organisations use this connector; {meaning}"


def test_question_of_a_revocation_under_way_names_no_further_generation(tmp_path: Path) -> None:
    state = one(tmp_path)
    state = dataclasses.replace(state, outputs=state.outputs.model_copy(update={"revoked": (1,)}))
    request = RotationRequest(revoke=True)
    status = status_of(state, settings((1,), 1), request, NOW)

    assert rotation_question(request, status) == "Go on with the revocation of stack prod?"
    assert meaning_for_customers(request, status, 1) == (
        "1 organisation uses this connector; the active generation stops working as soon as another is in the "
        "connector, everywhere it is used"
    )
