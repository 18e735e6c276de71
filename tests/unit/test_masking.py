"""A job of GitHub Actions is told what its log must not show."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from orgcal.masking import SOCKET_VARIABLE, mask, masking

KEY = "-----BEGIN PRIVATE KEY-----\nAA%==\n-----END PRIVATE KEY-----\n"


@pytest.fixture(autouse=True)
def in_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.delenv(SOCKET_VARIABLE, raising=False)


def test_text_is_masked_before_the_call_returns() -> None:
    log = io.StringIO()
    with masking(os.environ, log):
        mask(["hush-1", "", KEY])
        shown = log.getvalue()
    assert shown == (
        "::add-mask::hush-1\n::add-mask::-----BEGIN PRIVATE KEY-----%0AAA%25==%0A-----END PRIVATE KEY-----\n"
    )
    assert SOCKET_VARIABLE not in os.environ


def test_process_below_is_heard_and_its_own_output_stays_empty() -> None:
    log = io.StringIO()
    with masking(os.environ, log):
        program = "from orgcal.masking import mask; mask(['hush-2'])"
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        shown = log.getvalue()
    assert (shown, done.stdout, done.stderr) == ("::add-mask::hush-2\n", "", "")


def test_nothing_is_written_outside_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS")
    log = io.StringIO()
    with masking(os.environ, log):
        mask(["hush-3"])
    assert log.getvalue() == ""


def test_log_that_is_a_file_gets_no_secret(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as log, masking(os.environ, log):
        mask(["hush-4"])
    assert (tmp_path / "log").read_text() == ""


def test_command_that_ended_meanwhile_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(SOCKET_VARIABLE, str(tmp_path / "gone"))
    mask(["hush-5"])
    assert not list(tmp_path.iterdir())
