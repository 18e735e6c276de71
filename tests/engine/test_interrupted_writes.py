"""Killed right after a write that the engine has not noted, or with something removed by hand: the next run goes on.

The azuread plugin refuses to create what exists and to delete what is gone, and so does the stand-in.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support.checkout import Checkout
from tests.support.outside import Outside
from tests.support.processes import end_group

pytestmark = pytest.mark.timeout(400)


def killed_after(checkout: Checkout, method: str, part: str, *command: str) -> bool:
    """Runs an orgcal command and kills everything it started as soon as the emulator has answered such a request.

    Returns:
        Whether it was killed; False where it ended by itself, since the run before had got further than its kill.
    """
    outside = Outside(checkout.ready)
    mark = outside.mark()
    process = subprocess.Popen(
        [sys.executable, "-m", "orgcal.cli", *command],
        cwd=checkout.path,
        env=checkout.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not any(write.startswith(method) and part in write for write in outside.writes_since(mark)):
        if process.poll() is not None:
            return False
        assert time.monotonic() < deadline
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=60)
    end_group(process.pid)
    return True


@contextmanager
def refusing(outside: Outside, method: str, path: str) -> Iterator[None]:
    """The emulator refuses these requests meanwhile."""
    fault = {"method": method, "path": path, "times": 100, "status": 403, "code": "Authorization_RequestDenied"}
    outside.control("POST", "/faults", {**fault, "message": "Insufficient privileges."})
    yield
    outside.control("DELETE", "/faults")


@contextmanager
def holding_back(outside: Outside, path: str) -> Iterator[None]:
    """Posts to this path are not answered meanwhile, so that what is killed never gets beyond them."""
    outside.control("POST", "/faults", {"method": "POST", "path": path, "times": 100, "action": "reset", "delay_s": 60})
    yield
    outside.control("DELETE", "/faults")


def assert_nothing_is_left(checkout: Checkout) -> None:
    sweep = checkout.orgcal("sweep")
    assert sweep.code == 0, sweep.text


def assert_up_is_complete(checkout: Checkout) -> dict[str, Any]:
    """A further run changes nothing, and nothing is left over; the only application."""
    again = checkout.orgcal("up", "--json")
    assert again.code == 0, again.text
    assert '"create"' not in again.out
    assert '"update"' not in again.out
    assert_nothing_is_left(checkout)
    (application,) = Outside(checkout.ready).applications()
    assert len(application["passwordCredentials"]) == 1
    return application


def test_up_killed_after_each_write_in_turn_goes_on(checkout: Checkout) -> None:
    checkout.orgcal("emulator", "start")
    outside = Outside(checkout.ready)
    made = []

    for part, following in (("/connectors", "/v1.0/applications$"), ("/v1.0/applications", "/v1.0/servicePrincipals$")):
        with holding_back(outside, following):
            assert killed_after(checkout, "POST", part, "up")
        made.append([item["appId"] for item in outside.applications()])
    assert killed_after(checkout, "POST", "/v1.0/servicePrincipals", "up")
    made.append([item["appId"] for item in outside.applications()])
    killed_after(checkout, "POST", "/addPassword", "up")
    made.append([item["appId"] for item in outside.applications()])
    killed_after(checkout, "PUT", "/credentials", "up")
    completed = checkout.orgcal("up")

    assert completed.code == 0, completed.text
    application = assert_up_is_complete(checkout)
    assert made == [[], *[[application["appId"]]] * 3], "the application that the second run made is kept"
    connector = outside.platform("GET", "/connectors/outlook-calendar-admin")
    assert connector["credentials"]["client_id"] == application["appId"]


def test_up_adopts_a_service_principal_that_exists_already(checkout: Checkout) -> None:
    checkout.orgcal("emulator", "start")
    outside = Outside(checkout.ready)
    with refusing(outside, "POST", "/v1.0/servicePrincipals$"):
        refused = checkout.orgcal("up")
    assert refused.code == 1
    assert "orgcal preflight" in refused.err
    (application,) = outside.applications()
    outside.graph.post("/servicePrincipals", {"appId": application["appId"]})

    completed = checkout.orgcal("up")

    assert completed.code == 0, completed.text
    assert "taking over ServicePrincipal outlook-calendar" in completed.out
    assert assert_up_is_complete(checkout)["appId"] == application["appId"]


def test_up_never_drops_an_application_that_somebody_deleted(checkout: Checkout) -> None:
    checkout.orgcal("emulator", "start")
    checkout.orgcal("up")
    outside = Outside(checkout.ready)
    (application,) = outside.applications()
    outside.graph.delete(f"/applications/{application['id']}")
    checkout.configure(application={"display_name": "Another name"})

    refused = checkout.orgcal("up")

    assert refused.code == 1
    assert "orgcal preflight" in refused.err
    assert outside.applications() == []


def test_destroy_killed_after_each_deletion_in_turn_goes_on(checkout: Checkout) -> None:
    checkout.orgcal("emulator", "start")
    up = checkout.orgcal("up")
    assert up.code == 0, up.text

    destroy = ("destroy", "--stack", "dev", "--yes")
    assert killed_after(checkout, "DELETE", "/v1.0/servicePrincipals/", *destroy)
    killed_after(checkout, "DELETE", "/v1.0/applications/", *destroy)
    ended = checkout.orgcal("destroy", "--stack", "dev", "--yes")

    assert ended.code == 0, ended.text
    assert Outside(checkout.ready).applications() == []
    assert_nothing_is_left(checkout)


def test_destroy_goes_on_where_a_secret_was_removed_by_hand(checkout: Checkout) -> None:
    checkout.orgcal("emulator", "start")
    checkout.orgcal("up")
    outside = Outside(checkout.ready)
    (application,) = outside.applications()
    key = {"keyId": application["passwordCredentials"][0]["keyId"]}
    outside.graph.post(f"/applications/{application['id']}/removePassword", key)

    ended = checkout.orgcal("destroy", "--stack", "dev", "--yes")

    assert ended.code == 0, ended.text
    assert "something was removed already" in ended.out
    assert outside.applications() == []


def test_rotation_retires_a_secret_that_was_removed_by_hand(checkout: Checkout) -> None:
    checkout.orgcal("emulator", "start")
    checkout.configure(credential={"generations": [1, 2], "active": 2})
    checkout.orgcal("up")
    outside = Outside(checkout.ready)
    (application,) = outside.applications()
    (first,) = [item for item in application["passwordCredentials"] if item["displayName"].endswith("generation 1")]
    outside.graph.post(f"/applications/{application['id']}/removePassword", {"keyId": first["keyId"]})
    checkout.configure(credential={"generations": [2], "active": 2})

    completed = checkout.orgcal("up")

    assert completed.code == 0, completed.text
    assert_up_is_complete(checkout)


def test_destroy_without_the_emulator_says_how_to_start_it(checkout: Checkout) -> None:
    ended = checkout.orgcal("destroy", "--stack", "dev", "--yes")

    assert ended.code == 2
    assert "the stack's emulator does not run" in ended.err
    assert "orgcal emulator start --stack dev" in ended.err
