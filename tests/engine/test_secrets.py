"""No secret where somebody else could read it: state, files, output, errors, argument lists."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.support.checkout import Checkout
from tests.support.outside import Outside
from tests.support.watched_commands import WatchedCommands


def secrets_of(checkout: Checkout) -> list[str]:
    """Every secret there is: the connector's, the operator's, the platform's, the control token."""
    outside = Outside(checkout.ready)
    ready = checkout.ready
    files = [ready["operator"]["client_secret_file"], ready["platform"]["api_key_file"], ready["control"]["token_file"]]
    pushed = outside.platform("GET", "/connectors/outlook-calendar-admin/credentials")
    found = [pushed["client_secret"], *(Path(name).read_text().strip() for name in files)]
    assert all(len(secret) >= 16 for secret in found)
    return found


def test_up_shows_no_secret_in_output_and_argument_lists(checkout: Checkout, watched_commands: WatchedCommands) -> None:
    checkout.orgcal("emulator", "start")
    with watched_commands.without_pause():
        up = checkout.orgcal("up")
    assert up.code == 0, up.text

    heard = dict(watched_commands.scan.heard)
    assert any(place.startswith("the output of `") and "orgcal.cli up" in place for place in heard)
    plugins = ("pulumi-resource-orgcal", "orgcal.provider.connector")
    assert any(place.startswith("the arguments of `") and name in place for place in heard for name in plugins)
    assert any(place.startswith("variable PULUMI_CONFIG_PASSPHRASE_FILE of") for place in heard)
    for secret in secrets_of(checkout):
        assert not [place for place, text in watched_commands.scan.heard if secret.encode() in text]


def test_state_and_readable_files_hold_no_secret(deployed: Checkout) -> None:
    secrets = secrets_of(deployed)
    exported = deployed.shell("pulumi stack export --stack dev")
    output = deployed.shell("pulumi stack output --stack dev; pulumi stack output --json --stack dev")
    local = deployed.path / ".local"

    assert exported.code == 0, exported.text
    assert json.loads(exported.out)["deployment"]["resources"]
    readable = []
    for path in (path for path in local.rglob("*") if path.is_file()):
        closed = any(
            parent.stat().st_mode & 0o077 == 0 for parent in path.parents if local in (parent, *parent.parents)
        )
        content = path.read_bytes()
        for secret in secrets:
            assert secret not in exported.out
            assert secret not in output.text
            if secret.encode() in content:
                assert path.stat().st_mode & 0o077 == 0, f"{path} is readable by others and holds a secret"
                assert closed, f"no folder above {path} is private"
                readable.append(path.name)
    # Where secrets are on purpose: the files that the environment names, and nothing of the engine's.
    assert not any(name.endswith((".json", ".log", ".bak")) for name in readable), readable


def test_environment_that_env_prints_holds_no_secret(deployed: Checkout) -> None:
    said = deployed.orgcal("env")

    assert said.code == 0, said.text
    assert all(secret not in said.out for secret in secrets_of(deployed))
    assert os.fspath(deployed.path / ".local/dev/emulator/ready.json") in said.out
