"""The proof of a rotation through the platforms, and which credential each can hold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from orgcal.entra.credentials import ClientSecret
from orgcal.errors import UsageError
from orgcal.platforms import PlatformCredential, open_platform
from orgcal.provider.connector.certificates import make_certificate
from orgcal.rotation.checks import check_new_generation
from orgcal.rotation.log import RotationLog
from orgcal.rotation.platform_proof import NEITHER, READ_BACK, TOKENS, PlatformProber, check_kind
from orgcal.rotation.proof_session import Proofs
from orgcal.settings import CredentialSettings
from orgcal.settings.credential_file import SettingsFile
from orgcal.stack.state import CredentialState, LiveCredential, StackState
from tests.support.deployed_connector import (
    CONTOSO,
    operator_graph,
)
from tests.support.open_stacks import open_stack
from tests.support.rotation_bench import AT_CONTOSO, AT_HOME, Bench, bench
from tests.support.stack_exports import exported, password

__all__ = ["bench"]


def through(bench: Bench, **changed: Any) -> PlatformProber:
    return PlatformProber(bench.prober(20), bench.outputs.model_copy(update=changed), bench.environ)


def test_platform_that_takes_tokens_itself_is_asked_for_them(bench: Bench) -> None:
    bench.consent()
    open_platform({"kind": "local"}, bench.environ).register_connection(bench.outputs.connector_key, CONTOSO)

    proof = through(bench).prove(1, bench.current, [AT_CONTOSO], AT_HOME)

    assert (proof.passed, proof.way, proof.organisations) == (True, TOKENS, ("Contoso",))


def test_platform_that_is_connected_to_nobody_gives_its_credential_to_be_proved(bench: Bench) -> None:
    proof = through(bench).prove(1, bench.current, [], AT_HOME)

    assert (proof.passed, proof.way, proof.organisations) == (True, READ_BACK, ("the home tenant",))


def test_platform_that_shows_nothing_is_said_to_prove_nothing(bench: Bench) -> None:
    push = {"method": "PUT", "path": "/connectors/{key}/credentials", "body": {"client_secret": "{client_secret}"}}
    url = bench.emulator.ready["platform"]["url"]
    silent = {"kind": "http", "base_url": url, "callback_url": f"{url}/callback", "credentials": {"push": push}}
    bench.environ["ORGCAL_PLATFORM_KEY_FILE"] = bench.emulator.ready["platform"]["api_key_file"]

    proof = through(bench, platform=silent).prove(1, bench.current, [], AT_HOME)

    assert (proof.passed, proof.way) == (True, NEITHER)
    assert "shows neither tokens nor credentials; the connector uses generation 1" in proof.sentence


@pytest.mark.parametrize(
    ("held", "says"),
    [
        (PlatformCredential("", 1, ClientSecret("not the one")), "is not generation 1 of the stack"),
        (PlatformCredential("", 2, ClientSecret("not the one")), "has generation 2, not 1"),
        (None, "has no credential"),
    ],
    ids=["other secret", "other generation", "none"],
)
def test_platform_with_another_credential_than_the_stacks_fails_the_proof(
    bench: Bench, held: PlatformCredential | None, says: str
) -> None:
    platform = open_platform({"kind": "local"}, bench.environ)
    if held is None:
        platform.remove_credentials(bench.outputs.connector_key)
    else:
        platform.push_credentials(bench.outputs.connector_key, replace(held, client_id=bench.outputs.client_id))

    proof = through(bench).prove(1, bench.current, [], AT_HOME)

    assert not proof.passed
    assert says in proof.sentence
    assert "--rollback" in proof.repair
    assert "not the one" not in repr(proof)


@dataclass
class Further:
    """The bench's connector, also pushed to a file; each proof that is asked for is a new run's."""

    bench: Bench
    folder: Path

    def __post_init__(self) -> None:
        callback = "https://app.example.com/callback"
        said = {"kind": "file", "path": str(self.folder / "held.json"), "format": "json", "callback_url": callback}
        self.outputs = self.bench.outputs.model_copy(update={"also_pushed_to": {"vault": said}})
        self.platform = open_platform(said, self.bench.environ)

    def push(self, generation: int, value: str) -> None:
        key, client_id = self.outputs.connector_key, self.outputs.client_id
        self.platform.push_credentials(
            key, PlatformCredential(client_id, generation, ClientSecret(value), scopes=self.outputs.scopes)
        )

    def in_use(self) -> Proofs:
        with self.proofs() as proofs:
            passed = proofs.in_use(self.state())
            assert passed == proofs.in_use(self.state()) == all(proof.passed for proof in proofs.made)
        return proofs

    def proofs(self) -> Proofs:
        log = RotationLog(open_stack(self.folder, "test", "emulator"), print)
        file = SettingsFile(self.folder, "test", emulated=True, overlay=False)
        return Proofs(
            self.bench.endpoints,
            self.bench.outputs,  # as they were when the run began
            self.bench.environ,
            file,
            log,
            patience=timedelta(0),
            tell=self.bench.told.append,
            now=lambda: datetime.now(UTC),
        )

    def state(self) -> CredentialState:
        held = {1: LiveCredential(1, "secret", "key-1", self.bench.current, None)}
        state = StackState(exported([1], 1, password(1), pushed=1)).credential_state(where="stack test")
        return replace(state, outputs=self.outputs, credentials=held)


def test_credential_is_proved_through_each_further_platform_too(bench: Bench, tmp_path: Path) -> None:
    further = Further(bench, tmp_path)
    further.push(1, bench.current.value)

    made = further.in_use().made

    assert [(proof.platform, proof.passed) for proof in made] == [("", True), ("vault", True)]
    assert "also_push_to.vault: 3 fresh tokens in a row" in bench.told[-1]


@pytest.mark.parametrize("held", ["an old one", "nothing"])
def test_further_platform_that_still_has_the_old_credential_fails_the_proof(
    bench: Bench, tmp_path: Path, held: str
) -> None:
    further = Further(bench, tmp_path)
    if held == "an old one":
        further.push(0, "hush-old")

    failed = further.in_use().made[-1]

    assert (failed.platform, failed.passed) == ("vault", False)
    assert failed.words().startswith("also_push_to.vault: the connector ")
    assert "hush-old" not in repr(failed)
    assert failed.as_json()["platform"] == "vault"


def test_certificate_that_was_brought_along_is_proved_with_the_users_own_files(bench: Bench, tmp_path: Path) -> None:
    made = make_certificate("CN=brought", datetime.now(UTC) + timedelta(days=30))
    (tmp_path / "own.pem").write_text(made["certificatePem"])
    (tmp_path / "own.key").write_text(made["privateKeyPem"].value)
    files = {"certificate_file": "own.pem", "private_key_file": "own.key"}
    said = {
        "generations": [1, 2],
        "active": 1,
        "kinds": {1: "secret"},
        "kind": "certificate",
        "certificates": {2: files},
    }
    config = {"orgcal:entra": {"cloud": "emulator"}, "orgcal:credential": said}
    (tmp_path / "Pulumi.test.yaml").write_text(yaml.safe_dump({"config": config}))
    graph = operator_graph(bench.endpoints, bench.environ, bench.session)
    body = "".join(line for line in made["certificatePem"].splitlines() if "-----" not in line)
    key = {"type": "AsymmetricX509Cert", "usage": "Verify", "key": body}
    graph.patch(f"/applications/{bench.outputs.application_object_id}", {"keyCredentials": [key]})
    further = Further(bench, tmp_path)
    own = LiveCredential(2, "certificate", "key-2", None, None)  # the state has no private key of the user's
    state = replace(further.state(), credentials={2: own})

    with further.proofs() as proofs:
        assert proofs.before_use(2, state)

    assert [(proof.passed, proof.way) for proof in proofs.made] == [(True, "stack's credential")]
    assert made["privateKeyPem"].value.splitlines()[1] not in repr(proofs.made)


def test_check_kind_refuses_what_a_further_platform_cannot_hold(bench: Bench) -> None:
    nango = {"kind": "nango", "base_url": bench.emulator.ready["nango"]["url"]}
    outputs = bench.outputs.model_copy(update={"also_pushed_to": {"second": nango}})

    with pytest.raises(UsageError, match="takes a secret, not a certificate"):
        check_kind(
            outputs,
            {**bench.environ, "NANGO_API_KEY_FILE": bench.emulator.ready["nango"]["api_key_file"]},
            "certificate",
        )


def test_check_kind_refuses_what_the_platform_cannot_hold(bench: Bench) -> None:
    nango = bench.outputs.model_copy(
        update={"platform": {"kind": "nango", "base_url": bench.emulator.ready["nango"]["url"]}}
    )

    check_kind(bench.outputs, bench.environ, "certificate")
    with pytest.raises(UsageError, match="takes a secret, not a certificate"):
        check_kind(
            nango, {**bench.environ, "NANGO_API_KEY_FILE": bench.emulator.ready["nango"]["api_key_file"]}, "certificate"
        )


def test_new_certificate_needs_its_files_where_the_old_one_was_brought_along(bench: Bench) -> None:
    state = StackState(exported([3], 3, password(3), pushed=3)).credential_state(where="stack prod")

    def brought_along(*numbers: int) -> CredentialSettings:
        files = {number: {"certificate_file": "a.pem", "private_key_file": "a.key"} for number in numbers}
        kind = {"generations": (3,), "active": 3, "kind": "certificate"}
        return CredentialSettings.model_validate({**kind, "certificates": files})

    with pytest.raises(UsageError, match="there are no files for generation 4") as refused:
        check_new_generation(4, state, brought_along(3), bench.environ)
    assert refused.value.where == "orgcal:credential.certificates.4"

    check_new_generation(4, state, brought_along(3, 4), bench.environ)
