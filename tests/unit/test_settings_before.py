"""A stack file that an older version wrote is read as it was meant."""

from __future__ import annotations

import shutil
from pathlib import Path

from orgcal.settings import read_settings

BEFORE = Path(__file__).parents[1] / "engine" / "deployed_357bda2"


def test_stack_file_of_357bda2_is_read_as_before(tmp_path: Path) -> None:
    shutil.copy(BEFORE / "Pulumi.dev.yaml", tmp_path)

    settings = read_settings(tmp_path, "dev")

    assert settings.entra.cloud == "emulator"
    assert settings.application.display_name == "Acme Calendar Sync (dev)"
    assert settings.connector.key == "outlook-calendar-admin"
    assert settings.connector.platform == {"kind": "local"}
    assert settings.connector.scopes == ("Calendars.Read",)
    assert (settings.connector.published, settings.connector.delete_connected) == (True, True)
    assert (settings.credential.generations, settings.credential.active) == ((1,), 1)
    assert settings.credential.kind_of(1) == "secret"
    assert settings.consent is not None
    assert settings.consent.public_url == "http://localhost:8400/consent/callback"
    assert not settings.protected
