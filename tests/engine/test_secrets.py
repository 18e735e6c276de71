"""No secret where somebody else could read it: state, files, output, errors, argument lists."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import psutil

from tests.support.azuread_plugin import limit_s
from tests.support.checkout import Checkout
from tests.support.outside import Outside


class ArgumentLists(threading.Thread):
    """Collects the argument lists of a process and all its children while it runs."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.seen: set[str] = set()
        self._root = psutil.Process(pid)
        self._over = threading.Event()
        self.start()

    def run(self) -> None:
        while not self._over.wait(0.01):
            try:
                family = [self._root, *self._root.children(recursive=True)]
            except psutil.Error:
                return
            for member in family:
                try:
                    self.seen.add("\0".join(member.cmdline()))
                except psutil.Error:
                    continue

    def stop(self) -> set[str]:
        self._over.set()
        self.join()
        return self.seen


def secrets_of(checkout: Checkout) -> list[str]:
    """Every secret there is: the connector's, the operator's, the platform's, the control token."""
    outside = Outside(checkout.ready)
    ready = checkout.ready
    files = [ready["operator"]["client_secret_file"], ready["platform"]["api_key_file"], ready["control"]["token_file"]]
    pushed = outside.platform("GET", "/connectors/outlook-calendar-admin/credentials")
    found = [pushed["client_secret"], *(Path(name).read_text().strip() for name in files)]
    assert all(len(secret) >= 16 for secret in found)
    return found


def test_up_shows_no_secret_in_output_and_argument_lists(checkout: Checkout) -> None:
    checkout.orgcal("emulator", "start")

    process = subprocess.Popen(
        [sys.executable, "-m", "orgcal.cli", "up"],
        cwd=checkout.path,
        env=checkout.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    watcher = ArgumentLists(process.pid)
    said, _ = process.communicate(timeout=limit_s(120))
    lists = watcher.stop()

    assert process.returncode == 0, said
    assert any("pulumi-resource-orgcal" in words or "orgcal.provider.connector" in words for words in lists)
    for secret in secrets_of(checkout):
        assert secret not in said
        assert not any(secret in words for words in lists)


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
