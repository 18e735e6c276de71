"""Brings back what an older version deployed: `tests/engine/deployed_357bda2` says what that is."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from orgcal.resource_types import PASSWORD
from tests.support.checkout import ROOT, Checkout
from tests.support.leak_scan import shown_on_purpose

BEFORE = ROOT / "tests" / "engine" / "deployed_357bda2"


def restore_older_deployment(checkout: Checkout) -> None:
    """Lets stack `dev`, its registry and its emulator, which runs then, be as commit 357bda2 left them."""
    assert checkout.orgcal("emulator", "start").code == 0
    port, kept = checkout.ready["port"], checkout.path / ".local/dev"
    ends = (datetime.now(UTC) + timedelta(days=170)).date().isoformat()

    def recorded(name: str, secret: str = "") -> str:
        text = (BEFORE / name).read_text().replace("@PORT@", str(port)).replace("@ENDS@", ends)
        return text.replace("@SECRET_2@", secret)

    (checkout.path / "Pulumi.dev.yaml").write_text(recorded("Pulumi.dev.yaml"))
    (kept / "credential.json").write_text(recorded("credential.json"))
    fill(kept / "tenants.sqlite", recorded("registry.sql"))
    (checkout.path / "state.json").write_text(recorded("state.json"))
    imported = checkout.shell("pulumi stack select --create dev\npulumi stack import --stack dev --file state.json")
    assert imported.code == 0, imported.text
    assert checkout.orgcal("emulator", "stop").code == 0
    fill(kept / "emulator/state.sqlite", recorded("emulator.sql", secret_of(checkout, 2)))
    started = checkout.orgcal("emulator", "start")
    assert started.code == 0, started.text
    assert checkout.ready["port"] == port


def export(checkout: Checkout, *options: str) -> dict[str, Any]:
    """The state of stack `dev`, as `pulumi stack export` prints it."""
    exported: dict[str, Any] = json.loads(checkout.shell(f"pulumi stack export --stack dev {' '.join(options)}").out)
    return exported


def secret_of(checkout: Checkout, generation: int) -> str:
    """A client secret in the imported state; the emulator's platform has to hold the active one."""
    with shown_on_purpose("the emulator's platform needs what the state encrypts"):
        resources = export(checkout, "--show-secrets")["deployment"]["resources"]
    (password,) = (it for it in resources if it["type"] == PASSWORD and it["urn"].endswith(f"-{generation}"))
    return str(json.loads(password["outputs"]["value"]["plaintext"]))


def fill(database: Path, script: str) -> None:
    database.unlink(missing_ok=True)
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript(script)
