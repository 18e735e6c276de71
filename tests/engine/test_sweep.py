"""Killed right after each write in turn: the state is sound, the next run succeeds, and `sweep` finds what is left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from tests.support.azuread_plugin import plugin_kind
from tests.support.checkout import Checkout
from tests.support.outside import Outside

pytestmark = pytest.mark.timeout(900)
TAG = "orgcal:orgcal/dev"


def killed_after(checkout: Checkout, outside: Outside, writes: int) -> bool:
    """Starts `orgcal up` and kills it, with all it started, after so many writes; False if it ended before."""
    mark = outside.mark()
    process = subprocess.Popen(
        [sys.executable, "-m", "orgcal.cli", "up", "--allow", "recycle-bin"],
        cwd=checkout.path,
        env=checkout.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while process.poll() is None:
        if len(outside.writes_since(mark)) >= writes:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)
            _wait_for_group(process.pid)
            return True
    assert process.returncode == 0
    return False


def _wait_for_group(group: int) -> None:
    for member in psutil.process_iter(["pid"]):
        try:
            if os.getpgid(member.pid) == group:
                member.wait(30)
        except (psutil.Error, ProcessLookupError):
            continue


def left_over(outside: Outside, checkout: Checkout) -> set[str]:
    """Ids of what carries the stack's tag or names and is not in its state; computed without any code of sweep."""
    exported = json.loads(checkout.shell("pulumi stack export --stack dev").out)
    held = {
        str(value)
        for resource in exported["deployment"].get("resources", [])
        for name, value in (resource.get("outputs") or {}).items()
        if name in ("objectId", "keyId")
    }
    found: set[str] = set()
    for application in outside.applications():
        if TAG in application["tags"] and application["id"] not in held:
            found.add(application["id"])
        elif application["id"] in held:
            keys = {item["keyId"] for item in application["passwordCredentials"]}
            principals = {item["id"] for item in outside.service_principals() if item["appId"] == application["appId"]}
            found |= (keys | principals) - held
    return found


@pytest.fixture
def clear(started: Checkout) -> Callable[[], None]:
    """Takes away what is deployed: by `orgcal destroy`, or with the real plugin, which needs a minute for that, by
    setting emulator and state back.
    """
    (state,) = (started.path / ".local" / "dev" / "state").rglob("dev.json")
    empty = state.read_bytes()

    def set_back() -> None:
        Outside(started.ready).control("POST", "/reset")
        state.write_bytes(empty)

    def destroy() -> None:
        assert started.orgcal("destroy", "--stack", "dev", "--purge", "--yes").code == 0

    return set_back if plugin_kind() == "real" else destroy


def assert_sweep_finds(checkout: Checkout, expected: set[str], when: str) -> None:
    found = checkout.orgcal("sweep", "--json")
    said: dict[str, Any] = json.loads(found.out)
    assert {item["object_id"] for item in said["orphans"]} == expected, when
    assert found.code == (1 if expected else 0), when


def test_up_killed_after_each_write_leaves_only_what_sweep_finds(started: Checkout, clear: Callable[[], None]) -> None:
    outside = Outside(started.ready)
    orphans: list[int] = []
    writes, killed = 1, True
    while killed:
        when = f"after write {writes}"
        killed = killed_after(started, outside, writes)
        expected = left_over(outside, started)
        orphans.append(len(expected))
        assert_sweep_finds(started, expected, when)
        if writes % 2:  # otherwise the next run makes use of it, or removes it
            assert started.orgcal("sweep", "--yes").code == 0, when
            assert left_over(outside, started) == set(), when

        completed = started.orgcal("up", "--allow", "recycle-bin")  # where sweep brings applications

        assert completed.code == 0, f"{when}: {completed.text}"
        assert left_over(outside, started) == set(), when
        assert_sweep_finds(started, set(), when)
        if expected:
            again = started.orgcal("up", "--json")
            assert set(json.loads(again.out)["changes"]) == {"same"}, "sweeping took nothing that is in use"
        clear()
        writes += 1

    assert writes > 5, "the run makes at least five writes"
    assert any(orphans[::2]), "no kill left anything for sweep to remove; they come too late"
    assert any(orphans[1::2]), "no kill left anything for the next run to settle; they come too late"
