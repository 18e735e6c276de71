"""Metrics where they are read: by Prometheus and its tool, and by a collector of OpenTelemetry."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import requests
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from orgcal.errors import Unreachable, UsageError
from orgcal.health.metrics import CONTENT_TYPE, gauges_of, metrics_text
from orgcal.health.otlp import send_metrics
from orgcal.health.server import TEXT, listening_socket, make_app, serving
from orgcal.health.snapshot import read_snapshot
from orgcal.tenants.credentials import KnownCredential, remember_credentials
from orgcal.tenants.history import add_runs
from orgcal.tenants.model import State
from orgcal.tenants.registry import RegistryUnavailable
from tests.support.health import CONTOSO, NIGHT, Project, a_run
from tests.support.prometheus import promtool, running_prometheus

EXAMPLES = Path(__file__).resolve().parents[2] / "docs/examples/monitoring"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A registry with an organisation that was verified, and a credential that ends soon."""
    project = Project(tmp_path, monkeypatch)
    with project.registry() as registry:
        registry.add(CONTOSO, 'Contoso "North" {1}')
        registry.set_state(CONTOSO, State.VERIFIED, verified_at=registry.now(), checked_at=registry.now())
        add_runs(registry, [a_run()])
        remember_credentials(registry, 1, [KnownCredential(1, "secret", registry.now() + timedelta(hours=5))])
    return project


@contextmanager
def listening(project: Project, *words: str) -> Iterator[str]:
    """`orgcal metrics --listen` as a process; its address, host and port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "orgcal.cli", "metrics", "--stack", "prod", "--listen", "127.0.0.1:0", *words],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        told = re.search(r"http://(127\.0\.0\.1:[0-9]+)/metrics", process.stdout.readline())
        assert told
        yield told[1]
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
        assert process.returncode == 0


@pytest.mark.judged("Prometheus")
@pytest.mark.needs("prometheus", "promtool")
def test_prometheus_scrapes_the_metrics_and_fires_the_shipped_rules(project: Project, tmp_path: Path) -> None:
    rules = EXAMPLES / "orgcal.rules.yml"
    with listening(project, "--names") as target, running_prometheus(tmp_path, target, rules) as prometheus:
        query = 'orgcal_organisation_mailboxes{class="readable"}'
        data = prometheus.until("query", lambda data: data["result"], query=query)
        prometheus.until("alerts", lambda data: "OrgcalCredentialEndsTomorrow" in json.dumps(data))
        (scraped,) = prometheus.ask("targets")["activeTargets"]

    (series,) = data["result"]
    assert series["metric"]["organisation"] == 'Contoso "North" {1}'
    assert series["value"][1] == "44"
    assert (scraped["health"], scraped["lastError"]) == ("up", "")


@pytest.mark.judged("promtool")
@pytest.mark.needs("promtool")
def test_promtool_finds_nothing_to_say_of_metrics_and_rules(project: Project) -> None:
    with project.registry() as registry:
        text = metrics_text(read_snapshot(registry), names=True)
    checked = promtool("check", "metrics", given=text)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")

    for words in (("check", "rules", "orgcal.rules.yml"), ("test", "rules", "orgcal.rules.test.yml")):
        done = promtool(*words, folder=EXAMPLES)
        assert done.returncode == 0, done.stdout + done.stderr


def test_scraper_gets_the_format_that_it_asks_for_and_no_other_host_gets_any(project: Project) -> None:
    with project.registry() as registry:
        app = make_app(lambda: metrics_text(read_snapshot(registry)), CONTENT_TYPE)
        socket = listening_socket("127.0.0.1:0")
        address = f"http://127.0.0.1:{socket.getsockname()[1]}"
        with serving(app, socket):
            new = requests.get(f"{address}/metrics", headers={"Accept": "application/openmetrics-text"}, timeout=10)
            old = requests.get(f"{address}/metrics", headers={"Accept": "text/plain"}, timeout=10)
            other = requests.get(f"{address}/metrics", headers={"Host": "evil.example"}, timeout=10)
            health = requests.get(f"{address}/healthz", timeout=10)

    assert (new.headers["Content-Type"], old.headers["Content-Type"]) == (CONTENT_TYPE, TEXT)
    assert new.text == old.text
    assert new.text.endswith("# EOF\n")
    assert (other.status_code, CONTOSO in other.text) == (400, False)
    assert (health.status_code, health.text) == (200, "ok\n")


def test_database_that_is_away_is_a_503_and_not_the_end(project: Project) -> None:
    away = True

    def text() -> str:
        if away:
            raise RegistryUnavailable("the registry cannot be asked now (gone)")
        return "# EOF\n"

    socket = listening_socket("127.0.0.1:0")
    address = f"http://127.0.0.1:{socket.getsockname()[1]}"
    with serving(make_app(text, CONTENT_TYPE), socket):
        down = [requests.get(f"{address}/{path}", timeout=10) for path in ("metrics", "healthz")]
        away = False
        up = requests.get(f"{address}/healthz", timeout=10)

    assert [(answer.status_code, answer.text) for answer in down] == [
        (503, "the registry cannot be asked now (gone)\n")
    ] * 2
    assert up.status_code == 200


class Collector(BaseHTTPRequestHandler):
    """A collector that keeps what it gets, or refuses."""

    status = 200
    got: list[tuple[str, bytes]]

    def do_POST(self) -> None:
        self.got.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def collector(status: int = 200) -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    got: list[tuple[str, bytes]] = []
    handler = type("Handler", (Collector,), {"status": status, "got": got})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", got
        server.shutdown()
        thread.join()


@pytest.mark.judged("OpenTelemetry's own messages")
def test_collector_gets_every_gauge_as_otlp(project: Project) -> None:
    with project.registry() as registry:
        snapshot = read_snapshot(registry)
    with collector() as (address, got):
        send_metrics(address, gauges_of(snapshot), NIGHT, {})

    ((path, body),) = got
    message = ExportMetricsServiceRequest.FromString(body)
    (scope,) = message.resource_metrics[0].scope_metrics
    metrics = {metric.name: metric for metric in scope.metrics}
    assert path == "/v1/metrics"
    assert set(metrics) == {gauge.name for gauge in gauges_of(snapshot) if gauge.samples}
    (point,) = metrics["orgcal_organisation_calendars"].gauge.data_points
    assert point.as_double == 130
    assert datetime.fromtimestamp(point.time_unix_nano / 1e9, NIGHT.tzinfo) == NIGHT
    assert {item.key: item.value.string_value for item in point.attributes}["tenant_id"] == CONTOSO
    assert metrics["orgcal_credential_expires_timestamp_seconds"].unit == "s"


def test_collector_that_refuses_is_one_sentence(project: Project) -> None:
    with collector(403) as (address, _), pytest.raises(Unreachable, match="the collector refused") as refused:
        send_metrics(f"{address}/v1/metrics?key=secret", [], NIGHT, {})

    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("url", ["localhost:4318", "ftp://a", "http://user:pass@host:4318", "http://", "http://a b"])
def test_address_that_is_no_collectors_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="this is not the address of a collector") as refused:
        send_metrics(url, [], NIGHT, {})

    assert "pass@" not in str(refused.value)
