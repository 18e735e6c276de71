"""The policy that decides is that of the stack's own application, whichever command runs the program."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from tests.support.checkout import Checkout, make_checkout
from tests.support.outside import Outside

RIGHT = "    - Application.Read.All\n"


@pytest.fixture
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A checkout whose operator may read and write policies."""
    copy = make_checkout(tmp_path_factory.mktemp("trusted"))
    seed = copy.path / "emulator" / "orgcal_emulator" / "seeds" / "default.yaml"
    text = seed.read_text()
    assert RIGHT in text
    seed.write_text(text.replace(RIGHT, f"{RIGHT}    - Policy.ReadWrite.ApplicationConfiguration\n", 1))
    try:
        assert copy.orgcal("emulator", "start").code == 0
        yield copy
    finally:
        copy.orgcal("emulator", "stop")


def limit(outside: Outside, application_object_id: str, days: int) -> None:
    """Give an application a policy of its own."""
    lifetime = {"restrictionType": "passwordLifetime", "maxLifetime": f"P{days}D", "state": "enabled"}
    own = outside.graph.post(
        "/policies/appManagementPolicies",
        {"displayName": f"{days} days", "isEnabled": True, "restrictions": {"passwordCredentials": [lifetime]}},
    )
    reference = {"@odata.id": outside.graph.url_of(f"/policies/appManagementPolicies/{own['id']}")}
    outside.graph.post(f"/applications/{application_object_id}/appManagementPolicies/$ref", reference)


def orphan(outside: Outside, days: int) -> None:
    """What a killed run leaves: an application with the stack's tag that no state holds."""
    made = outside.graph.post("/applications", {"displayName": "left over", "tags": ["orgcal:orgcal/dev"]})
    limit(outside, made["id"], days)


def days_of_secret(application: dict[str, Any], generation: int) -> int:
    (secret,) = [
        item for item in application["passwordCredentials"] if f"generation {generation}" in item["displayName"]
    ]
    begins, ends = (datetime.fromisoformat(secret[name]) for name in ("startDateTime", "endDateTime"))
    return round((ends - begins).total_seconds() / 86_400)


def policy_finding(checkout: Checkout) -> str:
    told = json.loads(checkout.orgcal("preflight", "--json").out)
    return " ".join(item["says"] for item in told["checks"] if item["name"] == "policy")


@pytest.mark.timeout(300)
def test_policy_of_an_orphan_with_the_same_tag_never_shortens_a_credential(trusted: Checkout) -> None:
    outside = Outside(trusted.ready)
    orphan(outside, 20)
    before = policy_finding(trusted)

    first = trusted.shell("pulumi stack init dev && pulumi up --yes --stack dev")
    assert first.code == 0, first.text
    orphan(outside, 30)
    (deployed,) = [item for item in outside.applications() if item["displayName"] != "left over"]
    limit(outside, deployed["id"], 60)
    after = policy_finding(trusted)
    trusted.configure(credential={"generations": [1, 2], "active": 2})
    by_command = trusted.orgcal("up")
    assert by_command.code == 0, by_command.text
    trusted.configure(credential={"generations": [2, 3]})
    by_hand = trusted.shell("pulumi up --yes --stack dev")
    assert by_hand.code == 0, by_hand.text

    application = outside.graph.get(f"/applications/{deployed['id']}")
    assert days_of_secret(deployed, 1) == 180, "the tenant's policy has no limit, and the orphan's is nobody's"
    assert [days_of_secret(application, number) for number in (2, 3)] == [60, 60]
    assert before == "the tenant's app management policy allows this"
    assert after.startswith("the app management policy '60 days' of this application allows a secret to live 60 days")
