"""The credential in a stack's settings file: changed in place, or kept beside it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from orgcal.errors import OrgcalError
from orgcal.settings import GenerationSet
from orgcal.settings.credential_file import SettingsFile
from tests.support.stack_repository import ACTIVATED, SETTINGS


def test_settings_of_an_emulated_stack_are_kept_beside_the_file(tmp_path: Path) -> None:
    text = SETTINGS.replace("public", "emulator")
    (tmp_path / "Pulumi.dev.yaml").write_text(text)
    file = SettingsFile(tmp_path, "dev", emulated=True, overlay=True)

    file.write(GenerationSet((3, 4), 3, 3))

    assert (tmp_path / "Pulumi.dev.yaml").read_text() == text
    overlay = json.loads((tmp_path / ".local/dev/credential.json").read_text())
    assert overlay == {"generations": [3, 4], "active": 3, "rollback_to": 3}
    assert file.read().generation_set == GenerationSet((3, 4), 3, 3)

    SettingsFile(tmp_path, "dev", emulated=True, overlay=False).write(ACTIVATED)

    assert not (tmp_path / ".local/dev/credential.json").exists()
    assert file.read().generation_set == ACTIVATED


def test_settings_file_that_cannot_be_changed_in_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.prod.yaml").write_text(
        "config:\n  orgcal:entra.cloud: public\n"
        "  orgcal:credential: &live {generations: [3], active: 3}\n  other: *live\n"
    )
    file = SettingsFile(tmp_path, "prod", emulated=False, overlay=False)

    with pytest.raises(OrgcalError, match="cannot be changed without touching the rest"):
        file.check()


def test_settings_file_keeps_its_spelling_of_a_mapping_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "Pulumi.prod.yaml"
    text = "config:\n  orgcal:entra.cloud: public\n  orgcal:credential: {generations: [3], active: 3}  # ours\n"
    path.write_text(text)

    SettingsFile(tmp_path, "prod", emulated=False, overlay=False).write(GenerationSet((3, 4), 3, 3))

    kept = path.read_text()
    assert yaml.safe_load(kept)["config"]["orgcal:credential"] == {"generations": [3, 4], "active": 3, "rollback_to": 3}
    assert (kept.splitlines()[:2], kept.endswith("  # ours\n")) == (text.splitlines()[:2], True)


def test_settings_file_with_line_ends_of_windows_keeps_every_other_byte(tmp_path: Path) -> None:
    """As pulumi/pulumi#12415 wants of tools: no noise in the stack's file (trials/inputs.md, row 21)."""
    path = tmp_path / "Pulumi.prod.yaml"
    before = SETTINGS.replace("\n", "\r\n").replace("  orgcal:protect", "\n  orgcal:protect").encode()
    path.write_bytes(before)

    SettingsFile(tmp_path, "prod", emulated=False, overlay=False).write(ACTIVATED)

    assert path.read_bytes() == before.replace(b"[3]", b"[3, 4]").replace(b"active: 3", b"active: 4")


def test_settings_file_forgets_kinds_of_generations_that_are_gone(tmp_path: Path) -> None:
    path = tmp_path / "Pulumi.prod.yaml"
    path.write_text(SETTINGS.replace("kind: secret", "kind: certificate\n    kinds: {3: secret}"))
    file = SettingsFile(tmp_path, "prod", emulated=False, overlay=False)
    assert file.read().kind_of(3) == "secret"

    file.write(GenerationSet((4,), 4))

    assert "kinds" not in path.read_text()
    assert file.read().kind_of(4) == "certificate"
