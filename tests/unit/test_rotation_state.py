"""What an exported state says about the credential, and when it is complete."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from orgcal.durations import in_words, parse_duration
from orgcal.entra.credentials import ClientCertificate, ClientSecret
from orgcal.errors import UsageError
from orgcal.rotation.status import RotationStatus
from orgcal.rotation.steps import Action, RotationStep
from orgcal.settings import GenerationSet
from orgcal.stack.state import CredentialState, StackState
from tests.support.stack_exports import CERTIFICATE, PASSWORD, TRUST, URN, exported, password, record, resource, secret
from verify.agreement import check_expiry
from verify.models import Verdict

NOW = datetime(2026, 11, 28, tzinfo=UTC)
LEDGER = "orgcal:index:CredentialLedger"


def read(said: dict[str, Any]) -> CredentialState:
    return StackState(said).credential_state(where="stack prod")


def test_state_tells_ledger_credentials_and_what_is_pushed() -> None:
    state = read(exported([3, 4], 3, password(3), password(4), pushed=3))

    assert state.complete
    assert state.ledger == GenerationSet((3, 4), 3)
    assert {number: item.key_id for number, item in state.credentials.items()} == {3: "key-3", 4: "key-4"}
    assert state.credentials[4].credential == ClientSecret("secret-4")
    assert state.pushed == {3}
    assert "secret-4" not in repr(state)
    assert "told-by-the-outputs" not in repr(state)


def test_state_tells_a_certificate_with_its_key_and_a_trust_without_material() -> None:
    key = {"certificatePem": "CERT", "privateKeyPem": secret("KEY")}
    state = read(
        exported(
            [3, 4],
            4,
            resource("orgcal:index:CertificateKey", "outlook-calendar-3", outputs=key),
            resource(CERTIFICATE, "outlook-calendar-3", outputs={"keyId": "key-3"}),
            resource(TRUST, "outlook-calendar-4", outputs={"credentialId": "trust-4"}),
        )
    )

    assert state.credentials[3].credential == ClientCertificate("KEY", "CERT")
    assert (state.credentials[4].kind, state.credentials[4].key_id, state.credentials[4].credential) == (
        "federated",
        "trust-4",
        None,
    )
    assert state.complete, "nothing is pushed to a platform that proves itself"


def test_state_takes_the_end_date_that_entra_tells() -> None:
    short = password(3)
    short["outputs"]["endDate"] = "2026-12-31T00:00:00Z"

    state = read(exported([3, 4], 3, short, password(4), pushed=3))

    assert state.entries[3].expires == datetime(2026, 12, 31, tzinfo=UTC)
    assert state.entries[4].expires == datetime(2027, 5, 1, tzinfo=UTC)


def test_state_tells_when_a_generation_was_superseded_and_retired() -> None:
    export = exported([2, 3, 4], 4, password(3), password(4), pushed=4)
    ledger = next(item for item in export["deployment"]["resources"] if item["type"] == LEDGER)
    part = ledger["outputs"] if ledger["outputs"].get("entries") else ledger["inputs"]
    part["generations"] = [3, 4]
    part["entries"]["2"] |= {"superseded": "2026-11-02T00:00:00Z", "retired": "2026-11-09T00:00:00Z"}
    part["entries"]["3"] |= {"superseded": "2026-11-20T00:00:00Z"}

    state = read(export)
    status = RotationStatus("prod", state, RotationStep(Action.REST, 4, "nothing is due"), True, NOW)

    assert state.entries[2].retired == datetime(2026, 11, 9, tzinfo=UTC)
    told = {each["generation"]: each for each in status.as_json()["generations"]}
    assert {number: each["role"] for number, each in told.items()} == {2: "retired", 3: "superseded", 4: "active"}
    assert (told[2]["superseded_at"], told[2]["retired_at"]) == (
        "2026-11-02T00:00:00Z",
        "2026-11-09T00:00:00Z",
    )
    assert (told[3]["retired_at"], told[4]["superseded_at"]) == (None, None)


def pending(kind: str, of: str) -> dict[str, Any]:
    return {"type": kind, "resource": {"urn": f"{URN}{of}::outlook-calendar", "type": of}}


def further(export: dict[str, Any], generation: int) -> dict[str, Any]:
    """The same with what a further platform (`also_push_to`) has."""
    pushed = resource("orgcal:index:ConnectorCredentials", "outlook-calendar-vault", {"generation": generation})
    export["deployment"]["resources"].append(pushed)
    return export


INCOMPLETE = {
    "credential not made": exported([3, 4], 3, password(3), pushed=3),
    "credential not removed": exported([4], 4, password(3), password(4), pushed=4),
    "not pushed": exported([3, 4], 4, password(3), password(4), pushed=3),
    "never pushed": exported([3], 3, password(3)),
    "not pushed to a further platform": further(exported([3, 4], 4, password(3), password(4), pushed=4), 3),
    "replaced, the old one not removed": exported([3], 3, password(3), password(3, delete=True), pushed=3),
    "creation under way": exported(
        [3, 4], 3, password(3), pushed=3, pending_operations=[pending("creating", PASSWORD)]
    ),
    "push under way": exported(
        [3],
        3,
        password(3),
        pushed=3,
        pending_operations=[pending("updating", "orgcal:index:ConnectorCredentials")],
    ),
}


@pytest.mark.parametrize("said", INCOMPLETE.values(), ids=INCOMPLETE.keys())
def test_state_of_an_interrupted_update_is_not_complete(said: dict[str, Any]) -> None:
    assert not read(said).complete


def test_state_tells_what_every_platform_has() -> None:
    split = read(further(exported([3, 4], 4, password(3), password(4), pushed=4), 3))
    same = read(further(exported([3, 4], 4, password(3), password(4), pushed=4), 4))

    assert split.pushed == {3, 4}
    assert same.pushed == {4}
    assert same.complete


def revoked(export: dict[str, Any], *numbers: int) -> dict[str, Any]:
    """The same with generations that the ledger has as revoked."""
    (ledger,) = (item for item in export["deployment"]["resources"] if item["type"] == "orgcal:index:CredentialLedger")
    for number in numbers:
        known = {"created": "2026-11-01T00:00:00Z", "expires": "2027-05-01T00:00:00Z"}
        ledger["inputs"]["entries"].setdefault(str(number), known)["revoked"] = "2026-11-20T00:00:00Z"
    return export


def test_state_tells_a_revoked_generation_until_its_credential_is_gone() -> None:
    live = read(revoked(exported([3, 4], 4, password(3), password(4), pushed=4), 3))
    not_deleted = read(revoked(exported([4], 4, password(3), password(4), pushed=4), 3))
    being_deleted = read(revoked(exported([4], 4, password(3, delete=True), password(4), pushed=4), 3))
    gone = read(revoked(exported([4], 4, password(4), pushed=4), 3))

    assert live.ledger.revoked == (3,)
    assert live.revoked == not_deleted.revoked == being_deleted.revoked == {3}
    assert not_deleted.ledger.revoked == gone.ledger.revoked == ()
    assert gone.revoked == frozenset()
    assert "generation 3 was revoked" in not_deleted.outputs.revocation
    assert gone.outputs.revocation == ""


def test_expiry_of_a_connector_fails_while_a_revoked_credential_exists() -> None:
    state = read(revoked(exported([3, 4], 4, password(3), password(4), pushed=4), 3))

    result = check_expiry(state.outputs, datetime(2026, 11, 25, tzinfo=UTC))

    assert result.verdict is Verdict.FAIL
    assert result.sentence == "generation 3 was revoked, and the credential may still work"
    assert result.repair == "orgcal rotate --stack prod"


def test_state_whose_outputs_are_of_an_earlier_update_is_not_complete() -> None:
    said = exported([3, 4], 3, password(3), password(4), pushed=3)
    said["deployment"]["resources"][0]["outputs"]["orgcal"] = record([3], 3)

    assert not read(said).complete


def test_state_that_still_lists_an_old_interrupted_creation_is_complete_and_says_so() -> None:
    said = exported([3], 3, password(3), pushed=3, pending_operations=[pending("creating", PASSWORD)])

    assert read(said).complete
    assert read(said).interrupted_creation
    assert not read(exported([3], 3, password(3), pushed=3)).interrupted_creation


@pytest.mark.parametrize("said", [{}, {"deployment": {}}, {"deployment": {"resources": []}}], ids=str)
def test_state_of_a_stack_that_was_never_deployed_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="has not been deployed"):
        read(said)


@pytest.mark.parametrize(
    ("text", "words"), [("0s", "0 seconds"), ("90s", "90 seconds"), ("10m", "10 minutes"), ("24h", "1 day"),
                        ("30d", "30 days"), ("1w", "7 days"), (" 1h ", "1 hour")],
)  # fmt: skip
def test_duration_is_read_and_said_in_its_largest_unit(text: str, words: str) -> None:
    assert in_words(parse_duration(text, "--overlap")) == words


@pytest.mark.parametrize("text", ["", "7", "d", "-1d", "1.5d", "7 d", "7D", "3651d", "999999999w", "٣d", "7d7d"])
def test_duration_that_is_none_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match="expected a number with s, m, h, d or w") as refused:
        parse_duration(text, "--overlap")
    assert refused.value.repair == "such as --overlap 10m, or 7d"
