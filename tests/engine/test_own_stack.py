"""A stack of the user's own: everything of it lies in the data directory, and nothing in the checkout."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import yaml

from tests.support.checkout import Checkout, Ran


def data_of(checkout: Checkout) -> Path:
    return checkout.home / "data"


def make_stack(checkout: Checkout) -> None:
    """A second stack on the emulator, as a user would: a copy of the settings, without the public salt."""
    said = yaml.safe_load((checkout.path / "Pulumi.dev.yaml").read_text())
    del said["encryptionsalt"]
    (checkout.path / "Pulumi.try.yaml").write_text(yaml.safe_dump(said))
    checkout.extra["ORGCAL_DATA_DIR"] = str(data_of(checkout))


def test_own_stack_lives_in_the_data_directory_with_a_passphrase_of_its_own(checkout: Checkout) -> None:
    make_stack(checkout)
    try:
        started = checkout.orgcal("emulator", "start", "--stack", "try")
        up = checkout.orgcal("up", "--stack", "try")
        right = checkout.orgcal("up", "--stack", "try", "--json")
        wrong_file = checkout.home / "wrong"
        wrong_file.write_text("not the one")
        wrong = checkout.orgcal("up", "--stack", "try", environ={"PULUMI_CONFIG_PASSPHRASE_FILE": str(wrong_file)})
        in_checkout = (checkout.path / ".local").exists()
        cleaned = checkout.run("make", "clean")
    finally:
        checkout.orgcal("emulator", "stop", "--stack", "try")

    assert started.code == up.code == right.code == 0, started.text + up.text + right.text
    assert set(json.loads(right.out)["changes"]) == {"same"}
    passphrase = data_of(checkout) / "stacks" / "try" / "passphrase"
    assert passphrase.stat().st_mode & 0o777 == 0o600
    assert list((data_of(checkout) / "state").rglob("try.json"))
    assert not in_checkout
    assert wrong.code == 1
    assert "the passphrase is not the one" in wrong.err
    assert "Traceback" not in wrong.text
    assert cleaned.code == 0, cleaned.text
    assert passphrase.exists()


def test_own_stack_copied_with_the_salt_of_dev_is_told_so_and_gets_no_passphrase(checkout: Checkout) -> None:
    checkout.extra["ORGCAL_DATA_DIR"] = str(data_of(checkout))
    shutil.copy(checkout.path / "Pulumi.dev.yaml", checkout.path / "Pulumi.two.yaml")
    said = "the line encryptionsalt was copied from Pulumi.dev.yaml"
    try:
        checkout.orgcal("emulator", "start", "--stack", "two")
        up = checkout.orgcal("up", "--stack", "two")
        doctor = checkout.orgcal("doctor", "--stack", "two", "--json")
        shell = checkout.orgcal("env", "--stack", "two")
        made = [path.name for path in data_of(checkout).rglob("passphrase")]
        text = (checkout.path / "Pulumi.two.yaml").read_text()
        lines = [line for line in text.splitlines() if not line.startswith("encryptionsalt")]
        (checkout.path / "Pulumi.two.yaml").write_text("\n".join(lines) + "\n")
        repaired = checkout.orgcal("up", "--stack", "two")
    finally:
        checkout.orgcal("emulator", "stop", "--stack", "two")

    assert up.code == 2
    assert said in up.err
    assert "repair: remove that line from Pulumi.two.yaml" in up.err
    [backend] = [item for item in json.loads(doctor.out)["checks"] if item["name"] == "backend"]
    assert said in backend["says"]
    assert shell.code == 0
    assert "export PATH=" in shell.out
    assert said in shell.err
    assert made == []
    assert repaired.code == 0, repaired.text


def test_own_stack_whose_passphrase_is_lost_is_taken_over_anew_under_its_client_id(checkout: Checkout) -> None:
    """As docs/destroy-and-restore.md tells it."""
    make_stack(checkout)
    try:
        checkout.orgcal("emulator", "start", "--stack", "try")
        up = checkout.orgcal("up", "--stack", "try", "--json")
        client_id = json.loads(up.out)["client_id"]
        (data_of(checkout) / "stacks" / "try" / "passphrase").unlink()
        lost = checkout.orgcal("up", "--stack", "try")
        listed = checkout.orgcal("tenants", "list", "--stack", "try")
        made = list(data_of(checkout).rglob("passphrase"))
        removed = in_shell(checkout, "try", "pulumi stack rm try --force --preserve-config --yes")
        settings = checkout.path / "Pulumi.try.yaml"
        said = yaml.safe_load(settings.read_text())
        del said["encryptionsalt"]
        settings.write_text(yaml.safe_dump(said))
        adopted = checkout.orgcal("adopt", "--stack", "try", "--client-id", client_id, "--yes")
        again = checkout.orgcal("up", "--stack", "try", "--json")
    finally:
        checkout.orgcal("emulator", "stop", "--stack", "try")

    assert lost.code == 2
    assert "the passphrase of stack try's secrets is missing" in lost.err
    assert "from your backup" in lost.err
    assert listed.code == 0, listed.text
    assert made == []
    assert removed.code == adopted.code == again.code == 0, removed.text + adopted.text + again.text
    assert json.loads(again.out)["client_id"] == client_id


def in_shell(checkout: Checkout, stack: str, script: str, environ: dict[str, str] | None = None) -> Ran:
    """Runs what a user would type after `eval "$(orgcal env --stack STACK)"`."""
    prefix = f'set -e\neval "$({sys.executable} -m orgcal.cli env --stack {stack})"\n'
    return checkout.run("/bin/sh", "-c", prefix + script, environ=environ)


def test_own_stack_of_a_real_cloud_without_plugin_and_network_gets_pulumi_on_path(checkout: Checkout) -> None:
    checkout.extra["ORGCAL_DATA_DIR"] = str(data_of(checkout))
    shutil.copy(checkout.path / "Pulumi.prod.yaml.example", checkout.path / "Pulumi.prod.yaml")
    nothing = {
        "PATH": "/usr/bin:/bin",
        "PULUMI_HOME": str(checkout.home / "no-plugins"),
        "AZUREAD_PLUGIN": "",
        "https_proxy": "http://127.0.0.1:9",
    }

    shell = in_shell(checkout, "prod", "command -v pulumi && pulumi stack init prod && orgcal --version", nothing)
    commands = {
        "verify": checkout.orgcal("verify", "--stack", "prod", environ=nothing),
        "status": checkout.orgcal("status", "--stack", "prod", environ=nothing),
        "consent": checkout.orgcal("consent", "check", "--all", "--stack", "prod", environ=nothing),
    }
    listed = checkout.orgcal("tenants", "list", "--stack", "prod", environ=nothing)

    assert shell.code == 0, shell.text
    assert "/pulumi" in shell.out.splitlines()[0]
    assert listed.code == 0, listed.text
    for name, ran in commands.items():
        assert "the stack has not been deployed yet" in ran.err, f"{name}: {ran.text}"
        assert "azuread" not in ran.text


def test_own_stack_is_uninstalled_only_when_it_is_destroyed_and_its_emulator_stopped(checkout: Checkout) -> None:
    make_stack(checkout)
    cache = {"ORGCAL_CACHE_DIR": str(checkout.home / "cache")}  # not the user's, whose engine the tests use

    def uninstall() -> dict[str, str]:
        ran = checkout.orgcal("uninstall", "--yes", "--json", environ=cache)
        assert ran.code == 0, ran.text
        return {kept["what"]: kept["why"] for kept in json.loads(ran.out)["kept"]}

    try:
        checkout.orgcal("emulator", "start", "--stack", "try")
        up = checkout.orgcal("up", "--stack", "try")
        deployed = uninstall()
        again = checkout.orgcal("up", "--stack", "try", "--json")
        destroyed = checkout.orgcal("destroy", "--stack", "try", "--yes")
        running = uninstall()
    finally:
        checkout.orgcal("emulator", "stop", "--stack", "try")
    stopped = uninstall()

    assert up.code == again.code == destroyed.code == 0, up.text + again.text + destroyed.text
    assert "resources" in deployed["stack try"]
    assert set(json.loads(again.out)["changes"]) == {"same"}
    assert "its emulator runs" in running["stack try"]
    assert stopped == {}
    assert not data_of(checkout).exists()
