"""The proof through a platform: in the best way that it allows, and by what the platform really holds."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orgcal.entra.clouds import load_endpoints
from orgcal.entra.credentials import ClientSecret, Credential
from orgcal.errors import EntraError, OrgcalError, PlatformError, UsageError
from orgcal.platforms import Capabilities, PlatformCredential, StoredCredential
from orgcal.platforms.testing_server import FakeTime
from orgcal.rotation import platform_proof, proof_session
from orgcal.rotation.log import RotationLog
from orgcal.rotation.platform_proof import NEITHER, READ_BACK, TOKENS, PlatformProber
from orgcal.rotation.proof import CredentialProber, Organisation, Proof
from orgcal.rotation.proof_session import STACKS_OWN, Proofs
from orgcal.settings.credential_file import SettingsFile
from orgcal.stack.state import CredentialState, StackState
from tests.support.open_stacks import open_stack
from tests.support.stack_exports import exported, password

HOME, CONTOSO, FABRIKAM = (Organisation(name.upper(), name) for name in ("Home", "Contoso", "Fabrikam"))
SECRET = ClientSecret("secret-1")
GO_BACK = "orgcal rotate tries again; orgcal rotate --rollback goes back to the old one while it lives"
FURTHER = {"vault": {"kind": "further"}}


def stored(generation: int | None = 1, secret: str | None = "secret-1") -> StoredCredential:
    held = None if secret is None else PlatformCredential("client", generation or 0, ClientSecret(secret))
    return StoredCredential("client", generation, credential=held)


@dataclass
class FakePlatform:
    """A platform that has a credential and tokens of the organisations that are connected to it."""

    capabilities: Capabilities
    held: StoredCredential | OrgcalError | None = field(default_factory=stored)
    connected: tuple[str, ...] = ()
    refusing: set[str] = field(default_factory=set)
    place: str = "https://platform.example"
    asked: list[str] = field(default_factory=list)

    def read_credentials(self, key: str) -> StoredCredential | None:
        assert key == "outlook"
        if isinstance(self.held, OrgcalError):
            raise self.held
        return self.held

    def connections(self, key: str) -> list[str]:
        assert key == "outlook"
        return list(self.connected)

    def access_token(self, key: str, tenant_id: str) -> str:
        assert key == "outlook"
        self.asked.append(tenant_id)
        if tenant_id in self.refusing:
            raise PlatformError("401 from Entra ID", where=self.place)
        return "token"


class FakeProber(CredentialProber):
    """Accepts one secret, and keeps what it was asked."""

    accepted = SECRET

    def prove(self, credential: Credential, sample: Any, home: Organisation, *, way: str) -> Proof:
        names = tuple(item.name for item in sample) or (home.name,)
        return Proof(credential == self.accepted, "asked", way, names, "the prober's own repair")


def able(**more: Any) -> Capabilities:
    named: dict[str, Any] = {"callback": "created", "catalog": frozenset(), "credential_kinds": frozenset({"secret"})}
    return Capabilities(**{**named, "reads_back": "nothing", **more})


def through(
    monkeypatch: pytest.MonkeyPatch, platform: FakePlatform, generation: int | None = 1, *sample: Organisation
) -> Proof:
    monkeypatch.setattr(platform_proof, "open_platform", lambda settings, environ: platform)
    state = StackState(exported([1], 1, password(1), pushed=1)).credential_state(where="stack prod")
    nothing = cast(Any, None)
    prober = FakeProber(nothing, "client", nothing, patience=timedelta(seconds=5), clock=FakeTime().clock())
    return PlatformProber(prober, state.outputs, {}).prove(generation, SECRET, sample, HOME)


SHOWS_TOKENS = able(tokens=True, connections="registered", reads_back="value")


def test_platform_that_takes_tokens_is_asked_for_one_of_each_connected_organisation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    platform = FakePlatform(SHOWS_TOKENS, connected=("contoso", "home"))

    made = through(monkeypatch, platform, 1, CONTOSO, FABRIKAM)

    assert made == Proof(
        True, "the platform itself took tokens in Contoso, Home", "platform's tokens", ("Contoso", "Home")
    )
    assert platform.asked == ["CONTOSO", "HOME"]


def test_platform_that_gets_no_token_fails_the_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    platform = FakePlatform(SHOWS_TOKENS, connected=("contoso", "fabrikam"), refusing={"FABRIKAM"})

    made = through(monkeypatch, platform, 1, CONTOSO, FABRIKAM)

    said = "the platform got no token in Fabrikam: 401 from Entra ID"
    assert made == Proof(False, said, "platform's tokens", repair=GO_BACK)


@pytest.mark.parametrize(
    "capabilities",
    [
        SHOWS_TOKENS,
        able(tokens=True, connections="none", reads_back="value"),
        able(tokens=False, connections="registered", reads_back="value"),
    ],
    ids=["connected to nobody", "knows no connections", "shows no tokens"],
)
def test_platform_without_tokens_gives_its_credential_to_be_proved(
    monkeypatch: pytest.MonkeyPatch, capabilities: Capabilities
) -> None:
    connected = () if capabilities is SHOWS_TOKENS else ("contoso",)

    made = through(monkeypatch, FakePlatform(capabilities, connected=connected), 1, CONTOSO)

    assert (made.passed, made.way, made.organisations) == (True, READ_BACK, ("Contoso",))
    assert made.repair == "the prober's own repair"


@pytest.mark.parametrize("held", [None, stored(None, None)], ids=["nothing stored", "its value not shown"])
def test_trusting_platform_whose_credential_cannot_be_had_proves_nothing(
    monkeypatch: pytest.MonkeyPatch, held: StoredCredential | None
) -> None:
    made = through(monkeypatch, FakePlatform(able(reads_back="value"), held=held), None)

    assert (made.passed, made.way) == (True, NEITHER)


def test_credential_that_a_trusting_platform_shows_and_entra_refuses_names_the_way_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    platform = FakePlatform(able(reads_back="value"), held=stored(1, "typed-in"))

    made = through(monkeypatch, platform, None)

    assert made == Proof(False, "asked", "credential read back", ("Home",), GO_BACK)


@pytest.mark.parametrize(("generation", "uses"), [(1, "the connector uses generation 1"), (None, "it trusts tokens")])
def test_platform_that_shows_nothing_proves_nothing(
    monkeypatch: pytest.MonkeyPatch, generation: int | None, uses: str
) -> None:
    platform = FakePlatform(able(), held=stored(1, None), connected=("contoso",))

    made = through(monkeypatch, platform, generation, CONTOSO)

    said = f"https://platform.example shows neither tokens nor credentials; {uses}"
    assert made == Proof(True, said, "nothing")


@pytest.mark.parametrize(
    ("held", "says"),
    [
        (None, "the connector has no credential"),
        (stored(2), "the connector has generation 2, not 1"),
        (stored(1, "typed-in"), "the connector's credential is not generation 1 of the stack"),
        (stored(None, "typed-in"), "the connector's credential is not generation 1 of the stack"),
        (PlatformError("503 of a proxy", where="x"), "503 of a proxy"),
    ],
    ids=["none", "other generation", "other secret", "other secret, no number", "no answer"],
)
def test_platform_that_holds_something_else_fails_the_proof(
    monkeypatch: pytest.MonkeyPatch, held: Any, says: str
) -> None:
    made = through(monkeypatch, FakePlatform(SHOWS_TOKENS, held=held, connected=("contoso",)), 1, CONTOSO)

    assert made == Proof(False, says, "credential read back", repair=GO_BACK)


@pytest.mark.parametrize("held", [stored(), stored(None), stored(1, None)], ids=["same", "no number", "no value"])
def test_platform_that_holds_the_pushed_credential_passes(monkeypatch: pytest.MonkeyPatch, held: Any) -> None:
    made = through(monkeypatch, FakePlatform(SHOWS_TOKENS, held=held, connected=("home",)))

    assert (made.passed, made.way, made.organisations) == (True, TOKENS, ("Home",))


# The session of a run ----------------------------------------------------------------------------------------------


class NotedLog(RotationLog):
    """Notes the proofs, and gives two organisations, by what was asked."""

    def __init__(self) -> None:
        self.proved: list[tuple[int, Proof]] = []
        self.seeds: list[str] = []

    def proof(self, generation: int, proof: Proof) -> None:
        self.proved.append((generation, proof))

    def sample(self, seed: str) -> list[Organisation]:
        self.seeds.append(seed)
        return [CONTOSO, FABRIKAM]


@dataclass
class Run:
    """Proofs of one run, whose platforms and prober are fakes."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch
    cloud: str = "public"
    platforms: dict[str, FakePlatform] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.platforms = self.platforms or {
            "local": FakePlatform(SHOWS_TOKENS, connected=("home",)),
            "further": FakePlatform(able(reads_back="value")),
        }
        opened = self.platforms
        self.monkeypatch.setattr(platform_proof, "open_platform", lambda settings, _: opened[settings["kind"]])
        self.monkeypatch.setattr(proof_session, "CredentialProber", FakeProber)

    def state(self, **changed: Any) -> CredentialState:
        state = StackState(exported([1], 1, password(1), pushed=1)).credential_state(where="stack prod")
        outputs = state.outputs.model_copy(update={"also_pushed_to": FURTHER, "tenant_id": "HOME"})
        return replace(state, outputs=outputs, **changed)

    def proofs(self, *, stacks_now: datetime | None = None, log: RotationLog | None = None) -> Proofs:
        return Proofs(
            load_endpoints("public", {}),
            self.state().outputs,
            {},
            SettingsFile(self.folder, "prod", emulated=False, overlay=False),
            log or RotationLog(open_stack(self.folder), print),
            patience=timedelta(0),
            tell=self.told.append,
            now=lambda: stacks_now or datetime.now(UTC),
        )


def federated(run: Run) -> CredentialState:
    trust = replace(run.state().credentials[1], kind="federated", credential=None)
    return run.state(credentials={1: trust})


def test_credential_in_use_is_proved_through_each_platform_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tmp_path, monkeypatch)
    run.platforms["further"].held = stored(1, "secret-1")
    with run.proofs() as proofs:
        assert proofs.in_use(run.state())
        assert proofs.in_use(run.state())

    assert [(each.platform, each.way, each.passed) for each in proofs.made] == [
        ("", TOKENS, True),
        ("vault", READ_BACK, True),
    ]
    assert run.told == [
        "  generation 1 proved (platform's tokens): the platform itself took tokens in the home tenant",
        "  generation 1 proved (credential read back): also_push_to.vault: asked",
    ]


def test_credential_that_failed_in_use_is_proved_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(tmp_path, monkeypatch)
    run.platforms["local"].held = None
    with run.proofs() as proofs:
        assert not proofs.in_use(run.state())
        run.platforms["local"].held = stored()
        assert proofs.in_use(run.state())

    assert [each.passed for each in proofs.made] == [False, True, True], "after a failure no further one is asked"
    assert run.told[0].startswith("  generation 1 NOT proved (credential read back): the connector has no credential")


def test_trust_in_use_is_proved_by_the_platform_that_has_tokens_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tmp_path, monkeypatch)
    run.platforms["local"].held = None
    with run.proofs() as proofs:
        assert proofs.in_use(federated(run))

    assert [(each.platform, each.way) for each in proofs.made] == [("", TOKENS)]


def test_generation_is_proved_before_use_with_the_stacks_own_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tmp_path, monkeypatch)
    with run.proofs() as proofs:
        assert proofs.before_use(1, run.state())
        with pytest.raises(UsageError, match="generation 1 is a trust in the platform's own tokens") as refused:
            proofs.before_use(1, federated(run))

    assert [(each.way, each.organisations) for each in proofs.made] == [(STACKS_OWN, ("the home tenant",))]
    assert str(refused.value) == (
        "stack prod: generation 1 is a trust in the platform's own tokens, and only the platform can prove it\n"
        "  repair: orgcal:credential.active: 1, then orgcal up: docs/credentials.md"
    )


def test_each_proof_has_a_row_in_the_log_and_the_first_one_chooses_the_organisations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, log = Run(tmp_path, monkeypatch), NotedLog()
    run.platforms["further"].held = None
    with run.proofs(log=log) as proofs:
        assert proofs.before_use(1, run.state())
        assert not proofs.in_use(run.state())

    everywhere = ("Contoso", "Fabrikam")
    at_home = "the platform itself took tokens in the home tenant"
    assert proofs.made == [
        Proof(True, "asked", "stack's credential", everywhere, "the prober's own repair"),
        Proof(True, at_home, "platform's tokens", ("the home tenant",)),
        Proof(False, "the connector has no credential", "credential read back", (), GO_BACK, "vault"),
    ]
    assert log.proved == [(1, made) for made in proofs.made]
    assert log.seeds == ["client 1"], "every proof of a run asks the same ones"


def test_generation_that_the_state_does_not_have_cannot_be_proved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tmp_path, monkeypatch)
    with run.proofs() as proofs, pytest.raises(UsageError):
        proofs.before_use(2, run.state())


def test_clock_is_judged_by_an_answer_of_entra_whatever_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tmp_path, monkeypatch)
    asked: list[tuple[str, str]] = []

    class Source:
        def __init__(self, endpoints: object, tenant_id: str, client_id: str, credential: object, session: Any) -> None:
            assert credential == SECRET
            asked.append((tenant_id, client_id))
            for hook in session.hooks["response"]:
                hook(SimpleNamespace(headers={"Date": "Sat, 28 Nov 2026 12:10:00 GMT"}, status_code=401))

        def fresh_token(self) -> str:
            raise EntraError("the secret is wrong", where="x")

    monkeypatch.setattr(proof_session, "TokenSource", Source)
    with run.proofs(stacks_now=datetime(2026, 11, 28, 12, 0, tzinfo=UTC)) as proofs:
        with pytest.raises(UsageError, match="10 minutes behind"):
            proofs.check_clock(run.state())
        proofs.check_clock(federated(run))

    assert asked == [("HOME", "client")], "a trust has nothing to ask with"
