"""What a run removes at its end: credentials that a killed run made, and nothing that may be in use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from orgcal.provider._sdk import Call
from orgcal.provider.connector.ledgers import CredentialLedger
from orgcal.rotation.steps import RotationRequest
from orgcal.stack.open_stack import OpenStack
from orgcal.stack.state import StackState
from orgcal.tenants.registry import Registry
from tests.support.home_graph import HomeGraph, refusal
from tests.support.simulated_stack import LEDGER, SimulatedStack, simulate
from tests.support.stack_exports import password, record

DAILY = RotationRequest(within=timedelta(days=30))
OURS = "orgcal:orgcal/prod generation"
REMOVE = "POST /applications/object/removePassword"


def secret(key_id: str, name: str) -> dict[str, Any]:
    return {"keyId": key_id, "displayName": name}


@dataclass
class Directory(SimulatedStack):
    """A simulated stack whose application has these secrets in the home tenant.

    Attributes:
        graph: the home tenant.
        meanwhile: what another update does while the home tenant is read.
        reads: whether secrets were shown, for each time that the engine was asked for the state.
    """

    secrets: list[dict[str, Any]] = field(default_factory=list)
    graph: HomeGraph = field(init=False)
    meanwhile: Callable[[Directory], object] = lambda _: None
    reads: list[bool] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.graph = HomeGraph(
            {
                "GET /applications/object": {"id": "object", "appId": "client", "passwordCredentials": self.secrets},
                "GET /applications/object/federatedIdentityCredentials": [],
            }
        )

    def opened(self) -> OpenStack:
        @contextmanager
        def home_graph() -> Iterator[HomeGraph]:
            yield self.graph

        opened = super().opened()
        vars(opened)["home_graph"] = home_graph
        return opened

    def state(self, *, show_secrets: bool = False) -> StackState:
        self.reads.append(show_secrets)
        if self.graph.sent:
            self.meanwhile(self)
        return super().state(show_secrets=show_secrets)

    @property
    def removed(self) -> list[Any]:
        """What was sent to be removed."""
        return [body for asked, body, _ in self.graph.sent if asked == REMOVE]


@pytest.fixture(autouse=True)
def _simulated(monkeypatch: pytest.MonkeyPatch) -> None:
    simulate(monkeypatch)


def test_credential_of_a_killed_run_is_removed_told_and_logged(tmp_path: Path) -> None:
    with closing(Registry("sqlite://", connector="orgcal/prod", operator="ada")) as registry:
        stack = Directory(
            tmp_path,
            registry=registry,
            secrets=[secret("key-1", f"{OURS} 1"), secret("lost", f"{OURS} 2"), secret("theirs", "by hand")],
        )

        result = stack.rotate(DAILY)

        rows = [(row.action, row.subject, row.result, row.detail) for row in registry.log()]
    assert stack.removed == [{"keyId": "lost"}]
    assert result.removed == ["lost"]
    assert stack.told == [f"removed a left-over secret: {OURS} 2 (lost)"]
    assert rows == [("rotate", "generation 2", "left-over removed", {"name": f"{OURS} 2", "key_id": "lost"})]


def test_credentials_of_the_state_are_left_and_nothing_is_told(tmp_path: Path) -> None:
    stack = Directory(tmp_path, secrets=[secret("key-1", f"{OURS} 1"), secret("theirs", "by hand")])

    result = stack.rotate(DAILY)

    assert (stack.removed, result.removed, stack.told) == ([], [], [])
    assert stack.reads == [True], "once, as an engine takes seconds to tell the state; the proof needs the secret"


def test_application_that_is_gone_has_no_leftovers(tmp_path: Path) -> None:
    stack = Directory(tmp_path)
    stack.graph.answers = {}

    assert stack.rotate(DAILY).removed == []


def test_home_tenant_that_cannot_be_asked_is_told_and_fails_no_run(tmp_path: Path) -> None:
    stack = Directory(tmp_path)
    stack.graph.answers = {"GET /applications/object": refusal(403)}

    result = stack.rotate(DAILY)

    assert result.removed is None
    assert stack.told == ["left-over credentials could not be looked for: Microsoft Graph answered 403"]


def begins(stack: Directory) -> None:
    """The ledger takes a generation whose credential is not in the state yet."""
    news = {**LEDGER, "generations": [1, 2]}
    stack.inputs = CredentialLedger().check(Call("outlook-calendar", lambda *_: None), news, stack.inputs)


def ends(stack: Directory) -> None:
    """The generation is made."""
    begins(stack)
    stack.credentials[2] = password(2)
    stack.record = record([1, 2], 1)


@pytest.mark.parametrize(
    ("meanwhile", "lost"), [(begins, []), (ends, ["lost"])], ids=["an update is under way", "an update has ended"]
)
def test_credential_that_another_update_makes_meanwhile_is_left(
    tmp_path: Path, meanwhile: Callable[[Directory], object], lost: list[str]
) -> None:
    made = [secret("key-1", f"{OURS} 1"), secret("key-2", f"{OURS} 2"), secret("lost", f"{OURS} 7")]
    stack = Directory(tmp_path, secrets=made, meanwhile=meanwhile)

    result = stack.rotate(DAILY)

    assert [body["keyId"] for body in stack.removed] == result.removed == lost
