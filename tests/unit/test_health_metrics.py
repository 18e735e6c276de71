"""The text of `orgcal metrics`, as prometheus_client's parser reads it: values, names, texts of others."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from orgcal.health.alerts import update_alerts
from orgcal.health.metrics import gauges_of, metrics_text
from orgcal.health.snapshot import Snapshot, read_snapshot
from orgcal.settings import AlertSettings
from orgcal.tenants.credentials import KnownCredential, remember_credentials
from orgcal.tenants.history import add_runs
from orgcal.tenants.model import State
from orgcal.tenants.registry import Registry
from tests.support.health import CONTOSO, FABRIKAM, NIGHT, Project, a_run

EXAMPLES = Path(__file__).resolve().parents[2] / "docs/examples/monitoring"
pytestmark = pytest.mark.judged("prometheus_client")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    return Project(tmp_path, monkeypatch)


@pytest.fixture
def registry(project: Project) -> Iterator[Registry]:
    with project.registry(NIGHT) as registry:
        yield registry


def read(text: str, parse: Callable[..., Iterable[Metric]] = parse_openmetrics) -> Iterator[Metric]:
    """The families of a text; none of the parsers is typed."""
    yield from parse(text)


def samples(text: str) -> dict[str, dict[tuple[str, ...], float]]:
    """Values by name and labels, but for the connector's."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in read(text):
        for sample in family.samples:
            labels = tuple(value for name, value in sample.labels.items() if name != "connector")
            found.setdefault(sample.name, {})[labels] = sample.value
    return found


def filled(registry: Registry) -> Snapshot:
    registry.add(CONTOSO, "Contoso")
    registry.add(FABRIKAM, "Fabrikam")
    registry.set_state(CONTOSO, State.VERIFIED, verified_at=NIGHT, checked_at=NIGHT)
    registry.set_state(FABRIKAM, State.REVOKED, verified_at=NIGHT - timedelta(days=2), checked_at=NIGHT)
    gone = a_run(FABRIKAM, verdict="fail", state=State.REVOKED, users=None, calendars=None, readable=None,
                 no_mailbox=None, restricted=None, deleted=None, failed=None, not_read=None)  # fmt: skip
    unsure = a_run(CONTOSO, verdict="error", throttled_s=900.0, duration_s=912.5, readable=1)
    add_runs(registry, [a_run(), gone, unsure])
    remember_credentials(
        registry,
        2,
        [
            KnownCredential(1, "secret", NIGHT + timedelta(days=20), NIGHT - timedelta(days=1), revoked=True),
            KnownCredential(2, "secret", NIGHT + timedelta(days=180)),
        ],
    )
    return read_snapshot(registry)


def test_metrics_tell_of_credentials_and_organisations(registry: Registry) -> None:
    found = samples(metrics_text(filled(registry)))

    assert found["orgcal_credential_expires_timestamp_seconds"] == {
        ("1", "secret", "superseded"): (NIGHT + timedelta(days=20)).timestamp(),
        ("2", "secret", "active"): (NIGHT + timedelta(days=180)).timestamp(),
    }
    assert found["orgcal_credential_generation_active"] == {(): 2}
    assert found["orgcal_rotation_pending"] == found["orgcal_credentials_revoked_alive"] == {(): 1}
    assert found["orgcal_organisations"][("verified",)] == found["orgcal_organisations"][("revoked",)] == 1
    assert found["orgcal_organisations"][("invited",)] == 0
    assert found["orgcal_organisation_verified_timestamp_seconds"][(CONTOSO,)] == NIGHT.timestamp()
    assert found["orgcal_organisation_consented"] == {(CONTOSO,): 1, (FABRIKAM,): 0}


def test_numbers_are_those_of_the_last_run_that_could_look(registry: Registry) -> None:
    found = samples(metrics_text(filled(registry)))

    assert found["orgcal_organisation_healthy"] == {(CONTOSO,): 0, (FABRIKAM,): 0}
    assert found["orgcal_organisation_throttled_seconds"][(CONTOSO,)] == 900
    assert found["orgcal_organisation_verification_seconds"][(CONTOSO,)] == 912.5
    assert found["orgcal_organisation_calendars"] == {(CONTOSO,): 130}
    assert found["orgcal_organisation_mailboxes"] == {
        (CONTOSO, "readable"): 44, (CONTOSO, "no_mailbox"): 10, (CONTOSO, "restricted"): 3,
        (CONTOSO, "deleted"): 0, (CONTOSO, "failed"): 0, (CONTOSO, "not_read"): 0,
    }  # fmt: skip


def test_empty_registry_has_metrics_too(registry: Registry) -> None:
    found = samples(metrics_text(read_snapshot(registry)))

    assert found["orgcal_build_info"] == {("0.1.0",): 1}
    assert set(found["orgcal_organisations"].values()) == {0}
    assert set(found) == {"orgcal_build_info", "orgcal_organisations"}


@pytest.mark.parametrize("name", ['a "quoted" name', "{braces}, = and # signs", "back\\slash\\n", "ünï 組織 😀"])
def test_names_of_organisations_are_told_only_on_request_and_as_they_are(registry: Registry, name: str) -> None:
    registry.add(CONTOSO, name)
    snapshot = read_snapshot(registry)

    assert name not in metrics_text(snapshot)
    text = metrics_text(snapshot, names=True)
    for parse in (parse_openmetrics, parse_text):
        labels = [
            sample.labels for family in read(text, parse) for sample in family.samples if "tenant_id" in sample.labels
        ]
        assert labels
        assert {told["organisation"] for told in labels} == {name}


def test_name_with_a_line_break_of_an_old_registry_stays_one_label(registry: Registry) -> None:
    registry.add(CONTOSO, "Contoso")
    snapshot = read_snapshot(registry)
    hostile = replace(snapshot.tenants[0], name='x"} 1\norgcal_fake{a="b')
    text = metrics_text(replace(snapshot, tenants=(hostile,)), names=True)

    assert "orgcal_fake" not in {family.name for family in read(text)}


def test_open_alerts_are_counted_by_rule(registry: Registry) -> None:
    filled(registry)
    update_alerts(registry, AlertSettings())

    found = samples(metrics_text(read_snapshot(registry)))

    assert found["orgcal_alerts_open"] == {("credential-revoked",): 1}


def test_connector_is_a_label_of_every_sample(registry: Registry) -> None:
    families = read(metrics_text(filled(registry)))

    assert {sample.labels["connector"] for family in families for sample in family.samples} == {"orgcal/prod"}


def test_rules_and_dashboard_name_metrics_that_there_are(registry: Registry) -> None:
    known = {gauge.name for gauge in gauges_of(filled(registry))}

    for path in EXAMPLES.iterdir():
        if path.suffix in (".yml", ".json"):
            named = set(re.findall(r"\borgcal_[a-z_]+", path.read_text(encoding="utf-8")))
            assert named <= known, path.name
    assert json.loads((EXAMPLES / "orgcal.dashboard.json").read_text(encoding="utf-8"))["panels"]


def test_metrics_command_writes_a_file_in_one_step_that_others_may_read(project: Project, tmp_path: Path) -> None:
    path = tmp_path / "orgcal.prom"

    ended = project.run("metrics", "--output", str(path))

    assert (ended.exit_code, ended.output) == (0, "")
    assert samples(path.read_text()) == samples(project.run("metrics").output)
    assert path.stat().st_mode & 0o004


@pytest.mark.parametrize(
    "address", ["0.0.0.0:9464", "9464", "127.0.0.1:", "127.0.0.1:70000", "example.com:80", "[::]:1"]
)
def test_metrics_are_served_to_this_machine_only(project: Project, address: str) -> None:
    ended = project.run("metrics", "--listen", address)

    assert "expected a port of this machine's own" in str(ended.exception)


def test_metrics_go_to_one_place(project: Project) -> None:
    ended = project.run("metrics", "--output", "x", "--otlp", "http://localhost:4318")

    assert "--output and --otlp say where they go" in str(ended.exception)


def test_moment_of_a_sample_is_in_seconds_utc(registry: Registry) -> None:
    expires = datetime(2299, 12, 31, 23, 59, 59, tzinfo=UTC)
    remember_credentials(registry, 1, [KnownCredential(1, "federated", expires)])

    found = samples(metrics_text(read_snapshot(registry)))

    assert found["orgcal_credential_expires_timestamp_seconds"] == {("1", "federated", "active"): 10413791999}
