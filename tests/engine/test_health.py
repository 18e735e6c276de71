"""A day of `orgcal watch` on a stack that the real engine deployed, and what everybody is told of it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from orgcal.entra.clouds import CloudEndpoints, read_emulator_file
from tests.support.administrator import answer
from tests.support.checkout import Checkout
from tests.support.deployed_connector import CONTOSO, FABRIKAM
from tests.support.receivers import WebhookReceiver, webhook_receiver


@pytest.fixture
def endpoints(deployed: Checkout) -> CloudEndpoints:
    return read_emulator_file(deployed.path / ".local" / "dev" / "emulator" / "ready.json")


@pytest.fixture
def receiver(deployed: Checkout) -> Iterator[WebhookReceiver]:
    """The only target of the stack's alerts, whose address lies in a private file."""
    with webhook_receiver() as receiver:
        address = deployed.home / "alerts"
        address.touch(0o600)
        address.write_text(receiver.url)
        deployed.configure(alerts={"targets": {"ops": {"url_file": str(address)}}})
        yield receiver


def test_watch_finds_consent_verifies_and_tells_and_the_registry_knows_it_all(
    deployed: Checkout, endpoints: CloudEndpoints, receiver: WebhookReceiver, tmp_path: Path
) -> None:
    for name in ("contoso", "fabrikam"):
        assert deployed.orgcal("tenants", "add", f"{name}.example").code == 0
    link = json.loads(deployed.orgcal("consent", "link", "contoso.example", "--json").out)
    answer(endpoints, link["url"], "admin@contoso.example", follow=False)

    watched = deployed.orgcal("watch", "--once", "--no-rotate")
    again = deployed.orgcal("watch", "--once", "--no-rotate")

    assert watched.code == again.code == 0, watched.text + again.text
    assert "verify of 1 organisation ended with exit code 0" in watched.text
    assert "verify of" not in again.text
    runs = [json.loads(line) for line in deployed.orgcal("history", "--json").out.splitlines()]
    kinds = [(run["tenant_id"], run["kind"], run["verdict"]) for run in runs]
    assert kinds == [(CONTOSO, "check", "ok"), (CONTOSO, "verify", "ok")]
    assert (runs[1]["users"], runs[1]["no_mailbox"]) == (57, 10)
    metrics = deployed.orgcal("metrics").out
    assert f'orgcal_organisation_consented{{connector="orgcal/dev",tenant_id="{FABRIKAM}"}} 0.0' in metrics
    assert 'orgcal_credential_generation_active{connector="orgcal/dev"} 1.0' in metrics
    assert deployed.orgcal("report", "--html", str(tmp_path / "page.html")).code == 0
    assert "Nothing is wrong." in (tmp_path / "page.html").read_text()
    assert receiver.messages == [], "nothing is wrong"


def test_consent_server_serves_metrics_on_a_port_of_its_own(deployed: Checkout) -> None:
    command = [sys.executable, "-m", "orgcal.cli", "consent", "serve", "--metrics", "127.0.0.1:0"]
    with subprocess.Popen(
        command, cwd=deployed.path, env=deployed.environ, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().removeprefix("metrics at ").strip()
        waiting = process.stdout.readline()
        metrics = requests.get(address, timeout=20)
        beside = requests.get(f"{waiting.split()[4].rstrip(',')}/metrics", timeout=20)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0

    assert "orgcal_build_info" in metrics.text
    assert beside.status_code == 404, "the port that a proxy shows to the world"
