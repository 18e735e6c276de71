"""`make bench-consent`: consent as an operator and an administrator meet it, on a deployed checkout of its own.

Prints one JSON object:

    link_s          `orgcal consent link` as a command, median of --runs
    callback_s      from Entra ID's redirect to the page that says "Done", where the grant is visible; median of --runs
    check_1000_s    `orgcal consent check --all` as a command, on --organisations (1,000) that have consented
    check_peak_mib  largest resident memory of that command, of the engine that it asks first included

Emulator, engine and command share the machine. In between it checks that every organisation became `consented`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests

from benchmarks.memory import PeakMemory
from benchmarks.verify_stage import seed_text
from orgcal.entra.clouds import CloudEndpoints, read_emulator_file
from orgcal.tenants.model import State, Tenant
from tests.support.administrator import answer, heading
from tests.support.checkout import Checkout, make_checkout

DEPLOYED = "22222222-2222-2222-2222-{:012d}"


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="runs of the short figures (default 5)")
    parser.add_argument("--organisations", type=int, default=1000, help="that are checked (default 1000)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="orgcal-bench-") as folder:
        checkout = make_checkout(Path(folder))
        with emulator(checkout, given.organisations) as endpoints:
            ran(checkout, "up")
            take_in(checkout, given.organisations)
            links = [timed_link(checkout, number) for number in range(given.runs)]
            client_id = json.loads(ran(checkout, "status", "--json"))["client_id"]
            with serving(checkout):
                callbacks = [timed_callback(endpoints, url) for _, url in links]
            consent_all(endpoints, client_id, range(given.runs, given.organisations))
            check_s, peak_mib = timed_check(checkout, given.organisations)
    figures = {
        "link_s": round(statistics.median(seconds for seconds, _ in links), 2),
        "callback_s": round(statistics.median(callbacks), 3),
        "check_1000_s": round(check_s, 2),
        "check_peak_mib": round(peak_mib),
    }
    print(json.dumps(figures))


@contextmanager
def emulator(checkout: Checkout, organisations: int, *, users: int = 1) -> Iterator[CloudEndpoints]:
    """The emulator of the checkout's stack, with so many organisations of so many users each."""
    state = checkout.path / ".local" / "dev" / "emulator"
    state.mkdir(parents=True, mode=0o700)
    seed = checkout.home / "seed.yaml"
    seed.write_text(seed_text([DEPLOYED.format(number) for number in range(organisations)], users=users))
    command = [sys.executable, "-m", "orgcal_emulator", "--seed", str(seed), "--state", str(state)]
    with subprocess.Popen(
        command, cwd=checkout.path, env=checkout.environ, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            json.loads(process.stdout.readline())
            yield read_emulator_file(state / "ready.json")
        finally:
            process.terminate()


def ran(checkout: Checkout, *words: str, timeout_s: float = 600) -> str:
    """What a command of ours printed."""
    done = checkout.orgcal(*words, timeout_s=timeout_s)
    if done.code:
        raise SystemExit(f"orgcal {' '.join(words)}: {done.text}")
    return done.out


def take_in(checkout: Checkout, organisations: int) -> None:
    """Put the organisations into the registry, as `invited`."""
    now = datetime.now(UTC)
    lines = [
        json.dumps(
            Tenant(
                DEPLOYED.format(number), f"T{number}", f"t{number}.example", State.INVITED, added_at=now, changed_at=now
            ).as_json()
        )
        for number in range(organisations)
    ]
    file = checkout.home / "tenants.jsonl"
    file.write_text("\n".join(lines))
    ran(checkout, "tenants", "import", str(file))


def timed_link(checkout: Checkout, number: int) -> tuple[float, str]:
    """Seconds of a link as a command, and its address."""
    began = time.perf_counter()
    said = json.loads(ran(checkout, "consent", "link", f"t{number}.example", "--json"))
    return time.perf_counter() - began, str(said["url"])


@contextmanager
def serving(checkout: Checkout) -> Iterator[None]:
    """`orgcal consent serve` in a process of its own."""
    command = [sys.executable, "-m", "orgcal.cli", "consent", "serve"]
    with subprocess.Popen(
        command, cwd=checkout.path, env=checkout.environ, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        try:
            assert process.stdout is not None
            if "waiting for consents" not in process.stdout.readline():
                raise SystemExit("orgcal consent serve did not start")
            yield
        finally:
            process.terminate()


def timed_callback(endpoints: CloudEndpoints, url: str) -> float:
    """Seconds from the redirect after "Accept" until the page says that all is done."""
    number = int(url.split("/")[3].rsplit("-", 1)[1])
    back = answer(endpoints, url, f"admin@t{number}.example", follow=False).headers["Location"]
    began = time.perf_counter()
    with requests.Session() as browser:
        browser.trust_env = False
        page = browser.get(back, timeout=30)
        while heading(page) == "Working on it":
            page = browser.get(page.url, timeout=30)
    if heading(page) != "Done":
        raise SystemExit(f"no consent: {heading(page)}")
    return time.perf_counter() - began


def consent_all(endpoints: CloudEndpoints, client_id: str, numbers: range) -> None:
    """Administrators accept without us, as the check is to find out."""
    redirect = "http://localhost:8400/consent/callback"

    def one(number: int) -> None:
        form: dict[str, Any] = {
            "client_id": client_id,
            "redirect_uri": redirect,
            "scope": endpoints.graph_scope,
            "state": "b",
        }
        form |= {"account": f"admin@t{number}.example", "decision": "accept"}
        url = f"{endpoints.login_url}/{DEPLOYED.format(number)}/v2.0/adminconsent"
        with requests.Session() as browser:
            browser.trust_env = False
            back = browser.post(url, form, verify=str(endpoints.ca_file), allow_redirects=False, timeout=60)
        if "admin_consent=True" not in back.headers.get("Location", ""):
            raise SystemExit(f"no consent of {number}: {back.status_code}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, numbers))


def timed_check(checkout: Checkout, organisations: int) -> tuple[float, float]:
    """Seconds and MiB of the check of all."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "orgcal.cli", "consent", "check", "--all", "--json"],
        cwd=checkout.path,
        env=checkout.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    watcher = PeakMemory(process.pid)
    said, _ = process.communicate()
    seconds = time.perf_counter() - began
    watcher.stop()
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    granted = sum(line["access"] == "granted" and line["state"] in ("consented", "verified") for line in lines)
    if process.returncode or granted != organisations:
        raise SystemExit(f"{granted} of {organisations} are granted; exit {process.returncode}\n{said[-2000:]}")
    return seconds, watcher.peak_mib


if __name__ == "__main__":
    main()
