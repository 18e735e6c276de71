"""Runs that end early, slowly or under limits: reports say what is known, and nothing comes too soon."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import requests
from orgcal_emulator.server import RunningEmulator

from orgcal.consent.links import consent_url
from orgcal.entra.clouds import CloudEndpoints, read_emulator_file
from orgcal.stack.outputs import StackOutputs
from tests.support.administrator import answer
from tests.support.deployed_connector import CONSENT_URI, CONTOSO, HOME, deploy
from verify import Options, Summary, Target, Verdict, exit_code, run
from verify.sources import from_outputs

ROOT = Path(__file__).resolve().parents[2]
ADMIN = "named: [{ user: admin, name: Ada Administrator, administrator: true }]"
SEED = f"""
tenants:
  - {{ tenant_id: {HOME}, display_name: ISV, domain: isv.example, home: true, users: {{ count: 1, {ADMIN} }} }}
  - {{ tenant_id: {CONTOSO}, display_name: Contoso, domain: contoso.example, users: {{ count: 3000, {ADMIN} }} }}
operator:
  tenant: isv.example
  display_name: operator
  client_id: aaaaaaaa-0000-4000-8000-000000000001
  permissions: [Application.ReadWrite.OwnedBy, Application.Read.All]
"""


@pytest.fixture
def emulator(start_emulator: Callable[..., RunningEmulator]) -> RunningEmulator:
    return start_emulator(seed=SEED)


@pytest.fixture
def control(endpoints: CloudEndpoints) -> Iterator[Callable[[str, str, Any], Any]]:
    """Asks a control route."""
    assert endpoints.emulated is not None
    address, token = endpoints.emulated.control_url, endpoints.emulated.control_token_file.read_text().strip()
    with requests.Session() as session:
        session.trust_env = False

        def control(method: str, path: str, body: Any = None) -> Any:
            found = session.request(
                method,
                address + path,
                json=body,
                headers={"Authorization": f"Bearer {token}"},
                verify=str(endpoints.ca_file),
                timeout=20,
            )
            found.raise_for_status()
            return found.json()

        yield control


@pytest.fixture
def outputs(endpoints: CloudEndpoints, emulator_environ: Mapping[str, str]) -> StackOutputs:
    outputs = deploy(endpoints, emulator_environ)
    url = consent_url(endpoints, tenant_id=CONTOSO, client_id=outputs.client_id, redirect_uri=CONSENT_URI, state="s")
    answer(endpoints, url, "admin@contoso.example", follow=False)
    return outputs


@pytest.fixture
def options(outputs: StackOutputs, emulator_environ: Mapping[str, str]) -> Options:
    connector, given = from_outputs(outputs)
    return Options(replace(connector, outputs=None), environ=emulator_environ, given_credential=given)


class Breaking:
    """A listener whose output has gone."""

    wants_mailboxes = True

    def __init__(self, broken: list[BaseException]) -> None:
        self._broken = broken

    def started(self, target: Target, total: int | None) -> None:
        """Nothing."""

    def progress(self, target: Target, listed: int, read: int) -> None:
        """Nothing."""

    def mailbox(self, target: Target, mailbox: object) -> None:
        self._broken.append(BrokenPipeError())
        raise self._broken[-1]

    def finished(self, target: Target) -> None:
        """Nothing."""


def summarised(options: Options) -> Summary:
    summary = Summary()
    for result in run([Target(CONTOSO, "Contoso")], options):
        summary.add(result)
    return summary


def test_command_interrupted_writes_partial_reports_and_exits_130(
    outputs: StackOutputs,
    emulator_environ: Mapping[str, str],
    control: Callable[..., Any],
    emulator: RunningEmulator,
    tmp_path: Path,
) -> None:
    assert outputs.client_secret is not None
    (tmp_path / "secret").write_text(outputs.client_secret.get_secret_value())
    (tmp_path / "connector.yaml").write_text(
        f"cloud: emulator\nclient_id: {outputs.client_id}\nscopes: [Calendars.Read]\nclient_secret_file: secret\n"
        f"tenants: [{{tenant_id: {CONTOSO}, name: Contoso}}]\n"
    )
    control("POST", "/latency", {"outlook_s": 0.2})
    before = emulator.journal()[-1]["seq"]
    command = [sys.executable, "-m", "verify", f"--connector-config={tmp_path}/connector.yaml", "--json"]
    command += [f"--jsonl={tmp_path}/details.jsonl", f"--junit={tmp_path}/junit.xml", f"--html={tmp_path}/report.html"]
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "ORGCAL_"))}
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={**environ, **emulator_environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        began = threading.Event()
        while not began.wait(0.02):
            if any(entry["path"].endswith("/$batch") for entry in emulator.journal(before)):
                began.set()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)

    assert process.returncode == 130, err
    said = json.loads(out)
    assert (said["complete"], said["exit_code"]) == (False, 130)
    mailboxes = said["organisations"][0]["mailboxes"]
    assert mailboxes["not_read"] > 0
    assert mailboxes["ok"] > 0
    last = json.loads((tmp_path / "details.jsonl").read_text().splitlines()[-1])
    assert last == {"schema_version": 1, "type": "end", "complete": False, "exit_code": 130}
    assert ElementTree.parse(tmp_path / "junit.xml").getroot().find("./testsuite[@name='run']") is not None
    assert "interrupted" in (tmp_path / "report.html").read_text()


def batches(emulator: RunningEmulator) -> int:
    return sum(entry["path"].endswith("/$batch") for entry in emulator.journal())


def ended(prefixes: tuple[str, ...]) -> None:
    """Return once every thread of a run is over."""
    for thread in threading.enumerate():
        if thread.name.startswith(prefixes):
            thread.join(60)
            assert not thread.is_alive()


def test_run_that_nobody_reads_on_ends_early_whoever_closes_it(
    options: Options, control: Callable[..., Any], emulator: RunningEmulator
) -> None:
    control("POST", "/latency", {"outlook_s": 0.02})
    broken: list[BaseException] = []
    results = run([Target(CONTOSO, "Contoso")], replace(options, listener=Breaking(broken)))

    assert [result.verdict for result in results] == [Verdict.ERROR], "that organisation's result, not the run's end"
    assert broken

    targets = [Target(HOME, "ISV"), Target(CONTOSO, "Contoso")]
    again = run(targets, replace(options, organisations_at_once=2, pace=replace(options.pace, fixed=1)))
    before = batches(emulator)
    assert next(again).check == "tenant"
    closer = threading.Thread(target=again.close)
    closer.start()
    closer.join(20)
    assert not closer.is_alive()
    with pytest.raises(StopIteration):
        next(again)
    ended(("organisation", "verify", "users"))
    assert batches(emulator) - before < 3000 / 20 / 2, "most of Contoso was not read"


def test_command_whose_reader_went_away_ends(
    outputs: StackOutputs, emulator_environ: Mapping[str, str], tmp_path: Path
) -> None:
    assert outputs.client_secret is not None
    (tmp_path / "secret").write_text(outputs.client_secret.get_secret_value())
    (tmp_path / "connector.yaml").write_text(
        f"cloud: emulator\nclient_id: {outputs.client_id}\nscopes: [Calendars.Read]\nclient_secret_file: secret\n"
        f"tenants: [{{tenant_id: {CONTOSO}, name: Contoso}}]\n"
    )
    command = [sys.executable, "-m", "verify", f"--connector-config={tmp_path}/connector.yaml", "--jsonl=-"]
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "ORGCAL_"))}
    with subprocess.Popen(
        command, cwd=ROOT, env={**environ, **emulator_environ}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["type"] == "mailbox"
        process.stdout.close()
        said = process.stderr.read().decode()
        assert process.wait(30) != 0
    assert "Traceback" not in said


def test_run_under_limits_waits_as_told_and_reads_everybody(options: Options, control: Callable[..., Any]) -> None:
    control("POST", "/limits", {"global_requests": 1500, "global_s": 3})

    summary = summarised(options)

    calendars = summary.organisations[CONTOSO].results["calendars"]
    assert calendars.verdict is Verdict.PASS, calendars.sentence
    limits = control("GET", "/limits")
    assert limits["refused"] > 0
    assert calendars.evidence["throttled"] > 0
    assert calendars.evidence["waited_s"] > 0
    assert sum(calendars.evidence["mailboxes"].values()) == 3000


def test_run_of_an_organisation_that_throttles_beyond_the_budget_is_an_error(
    options: Options, control: Callable[..., Any]
) -> None:
    control("POST", "/limits", {"global_requests": 200, "global_s": 3600})

    summary = summarised(replace(options, pace=replace(options.pace, budget_s=5.0)))

    calendars = summary.organisations[CONTOSO].results["calendars"]
    assert calendars.verdict is Verdict.ERROR
    assert "throttles" in calendars.sentence
    assert exit_code(summary) == 1


def test_run_whose_token_expires_on_the_way_renews_it(
    options: Options, control: Callable[..., Any], emulator: RunningEmulator
) -> None:
    control("POST", "/latency", {"outlook_s": 0.05})
    moved: list[float] = []

    class Mover:
        """Moves the clock beyond the token's end in the middle of the run."""

        wants_mailboxes = False

        def started(self, target: Target, total: int | None) -> None:
            """Nothing."""

        def progress(self, target: Target, listed: int, read: int) -> None:
            if read > 200 and not moved:
                moved.append(emulator.move_clock(2 * 3600))

        def mailbox(self, target: Target, mailbox: object) -> None:
            """Nothing."""

        def finished(self, target: Target) -> None:
            """Nothing."""

    summary = summarised(replace(options, listener=Mover()))

    assert moved
    assert summary.organisations[CONTOSO].results["calendars"].verdict is Verdict.PASS
    tokens = [entry for entry in emulator.journal() if entry["path"].endswith(f"/{CONTOSO}/oauth2/v2.0/token")]
    assert len(tokens) == 2
    assert summary.organisations[CONTOSO].users == 3000


def test_endpoints_of_the_emulator_is_read_from_its_file(emulator_file: Path, endpoints: CloudEndpoints) -> None:
    assert read_emulator_file(emulator_file) == endpoints
