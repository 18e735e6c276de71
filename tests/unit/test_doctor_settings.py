"""`orgcal doctor` judges a stack's settings as the program does."""

from __future__ import annotations

from pathlib import Path

import yaml

from orgcal.operations.doctor import DoctorCheck, checked
from orgcal.operations.doctor_stack import check_settings

ROOT = Path(__file__).resolve().parents[2]


def judged(folder: Path) -> DoctorCheck:
    return checked("settings", lambda: check_settings(folder, "dev"))


def test_doctor_finds_the_settings_of_dev_as_committed_right() -> None:
    found = judged(ROOT)

    assert found.ok, found.repair


def test_doctor_names_all_wrong_settings_with_their_lines(tmp_path: Path) -> None:
    said = yaml.safe_load((ROOT / "Pulumi.dev.yaml").read_text())
    said["config"]["orgcal:credential"]["lifetime"] = "soon"
    said["config"]["orgcal:connector"]["scops"] = ["x"]
    text = yaml.safe_dump(said)
    (tmp_path / "Pulumi.dev.yaml").write_text(text)
    line = next(number for number, line in enumerate(text.splitlines(), 1) if "lifetime" in line)

    found = judged(tmp_path)

    assert not found.ok
    assert found.says == "Pulumi.dev.yaml: 2 settings are wrong"
    assert f"Pulumi.dev.yaml:{line}: orgcal:credential.lifetime: found" in found.repair
    assert "did you mean scopes?" in found.repair


def test_doctor_names_settings_that_are_not_yaml(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text("config: [")

    assert "Pulumi.dev.yaml:1: this is not YAML" in judged(tmp_path).says
