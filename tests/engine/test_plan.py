"""`orgcal up` shows a plan, asks, and refuses what nobody can undo without a word of its own."""

from __future__ import annotations

import json
import os
import pty
import select
import stat
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.support.azuread_plugin import limit_s
from tests.support.checkout import Checkout, Ran
from tests.support.outside import Outside

CONTOSO = "22222222-2222-2222-2222-222222222222"


@pytest.fixture
def changed(deployed: Checkout) -> Iterator[Checkout]:
    """The deployed checkout, whose application is to get another name; it is as before in the end."""
    path = deployed.path / "Pulumi.dev.yaml"
    committed = path.read_text()
    deployed.configure(application={"notes": "By the team of the plan"})
    yield deployed
    path.write_text(committed)
    back = deployed.orgcal("up", "--yes")
    assert back.code == 0, back.text


def answered(checkout: Checkout, answer: str, *words: str) -> Ran:
    """Run a command on a terminal, and answer its question."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*checkout.command, *words], cwd=checkout.path, env=checkout.environ, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    said, asked, deadline = b"", False, time.monotonic() + limit_s(120)
    while time.monotonic() < deadline:
        ready, _, _ = select.select([ours], [], [], 1.0)
        try:
            part = os.read(ours, 65536) if ready else b""
        except OSError:  # Linux: the other side is closed
            break
        said += part
        if b"[y/N]" in said and not asked:
            asked = True
            os.write(ours, answer.encode() + b"\n")
        if not part and process.poll() is not None:
            break
    code = process.wait(timeout=10)
    os.close(ours)
    assert asked, said.decode()
    return Ran(code, said.decode(), "")


def notes(checkout: Checkout) -> str:
    (application,) = Outside(checkout.ready).applications()
    return str(application.get("notes") or "")


def test_preview_ends_with_0_without_changes_and_shows_nothing_else(deployed: Checkout) -> None:
    shown = deployed.orgcal("up", "--preview")
    as_json = deployed.orgcal("up", "--preview", "--json")

    assert shown.code == as_json.code == 0, shown.text + as_json.text
    assert "stack dev: nothing is to be done" in shown.out
    said = json.loads(as_json.out)
    assert set(said["changes"]) == {"same"}
    assert said["plan"] == said["consequences"] == said["irreversible"] == []


def test_preview_ends_with_2_where_something_is_to_be_done_and_changes_nothing(changed: Checkout) -> None:
    before = notes(changed)

    shown = changed.orgcal("up", "--preview")
    as_json = changed.orgcal("up", "--preview", "--json")

    assert shown.code == as_json.code == 2
    assert "changed   application" in shown.out
    (change,) = json.loads(as_json.out)["plan"]
    assert (change["operation"], change["kind"], change["properties"]) == ("changed", "application", ["notes"])
    assert notes(changed) == before


def test_preview_of_wrong_settings_ends_with_1_so_that_2_says_one_thing(changed: Checkout) -> None:
    changed.configure(connector={"scopes": ["No.Such"]})

    refused = changed.orgcal("up", "--preview")

    assert refused.code == 1
    assert "No.Such" in refused.err


def test_up_on_a_terminal_asks_and_does_what_is_answered(changed: Checkout) -> None:
    before = notes(changed)

    declined = answered(changed, "n", "up")
    after_no = notes(changed)
    agreed = answered(changed, "y", "up")

    assert declined.code == 1
    assert "nothing was done, as nobody agreed" in declined.out
    assert "changed   application" in declined.out
    assert after_no == before
    assert agreed.code == 0, agreed.out
    assert "1 of 1" in agreed.out
    assert notes(changed) == "By the team of the plan"


def test_up_of_a_protected_stack_in_a_pipe_needs_yes_where_something_is_to_be_done(changed: Checkout) -> None:
    before = notes(changed)
    changed.set("protect", True)

    refused = changed.orgcal("up")
    after_refusal = notes(changed)
    agreed = changed.orgcal("up", "--yes")
    without_changes = changed.orgcal("up")

    assert refused.code == 1
    assert "the same command with --yes" in refused.err
    assert after_refusal == before
    assert agreed.code == without_changes.code == 0, agreed.text + without_changes.text
    assert notes(changed) == "By the team of the plan"


def test_plan_file_is_private_and_carries_out_what_was_reviewed_and_nothing_else(changed: Checkout) -> None:
    plan = changed.path / "reviewed.plan"
    kept = changed.orgcal("up", "--preview", "--plan", str(plan))
    assert kept.code == 2, kept.text
    assert stat.S_IMODE(plan.stat().st_mode) == 0o600
    before = notes(changed)

    changed.configure(application={"notes": "Written after the review"})
    moved = changed.orgcal("up", "--plan", str(plan))
    after_refusal = notes(changed)
    changed.configure(application={"notes": "By the team of the plan"})
    done = changed.orgcal("up", "--plan", str(plan))

    assert moved.code == 1
    assert "not what the plan allows: Application outlook-calendar" in moved.err
    assert "--preview --plan" in moved.err
    assert after_refusal == before
    assert done.code == 0, done.text
    assert notes(changed) == "By the team of the plan"


def test_change_of_protection_alone_is_something_to_be_done(changed: Checkout) -> None:
    assert changed.orgcal("up", "--yes").code == 0
    changed.set("protect", True)

    shown = changed.orgcal("up", "--preview")

    assert shown.code == 2, shown.text
    assert "the stack's own record" in shown.out


def test_permissions_that_customers_lack_and_lost_client_ids_are_told_and_refused(checkout: Checkout) -> None:
    for words in (("emulator", "start"), ("up",), ("tenants", "add", "contoso.example")):
        ran = checkout.orgcal(*words)
        assert ran.code == 0, ran.text
    exported = json.loads(checkout.orgcal("tenants", "export").out)
    assert checkout.orgcal("tenants", "remove", "contoso.example").code == 0
    consented = {
        **exported,
        "tenant_id": CONTOSO[:-1] + "3",
        "state": "consented",
        "permissions": ["Calendars.Read", "Directory.Read.All"],
    }
    (checkout.path / "tenants.jsonl").write_text(json.dumps(consented) + "\n")
    taken_in = checkout.orgcal("tenants", "import", "tenants.jsonl")
    assert taken_in.code == 0, taken_in.text
    outside = Outside(checkout.ready)
    (application,) = outside.applications()

    checkout.configure(connector={"scopes": ["Calendars.Read", "Contacts.Read"]})
    widened = checkout.orgcal("up", "--preview")
    checkout.configure(connector={"scopes": ["Calendars.Read"]})
    destroyed = checkout.orgcal("destroy", "--stack", "dev", "--yes")
    refused = checkout.orgcal("up", "--yes")
    by_hand = checkout.shell("pulumi preview --stack dev")
    after_refusal = outside.applications()
    allowed = checkout.orgcal("up", "--yes", "--allow", "recycle-bin", "--allow", "new-client-id")

    assert widened.code == 2
    assert "1 organisation (contoso.example) must consent again, as permissions are added: Contacts.Read" in widened.out
    assert destroyed.code == 0, destroyed.text
    assert refused.code == 1
    assert "the application gets a new client id, and 1 organisation (contoso.example) has consented" in refused.err
    assert f"orgcal adopt --stack dev --client-id {application['appId']} --restore" in refused.err
    assert "orgcal up --stack dev --allow new-client-id --allow recycle-bin" in refused.err
    assert "can still be restored" in " ".join(by_hand.text.split()), "a plain preview of dev tells it too"
    assert after_refusal == []
    assert allowed.code == 0, allowed.text
    assert len(outside.applications()) == 1
