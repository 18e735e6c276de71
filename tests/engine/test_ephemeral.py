"""A stack for a pull request: made from `dev` in one command, and gone without a trace at its end."""

from __future__ import annotations

import json
from typing import Any

from orgcal.entra.clouds import read_emulator_file
from tests.support.administrator import answer
from tests.support.checkout import Checkout
from tests.support.outside import Outside

KEY = "outlook-calendar-admin-pr-123"


def in_bin(outside: Outside) -> list[dict[str, Any]]:
    kinds = ("application", "servicePrincipal")
    return [item for kind in kinds for item in outside.graph.pages(f"/directory/deletedItems/microsoft.graph.{kind}")]


def test_ephemeral_stack_is_made_deployed_verified_and_leaves_nothing(started: Checkout) -> None:
    outside = Outside(started.ready)
    made = started.orgcal("ephemeral", "create", "--from", "dev", "pr-123")
    assert made.code == 0, made.text
    up = started.orgcal("up", "--stack", "pr-123", "--json")
    assert up.code == 0, up.text
    [application] = outside.applications()
    assert application["displayName"] == "Acme Calendar Sync (dev) (pr-123)"
    assert {"orgcal:ephemeral", "orgcal:origin:dev", "orgcal:orgcal/pr-123"} <= set(application["tags"])
    assert outside.platform("GET", f"/connectors/{KEY}") is not None

    # An administrator consents to it, without our callback: Entra ID sends the browser back to nobody.
    endpoints = read_emulator_file(started.path / ".local/dev/emulator/ready.json")
    started.orgcal("tenants", "add", "contoso.example", "--stack", "pr-123")
    link = json.loads(started.orgcal("consent", "link", "contoso.example", "--stack", "pr-123", "--json").out)
    consented = answer(endpoints, link["url"], "admin@contoso.example", follow=False)
    assert "admin_consent=True" in consented.headers["Location"]
    assert started.orgcal("consent", "check", "--all", "--stack", "pr-123").code == 0
    verified = started.orgcal("verify", "--stack", "pr-123")
    assert verified.code == 0, verified.text

    # The next push of the pull request, on a runner that knows the state's backend only.
    (started.path / "Pulumi.pr-123.yaml").unlink()
    swept = started.orgcal("sweep", "--stack", "dev", "--older-than", "0s")
    assert swept.code == 0, "its state holds it"
    assert "still deployed  stack pr-123" in swept.out
    started.orgcal("ephemeral", "create", "--from", "dev", "pr-123")
    again = started.orgcal("up", "--stack", "pr-123", "--json")
    assert set(json.loads(again.out)["changes"]) == {"same"}, again.text

    destroyed = started.orgcal("destroy", "--stack", "pr-123", "--purge", "--yes", "--json")

    assert destroyed.code == 0, destroyed.text
    said = json.loads(destroyed.out)
    assert (said["purged"], said["missing"], said["file_removed"]) == (2, [], True)
    assert outside.applications() == []
    assert in_bin(outside) == []
    assert outside.platform("GET", f"/connectors/{KEY}") is None
    assert not (started.path / "Pulumi.pr-123.yaml").exists()
    assert [path for path in started.home.rglob("pr-123*") if path.suffix == ".json" and "stacks" in path.parts] == []


def test_ephemeral_stack_whose_state_is_lost_is_swept_away(started: Checkout) -> None:
    outside = Outside(started.ready)
    started.orgcal("ephemeral", "create", "--from", "dev", "pr-123")
    assert started.orgcal("up", "--stack", "pr-123").code == 0
    [state] = [path for path in started.home.rglob("pr-123.json") if "stacks" in path.parts]
    state.unlink()
    (started.path / "Pulumi.pr-123.yaml").unlink()

    young = started.orgcal("sweep", "--stack", "dev", "--older-than", "3d")
    found = started.orgcal("sweep", "--stack", "dev", "--older-than", "0s", "--json")
    swept = started.orgcal("sweep", "--stack", "dev", "--older-than", "0s", "--yes")

    assert (young.code, young.out) == (0, "ephemeral stacks: nothing is left over\n")
    assert found.code == 1
    [item] = json.loads(found.out)["abandoned"]
    assert (item["stack"], item["connector_key"], item["deleted"]) == ("pr-123", KEY, False)
    assert swept.code == 0, swept.text
    assert outside.applications() == []
    assert in_bin(outside) == []
    assert outside.platform("GET", f"/connectors/{KEY}") is None
