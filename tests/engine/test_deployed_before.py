"""A stack that an older version deployed: today's code reads it and has nothing to change."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orgcal.resource_types import PASSWORD
from tests.support.checkout import Checkout, make_checkout

BEFORE = Path(__file__).parent / "deployed_357bda2"


def secret_of(checkout: Checkout) -> str:
    """The client secret in the imported state; the emulator's platform has to hold the same."""
    exported = json.loads(checkout.shell("pulumi stack export --show-secrets --stack dev").out)
    passwords = (item for item in exported["deployment"]["resources"] if item["type"] == PASSWORD)
    return str(json.loads(next(passwords)["outputs"]["value"]["plaintext"]))


@pytest.fixture(scope="module")
def deployed_before(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A checkout of today's code whose stack and emulator are as commit 357bda2 left them."""
    checkout = make_checkout(tmp_path_factory.mktemp("deployed_before"))
    try:
        assert checkout.orgcal("emulator", "start").code == 0
        port, database = checkout.ready["port"], checkout.path / ".local/dev/emulator/state.sqlite"
        ends = (datetime.now(UTC) + timedelta(days=170)).date().isoformat()

        def recorded(name: str, secret: str = "") -> str:
            text = (BEFORE / name).read_text().replace("@PORT@", str(port)).replace("@ENDS@", ends)
            return text.replace("@SECRET@", secret)

        (checkout.path / "Pulumi.dev.yaml").write_text(recorded("Pulumi.dev.yaml"))
        (checkout.path / "state.json").write_text(recorded("state.json"))
        imported = checkout.shell("pulumi stack select --create dev\npulumi stack import --stack dev --file state.json")
        assert imported.code == 0, imported.text
        assert checkout.orgcal("emulator", "stop").code == 0
        database.unlink()
        with closing(sqlite3.connect(database)) as connection:
            connection.executescript(recorded("emulator.sql", secret_of(checkout)))
        started = checkout.orgcal("emulator", "start")
        assert started.code == 0, started.text
        assert checkout.ready["port"] == port
        yield checkout
    finally:
        checkout.orgcal("emulator", "stop")


def test_preview_of_an_older_deployment_has_no_changes(deployed_before: Checkout) -> None:
    preview = deployed_before.shell("pulumi preview --stack dev --expect-no-changes --refresh --diff")

    assert preview.code == 0, preview.text


def test_up_of_an_older_deployment_changes_nothing(deployed_before: Checkout) -> None:
    up = deployed_before.orgcal("up")

    assert up.code == 0, up.text
    assert "stack dev: 0 changed, 6 unchanged" in up.text


def test_status_and_outputs_of_an_older_deployment_are_read(deployed_before: Checkout) -> None:
    status = deployed_before.orgcal("status")
    shown = deployed_before.shell("pulumi stack output orgcal --json --stack dev")

    assert status.code == 0, status.text
    assert "declared   Calendars.Read, Directory.Read.All" in status.text
    assert "generation 1  active" in status.text
    outputs = json.loads(shown.out)
    assert outputs["client_id"] in status.text
    assert outputs["client_secret"] == "[secret]"
