"""Every report of a verification that hears hostile texts shows them, and none of them does anything."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console

from orgcal.ci.preview import as_markdown
from orgcal.cli.progress import StepPrinter
from orgcal.errors import ConfigError
from orgcal.output import guarded_output
from orgcal.printable import is_hidden
from orgcal.settings import parse_settings
from orgcal.stack.preview_redacted import Change, Preview
from orgcal.stack.runner import EngineStep
from tests.unit.test_printable import HOSTILE, commands_in
from tests.unit.test_settings import with_changes
from verify.models import CheckResult, Mailbox, MailboxClass, Target, Verdict
from verify.report import Reports
from verify.report.console import ConsoleReport
from verify.sources import from_file
from verify.summary import Summary

TENANT = "11111111-1111-1111-1111-111111111111"
NAMES = [HOSTILE, "::stop-commands::x", " \u200d::error::x", "##[group]x", "a\x9b2Jb", "\U000e0001x", "x\r::debug::y"]


def hidden_in_lines(text: str) -> str:
    return "".join(char for char in text if is_hidden(char) and char not in "\n\t")


@pytest.fixture
def in_a_job(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    return tmp_path


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("as_json", [True, False])
def test_reports_of_hostile_texts_do_nothing(
    in_a_job: Path, capsys: pytest.CaptureFixture[str], name: str, as_json: bool
) -> None:
    summary = Summary()
    summary.add(CheckResult("token", Verdict.FAIL, name, name, TENANT, name, {"refusals": {name: 1}}))
    files = {word: in_a_job / word for word in ("jsonl", "junit", "html")}
    with guarded_output(), Reports.of(quiet=False, as_json=as_json, **files, show_users=True) as reports:
        reports.mailbox(Target(TENANT, name), Mailbox(TENANT, MailboxClass.FAILED, reason=name, name=name))
        for result in summary.results:
            reports.result(result)
        reports.end(summary)
    shown = capsys.readouterr()

    assert [line.split(" ")[0] for line in commands_in(shown.err)] == ["::error"]
    assert commands_in(shown.out) == []
    written = [path.read_text(encoding="utf-8") for path in (*files.values(), in_a_job / "summary.md")]
    for text in (shown.out, shown.err, *written):
        assert hidden_in_lines(text) == ""
    lines = [json.loads(line) for line in files["jsonl"].read_text(encoding="utf-8").splitlines()]
    assert lines[0]["user"] == name, "programs get the name itself"
    assert len(ElementTree.parse(files["junit"]).findall(".//failure")) == 1
    if as_json:
        assert json.loads(shown.out)["organisations"]


@pytest.mark.parametrize("name", NAMES)
def test_engine_and_plugins_say_nothing_that_acts(name: str) -> None:
    log, drawn = io.StringIO(), io.StringIO()
    for operation in ("warning", "create"):
        StepPrinter(stream=log)(EngineStep(operation, f"x:index:{name}", name, done=True))
    report = ConsoleReport(out=drawn)
    report.result(CheckResult("token", Verdict.FAIL, name, name, TENANT, name))

    for text in (log.getvalue(), drawn.getvalue()):
        assert commands_in(text) == []
        assert hidden_in_lines(text) == ""


@pytest.mark.parametrize("name", NAMES)
def test_names_of_resources_stay_in_their_line_of_a_comment(name: str) -> None:
    change = Change("create", "t", f"{name}\n```\n# forged")

    text = as_markdown("dev", Preview((change,), 0, (f"{name}\n# forged",), new=False))

    assert "\n# forged" not in text
    assert hidden_in_lines(text) == ""


@pytest.mark.parametrize("char", ["\n", "\x1b", "\x85", "\u2028", "\u202e", "\u2066", "\x07"])
@pytest.mark.parametrize("place", ["connector.name", "application.display_name", "consent.publisher"])
def test_name_in_the_settings_that_cannot_be_shown_is_refused(char: str, place: str) -> None:
    section, _, key = place.partition(".")
    with pytest.raises(ConfigError) as refused:
        parse_settings(with_changes(**{section: {key: f"Fab{char}rikam"}}), stack="prod")

    assert f"orgcal:{place}" in str(refused.value)
    assert hidden_in_lines(str(refused.value)) == ""


def test_name_in_a_connector_file_that_cannot_be_shown_is_refused(tmp_path: Path) -> None:
    described = {"client_id": TENANT, "scopes": ["Calendars.Read"], "client_secret_variable": "X"}
    path = tmp_path / "connector.json"
    path.write_text(json.dumps({**described, "tenants": [{"tenant_id": TENANT, "name": HOSTILE}]}))

    with pytest.raises(ConfigError, match=r"tenants\[0\]\.name.*holds U\+001B"):
        from_file(path)


def test_output_of_a_console_is_guarded_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    with guarded_output():
        Console(file=sys.stdout).print("\n::error::x")

    assert commands_in(capsys.readouterr().out) == []
