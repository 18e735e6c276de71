"""An operator who may too little is told which right is missing, and who has it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.support.checkout import Checkout, make_checkout
from tests.support.outside import Outside


@pytest.fixture
def powerless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A checkout whose operator may manage what it owns, and look nothing up."""
    copy = make_checkout(tmp_path_factory.mktemp("powerless"))
    seed = copy.path / "emulator" / "orgcal_emulator" / "seeds" / "default.yaml"
    text = seed.read_text()
    assert "    - Application.Read.All\n" in text
    seed.write_text(text.replace("    - Application.Read.All\n", "", 1))
    try:
        assert copy.orgcal("emulator", "start").code == 0
        yield copy
    finally:
        copy.orgcal("emulator", "stop")


def test_up_without_the_right_to_look_up_is_one_sentence(powerless: Checkout) -> None:
    outside = Outside(powerless.ready)
    mark = outside.mark()

    refused = powerless.orgcal("up")
    told = powerless.orgcal("preflight", "--json")

    assert refused.code == 1
    assert "the permissions of Microsoft Graph cannot be looked up" in refused.err
    assert "orgcal preflight --stack dev" in refused.err
    assert "Traceback" not in refused.text
    assert outside.writes_since(mark) == []
    assert told.code == 1
    (missing,) = [item for item in json.loads(told.out)["checks"] if item["name"] == "rights"]
    assert "Application.Read.All" in missing["repair"]
    assert "Directory Readers" in missing["repair"]


def test_program_with_pinned_permissions_looks_nothing_up(powerless: Checkout) -> None:
    before = (powerless.path / "Pulumi.dev.yaml").read_text()
    refused = powerless.orgcal("ci", "preview", "--json")
    powerless.configure(entra={"lookup": "pinned"})
    try:
        told = powerless.orgcal("preflight", "--json")
        proposed = powerless.orgcal("ci", "preview", "--json")
    finally:
        (powerless.path / "Pulumi.dev.yaml").write_text(before)

    assert refused.code == 1
    assert "cannot be looked up" in refused.err
    assert proposed.code == 0, proposed.text
    found = json.loads(proposed.out)
    assert found["new"] is True
    assert [item["operation"] for item in found["changes"]] == ["create"] * 6
    (rights,) = [item for item in json.loads(told.out)["checks"] if item["name"] == "rights"]
    assert rights["verdict"] == "ok"
