"""What an older version deployed is read, worked with and not changed; what a newer one deployed is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from orgcal.resource_types import CREDENTIAL_LEDGER
from orgcal.stack.state import exists_outside, replace_secrets
from tests.support.checkout import Checkout, make_checkout
from tests.support.older_deployment import export, restore_older_deployment


def managed(checkout: Checkout) -> dict[str, tuple[Any, Any]]:
    """Inputs and outputs, by URN, of what exists outside the state; without secrets, encrypted anew at each write."""
    resources = replace_secrets(export(checkout), "")["deployment"]["resources"]
    outside = (item for item in resources if exists_outside(item["type"], item["custom"]))
    return {item["urn"]: (item.get("inputs"), item.get("outputs")) for item in outside}


@pytest.fixture(scope="module")
def deployed_before(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A checkout of today's code whose stack and emulator are as commit 357bda2 left them."""
    checkout = make_checkout(tmp_path_factory.mktemp("deployed_before"))
    try:
        restore_older_deployment(checkout)
        yield checkout
    finally:
        checkout.orgcal("emulator", "stop")


def test_preview_of_an_older_deployment_has_no_changes(deployed_before: Checkout) -> None:
    preview = deployed_before.shell("pulumi preview --stack dev --expect-no-changes --refresh --diff")

    assert preview.code == 0, preview.text


def test_up_of_an_older_deployment_changes_nothing(deployed_before: Checkout) -> None:
    up = deployed_before.orgcal("up")

    assert up.code == 0, up.text
    assert "stack dev: 0 changed, 7 unchanged" in up.text


def test_status_and_outputs_of_an_older_deployment_are_read(deployed_before: Checkout) -> None:
    status = deployed_before.orgcal("status")
    shown = deployed_before.shell("pulumi stack output orgcal --json --stack dev")

    assert status.code == 0, status.text
    assert "declared   Calendars.Read, Directory.Read.All" in status.text
    assert "generation 1  live" in status.text
    assert "generation 2  active" in status.text
    outputs = json.loads(shown.out)
    assert outputs["client_id"] in status.text
    assert outputs["client_secret"] == "[secret]"


def test_organisations_of_an_older_deployment_are_verified(deployed_before: Checkout) -> None:
    verified = deployed_before.orgcal("verify", "--stack", "dev")
    listed = json.loads(deployed_before.orgcal("tenants", "list", "--json").out)["organisations"]

    assert verified.code == 0, verified.text
    assert {item["name"]: item["state"] for item in listed} == {"Contoso": "verified", "Fabrikam": "invited"}
    assert "rotate  generation 2  activate" in deployed_before.orgcal("log").out


@pytest.fixture
def deployed_by_newer(deployed_before: Checkout) -> Iterator[Checkout]:
    """The same stack as if a newer orgcal, with another format of the state, had deployed it."""
    before, newer = export(deployed_before), deployed_before.path / "newer.json"
    state = json.loads(json.dumps(before))
    (ledger,) = (item for item in state["deployment"]["resources"] if item["type"] == CREDENTIAL_LEDGER)
    ledger["inputs"]["format"] = ledger["outputs"]["format"] = 3
    newer.write_text(json.dumps(state))
    assert deployed_before.shell("pulumi stack import --stack dev --file newer.json").code == 0
    yield deployed_before
    newer.write_text(json.dumps(before))
    assert deployed_before.shell("pulumi stack import --stack dev --file newer.json").code == 0


@pytest.mark.parametrize(
    "command",
    ["pulumi preview --stack dev", "pulumi up --yes --skip-preview --stack dev", "orgcal up", "orgcal rotate"],
)
def test_stack_of_a_newer_orgcal_is_refused_and_not_changed(deployed_by_newer: Checkout, command: str) -> None:
    held = managed(deployed_by_newer)
    words = command.split()

    refused = deployed_by_newer.orgcal(*words[1:]) if words[0] == "orgcal" else deployed_by_newer.shell(command)

    assert refused.code != 0
    assert "the stack's state has format 3, and orgcal" in refused.text
    assert "use the orgcal that wrote it" in refused.text
    assert managed(deployed_by_newer) == held
