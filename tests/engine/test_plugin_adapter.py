"""The adapter under the real engine, with a plugin made for this test: what our own resources never do."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from orgcal.engine.find import find_engine
from tests.support.pulumi_project import PROJECT_ROOT, PulumiProject

PLUGIN = """
import pathlib
from orgcal.errors import PlatformError
from orgcal.provider._sdk import Created, ReadResult, Incomplete, Prop, Provider, Resource
from orgcal.provider._server import serve

BROKEN = pathlib.Path("broken")

class Box(Resource):
    token = "boxes:index:Box"
    inputs = {"label": Prop(required=True)}
    outputs = {"address": Prop(), "key": Prop(secret=True)}

    def create(self, call, news):
        made = Created("box-1", {"address": "half", "key": "hush-hush"})
        if BROKEN.exists():
            raise Incomplete(made, PlatformError("the lid does not close", repair="press harder"))
        return made

    def read(self, call, resource_id, old):
        return ReadResult(resource_id, old.inputs, {name: old.outputs[name] for name in self.outputs})

    def update(self, call, resource_id, old, news):
        return {"address": "whole", "key": "hush-hush"}

    def delete(self, call, resource_id, old):
        call.tell("warning", f"{resource_id} is gone")

serve(Provider("boxes", "0.1.0", [Box()]))
"""

PROGRAM = """
class Box(pulumi.CustomResource):
    def __init__(self, name, label):
        super().__init__("boxes:index:Box", name, {"label": label, "address": None, "key": None},
            pulumi.ResourceOptions(version="0.1.0"))

first = Box("first", "one")
second = Box("second", pulumi.get(first, "address").apply(lambda address: f"after {address}"))
pulumi.export("address", pulumi.get(first, "address"))
"""


def test_incomplete_resource_is_kept_and_completed_by_the_next_up(tmp_path: Path) -> None:
    project = PulumiProject(tmp_path / "project", Path(find_engine().bin_dir))
    executable = tmp_path / "plugin" / "pulumi-resource-boxes"
    executable.parent.mkdir()
    (executable.parent / "boxes.py").write_text(PLUGIN)
    executable.write_text(f'#!/bin/sh\nexec {sys.executable} "{executable.parent}/boxes.py" "$@"\n')
    executable.chmod(0o755)
    described = json.loads((project.folder / "Pulumi.yaml").read_text())
    described["plugins"]["providers"].append({"name": "boxes", "path": str(executable.parent), "version": "0.1.0"})
    (project.folder / "Pulumi.yaml").write_text(json.dumps(described))
    project.environ["PYTHONPATH"] = str(PROJECT_ROOT)
    project.program(PROGRAM)

    plan = project.preview()
    assert [step["op"] for step in plan["steps"]] == ["create", "create", "create"]
    (project.folder / "broken").touch()
    said = project.up("--skip-preview", code=None)
    assert said.code != 0
    assert "the lid does not close" in said.output
    assert "press harder" in said.output
    assert project.state()["first"]["id"] == "box-1"

    (project.folder / "broken").unlink()
    project.up("--skip-preview")
    assert project.outputs()["address"] == "whole"
    assert project.state()["second"]["inputs"] == {"label": "after whole"}
    assert project.files_with("hush-hush") == []
    assert "box-1 is gone" in project.run("destroy", "--yes").output
