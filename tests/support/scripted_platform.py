"""A platform that answers what a test says, and keeps what it was asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import pytest

from orgcal.platforms import (
    Capabilities,
    CatalogField,
    ConnectorEntry,
    ConnectorSettings,
    Platform,
    PlatformCredential,
    StoredCredential,
)
from orgcal.provider.connector import connectors, credentials

SETTINGS = {"kind": "local"}
"""What names it in the inputs of a resource."""


class ScriptedPlatform(Platform):
    """Gives `entry` and `stored` as they are; what is written changes nothing but `asked`."""

    place = "https://platform.example"
    called = "the platform"

    def __init__(
        self,
        *,
        entry: ConnectorEntry | None = None,
        stored: StoredCredential | None = None,
        reads_back: Literal["value", "timestamp", "nothing"] = "nothing",
    ) -> None:
        self.entry, self.stored = entry, stored
        self.pushed = StoredCredential()
        self.asked: list[tuple[str, Any]] = []
        self.capabilities = Capabilities(
            callback="fixed",
            reads_back=reads_back,
            catalog=frozenset(),
            credential_kinds=frozenset({"secret", "certificate"}),
        )

    def read_connector(self, key: str) -> ConnectorEntry | None:
        self.asked.append(("read", key))
        return self.entry

    def update_connector(self, declared: ConnectorSettings, changed: Sequence[CatalogField]) -> ConnectorEntry:
        self.asked.append(("write", declared))
        return ConnectorEntry(declared.key, "https://platform.example/callback")

    def delete_connector(self, key: str, *, connected_too: bool = False) -> None:
        self.asked.append(("delete", (key, connected_too)))

    def push_credentials(self, key: str, credential: PlatformCredential) -> StoredCredential:
        self.asked.append(("push", (key, credential)))
        return self.pushed

    def read_credentials(self, key: str) -> StoredCredential | None:
        self.asked.append(("look", key))
        return self.stored

    def remove_credentials(self, key: str) -> None:
        self.asked.append(("remove", key))


def use_platform(platform: ScriptedPlatform, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the resources open `platform`, whatever their inputs name."""
    for module in (connectors, credentials):
        monkeypatch.setattr(module, "open_platform", lambda _settings, _environ: platform)
