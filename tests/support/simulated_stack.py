"""A stack whose engine, directory and platform are simulated, so that a rotation can be killed at each of its writes.

The order of the writes is the engine's: the ledger, then each new credential (first the directory, then the state), the
push, the removals, the outputs. The ledger's rules are the plugin's own. Proofs always pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orgcal.entra.graph import GraphClient
from orgcal.errors import EngineError, OrgcalError
from orgcal.provider._sdk import Call, InvalidInputs
from orgcal.provider.connector.ledgers import CredentialLedger
from orgcal.resource_types import CONNECTOR_CREDENTIALS, CREDENTIAL_LEDGER
from orgcal.rotation import checks, run
from orgcal.rotation.proof import Proof
from orgcal.rotation.record import Record
from orgcal.rotation.run import Rotation
from orgcal.rotation.status import RotationResult
from orgcal.rotation.steps import RotationRequest
from orgcal.settings import GenerationSet, read_credential
from orgcal.settings.credential_file import SettingsFile
from orgcal.stack.open_stack import OpenStack
from orgcal.stack.runner import UpdateResult
from orgcal.stack.state import StackState
from orgcal.tenants.registry import Registry
from tests.support.stack_exports import password, record, resource

STACK_FILE = """\
config:
  orgcal:entra: {cloud: public}
  orgcal:credential:
    # Written by orgcal rotate.
    generations: [1]
    active: 1
"""
LEDGER = {"generations": [1], "active": 1, "lifetime": "180d"}


class Killed(BaseException):
    """Stands for the end of the process."""


@dataclass
class Writes:
    """Carries out writes until the process is killed before the one with the number `kill_at`, from 1."""

    kill_at: int | None = None
    count: int = 0

    def __call__(self, write: Callable[[], object]) -> None:
        self.count += 1
        if self.kill_at is not None and self.count >= self.kill_at:
            raise Killed
        write()


@dataclass
class SimulatedStack:
    """Stack `prod` with one generation, deployed.

    Attributes:
        folder: its project.
        directory: generation -> key id of the credentials that work.
        platform: the generation that the connector uses.
        everything: number of updates that deployed the whole checkout.
        published: the stack's file as the record keeps it.
        told: what a person was told.
        messages: with which the record was published, also where there was nothing new.
        updates: how each update of the engine was asked for.
        forgotten: resource types whose interrupted creations were taken off the state's list.
        registry: whose log takes the steps, where there is one.
        clock: what the rotation takes for the time.
    """

    folder: Path
    writes: Writes = field(default_factory=Writes)
    directory: dict[int, str] = field(default_factory=lambda: {1: "key-1"})
    platform: int = 1
    everything: int = 0
    published: str = STACK_FILE
    told: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    updates: list[dict[str, Any]] = field(default_factory=list)
    forgotten: list[object] = field(default_factory=list)
    registry: Registry | None = None
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def __post_init__(self) -> None:
        self.path.write_text(STACK_FILE)
        self.inputs = CredentialLedger().check(Call("outlook-calendar", lambda *_: None), LEDGER, {})
        self.credentials, self.pushed, self.record = {1: password(1)}, 1, record([1], 1)

    @property
    def path(self) -> Path:
        """The stack's file."""
        return self.folder / "Pulumi.prod.yaml"

    # --- what a rotation asks of the engine ---

    def state(self, *, show_secrets: bool = False) -> StackState:
        """The state, secrets shown."""
        resources = [
            resource("pulumi:pulumi:Stack", "orgcal-prod", outputs={"orgcal": self.record}),
            resource(CREDENTIAL_LEDGER, "outlook-calendar", self.inputs),
            resource(CONNECTOR_CREDENTIALS, "outlook-calendar", {"generation": self.pushed}),
            *self.credentials.values(),
        ]
        return StackState({"deployment": {"resources": resources}})

    def up(self, *, preview_first: bool, on_step: object = None) -> UpdateResult:
        """Deploy the whole checkout."""
        self.updates.append({"preview_first": preview_first, "on_step": on_step})
        self.everything += 1
        return self._update(ledger_only=False)

    def up_credential(
        self,
        *,
        preview_first: bool,
        on_step: object = None,
        targets: Sequence[str] = (),
    ) -> UpdateResult:
        """Deploy the credential, or only the ledger where that is the target."""
        self.updates.append({"preview_first": preview_first, "on_step": on_step, "credential": list(targets)})
        return self._update(ledger_only=bool(targets))

    def forget_creations(self, types: object) -> None:
        """Take interrupted creations of these types off the list."""
        self.forgotten.append(types)

    def release_dead_lock(self) -> bool:
        """There is none."""
        return False

    def lock_holder(self) -> str:
        """Nobody."""
        return ""

    def _update(self, *, ledger_only: bool) -> UpdateResult:
        wanted = read_credential(self.folder, "prod").generation_set
        news = {"lifetime": "180d", **wanted.as_settings()}
        if (back := news.pop("rollback_to", None)) is not None:
            news["rollbackTo"] = back
        try:
            inputs = CredentialLedger().check(Call("outlook-calendar", lambda *_: None), news, self.inputs)
        except InvalidInputs as error:
            raise EngineError(str(error.failures), where="stack prod") from None
        self.writes(lambda: setattr(self, "inputs", inputs))
        if not ledger_only:
            self._credentials(wanted)
        made = sorted(self.credentials)
        told = record(made, wanted.active)
        self.writes(lambda: setattr(self, "record", told))
        return UpdateResult({"update": 1})

    def _credentials(self, wanted: GenerationSet) -> None:
        for number in set(wanted.generations) - set(self.credentials):
            self.writes(lambda number=number: self.directory.update({number: f"key-{number}"}))  # type: ignore[misc]
            self.writes(lambda number=number: self.credentials.update({number: password(number)}))  # type: ignore[misc]
        if self.pushed != wanted.active:
            self.writes(lambda: setattr(self, "platform", wanted.active))
            self.writes(lambda: setattr(self, "pushed", wanted.active))
        for number in set(self.credentials) - set(wanted.generations):
            self.writes(lambda number=number: self.directory.pop(number, None))  # type: ignore[misc]
            self.writes(lambda number=number: self.credentials.pop(number))  # type: ignore[misc]

    # --- a run ---

    def rotate(self, request: RotationRequest, *, kill_at: int | None = None) -> RotationResult:
        """One run; raises `Killed` before its write `kill_at`."""
        self.writes = Writes(kill_at)
        file = _CountedFile(self)
        rotation = Rotation(
            self.opened(),
            request,
            file,
            _CountedRecord(file, self),
            on_step=on_step,
            tell=self.told.append,
            patience=timedelta(minutes=5),
            wait=timedelta(minutes=10),
            now=self.clock,
        )
        return rotation.run()

    def fresh_checkout(self) -> None:
        """Have the stack's file as the record has it, as a job of CI does."""
        self.path.write_text(self.published)

    @property
    def red(self) -> bool:
        """Whether a status would tell that a revoked credential lives."""
        return bool(self.state().revoked) or bool(read_credential(self.folder, "prod").revoked)

    def opened(self) -> OpenStack:
        """The stack as a rotation gets it."""
        opened = SimpleNamespace(
            runner=self,
            name="prod",
            where="stack prod",
            stack_dir=self.folder,
            core=SimpleNamespace(protected=True),
            environment=SimpleNamespace(cloud="public", stack="prod"),
            endpoints=None,
            environ={},
            has_registry=self.registry is not None,
            registry=self.registry,
            home_graph=_no_graph,
        )
        return cast(OpenStack, opened)


def on_step(_: object) -> None:
    """What a rotation tells of the engine's steps to."""


class _CountedFile(SettingsFile):
    def __init__(self, stack: SimulatedStack) -> None:
        super().__init__(stack.folder, "prod", emulated=False, overlay=False)
        self._writes = stack.writes

    def write(self, named: GenerationSet) -> None:
        self._writes(lambda: super(_CountedFile, self).write(named))


class _CountedRecord(Record):
    def __init__(self, file: SettingsFile, stack: SimulatedStack) -> None:
        super().__init__(file)
        self._stack = stack

    def publish(self, message: str) -> None:
        self._stack.messages.append(message)
        text = self._stack.path.read_text()
        if text != self._stack.published:
            self._stack.writes(lambda: setattr(self._stack, "published", text))


class PassingProofs:
    """Stands for `Proofs`."""

    made: Sequence[Proof] = ()

    def __init__(self, *_: object, **__: object) -> None:
        """Whatever is to be proved passes."""

    def __enter__(self) -> PassingProofs:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""

    def before_use(self, *_: object) -> bool:
        return True

    in_use = before_use
    check_clock = before_use


def _no_graph() -> AbstractContextManager[GraphClient]:
    raise OrgcalError("nobody is logged in")


def simulate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let rotations of this test run on simulated stacks."""

    def deploy(stack: Any, *, on_step: object, tell: object, credential_only: bool = False) -> UpdateResult:
        bring_up = stack.runner.up_credential if credential_only else stack.runner.up
        done: UpdateResult = bring_up(preview_first=stack.core.protected, on_step=on_step)
        return done

    monkeypatch.setattr(run, "deploy", deploy)
    monkeypatch.setattr(run, "Proofs", PassingProofs)
    monkeypatch.setattr(checks, "check_kind", lambda *_: None)
