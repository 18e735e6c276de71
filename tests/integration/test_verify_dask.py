"""Verification on a real Dask cluster of two workers, each a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
from orgcal_emulator.server import RunningEmulator

from orgcal.consent.links import consent_url
from orgcal.entra.clouds import CloudEndpoints
from tests.support.administrator import answer
from tests.support.deployed_connector import CONSENT_URI, CONTOSO, FABRIKAM, deploy
from verify import Options, Verdict, run_on
from verify.dask import dask_executor
from verify.sources import from_file

if TYPE_CHECKING:
    from distributed import Client  # takes half a second, in every process that collects tests

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[str]:
    """Address of a scheduler with two workers."""
    script = (
        "import sys\n"
        "from distributed import LocalCluster\n"
        "if __name__ == '__main__':\n"
        "    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:\n"
        "        print(cluster.scheduler_address, flush=True)\n"
        "        sys.stdin.read()\n"
    )
    path = tmp_path / "cluster.py"
    path.write_text(script)
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    with subprocess.Popen(
        [sys.executable, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ, cwd=tmp_path
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield process.stdout.readline().strip()
        process.stdin.close()
        process.wait(30)


@pytest.fixture
def set_latency(endpoints: CloudEndpoints) -> Callable[..., None]:
    """Sets how long the emulator takes; without arguments no time at all."""

    def set_latency(**seconds: float) -> None:
        assert endpoints.emulated is not None
        token = endpoints.emulated.control_token_file.read_text().strip()
        with requests.Session() as session:
            session.trust_env = False
            session.post(
                f"{endpoints.emulated.control_url}/latency",
                json=seconds,
                headers={"Authorization": f"Bearer {token}"},
                verify=str(endpoints.ca_file),
                timeout=20,
            ).raise_for_status()

    return set_latency


@pytest.fixture
def connector_file(endpoints: CloudEndpoints, emulator_environ: Mapping[str, str], tmp_path: Path) -> Path:
    """A connector that both customers consented to, with its secret in a file that workers can read."""
    outputs = deploy(endpoints, emulator_environ)
    for tenant_id, account in ((CONTOSO, "admin@contoso.example"), (FABRIKAM, "admin@fabrikam.example")):
        url = consent_url(
            endpoints, tenant_id=tenant_id, client_id=outputs.client_id, redirect_uri=CONSENT_URI, state="s"
        )
        answer(endpoints, url, account, follow=False)
    assert outputs.client_secret is not None
    (tmp_path / "secret").write_text(outputs.client_secret.get_secret_value())
    path = tmp_path / "connector.yaml"
    path.write_text(
        f"cloud: emulator\nclient_id: {outputs.client_id}\nscopes: [Calendars.Read]\nclient_secret_file: secret\n"
        f"tenants: [{{tenant_id: {CONTOSO}, name: Contoso}}, {{tenant_id: {FABRIKAM}, name: Fabrikam}}]\n"
    )
    return path


def test_command_on_a_cluster_gives_the_same_answer(
    cluster: str, connector_file: Path, emulator_environ: Mapping[str, str]
) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "verify", f"--connector-config={connector_file}", f"--dask={cluster}"],
        cwd=ROOT,
        env={**os.environ, **emulator_environ},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "57 users listed" in ended.stdout
    assert "20 users listed" in ended.stdout


def test_organisation_whose_worker_is_killed_is_run_once_more_and_counted_once(
    cluster: str,
    connector_file: Path,
    emulator_environ: Mapping[str, str],
    emulator: RunningEmulator,
    set_latency: Callable[..., None],
) -> None:
    from distributed import Client

    connector, targets = from_file(connector_file)
    set_latency(outlook_s=1.0)  # long enough to be found at work
    before = emulator.journal()[-1]["seq"]
    killed: list[int] = []
    over = threading.Event()

    def kill_the_busy_worker(client: Client, pids: Mapping[str, int]) -> None:
        while not any("/v1.0/users?" in entry["path"] for entry in emulator.journal(before)):
            if over.wait(0.02):
                return
        busy = [worker for worker, tasks in client.processing().items() if tasks]  # type: ignore[no-untyped-call]
        killed.append(pids[busy[0]])
        os.kill(killed[0], signal.SIGKILL)
        set_latency()

    results = []
    with Client(cluster, timeout="10s", set_as_default=False) as client:  # type: ignore[no-untyped-call]
        killer = threading.Thread(target=kill_the_busy_worker, args=(client, client.run(os.getpid)))
        killer.start()
        try:
            with dask_executor(cluster) as (executor, workers):
                options = Options(connector, environ=emulator_environ)
                results = list(run_on(executor, targets[:1], options, workers=workers, again=False))
        finally:
            over.set()
            killer.join()

    assert killed
    assert [result.check for result in results] == ["tenant", "token", "roles", "users", "calendars"]
    assert {result.verdict for result in results} == {Verdict.PASS}
    tokens = [item for item in emulator.journal(before) if item["path"].endswith(f"/{CONTOSO}/oauth2/v2.0/token")]
    assert len(tokens) == 2, "the organisation was run twice"
