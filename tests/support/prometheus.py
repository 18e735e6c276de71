"""A Prometheus of the tests' own, from the system's package, on loopback; and its tool."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

START_TIMEOUT_S = 30.0


def promtool(*words: str, given: str = "", folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run `promtool`."""
    return subprocess.run(
        ["promtool", *words], input=given, cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


class Prometheus:
    """A server that answers queries.

    Args:
        address: `http://127.0.0.1:PORT`.
    """

    def __init__(self, address: str) -> None:
        self.address = address

    def ask(self, path: str, **query: str) -> Any:
        """The `data` of an answer of its API."""
        answer = requests.get(f"{self.address}/api/v1/{path}", params=query, timeout=10)
        answer.raise_for_status()
        return answer.json()["data"]

    def until(self, path: str, good: Any, **query: str) -> Any:
        """The `data` of the first answer that is `good`."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                data = self.ask(path, **query)
            except requests.exceptions.RequestException:
                data = None
            if data is not None and good(data):
                return data
            assert time.monotonic() < deadline, data
            time.sleep(0.1)


@contextmanager
def running_prometheus(folder: Path, target: str, rules: Path) -> Iterator[Prometheus]:
    """A server that scrapes `target` (host and port) each second, with some alert rules."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    program = shutil.which("prometheus")
    assert program is not None
    (folder / "prometheus.yml").write_text(
        "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
        f"rule_files: [{rules}]\n"
        f"scrape_configs: [{{job_name: orgcal, static_configs: [{{targets: ['{target}']}}]}}]\n"
    )
    with (folder / "prometheus.log").open("w") as log:
        process = subprocess.Popen(
            [program, "--config.file=prometheus.yml", "--storage.tsdb.path=data", f"--web.listen-address={address}"],
            cwd=folder, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        yield Prometheus(f"http://{address}")
    finally:
        process.terminate()
        process.wait(20)
