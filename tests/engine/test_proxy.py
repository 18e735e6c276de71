"""Behind a proxy that knows nothing of this machine, everything on this machine still works."""

from __future__ import annotations

import json
import sys

import pytest

from tests.support.checkout import Checkout

NOWHERE = "http://127.0.0.1:9"
"""The discard port, where nothing answers: whatever is sent through this proxy fails."""


@pytest.mark.parametrize(
    "environ",
    [
        {"https_proxy": NOWHERE},
        {"http_proxy": NOWHERE, "HTTPS_PROXY": NOWHERE, "no_proxy": "corp.example", "NO_PROXY": "other.example"},
        {"https_proxy": NOWHERE, "no_proxy": "*"},
    ],
    ids=["lower case", "both cases and exceptions", "everything excepted"],
)
def test_up_behind_a_proxy_works(deployed: Checkout, environ: dict[str, str]) -> None:
    up = deployed.orgcal("up", "--json", environ=environ)

    assert up.code == 0, up.text
    assert set(json.loads(up.out)["changes"]) == {"same"}


def test_pulumi_by_hand_behind_a_proxy_works_after_env_and_doctor_says_so(deployed: Checkout) -> None:
    environ = {"https_proxy": NOWHERE}
    script = f'eval "$({sys.executable} -m orgcal.cli env)"\npulumi preview --stack dev --expect-no-changes\n'

    bare = deployed.orgcal("doctor", "--json", environ=environ)
    previewed = deployed.run(
        "/bin/sh", "-c", f"set -e\n{script}orgcal doctor --json >doctor.json || true", environ=environ
    )

    assert previewed.code == 0, previewed.text
    checks = [json.loads(bare.out)["checks"], json.loads((deployed.path / "doctor.json").read_text())["checks"]]
    before, after = ([item for item in found if item["name"] == "proxy"] for found in checks)
    assert [item["verdict"] for item in before] == ["failed"]
    assert "https_proxy" in before[0]["says"]
    assert "orgcal env" in before[0]["repair"]
    assert [item["verdict"] for item in after] == ["ok"]
