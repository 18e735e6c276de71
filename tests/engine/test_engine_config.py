"""What Pulumi's engine makes of a stack's file is what `orgcal.settings` makes of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orgcal.engine.find import find_engine
from orgcal.settings import load_stack_file
from tests.support.engine_config import SCALARS
from tests.support.pulumi_project import PulumiProject

WRITTEN = """
  plain: x
  trial:config:old: x
  orgcal:entra: &cloud {cloud: public}
  orgcal:entra.cloud: usgov
  orgcal:merged: {<<: *cloud, z: 1}
  orgcal:list: [*cloud, yes, 1, true, ~]
  orgcal:keys: {1: a, 0x2: b, true: c, 1.5: d, 2024-01-01: e, yes: f, ~: g}
  orgcal:json: '{"cloud": "public"}'
  orgcal:block: |
    hi
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> PulumiProject:
    return PulumiProject(tmp_path_factory.mktemp("config") / "project", find_engine().bin_dir)


def of_the_engine(project: PulumiProject, config: str) -> dict[str, Any]:
    path = project.folder / "Pulumi.test.yaml"
    salt = next(line for line in path.read_text().splitlines() if line.startswith("encryptionsalt"))
    path.write_text(f"{salt}\nconfig:\n{config}", encoding="utf-8")
    printed = project.run("config", "--json", "--stack", "test").output
    return {
        key: item["value"] for key, item in json.loads(printed[printed.index("{\n") :].split("\nwarning")[0]).items()
    }


def test_engine_reads_each_spelling_of_a_scalar_as_the_table_says(project: PulumiProject) -> None:
    lines = [f"  orgcal:t{number}: {scalar.yaml}" for number, scalar in enumerate(SCALARS)]
    lines += ["  orgcal:inner:", *(f"    t{number}: {scalar.yaml}" for number, scalar in enumerate(SCALARS))]

    found = of_the_engine(project, "\n".join(lines) + "\n")
    ours = dict(load_stack_file(project.folder, "test").config)

    inner = json.loads(found.pop("orgcal:inner"))
    assert inner == ours.pop("orgcal:inner") == {f"t{number}": scalar.inner for number, scalar in enumerate(SCALARS)}
    assert found == ours == {f"orgcal:t{number}": scalar.text for number, scalar in enumerate(SCALARS)}


def test_engine_reads_keys_aliases_and_texts_as_our_reader_does(project: PulumiProject) -> None:
    found = of_the_engine(project, WRITTEN)
    ours = load_stack_file(project.folder, "test").config

    assert {key: decoded(value) for key, value in found.items()} == {key: decoded(value) for key, value in ours.items()}


def decoded(value: Any) -> Any:
    """A mapping or a list out of the engine's JSON; whatever else as it is."""
    return json.loads(value) if isinstance(value, str) and value[:1] in ("{", "[") else value
