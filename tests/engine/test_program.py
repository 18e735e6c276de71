"""The real program under the real engine: every change it can make, compared with what the emulator then holds.

The tests of this module share one deployed stack, so each leaves it as it found it.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from orgcal.entra.pinned_roles import APP_ROLE_IDS
from tests.support.checkout import Checkout
from tests.support.outside import Outside


def record_of(checkout: Checkout) -> dict[str, Any]:
    said = checkout.shell("pulumi stack output orgcal --json --stack dev")
    assert said.code == 0, said.text
    record: dict[str, Any] = json.loads(said.out)
    return record


def resources_of(checkout: Checkout) -> dict[str, list[dict[str, Any]]]:
    said = checkout.shell("pulumi stack export --stack dev")
    assert said.code == 0, said.text
    found: dict[str, list[dict[str, Any]]] = {}
    for resource in json.loads(said.out)["deployment"]["resources"]:
        found.setdefault(resource["type"], []).append(resource)
    return found


def rotate_by_hand(checkout: Checkout, generations: list[int], active: int) -> None:
    """Writes the live generations where rotation keeps them on stack `dev`."""
    path = checkout.path / ".local" / "dev" / "credential.json"
    path.write_text(json.dumps({"generations": generations, "active": active}))


def roles_declared(application: dict[str, Any]) -> set[str]:
    return {access["id"] for resource in application["requiredResourceAccess"] for access in resource["resourceAccess"]}


def assert_state_is_directory(checkout: Checkout, outside: Outside) -> None:
    """The state says what the directory and the platform hold, no more and no less."""
    resources = resources_of(checkout)
    (application,) = outside.applications()
    (principal,) = outside.service_principals()
    (connector,) = outside.platform("GET", "/connectors")["connectors"]

    (known,) = resources["azuread:index/application:Application"]
    assert known["outputs"]["objectId"] == application["id"]
    assert known["outputs"]["clientId"] == application["appId"]
    assert known["outputs"]["displayName"] == application["displayName"]
    assert set(known["outputs"]["web"]["redirectUris"]) == set(application["web"]["redirectUris"])
    (known,) = resources["azuread:index/servicePrincipal:ServicePrincipal"]
    assert known["outputs"]["objectId"] == principal["id"]
    passwords = resources["azuread:index/applicationPassword:ApplicationPassword"]
    assert {item["outputs"]["keyId"] for item in passwords} == {
        item["keyId"] for item in application["passwordCredentials"]
    }
    (known,) = resources["orgcal:index:Connector"]
    assert known["outputs"]["callbackUrl"] == connector["callback_url"]
    assert known["outputs"]["scopes"] == connector["scopes"]
    assert connector["credentials"]["client_id"] == application["appId"]


def test_up_creates_what_the_guide_describes(deployed: Checkout, outside: Outside) -> None:
    (application,) = outside.applications()
    (connector,) = outside.platform("GET", "/connectors")["connectors"]
    record = record_of(deployed)

    assert application["signInAudience"] == "AzureADMultipleOrgs"
    assert connector["callback_url"] in application["web"]["redirectUris"]
    assert roles_declared(application) == {APP_ROLE_IDS["Calendars.Read"], APP_ROLE_IDS["Directory.Read.All"]}
    assert record["client_id"] == application["appId"]
    assert [item["name"] for item in record["permissions"]] == ["Calendars.Read", "Directory.Read.All"]
    assert record["client_secret"] == "[secret]"
    assert_state_is_directory(deployed, outside)


def test_up_again_changes_nothing_and_writes_nothing(deployed: Checkout, outside: Outside) -> None:
    mark = outside.mark()

    again = deployed.orgcal("up", "--json")

    assert again.code == 0, again.text
    assert set(json.loads(again.out)["changes"]) == {"same"}
    assert outside.writes_since(mark) == []


def test_refresh_sees_a_change_made_behind_pulumis_back_and_up_takes_it_back(
    deployed: Checkout, outside: Outside
) -> None:
    (application,) = outside.applications()
    outside.graph.patch(f"/applications/{application['id']}", {"displayName": "Somebody was here"})

    refreshed = deployed.shell("pulumi refresh --yes --skip-preview --stack dev")
    seen = resources_of(deployed)["azuread:index/application:Application"][0]["outputs"]["displayName"]
    repaired = deployed.orgcal("up", "--json")

    assert refreshed.code == 0, refreshed.text
    assert seen == "Somebody was here"
    assert json.loads(repaired.out)["changes"]["update"] == 1, repaired.text
    assert outside.applications()[0]["displayName"] == application["displayName"]
    assert_state_is_directory(deployed, outside)


def test_changed_scopes_reach_connector_and_application_and_nothing_else(deployed: Checkout, outside: Outside) -> None:
    before = outside.applications()[0]
    deployed.configure(connector={"scopes": ["Calendars.ReadWrite"]})

    changed = deployed.orgcal("up", "--json")
    after = outside.applications()[0]
    assert_state_is_directory(deployed, outside)
    deployed.configure(connector={"scopes": ["Calendars.Read"]})
    back = deployed.orgcal("up", "--json")

    assert changed.code == back.code == 0, changed.text + back.text
    assert roles_declared(after) == {APP_ROLE_IDS["Calendars.ReadWrite"], APP_ROLE_IDS["Directory.Read.All"]}
    assert after["passwordCredentials"] == before["passwordCredentials"]
    assert after["id"] == before["id"]


def test_generations_come_and_go_without_touching_the_other(deployed: Checkout, outside: Outside) -> None:
    first = outside.applications()[0]["passwordCredentials"]
    old = record_of(deployed)["active_generation"]
    new = old + 1

    rotate_by_hand(deployed, [old, new], active=old)
    preview = deployed.shell("pulumi preview --json --stack dev")
    added = deployed.orgcal("up", "--json")
    both = outside.applications()[0]["passwordCredentials"]
    pushed_before = outside.platform("GET", "/connectors/outlook-calendar-admin/credentials")
    rotate_by_hand(deployed, [old, new], active=new)
    activated = deployed.orgcal("up", "--json")
    pushed_after = outside.platform("GET", "/connectors/outlook-calendar-admin/credentials")
    rotate_by_hand(deployed, [new], active=new)
    retired = deployed.orgcal("up", "--json")
    last = outside.applications()[0]["passwordCredentials"]

    assert added.code == activated.code == retired.code == 0, added.text + activated.text + retired.text
    planned = {step["op"] for step in json.loads(preview.out)["steps"] if "ApplicationPassword" in step["urn"]}
    assert planned == {"create"}
    assert len(both) == 2
    assert first[0]["keyId"] in {item["keyId"] for item in both}
    assert len(last) == 1
    assert last[0]["keyId"] != first[0]["keyId"]
    assert pushed_before["client_secret"] != pushed_after["client_secret"]
    assert_state_is_directory(deployed, outside)


def test_stale_checkout_is_refused_before_any_write(deployed: Checkout, outside: Outside) -> None:
    live = record_of(deployed)["active_generation"]
    rotate_by_hand(deployed, [live + 1], active=live + 1)
    forward = deployed.orgcal("up", "--json")
    mark = outside.mark()
    rotate_by_hand(deployed, [live], active=live)
    path = deployed.path / "Pulumi.dev.yaml"
    good = path.read_text()
    # A stale checkout seldom differs in one thing only: other writes must not come first either.
    deployed.configure(connector={"description": "as it was then"}, application={"display_name": "As it was then"})

    stale = deployed.shell("pulumi up --yes --skip-preview --stack dev")
    previewed = deployed.shell("pulumi up --yes --stack dev")
    # The other form: the old checkout knows of the new generation, and not that the first was retired.
    rotate_by_hand(deployed, [live, live + 1], active=live + 1)
    half_stale = deployed.shell("pulumi up --yes --skip-preview --stack dev")
    half_previewed = deployed.shell("pulumi up --yes --stack dev")
    rotate_by_hand(deployed, [live + 1], active=live + 1)
    path.write_text(good)

    assert forward.code == 0, forward.text
    assert stale.code != 0
    assert previewed.code != 0
    assert f"{live}" in stale.text
    assert f"{live + 1}" in stale.text
    assert "Traceback" not in stale.text
    for said in (half_stale, half_previewed):
        assert said.code != 0
        assert f"generation {live} was retired at" in " ".join(said.text.split())
        assert f"the lowest live one is {live + 1}" in " ".join(said.text.split())
        assert "git pull" in said.text
    assert outside.writes_since(mark) == []


def test_stack_of_another_cloud_is_refused_before_the_first_write(deployed: Checkout, outside: Outside) -> None:
    text = (deployed.path / "Pulumi.prod.yaml.example").read_text()
    (deployed.path / "Pulumi.prod.yaml").write_text(text)
    mark = outside.mark()

    refused = deployed.shell("pulumi stack init prod && pulumi up --yes --skip-preview --stack prod")

    assert refused.code != 0
    assert "the stack's cloud is 'public'" in refused.text
    assert "Traceback" not in refused.text
    assert outside.journal(mark) == []


@pytest.mark.parametrize(
    ("sections", "sentence"),
    [
        ({"connector": {"scopes": ["Calendar.Read"]}}, "did you mean Calendars.Read"),
        ({"connector": {"scops": ["x"]}}, "did you mean scopes?"),
        ({"consent": {"public_url": "http://evil.example/x"}}, "orgcal:consent.public_url: found"),
        ({"credential": {"lifetime": "soon"}}, "orgcal:credential.lifetime: found"),
    ],
)
def test_bad_settings_are_one_clear_sentence_and_write_nothing(
    deployed: Checkout, outside: Outside, sections: dict[str, Any], sentence: str
) -> None:
    path = deployed.path / "Pulumi.dev.yaml"
    good = path.read_text()
    mark = outside.mark()
    deployed.configure(**sections)

    ours = deployed.orgcal("up")
    by_hand = deployed.shell("pulumi up --yes --skip-preview --stack dev")
    path.write_text(good)

    for said in (ours, by_hand):
        assert said.code != 0
        assert sentence in said.text
        assert "Traceback" not in said.text
    assert outside.writes_since(mark) == []
