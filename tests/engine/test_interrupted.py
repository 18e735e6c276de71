"""A run that is interrupted or killed at any moment is completed by the next one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tests.support.azuread_plugin import limit_s
from tests.support.checkout import Checkout
from tests.support.outside import Outside
from tests.support.processes import end_group


def end_after(checkout: Checkout, seconds: float, how: signal.Signals) -> None:
    """Starts `orgcal up` and ends it, with everything it started, after `seconds`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "orgcal.cli", "up"],
        cwd=checkout.path,
        env=checkout.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, how)
    process.wait(timeout=limit_s(60))
    # The engine may go on a little after a Ctrl-C; its plugins may outlive a kill of the engine.
    if how is signal.SIGKILL:
        end_group(process.pid)


@pytest.mark.parametrize("seconds", [1.0, 2.0, 3.0, 4.0])
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "kill-9"])
def test_up_ended_at_any_moment_is_completed_by_the_next(
    checkout: Checkout, seconds: float, how: signal.Signals
) -> None:
    checkout.orgcal("emulator", "start")

    end_after(checkout, seconds, how)
    completed = checkout.orgcal("up")
    again = checkout.orgcal("up", "--json")

    assert completed.code == 0, completed.text
    assert '"create"' not in again.out
    connector = Outside(checkout.ready).platform("GET", "/connectors/outlook-calendar-admin")
    pushed = connector["credentials"]["client_id"]
    assert pushed in {item["appId"] for item in Outside(checkout.ready).applications()}
