"""What an export of a stack's state tells before a run: where it was made, and what interrupted runs left open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from orgcal.errors import EngineError
from orgcal.stack.outputs import OUTPUT_NAME


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Something that the engine began with a resource, and of which it does not know whether it ended.

    Attributes:
        operation: `creating`, `updating`, `deleting`, … as the engine's pending operations call it.
        urn: of the resource.
        type: its type token.
        inputs: as the program gave them; secrets are blanked or encrypted.
        parent: URN of the parent; empty for the stack itself.
        provider: URN of the provider.
    """

    operation: str
    urn: str
    type: str
    inputs: Mapping[str, Any]
    parent: str
    provider: str

    @property
    def name(self) -> str:
        """The resource's name in the program."""
        return self.urn.rsplit("::", 1)[-1]

    @property
    def kind(self) -> str:
        """The last part of its type, such as `ServicePrincipal`."""
        return self.type.rpartition(":")[2]


class UpdateFailed(EngineError):
    """An operation of the engine failed.

    Args:
        unfinished: what it had begun and did not end.
    """

    def __init__(self, said: EngineError, unfinished: Sequence[Unfinished]) -> None:
        super().__init__(said.what, where=said.where, repair=said.repair)
        self.exit_code = said.exit_code
        self.unfinished = tuple(unfinished)


@dataclass(frozen=True, slots=True)
class DeploymentPlace:
    """Where a stack was deployed: cloud, the emulator's directory, and the connector's callback URL."""

    cloud: str
    directory_id: str
    callback_url: str


def place_in(exported: Mapping[str, Any]) -> DeploymentPlace | None:
    """Where the stack was made, by an export of its state; None before the first deployment."""
    resources: list[dict[str, Any]] = (exported.get("deployment") or {}).get("resources") or []
    stack = next((item for item in resources if item.get("type") == "pulumi:pulumi:Stack"), {})
    record = (stack.get("outputs") or {}).get(OUTPUT_NAME)
    if not isinstance(record, dict) or "cloud" not in record:
        return None
    said = (str(record.get(name, "")) for name in ("cloud", "directory_id", "callback_url"))
    return DeploymentPlace(*said)


def unfinished_in(exported: Mapping[str, Any]) -> tuple[list[Unfinished], datetime]:
    """What interrupted runs began with resources of plugins, by an export of the state, and when that was written."""
    deployment = exported.get("deployment") or {}
    listed = [(str(item["type"]), item["resource"]) for item in deployment.get("pending_operations") or []]
    operations = [
        Unfinished(
            operation,
            str(resource["urn"]),
            str(resource["type"]),
            resource.get("inputs") or {},
            str(resource.get("parent") or ""),
            str(resource.get("provider") or "").rpartition("::")[0],
        )
        for operation, resource in listed
        if operation != "reading"
    ]
    written = str((deployment.get("manifest") or {}).get("time") or "")
    return operations, datetime.fromisoformat(written) if operations else datetime.now(UTC)
