"""Verification on a real Dask cluster of two workers, each a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from orgcal.consent.links import consent_url
from orgcal.msgraph.worlds import World
from tests.support.administrator import answer
from tests.support.deployed_connector import CONSENT_URI, CONTOSO, FABRIKAM, deploy

distributed = pytest.importorskip("distributed")

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


def test_command_on_a_cluster_gives_the_same_answer(
    cluster: str, world: World, emulator_environ: Mapping[str, str], tmp_path: Path
) -> None:
    outputs = deploy(world, emulator_environ)
    for tenant_id, account in ((CONTOSO, "admin@contoso.example"), (FABRIKAM, "admin@fabrikam.example")):
        url = consent_url(world, tenant_id=tenant_id, client_id=outputs.client_id, redirect_uri=CONSENT_URI, state="s")
        answer(world, url, account, follow=False)
    assert outputs.client_secret is not None
    (tmp_path / "secret").write_text(outputs.client_secret.get_secret_value())
    (tmp_path / "connector.yaml").write_text(
        f"cloud: emulator\nclient_id: {outputs.client_id}\nscopes: [Calendars.Read]\nclient_secret_file: secret\n"
        f"tenants: [{{tenant_id: {CONTOSO}, name: Contoso}}, {{tenant_id: {FABRIKAM}, name: Fabrikam}}]\n"
    )

    ended = subprocess.run(
        [sys.executable, "-m", "verify", f"--connector-config={tmp_path}/connector.yaml", f"--dask={cluster}"],
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
