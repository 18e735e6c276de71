"""The state of a stack: out of the backend's file where that is local, else from the engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orgcal.engine.find import Engine
from orgcal.stack.environment import StackEnvironment
from orgcal.stack.runner import StackRunner
from tests.support.fake_programs import write_program

FROM_ENGINE = {"deployment": {"resources": [{"urn": "from the engine"}]}}


def runner(folder: Path, backend: str) -> StackRunner:
    """A runner whose engine notes each start, and exports a state of its own."""
    (folder / "Pulumi.yaml").write_text("name: orgcal\nruntime: python\n")
    (folder / "Pulumi.dev.yaml").write_text("config: {}\n")
    exported = json.dumps(FROM_ENGINE)
    program = write_program(folder / "pulumi", f"#!/bin/sh\necho \"$@\" >> {folder}/starts\necho '{exported}'\n")
    environment = StackEnvironment(folder, "dev", "public", folder, backend, None)
    return StackRunner(Engine(folder, program, program, "3.274.1", "path", "for this test"), environment, {})


def keep(folder: Path, text: str, name: str = "stacks/orgcal/dev.json") -> None:
    file = folder / "state" / ".pulumi" / name
    file.parent.mkdir(parents=True)
    file.write_text(text)


def state_of(resources: list[dict[str, Any]]) -> str:
    return json.dumps({"version": 3, "checkpoint": {"latest": {"resources": resources}}})


def test_state_in_a_local_file_costs_no_start_of_the_engine(tmp_path: Path) -> None:
    keep(tmp_path, state_of([{"urn": "in the file"}]))
    found = runner(tmp_path, (tmp_path / "state").as_uri())

    assert found.state().urns == {"in the file"}
    assert not (tmp_path / "starts").exists()
    assert found.state(show_secrets=True).urns == {"from the engine"}, "only the engine decrypts"


@pytest.mark.parametrize(
    ("text", "name", "scheme"),
    [
        ('{"version": 3, "checkpo', "stacks/orgcal/dev.json", "file://"),
        (state_of([]), "stacks/another/dev.json", "file://"),
        (state_of([]), "stacks/orgcal/prod.json", "file://"),
        (state_of([]), "stacks/orgcal/dev.json", "s3:/"),
    ],
    ids=["cut short", "another project", "another stack", "another backend"],
)
def test_state_that_is_in_no_file_is_the_engines(tmp_path: Path, text: str, name: str, scheme: str) -> None:
    keep(tmp_path, text, name)

    assert runner(tmp_path, f"{scheme}{tmp_path}/state").state().urns == {"from the engine"}
    assert (tmp_path / "starts").read_text() == "--non-interactive stack export --stack dev\n"


def test_state_of_a_new_stack_is_no_error(tmp_path: Path) -> None:
    keep(tmp_path, '{"version": 3, "checkpoint": {"stack": "dev", "latest": null}}')

    assert runner(tmp_path, (tmp_path / "state").as_uri()).state().resources == []
