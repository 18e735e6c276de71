"""Consent and verification as typed, on a stack that the real engine deployed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orgcal.entra.clouds import CloudEndpoints, read_emulator_file
from orgcal.tenants.model import State
from orgcal.tenants.registry import Registry
from tests.support.administrator import answer, heading
from tests.support.checkout import Checkout
from tests.support.deployed_connector import CONTOSO, FABRIKAM


@pytest.fixture
def endpoints(deployed: Checkout) -> CloudEndpoints:
    return read_emulator_file(deployed.path / ".local" / "dev" / "emulator" / "ready.json")


@pytest.fixture
def serving(deployed: Checkout) -> Iterator[None]:
    """`orgcal consent serve` in a process of its own."""
    command = [sys.executable, "-m", "orgcal.cli", "consent", "serve"]
    with subprocess.Popen(
        command, cwd=deployed.path, env=deployed.environ, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        assert process.stdout is not None
        assert "waiting for consents" in process.stdout.readline()
        yield
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0, "Ctrl-C is the way to end it"


def test_consent_from_link_to_verified_by_commands_alone(
    deployed: Checkout, endpoints: CloudEndpoints, serving: None
) -> None:
    deployed.orgcal("tenants", "add", "contoso.example", "--name", "Contoso")
    made = deployed.orgcal("consent", "link", "Contoso", "--json")
    assert made.code == 0, made.text
    link = json.loads(made.out)
    assert link["url"] in link["message"]
    assert "Acme Calendar Sync (dev), published by isv.example" in link["message"], "as the consent page shows them"

    assert heading(answer(endpoints, link["url"], "admin@contoso.example")) == "Done"

    checked = deployed.orgcal("consent", "check", "--all", "--json")
    assert checked.code == 0, checked.text
    [found] = [line for line in map(json.loads, checked.out.splitlines()) if line["tenant_id"] == CONTOSO]
    assert (found["state"], found["token_access"]) == ("verified", "granted")

    verified = deployed.orgcal("verify", "--json", "--probe", "events")
    assert verified.code == 0, verified.text
    said = json.loads(verified.out)
    assert [item["users"] for item in said["organisations"] if item["tenant_id"] == CONTOSO] == [57]
    assert [check["verdict"] for check in said["deployment"]] == ["ok", "ok"]
    shown = json.loads(deployed.orgcal("tenants", "show", "Contoso", "--json").out)
    assert shown["verdict"] == "ok"

    refused = deployed.orgcal("tenants", "remove", "Contoso")
    assert refused.code == 2
    assert "has not revoked its consent" in refused.err
    client_id = link["url"].partition("client_id=")[2].partition("&")[0]
    assert f"(application id {client_id})" in refused.err, "the customer must know what to delete"

    rows = [json.loads(line) for line in deployed.orgcal("log", "--json").out.splitlines()]
    [push] = [row for row in rows if row["action"] == "push"]
    assert (push["subject"], push["result"]) == (client_id, "pushed")
    assert push["detail"] == {"generation": 1, "platform": "local"}


def test_links_for_all_who_need_a_new_consent(deployed: Checkout) -> None:
    registry = Registry(f"sqlite:///{deployed.path}/.local/dev/tenants.sqlite", connector="orgcal/dev", operator="test")
    before = {tenant.tenant_id: tenant.state for tenant in registry.tenants()}
    registry.add(CONTOSO, "Contoso", domain="contoso.example")
    assert deployed.orgcal("consent", "link", "--reconsent").out == "no organisation needs a new consent\n"
    registry.set_state(CONTOSO, State.RECONSENT_NEEDED)

    made = deployed.orgcal("consent", "link", "--reconsent", "--json")

    [line] = made.out.splitlines()
    assert json.loads(line)["tenant_id"] == CONTOSO
    registry.set_state(CONTOSO, before.get(CONTOSO, State.INVITED))
    registry.close()


def test_consent_link_that_is_revoked_is_useless(deployed: Checkout, endpoints: CloudEndpoints, serving: None) -> None:
    deployed.orgcal("tenants", "add", "fabrikam.example", "--name", "Fabrikam")
    link = json.loads(deployed.orgcal("consent", "link", "Fabrikam", "--json").out)
    assert (
        deployed.orgcal("consent", "link", "Fabrikam", "--revoke").out == "unused links of Fabrikam made useless: 1\n"
    )

    page = answer(endpoints, link["url"], "admin@fabrikam.example")

    assert heading(page) == "This link is not valid any more"


def test_answers_are_told_as_json_lines_and_without_the_link(deployed: Checkout, endpoints: CloudEndpoints) -> None:
    deployed.orgcal("tenants", "add", "fabrikam.example", "--name", "Fabrikam")
    link = json.loads(deployed.orgcal("consent", "link", "Fabrikam", "--json").out)
    command = [sys.executable, "-m", "orgcal.cli", "consent", "serve", "--json"]
    with subprocess.Popen(
        command, cwd=deployed.path, env=deployed.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        listening = json.loads(process.stdout.readline())
        answer(endpoints, link["url"], "admin@fabrikam.example", "cancel")
        told = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=20)

    assert (process.returncode, rest, errors) == (0, "", "")
    assert (listening["schema_version"], listening["event"]) == (1, "listening")
    assert listening["address"].startswith("http://127.0.0.1:")
    assert (told["event"], told["organisation"], told["tenant_id"]) == ("declined", "Fabrikam", FABRIKAM)
    assert told["next"] == f"orgcal consent link {FABRIKAM} --stack dev, if that was a mistake"
    assert told["time"].endswith("Z")
    assert link["url"].partition("state=")[2].partition("&")[0] not in json.dumps(told)


def test_no_secret_is_in_any_file_that_others_can_read(deployed: Checkout) -> None:
    ready = deployed.ready
    secret = Path(ready["operator"]["client_secret_file"]).read_text().strip()
    for path in (deployed.path / ".local").rglob("*"):
        if path.is_file() and path.stat().st_mode & 0o077:
            assert secret.encode() not in path.read_bytes(), path
