"""The demo: from nothing, again, side by side, killed at ten moments, on a taken port."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.azuread_plugin import limit_s
from tests.support.checkout import Checkout
from tests.support.outside import Outside
from tests.support.processes import end_group

KILL_MOMENTS_S = [0.3, 0.8, 1.5, 2.2, 2.9, 3.6, 4.3, 5.0, 5.7, 6.5]


def start_demo(checkout: Checkout) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "orgcal.cli", "demo"],
        cwd=checkout.path,
        env=checkout.environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def test_demo_from_nothing_proves_one_organisation_and_invites_the_other(checkout: Checkout) -> None:
    done = checkout.orgcal("demo")

    assert done.code == 0, done.text
    for number in range(1, 9):
        assert re.search(rf"^{number} │ ", done.out, re.MULTILINE), done.out
    assert re.search(
        r"^Contoso +│ verified .*│ +57 │ +\d+ │ 10 without mailbox, 3 restricted by policy", done.out, re.MULTILINE
    )
    assert re.search(r"^Fabrikam +│ invited", done.out, re.MULTILINE)
    assert re.search(r"^https://localhost:\d+/33333333-\S+/v2\.0/adminconsent\?\S+$", done.out, re.MULTILINE)
    assert "\x1b[" not in done.out
    assert "proven: Contoso can be read" in done.out
    page = Path(done.out.strip().splitlines()[-1].removeprefix("the history as a page: "))
    assert "Health of orgcal/dev" in page.read_text()
    assert checkout.orgcal("emulator", "status").code == 1  # what the demo started, it stopped
    # So the link is dead, which is said, with what brings it to life.
    assert "The emulator stops with this demo. Until it runs again, the link leads nowhere:" in done.out
    assert "  orgcal emulator start" in done.out
    assert "orgcal demo --keep" in done.out


def test_demo_with_a_third_organisation_proves_that_it_is_limited_and_again_later(checkout: Checkout) -> None:
    done = checkout.orgcal("demo", "--scoped")

    assert done.code == 0, done.text
    assert "Northwind: waiting-for-exchange; the mailboxes are not open yet; changes in Exchange take 30" in done.out
    assert re.search(
        r"^Northwind +│ verified .*│ +24 │ +\d+ │ 3 without mailbox, 18 restricted", done.out, re.MULTILINE
    )
    assert "Northwind is limited to some mailboxes, and to no others" in done.out
    again = checkout.orgcal("demo", "--scoped")
    assert again.code == 0, again.text
    assert "Northwind: limits the connector to Calendar pilot, proved before" in again.out


def test_demo_again_changes_nothing_and_verifies_again(checkout: Checkout) -> None:
    first = checkout.orgcal("demo", "--keep")
    outside = Outside(checkout.ready)
    mark = outside.mark()

    second = checkout.orgcal("demo")
    verified = checkout.orgcal("verify", "--stack", "dev", "--json")

    assert first.code == second.code == verified.code == 0, first.text + second.text + verified.text
    assert "The emulator stops" not in first.out + second.out
    assert "pulumi up: 0 changed, 6 unchanged" in second.out
    assert "its administrator has consented before" in second.out
    # $batch is a POST and reads; consent is posted once and for all.
    assert {write for write in outside.writes_since(mark) if "$batch" not in write} == set()
    # The first demo found no emulator and left it running; the second found it running, so it left it too.
    assert checkout.orgcal("emulator", "status").code == 0


@pytest.mark.parametrize(
    ("removed", "said"),
    [
        ("emulator", "the emulator's directory is another one"),
        ("state", "consented, proved by a fresh token"),
        ("emulator-port", "the emulator has another port"),
    ],
)
def test_demo_after_half_of_what_it_kept_is_gone_makes_it_anew(checkout: Checkout, removed: str, said: str) -> None:
    first = checkout.orgcal("demo")
    path = checkout.path / ".local" / "dev" / removed
    shutil.rmtree(path) if path.is_dir() else path.unlink()

    second = checkout.orgcal("demo")

    assert first.code == 0, first.text
    assert second.code == 0, second.text
    assert said in second.out
    assert "proven: Contoso can be read" in second.out


def test_demo_interrupted_by_ctrl_c_says_that_the_next_goes_on(checkout: Checkout) -> None:
    process = start_demo(checkout)
    assert process.stdout is not None
    for _ in range(3):  # it is at work
        process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)
    said, _ = process.communicate(timeout=60)

    completed = checkout.orgcal("demo")

    assert process.returncode == 130
    assert "interrupted; the next run goes on from here" in said
    assert completed.code == 0, completed.text


def test_demo_beside_a_running_one_says_so_and_harms_nothing(checkout: Checkout) -> None:
    first = start_demo(checkout)
    assert first.stdout is not None
    first.stdout.readline()  # its title: it holds the lock soon after
    first.stdout.readline()

    second = checkout.orgcal("demo")
    first_said, _ = first.communicate(timeout=limit_s(120))

    assert second.code == 2
    assert "another demo is running in this project" in second.err
    assert first.returncode == 0, first_said


def test_demo_on_a_taken_port_says_how_to_repair_it(checkout: Checkout) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        kept = checkout.path / ".local" / "dev" / "emulator-port"
        kept.parent.mkdir(parents=True)
        kept.write_text(str(port))

        refused = checkout.orgcal("demo")

    assert refused.code == 2
    assert str(port) in refused.err
    assert "orgcal emulator start --port 0" in refused.err
    assert "Traceback" not in refused.text


@pytest.mark.timeout(400)
def test_demo_killed_at_ten_moments_is_completed_by_the_next(checkout: Checkout) -> None:
    for seconds in KILL_MOMENTS_S:
        process = start_demo(checkout)
        try:
            process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=30)
        end_group(process.pid)

    completed = checkout.orgcal("demo")

    assert completed.code == 0, completed.text
    assert "proven: Contoso can be read" in completed.out


def test_clean_removes_only_what_belongs_to_dev(checkout: Checkout) -> None:
    own = checkout.home / ".local" / "share" / "orgcal" / "stacks" / "prod"
    own.mkdir(parents=True)
    (own / "passphrase").write_text("mine")
    other = checkout.path / ".local" / "other"
    other.mkdir(parents=True)
    checkout.orgcal("emulator", "start")

    cleaned = checkout.run("make", "clean")

    assert cleaned.code == 0, cleaned.text
    assert not (checkout.path / ".local" / "dev").exists()
    assert other.exists()
    assert (own / "passphrase").read_text() == "mine"
    assert str(own.parent.parent) in cleaned.out
    assert Path(sys.prefix).exists()  # .venv of the copy is a link; what it points to stays
