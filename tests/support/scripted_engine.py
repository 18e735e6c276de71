"""Commands with a scripted engine instead of the real one: what orgcal itself writes is real.

The engine's part is `SimulatedStack`'s. Its state outlives the process in a file beside the project, which is none of
the writes that are counted; a full disk refuses it as it refuses the real engine's.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from orgcal.engine import find, plugins
from orgcal.engine.find import Engine
from orgcal.engine.versions import AZUREAD_PLUGIN_VERSION, PULUMI_VERSION
from orgcal.errors import EngineError, OrgcalError
from orgcal.provider._sdk import Call
from orgcal.provider.connector.ledgers import CredentialLedger
from orgcal.resource_types import CONNECTOR_CREDENTIALS
from orgcal.rotation import checks, run
from orgcal.stack import open_stack, runner
from orgcal.stack.outputs import StackOutputs
from orgcal.stack.runner import EngineStep, OnStep, UpdateResult
from tests.support.fake_programs import write_program
from tests.support.simulated_stack import LEDGER, PassingProofs, SimulatedStack, Writes
from tests.support.stack_exports import password, record

_KEPT = ("inputs", "credentials", "pushed", "record")


class ScriptedRunner(SimulatedStack):
    """Stands for `StackRunner`: a stack with one generation, which ends soon and was not pushed yet."""

    def __init__(self, engine: Engine, environment: Any, environ: object, **_: object) -> None:
        self.folder, self.writes = environment.project_dir, Writes()
        self.directory, self.platform, self.everything = {}, 1, 0
        kept = self.file(self.folder)
        if kept.exists():
            self.__dict__ |= json.loads(kept.read_text())
            self.credentials = {int(number): held for number, held in self.credentials.items()}
        else:
            self.inputs = CredentialLedger().check(Call("outlook-calendar", lambda *_: None), LEDGER, {})
            self.inputs["entries"]["1"]["expires"] = f"{datetime.now(UTC) + timedelta(days=10):%Y-%m-%dT%H:%M:%SZ}"
            self.credentials, self.pushed, self.record = {1: password(1)}, 0, record([1], 1)

    @staticmethod
    def file(folder: Path) -> Path:
        """Where the state of the project in `folder` is kept."""
        return folder.with_name(f"{folder.name}-engine.json")

    def select(self) -> None:
        """The stack exists."""

    def outputs(self) -> StackOutputs:
        """The outputs, secret included."""
        return self.state().outputs(where="stack prod")

    def forget_creations(self, types: object = None) -> None:
        """There are none."""

    def preview(self, *, on_step: Any = None, save_plan: Path | None = None) -> UpdateResult:
        """Something is always to be done."""
        return UpdateResult(
            {"update": 1}, (EngineStep("update", CONNECTOR_CREDENTIALS, "outlook-calendar", done=True),)
        )

    def up(self, *, preview_first: bool, on_step: Any = None) -> UpdateResult:
        return self._kept(ledger_only=False, on_step=on_step)

    def up_credential(self, *, preview_first: bool, on_step: Any = None, targets: Sequence[str] = ()) -> UpdateResult:
        return self._kept(ledger_only=bool(targets), on_step=on_step)

    def _kept(self, *, ledger_only: bool, on_step: OnStep | None) -> UpdateResult:
        pushed = self.pushed
        result = self._update(ledger_only=ledger_only)
        kept = self.file(self.folder)
        new = kept.with_suffix(".new")
        try:
            new.write_text(json.dumps({name: getattr(self, name) for name in _KEPT}))
        except OSError as error:
            raise EngineError(f"the state cannot be saved ({error.strerror})", where="stack prod") from None
        new.replace(kept)
        if on_step is not None and self.pushed != pushed:
            on_step(EngineStep("update", CONNECTOR_CREDENTIALS, "outlook-calendar", done=True))
        return result


def install_plugin(folder: Path) -> None:
    """Have the engine's azuread plugin in `folder`/pulumi-home."""
    program = f"pulumi-home/plugins/resource-azuread-v{AZUREAD_PLUGIN_VERSION}/pulumi-resource-azuread"
    write_program(folder / program, "#!/bin/sh\n")


def command(folder: Path, *words: str) -> None:
    """Run a command of orgcal in this process, on the project in `folder`; proofs pass, and nobody is logged in."""
    from orgcal.cli import main

    program = folder / "pulumi"
    engine = Engine(folder, program, program, PULUMI_VERSION, "path", "it is scripted")

    def nobody(_: object) -> None:
        raise OrgcalError("nobody is logged in")

    replaced: Any = [
        (runner, "StackRunner", ScriptedRunner),
        (find, "find_engine", lambda _: engine),
        (open_stack, "refuse_other_version", lambda _: None),
        (plugins, "installed_azuread", lambda *_: True),
        (open_stack.OpenStack, "home_graph", nobody),
        (run, "Proofs", PassingProofs),
        (checks, "check_kind", lambda *_: None),
    ]
    for place, name, other in replaced:
        setattr(place, name, other)
    sys.argv = ["orgcal", *words]
    main()
