"""A connector in two places: each is a resource of its own, and a push that failed in one is completed later."""

from __future__ import annotations

import json
from typing import Any

import yaml

from tests.support.checkout import Checkout
from tests.support.outside import Outside

KEY = "outlook-calendar-admin"
CALLBACK = "https://app.example.com/oauth/callback"
APP = {"kind": "file", "path": ".local/app.yaml", "callback_url": CALLBACK}


def in_the_file(checkout: Checkout) -> dict[str, Any]:
    held: dict[str, Any] = yaml.safe_load((checkout.path / ".local/app.yaml").read_text())["connectors"][KEY]
    return held


def test_connector_in_two_places_gets_its_credential_in_both_without_a_second_secret(started: Checkout) -> None:
    outside = Outside(started.ready)
    started.configure(connector={"also_push_to": {"app": APP}})

    made = started.orgcal("up")
    again = started.orgcal("up", "--json")
    record = json.loads(started.shell("pulumi stack output orgcal --json --stack dev").out)
    well = started.orgcal("status")

    assert made.code == 0, made.text
    assert "also in      app (file)" in made.out
    assert set(json.loads(again.out)["changes"]) == {"same"}
    pushed = outside.platform("GET", f"/connectors/{KEY}/credentials")
    held = in_the_file(started)
    assert held["client_secret"] == pushed["client_secret"]
    assert held["display_name"] == "Outlook Calendar Admin"
    assert CALLBACK in outside.applications()[0]["web"]["redirectUris"]
    assert record["also_pushed_to"] == {"app": APP}
    assert well.code == 0, well.text

    file = started.path / ".local/app.yaml"
    good = file.read_text()
    file.write_text("a: [")
    started.configure(credential={"generations": [2], "active": 2})
    stopped = started.orgcal("up")
    (application,) = outside.applications()
    between = {item["displayName"]: item["keyId"] for item in application["passwordCredentials"]}
    file.write_text(good)
    drifted = started.orgcal("status")
    completed = started.orgcal("up")

    assert stopped.code == 1
    assert "this file is not YAML (line 1)" in stopped.text
    assert len(between) == 2, "a failing push stops the removal of the old generation"
    assert outside.platform("GET", f"/connectors/{KEY}/credentials")["generation"] == 2, "the other place has it"
    assert drifted.code == 1
    assert "also_push_to.app" in drifted.text
    assert completed.code == 0, completed.text
    assert in_the_file(started)["generation"] == 2
    (application,) = outside.applications()
    (left,) = application["passwordCredentials"]
    assert left["keyId"] == between[left["displayName"]], "no second secret was made"

    started.configure(connector={"also_push_to": {}})
    dropped = started.orgcal("up")
    assert dropped.code == 0, dropped.text
    assert not yaml.safe_load(file.read_text())
    assert CALLBACK not in outside.applications()[0]["web"]["redirectUris"]
