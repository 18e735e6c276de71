"""`pulumi new` of the real engine makes of the template what `orgcal new` writes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import yaml

from orgcal.engine.find import find_engine
from orgcal.operations.new_project import DESCRIPTION, FILES, NewProject, write_template
from orgcal.operations.project_lock import Pin
from orgcal.stack.project import find_project

PINS = (Pin("orgcal", "1.0", ("a" * 64,)), Pin("orgcal-emulator", "1.0", ("b" * 64,)))


def test_pulumi_new_of_the_template_writes_the_same_project(tmp_path: Path) -> None:
    write_template(tmp_path / "template", PINS)
    project, home = tmp_path / "project", tmp_path / "home"
    project.mkdir()
    home.mkdir()

    options = ["--generate-only", "--yes", "--name", "acme", "--description", DESCRIPTION]
    ended = subprocess.run(
        [str(find_engine().pulumi), "new", str(tmp_path / "template"), *options],
        cwd=project,
        env={"HOME": str(home), "PATH": "/usr/bin:/bin", "PULUMI_SKIP_UPDATE_CHECK": "true"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    ours = NewProject("acme").texts(PINS)
    theirs = {name: (project / name).read_text(encoding="utf-8") for name in FILES}
    written = [yaml.safe_load(texts.pop("Pulumi.yaml")) for texts in (ours, theirs)]
    written[1].pop("config")  # the engine notes the template's address, as a tag for its own service
    assert theirs == ours
    assert written[1] == written[0]
    assert find_project({}, project) == project
    assert {path.name for path in project.iterdir()} == {*FILES, ".venv"}
    assert list((project / ".venv").rglob("*.*")) == [project / ".venv" / "bin" / ".keep"]
