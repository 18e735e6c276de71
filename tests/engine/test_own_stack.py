"""A stack of the user's own: everything of it lies in the data directory, and nothing in the checkout."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from tests.support.checkout import Checkout


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
