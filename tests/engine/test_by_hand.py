"""What a user types after `eval "$(orgcal env)"`, and what `git status` says afterwards."""

from __future__ import annotations

import json
import subprocess

from tests.support.checkout import Checkout
from tests.support.outside import Outside


def git(checkout: Checkout, *words: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@t.example"]
    done = subprocess.run(["git", *identity, *words], cwd=checkout.path, capture_output=True, text=True, check=True)
    return done.stdout


def test_pulumi_typed_by_hand_works_from_preview_to_destroy(checkout: Checkout) -> None:
    git(checkout, "init", "-q")
    git(checkout, "add", "-A")
    git(checkout, "commit", "-q", "-m", "as cloned")
    checkout.orgcal("emulator", "start")
    outside = Outside(checkout.ready)
    mark = outside.mark()

    previewed = checkout.shell("pulumi stack init dev && pulumi preview --stack dev")
    assert previewed.code == 0, previewed.text
    assert outside.writes_since(mark) == []
    assert "04da6b54-80e4-46f7-96ec-b56ff0331ba9" not in json.dumps(outside.journal())

    upped = checkout.shell("pulumi up --yes --stack dev && pulumi refresh --yes --stack dev")
    assert upped.code == 0, upped.text
    assert len(outside.applications()) == 1
    assert checkout.shell("pulumi stack output --stack dev").code == 0

    rotation = checkout.path / ".local" / "dev" / "credential.json"
    rotation.write_text(json.dumps({"generations": [1, 2], "active": 2}))
    rotated = checkout.shell("pulumi up --yes --stack dev")
    assert rotated.code == 0, rotated.text

    destroyed = checkout.shell("pulumi destroy --yes --stack dev")
    assert destroyed.code == 0, destroyed.text
    assert outside.applications() == []
    assert outside.service_principals() == []
    assert outside.platform("GET", "/connectors")["connectors"] == []
    checkout.orgcal("emulator", "stop")
    assert git(checkout, "status", "--porcelain") == ""


def test_destroy_leaves_nothing_behind(checkout: Checkout) -> None:
    checkout.orgcal("emulator", "start")
    assert checkout.orgcal("up").code == 0
    outside = Outside(checkout.ready)

    destroyed = checkout.orgcal("destroy", "--stack", "dev", "--yes", "--json")

    assert destroyed.code == 0, destroyed.text
    assert json.loads(destroyed.out)["changes"]["delete"] >= 6
    assert outside.applications() == []
    assert outside.platform("GET", "/connectors")["connectors"] == []
