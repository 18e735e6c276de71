"""`orgcal status` and `orgcal preflight` on a deployed stack, as a person types them."""

from __future__ import annotations

import json

from tests.support.checkout import Checkout
from tests.support.outside import Outside


def test_status_of_a_deployed_stack_is_well_until_somebody_changes_something(
    deployed: Checkout, outside: Outside
) -> None:
    (application,) = outside.applications()
    mark = outside.mark()

    well = deployed.orgcal("status")
    checked = deployed.orgcal("preflight", "--json")
    assert outside.writes_since(mark) == []
    outside.graph.patch(f"/applications/{application['id']}", {"requiredResourceAccess": []})
    drifted = deployed.orgcal("status", "--json")
    repaired = deployed.shell("pulumi refresh --yes --skip-preview --stack dev && pulumi up --yes --stack dev")
    again = deployed.orgcal("status")

    assert well.code == 0, well.text
    assert "generation 1  active, 179 days left" in well.out
    findings = {item["name"]: item["verdict"] for item in json.loads(checked.out)["checks"]}
    missing = {"owners": "warning", "publisher": "warning"}  # what a person has to do
    assert findings == {"rights": "ok", "permissions": "ok", "policy": "unknown", "room": "ok", **missing}
    assert drifted.code == 1
    said = json.loads(drifted.out)
    assert said["ok"] is False
    assert any("does not declare Calendars.Read" in line for line in said["drift"])
    assert "client_secret" not in drifted.out
    assert repaired.code == 0, repaired.text
    assert again.code == 0, again.text


def test_status_of_a_stack_that_was_never_deployed_says_so(started: Checkout) -> None:
    said = started.orgcal("status")

    assert said.code == 2
    assert "has not been deployed yet" in said.text
