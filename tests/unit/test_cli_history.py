"""`orgcal history`: rows for people and for programs, since a moment, of one organisation or of all."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orgcal.cli.history import moment_of
from orgcal.errors import UsageError
from orgcal.tenants.history import add_runs
from orgcal.tenants.model import State
from tests.support.health import CONTOSO, FABRIKAM, NIGHT, Project, a_run


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    project = Project(tmp_path, monkeypatch)
    with project.registry() as registry:
        registry.add(CONTOSO, "Contoso", domain="contoso.com")
        registry.add(FABRIKAM, "Fabrikam")
        revoked = a_run(FABRIKAM, NIGHT + timedelta(days=1), verdict="fail", state=State.REVOKED, cause="it is\ngone",
                        users=None, calendars=None, readable=None)  # fmt: skip
        add_runs(registry, [a_run(throttled_s=12.4), revoked])
    return project


def test_history_is_a_line_for_each_run_and_causes_of_others_do_nothing(project: Project) -> None:
    shown = project.run("history").output.splitlines()

    assert shown == [
        "2026-11-23 03:17 UTC  ok       Contoso  verify: verified  "
        "57 users, 130 calendars, 44 mailboxes read, throttled for 12 s",
        "2026-11-24 03:17 UTC  failed   Fabrikam  verify: revoked  it is\\u000agone",
    ]


def test_history_of_one_organisation_as_json_has_every_field(project: Project) -> None:
    (line,) = project.run("history", "contoso.com", "--json").output.splitlines()

    told = {"schema_version": 1, **a_run(throttled_s=12.4).as_json()}
    assert json.loads(line) == json.loads(json.dumps(told))
    assert told["verdict"] == "ok"


def test_history_since_a_date_leaves_earlier_rows_out(project: Project) -> None:
    assert "Contoso" not in project.run("history", "--since", "2026-11-24").output


def test_history_of_an_empty_registry_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Project(tmp_path, monkeypatch).run("history")

    assert shown.output == "nothing was verified or checked yet; next: orgcal verify --stack prod\n"


def test_since_is_a_time_before_now_or_a_date() -> None:
    assert moment_of("7d", NIGHT) == NIGHT - timedelta(days=7)
    assert moment_of("2026-11-01", NIGHT) == datetime(2026, 11, 1, tzinfo=UTC)
    with pytest.raises(UsageError, match="such as --since 7d, or --since 2026-11-01"):
        moment_of("yesterday", NIGHT)
