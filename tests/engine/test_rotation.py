"""Rotation under the real engine: nobody who uses the connector notices, whatever dies meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.rotation import CONNECTOR_KEY, ROTATE, control, keys, measure, rotating
from tests.support.azuread_plugin import limit_s
from tests.support.checkout import Checkout, Ran
from tests.support.outside import Outside
from tests.support.processes import end_group

pytestmark = pytest.mark.timeout(600)


def rotate(checkout: Checkout, *words: str, code: int = 0) -> dict[str, Any]:
    """What `orgcal rotate --json` said."""
    ran = checkout.orgcal("rotate", "--json", "--record", "file", *words, timeout_s=300)
    assert ran.code == code, ran.text
    said: dict[str, Any] = json.loads(ran.out)
    return said


def steps(said: dict[str, Any]) -> list[str]:
    return [item["step"] for item in said["done"]]


def held(outside: Outside) -> dict[str, Any]:
    """What the connector has."""
    found: dict[str, Any] = outside.platform("GET", f"/connectors/{CONNECTOR_KEY}/credentials")
    return found


def secrets(outside: Outside) -> int:
    (application,) = outside.applications()
    return len(application["passwordCredentials"])


@pytest.fixture
def settled(deployed: Checkout) -> Iterator[Checkout]:
    """The deployed checkout with one generation, whatever the test before left."""
    yield deployed
    outside = Outside(deployed.ready)
    control(outside, "/lag", {})
    rotate(deployed, "--overlap", "0s")


def test_rotations_killed_at_any_moment_and_continued_fail_no_token(settled: Checkout) -> None:
    figures = measure(settled, rotations=3, seed=10, tell=print)

    assert figures.rotations == figures.kills == 3
    assert figures.failed_tokens == 0
    assert figures.probes >= 300
    assert figures.orphaned_credentials == 0
    assert figures.max_live_generations == 2


def test_rotation_whose_proof_does_not_come_changes_nothing_until_it_does(settled: Checkout, outside: Outside) -> None:
    before = held(outside)
    control(outside, "/lag", {"seconds": 3600, "kinds": ["credential"]})

    failed = rotate(settled, "--now", "--patience", "2s", code=1)
    again = rotate(settled, "--now", "--patience", "2s", code=1)

    assert steps(failed) == ["add"]
    assert steps(again) == [], "a third generation is never added"
    assert not failed["ok"]
    assert "the client secret is wrong" in failed["proofs"][0]["sentence"]
    assert "orgcal rotate" in failed["repair"]
    assert held(outside) == before
    assert secrets(outside) == 2

    outside.move_clock(3700)
    activated = rotate(settled)
    waiting = rotate(settled, "--now")

    assert steps(activated) == ["activate"]
    assert [proof["way"] for proof in activated["proofs"]] == ["stack's credential", "credential read back"]
    assert held(outside)["generation"] > before["generation"]
    assert steps(waiting) == [], "the old one is in its overlap"
    assert waiting["next"]["step"] == "wait"

    rolled_back = rotate(settled, "--rollback")

    assert steps(rolled_back) == ["roll back", "withdraw"]
    assert held(outside)["client_secret"] == before["client_secret"]
    assert secrets(outside) == 1


def test_rotation_that_entra_refuses_leaves_nothing_half_done(settled: Checkout, outside: Outside) -> None:
    before, status = held(outside), rotate(settled, "--status")
    refusal = {
        "path": "/addPassword",
        "method": "POST",
        "status": 400,
        "times": 50,
        "code": "CredentialInvalidLifetimeAsPerAppPolicy",
        "message": "Credential lifetime exceeds the maximum value allowed as per assigned policy.",
    }
    control(outside, "/faults", refusal)

    refused = settled.orgcal("rotate", "--now", "--record", "file")
    outside.session.delete(f"{outside.ready['control']['url']}/faults", headers=bearer(outside)).raise_for_status()
    after = rotate(settled)

    assert refused.code == 1
    assert "orgcal preflight --stack dev" in refused.err
    assert "Traceback" not in refused.text
    assert held(outside) == before
    assert after["done"] == [], "nothing is under way"
    assert after["file_agrees"]
    assert after["active_generation"] == status["active_generation"]
    assert secrets(outside) == 1
    assert not {"create", "delete"} & set(json.loads(settled.orgcal("up", "--json").out)["changes"])


def bearer(outside: Outside) -> dict[str, str]:
    return {"Authorization": f"Bearer {Path(outside.ready['control']['token_file']).read_text().strip()}"}


def test_rotation_killed_while_its_secret_is_made_leaves_nothing_that_nobody_holds(
    settled: Checkout, outside: Outside
) -> None:
    mark = outside.mark()
    with rotating(settled) as process:
        while not any(write.endswith("/addPassword") for write in outside.writes_since(mark)):
            assert process.poll() is None
        os.killpg(process.pid, signal.SIGKILL)
    end_group(process.pid)
    in_state, in_directory = keys(settled, outside)

    continued = rotate(settled, "--overlap", "0s")

    assert set(continued["leftovers_removed"]) == in_directory - in_state
    assert steps(continued)[-1] == "retire"
    assert keys(settled, outside)[0] == keys(settled, outside)[1] != in_state
    exported = json.loads(settled.shell("pulumi stack export --stack dev").out)
    assert not exported["deployment"].get("pending_operations")


def test_killed_revocation_is_red_until_the_daily_run_has_finished_it_and_deploys_nothing_else(
    settled: Checkout, outside: Outside
) -> None:
    leaked = held(outside)["client_secret"]
    (before,) = outside.applications()
    (key_id,) = (item["keyId"] for item in before["passwordCredentials"])
    settings = (settled.path / "Pulumi.dev.yaml").read_text()
    settled.configure(application={"notes": "a change that waits"}, connector={"scopes": ["Calendars.ReadWrite"]})

    with rotating(settled, "--revoke") as process:
        assert process.stdout is not None
        assert any(b"changed  ledger of the credential" in line for line in process.stdout)
        end_group(process.pid)
    status, verified = settled.orgcal("status"), settled.orgcal("verify")
    daily = rotate(settled, "--if-expiring-within", "30d")
    (settled.path / "Pulumi.dev.yaml").write_text(settings)

    assert (status.code, verified.code) == (1, 5), "there is no organisation to verify"
    assert "revoked  generation" in status.out
    assert "was revoked, and the credential may still work" in verified.out
    assert steps(daily)[-3:] == ["add", "activate", "retire"]
    (after,) = outside.applications()
    assert key_id not in {item["keyId"] for item in after["passwordCredentials"]}
    assert held(outside)["client_secret"] != leaked
    assert {**after, "passwordCredentials": []} == {**before, "passwordCredentials": []}
    assert settled.orgcal("status").code == 0, "neither scopes nor notes of the checkout are told as deployed"


def test_two_rotations_at_once_become_one(settled: Checkout, outside: Outside) -> None:
    before = rotate(settled, "--status")["generations"]

    both = [
        subprocess.Popen(
            [sys.executable, "-m", "orgcal.cli", *ROTATE, "--now"],
            cwd=settled.path,
            env=settled.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=limit_s(300))[0] for process in both]

    assert [process.returncode for process in both] == [0, 0], said
    assert sum("waiting for another orgcal rotate (pid" in text for text in said) == 1
    assert len(rotate(settled, "--status")["generations"]) == len(before) + 1
    assert secrets(outside) == 1
    for text in said:
        assert held(outside)["client_secret"] not in text


# In a repository, and with certificates ---


@pytest.fixture
def repository(checkout: Checkout) -> Checkout:
    """A deployed checkout of its own, in git and pushed; it is protected as a real one, and has a certificate."""
    checkout.configure(credential={"kind": "certificate"})
    checkout.set("protect", True)
    for command in (
        "git init -q -b main && git add -A && git -c user.name=Ada -c user.email=a@example.com commit -q -m first",
        "git init -q --bare ../remote.git && git remote add origin ../remote.git",
        "git push -q --set-upstream origin main",
    ):
        ran = checkout.run("/bin/sh", "-c", command)
        assert ran.code == 0, ran.text
    for words in (("emulator", "start"), ("up", "--yes")):
        ran = checkout.orgcal(*words)
        assert ran.code == 0, ran.text
    return checkout


def git(checkout: Checkout, *words: str) -> Ran:
    ran = checkout.run("git", "-c", "user.name=Ada", "-c", "user.email=a@example.com", *words)
    assert ran.code == 0, ran.text
    return ran


def test_certificate_rotates_with_a_commit_for_each_step_that_lost_ones_are_made_good(repository: Checkout) -> None:
    outside = Outside(repository.ready)
    before = held(outside)

    rotated = repository.orgcal(
        "rotate", "--now", "--yes", "--overlap", "0s", "--json", environ={"CI": "true"}, timeout_s=300
    )

    assert rotated.code == 0, rotated.text
    (application,) = outside.applications()
    assert [item["keyId"] for item in application["keyCredentials"]] == [
        item["key_id"] for item in json.loads(rotated.out)["generations"] if item["role"] == "active"
    ]
    assert held(outside)["certificate_pem"] != before["certificate_pem"]
    assert held(outside)["private_key_pem"].splitlines()[1] not in rotated.text
    assert git(repository, "rev-list", "--count", "origin/main").out.strip() == "4"
    assert "generations: [2]" in git(repository, "show", "origin/main:Pulumi.dev.yaml").out
    assert git(repository, "status", "--porcelain").out == ""

    # An old checkout that is deployed is refused; and the record that was lost is written from the state.
    git(repository, "reset", "-q", "--hard", "HEAD~3")
    git(repository, "push", "-q", "--force")
    stale = repository.orgcal("up", "--yes")
    assert stale.code == 1
    assert "git pull" in stale.err
    assert held(outside)["generation"] == 2

    went_on = repository.orgcal("rotate", "--record", "commit")

    assert went_on.code == 0, went_on.text
    assert "the state is ahead of the stack's file" in went_on.out
    assert "generations: [2]" in git(repository, "show", "origin/main:Pulumi.dev.yaml").out
    assert git(repository, "status", "--porcelain").out == ""

    # A leak, and from now on secrets: no overlap is waited for, and the exception for the old one's kind goes with it.
    repository.configure(credential={"kind": "secret", "kinds": {2: "certificate"}})
    git(repository, "commit", "-q", "-a", "-m", "Secrets from now on")
    git(repository, "push", "-q")

    revoked = repository.orgcal("rotate", "--revoke", "--yes", "--json", environ={"CI": "true"}, timeout_s=300)

    assert revoked.code == 0, revoked.text
    said = json.loads(revoked.out)
    assert [(step["step"], step["generation"]) for step in said["done"]] == [
        ("revoke", 2),
        ("add", 3),
        ("activate", 3),
        ("retire", 2),
    ]
    assert all(proof["passed"] for proof in said["proofs"])
    (application,) = outside.applications()
    assert application["keyCredentials"] == []
    assert [item["keyId"] for item in application["passwordCredentials"]] == [
        item["key_id"] for item in said["generations"] if item["role"] == "active"
    ]
    assert held(outside)["client_secret"] not in revoked.text
    recorded = git(repository, "show", "origin/main:Pulumi.dev.yaml").out
    assert "generations: [3]" in recorded
    assert "kinds" not in recorded
