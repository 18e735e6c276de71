"""`orgcal doctor` judges a stack's settings as the program does."""

from __future__ import annotations

from pathlib import Path

import yaml

from orgcal.operations.doctor_stack import check_settings

ROOT = Path(__file__).resolve().parents[2]


def test_settings_of_dev_as_committed_are_right() -> None:
    found = check_settings(ROOT, "dev")

    assert found.ok, found.repair


def test_settings_that_are_wrong_are_all_named(tmp_path: Path) -> None:
    (tmp_path / "provisioning").symlink_to(ROOT / "provisioning")
    (tmp_path / "orgcal").symlink_to(ROOT / "orgcal")
    said = yaml.safe_load((ROOT / "Pulumi.dev.yaml").read_text())
    said["config"]["orgcal:credential"]["lifetime"] = "soon"
    said["config"]["orgcal:connector"]["scops"] = ["x"]
    (tmp_path / "Pulumi.dev.yaml").write_text(yaml.safe_dump(said))

    found = check_settings(tmp_path, "dev")

    assert not found.ok
    assert found.says == "Pulumi.dev.yaml: 2 settings are wrong"
    assert "orgcal:credential.lifetime: found" in found.repair
    assert "did you mean scopes?" in found.repair


def test_settings_that_are_no_yaml_are_named(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text("config: [")

    assert check_settings(tmp_path, "dev").says == "Pulumi.dev.yaml cannot be read"
