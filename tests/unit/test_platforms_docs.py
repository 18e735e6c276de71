"""`docs/platforms.md` is what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from orgcal.platforms import KINDS, ConnectorSettings, capabilities_of, place_of, table, unsuitable

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "platforms.md").read_text(encoding="utf-8")
EXAMPLES = [
    found["platform"]
    for block in re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    if "platform" in (found := yaml.safe_load(block))
]


def test_docs_table_is_generated_from_the_code() -> None:
    found = re.search(r"<!-- capabilities:.*?-->\n(.*?)<!-- end -->", TEXT, re.DOTALL)
    assert found is not None
    assert found[1] == table.render(), "run: python -m orgcal.platforms.table"


def test_docs_show_an_example_of_every_kind() -> None:
    assert {example["kind"] for example in EXAMPLES} == set(KINDS)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.get("name", example["kind"]))
def test_docs_examples_are_accepted(example: dict[str, object]) -> None:
    assert place_of(example)
    assert "secret" in capabilities_of(example).credential_kinds


def test_docs_xkit_example_finds_drift_by_time() -> None:
    xkit = next(example for example in EXAMPLES if example.get("name") == "Xkit")
    assert capabilities_of(xkit).reads_back == "timestamp"
    assert capabilities_of(xkit).callback == "created"


def test_unsuitable_names_every_pair_that_cannot_work() -> None:
    declared = ConnectorSettings("outlook", "Outlook", "text", published=False)
    problems = unsuitable({"kind": "nango"}, declared, "certificate")
    assert [problem.split(":")[1] for problem in problems] == [
        "connector.description",
        "connector.published",
        "credential.kind",
    ]
    assert unsuitable({"kind": "local"}, declared, "certificate") == []
    assert unsuitable({"kind": "nagno"}, declared, "secret") == [
        "orgcal:connector.platform.kind: found 'nagno'; did you mean 'nango'?"
    ]
