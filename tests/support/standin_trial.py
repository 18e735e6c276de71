"""Types of the azuread stand-in, run against an emulator as the engine would, without the engine."""

from __future__ import annotations

from typing import Any

from orgcal_emulator.server import RunningEmulator

from benchmarks.azuread_directory import SeenDirectory
from benchmarks.azuread_stack import arm_variables
from orgcal.provider._sdk import Call, Properties, State
from orgcal.provider.azuread.connection import Connection
from orgcal.provider.azuread.managed import Managed
from orgcal.provider.azuread.settings import read_settings
from tests.support.outside import Outside

GRAPH_APP_ID = "00000003-0000-0000-c000-000000000000"

FEDERATED: dict[str, Any] = {
    "displayName": "ci-main",
    "audiences": ["api://AzureADTokenExchange"],
    "issuer": "https://token.actions.githubusercontent.com",
    "subject": "repo:o/r:environment:prod",
}


class Trial:
    """Runs a type as the engine would: check, create, read, diff, update, delete."""

    def __init__(self, emulator: RunningEmulator) -> None:
        self.emulator = emulator
        self.told: list[str] = []
        self.call = Call("thing", lambda severity, text: self.told.append(text))
        self.directory = SeenDirectory(emulator.ready)
        self.restart()

    def restart(self) -> None:
        """A new plugin process, which remembers nothing."""
        self.connection = Connection()
        self.connection.configure(read_settings({}, arm_variables(self.emulator.ready)))

    def checked(self, kind: type[Managed], given: Properties) -> Properties:
        return kind(self.connection).check(self.call, given, {})

    def create(self, kind: type[Managed], **given: Any) -> tuple[str, State]:
        inputs = self.checked(kind, given)
        made = kind(self.connection).create(self.call, inputs)
        return made.resource_id, State(inputs, _kept({**inputs, **made.outputs}))

    def read(self, kind: type[Managed], resource_id: str, old: State | None = None) -> State | None:
        found = kind(self.connection).read(self.call, resource_id, old or State())
        return None if found is None else State(found.inputs, _kept({**found.inputs, **found.outputs}))

    def changes(self, kind: type[Managed], resource_id: str, old: State, **given: Any) -> tuple[set[str], set[str]]:
        diff = kind(self.connection).diff(self.call, resource_id, old, self.checked(kind, given))
        return set(diff.changed), set(diff.replaced)

    def update(self, kind: type[Managed], resource_id: str, old: State, **given: Any) -> State:
        inputs = self.checked(kind, given)
        outputs = kind(self.connection).update(self.call, resource_id, old, inputs)
        return State(inputs, _kept({**inputs, **outputs}))

    def delete(self, kind: type[Managed], resource_id: str, old: State) -> None:
        kind(self.connection).delete(self.call, resource_id, old)

    def graph(self, path: str) -> dict[str, Any]:
        return self.directory.graph.get(path)

    def logo(self, resource_id: str) -> bytes:
        return Outside(self.emulator.ready).logo(resource_id.rpartition("/")[2])


def _kept(outputs: Properties) -> Properties:
    return {name: value for name, value in outputs.items() if value is not None}
