"""`docs/platforms.md` is what the code says."""

from __future__ import annotations

import re

import pytest
import yaml

from orgcal.platforms import KINDS, ConnectorSettings, capabilities_of, check_settings, place_of, settings_class
from orgcal.platforms.docs_tables import PAGE, example, table, with_tables
from orgcal.settings.platform_rules import unsuitable

TEXT = PAGE.read_text(encoding="utf-8")
EXAMPLES = [
    found["platform"]
    for block in re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    if "platform" in (found := yaml.safe_load(block))
]


def test_docs_tables_are_those_of_the_code() -> None:
    assert with_tables(TEXT) == TEXT, "run: .venv/bin/python -m orgcal.platforms.docs_tables"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "local"])
def test_docs_have_a_table_of_each_kind_that_has_settings(kind: str) -> None:
    assert f"<!-- table {kind} -->" in TEXT
    for setting in settings_class(kind).model_fields.keys() - {"kind"}:
        assert f"\n| `{setting}` | " in table(kind)


@pytest.mark.parametrize("kind", KINDS)
def test_examples_in_errors_are_settings_that_are_accepted(kind: str) -> None:
    assert check_settings(example(kind)) == []


def test_docs_show_an_example_of_every_kind() -> None:
    assert {example["kind"] for example in EXAMPLES} == set(KINDS)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.get("name", example["kind"]))
def test_docs_examples_are_accepted_and_take_a_credential(example: dict[str, object]) -> None:
    assert place_of(example)
    kept = "certificate" if "private_key_pem" in str(example.get("names")) else "secret"
    assert kept in capabilities_of(example).credential_kinds


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
        f'orgcal:connector.platform.kind: found "nagno" (did you mean nango?); expected one of '
        f"{', '.join(sorted(KINDS))}; repair: pulumi config set --path orgcal:connector.platform.kind nango"
    ]
