"""`orgcal:history` and `orgcal:alerts`: defaults, and what is said of what is wrong."""

from __future__ import annotations

from datetime import time, timedelta
from pathlib import Path
from typing import Any

import pytest

from orgcal.errors import ConfigError
from orgcal.settings import read_health, read_settings
from tests.support.health import Project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    return Project(tmp_path, monkeypatch)


def test_defaults_keep_400_days_and_tell_nobody(project: Project) -> None:
    read = read_health(project.folder, "prod")

    assert read.history.keep_time == timedelta(days=400)
    assert (dict(read.alerts.targets), read.alerts.off, read.alerts.mute) == ({}, (), ())
    assert read.alerts.days_left == (30, 14, 7, 1)
    assert read.alerts.verified_within_time == timedelta(hours=36)
    assert read.alerts.quiet is None


def test_sections_are_read_although_others_are_wrong(project: Project) -> None:
    project.settle(history={"keep": "30d"}, connector={"key": "UPPER"}, alerts={"quiet_hours": "22:00-07:30"})

    read = read_health(project.folder, "prod")

    assert read.history.keep_time == timedelta(days=30)
    assert read.alerts.quiet == (time(22), time(7, 30))
    with pytest.raises(ConfigError):
        read_settings(project.folder, "prod")


@pytest.mark.parametrize(
    ("alerts", "said"),
    [
        ({"targets": {"ops": {}}}, "one of url_file and url_variable"),
        ({"targets": {"ops": {"url_file": "a", "url_variable": "B"}}}, "one of url_file and url_variable"),
        ({"targets": {"ops": {"url_file": "a", "secret_file": "b", "secret_variable": "C"}}}, "secret_variable names"),
        ({"targets": {"Ops!": {"url_file": "a"}}}, "a name (lower-case letters, digits and dashes)"),
        ({"targets": {"ops": {"url_fil": "a"}}}, "did you mean url_file?"),
        ({"off": ["consents"]}, "names of rules"),
        ({"days_left": [0]}, "numbers of days"),
        ({"verified_within": "2 days"}, "1h to 9999h"),
        ({"quiet_hours": "25:00-07:00"}, "HH:MM-HH:MM"),
        ({"time_zone": "Mars/Olympus"}, "there is no time zone"),
        ({"time_zone": "../../etc/passwd"}, "there is no time zone"),
    ],
)
def test_wrong_alerts_are_refused_in_one_sentence(project: Project, alerts: dict[str, Any], said: str) -> None:
    project.settle(alerts=alerts)

    for read in (read_health, read_settings):
        with pytest.raises(ConfigError) as refused:
            read(project.folder, "prod")
        (problem,) = refused.value.problems
        assert "orgcal:alerts" in problem
        assert said in problem


@pytest.mark.parametrize("keep", ["0d", "400", "1y", "-1d", "10000d"])
def test_wrong_time_to_keep_is_refused(project: Project, keep: str) -> None:
    project.settle(history={"keep": keep})

    with pytest.raises(ConfigError, match="expected 1d to 9999d"):
        read_health(project.folder, "prod")
