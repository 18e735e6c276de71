"""A project whose registry has a history, and commands that are typed on it; no emulator and no engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from orgcal.cli import build_app
from orgcal.tenants.history import Run
from orgcal.tenants.model import State
from orgcal.tenants.registry import Registry
from tests.support.registry import new_database

CONTOSO, FABRIKAM = "22222222-2222-2222-2222-222222222222", "33333333-3333-3333-3333-333333333333"
NIGHT = datetime(2026, 11, 23, 3, 17, tzinfo=UTC)
SETTINGS: dict[str, Any] = {
    "orgcal:entra": {"cloud": "public", "tenant_id": "11111111-1111-1111-1111-111111111111"},
    "orgcal:application": {"display_name": "Calendar Sync"},
    "orgcal:connector": {
        "platform": {"kind": "file", "path": "calendar.yaml", "callback_url": "https://app.example.com/callback"},
        "key": "calendar",
        "name": "Calendar",
        "scopes": ["Calendars.Read"],
    },
}


class Project:
    """A project with stack `prod`.

    Attributes:
        url: of its registry.
    """

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.url = f"sqlite:///{folder}/tenants.sqlite"
        (folder / "Pulumi.yaml").write_text("name: orgcal\nruntime: python\nplugins: {providers: [{name: orgcal}]}\n")
        self.settle()
        patch.setenv("ORGCAL_PROJECT", str(folder))
        patch.setenv("ORGCAL_DATA_DIR", str(folder / "data"))
        patch.setenv("ORGCAL_REGISTRY_URL", self.url)
        patch.setenv("ORGCAL_OPERATOR", "ada")

    def settle(self, **sections: Any) -> None:
        """Write the stack's file, with further sections of settings."""
        config = {**SETTINGS, **{f"orgcal:{name}": value for name, value in sections.items()}}
        (self.folder / "Pulumi.prod.yaml").write_text(yaml.safe_dump({"config": config}))

    @contextmanager
    def registry(self, now: datetime | None = None) -> Iterator[Registry]:
        """The stack's registry, at the time `now` where it matters."""
        clock = {} if now is None else {"now": lambda: now}
        opened = Registry(new_database(self.folder), connector="orgcal/prod", operator="ada", **clock)
        try:
            yield opened
        finally:
            opened.close()

    def run(self, *words: str) -> Result:
        """A command, as typed."""
        return CliRunner().invoke(build_app(words), [*words, "--stack", "prod"])


def a_run(tenant_id: str = CONTOSO, at: datetime = NIGHT, **more: Any) -> Run:
    """A verification that passed, with what a test changes of it."""
    values: dict[str, Any] = {
        "kind": "verify", "version": "0.1.0", "verdict": "pass", "state": State.VERIFIED, "users": 57, "calendars": 130,
        "readable": 44, "no_mailbox": 10, "restricted": 3, "deleted": 0, "failed": 0, "not_read": 0,
        "roles": ("Calendars.Read", "Directory.Read.All"), "duration_s": 1.5, "requests": 12,
    }  # fmt: skip
    return Run(at=at, tenant_id=tenant_id, **{**values, **more})
