"""Reports for programs, several reports as one, and the head that each of them has."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from orgcal import __version__
from orgcal.errors import PlatformError, UsageError
from tests.support.stack_record import outputs
from verify.models import CheckResult, Connector, Mailbox, MailboxClass, Options, SecretReference, Target, Verdict
from verify.report import Reports
from verify.report.base import FileReport, Report
from verify.report.html import html
from verify.report.machine import JsonLinesReport
from verify.run_description import RunDescription, describe
from verify.summary import Summary

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
RUN = RunDescription("Outlook", "", "client-1", "prod", "usgov", "", "1.2.3", NOW)
TOKEN = CheckResult("token", Verdict.PASS, "token told", "", "t0", "Contoso")


def test_line_of_a_user_has_what_is_known(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    with JsonLinesReport(path, show_users=True) as report:
        report.mailbox(Target("t0"), Mailbox("u1", MailboxClass.FAILED, 0, "500", "r", "adele"))
        report.result(TOKEN)
        assert len(path.read_text().splitlines()) == 2, "a result is written at once"
        report.end(Summary())

    user, token, end = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    assert user == {"schema_version": 1, "type": "mailbox", "tenant_id": "t0", "user_id": "u1", "class": "failed",
                    "calendars": 0, "reason": "500", "request_id": "r", "user": "adele"}  # fmt: skip
    assert token == {"schema_version": 1, "type": "result", **TOKEN.as_json()}
    assert end == {"schema_version": 1, "type": "end", "complete": True, "exit_code": 5}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_lines_replace_those_of_an_earlier_run(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_text("old\n" * 99)
    JsonLinesReport(path, show_users=False).close()

    assert path.read_text() == ""


def test_lines_that_cannot_be_written_are_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        JsonLinesReport(tmp_path, show_users=False)

    assert str(refused.value) == f"{tmp_path}: the file cannot be written (Is a directory)"


def test_report_in_a_file_is_told_by_its_option_where_it_cannot_be(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "no" / "report"):
        with pytest.raises(UsageError) as refused:
            FileReport(path, "--html", html)

        repair = "name a file in a directory that exists"
        assert str(refused.value) == f"--html: {path} cannot be written\n  repair: {repair}"


def test_report_that_the_disk_refuses_is_told_with_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, text: str) -> None:
        raise PlatformError(f"cannot be written: {text}")

    monkeypatch.setattr("verify.report.base.write_whole", refuse)
    with pytest.raises(UsageError) as refused:
        FileReport(tmp_path / "report", "--html", lambda *_: "no space left").end(Summary())

    assert str(refused.value) == f"{tmp_path}/report: the report cannot be written: no space left"


class Heard(Report):
    def __init__(self, *, wants_mailboxes: bool) -> None:
        self.wants_mailboxes = wants_mailboxes
        self.told: list[Any] = []

    def __getattribute__(self, name: str) -> Any:
        if name in ("begin", "started", "progress", "mailbox", "finished", "result", "end", "close"):
            return lambda *given: self.told.append((name, *given))
        return super().__getattribute__(name)


def test_several_reports_are_told_everything_in_their_order() -> None:
    some, every = Heard(wants_mailboxes=False), Heard(wants_mailboxes=True)
    target, mailbox, found = Target("t0"), Mailbox("u", MailboxClass.OK), Summary()
    with Reports([some, every]) as reports:
        reports.begin(RUN)
        reports.started(target, 5)
        reports.progress(target, 5, 3)
        reports.mailbox(target, mailbox)
        reports.finished(target)
        reports.result(TOKEN)
        reports.end(found)

    told = [("begin", RUN), ("started", target, 5), ("progress", target, 5, 3), ("mailbox", target, mailbox),
            ("finished", target), ("result", TOKEN), ("end", found), ("close",)]  # fmt: skip
    assert every.told == told
    assert some.told == [each for each in told if each[0] != "mailbox"]


def test_lines_on_standard_output_send_the_console_to_standard_error(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    nowhere: dict[str, Any] = {"junit": None, "html": None, "show_users": False}
    with Reports.of(quiet=False, as_json=False, jsonl=Path("-"), **nowhere) as reports:
        reports.result(TOKEN)
    shown = capfd.readouterr()

    assert json.loads(shown.out)["check"] == "token"
    assert shown.err == "ok      Contoso  token: token told\n"
    with pytest.raises(UsageError) as refused:
        Reports.of(quiet=False, as_json=True, jsonl=Path("-"), **nowhere)
    assert str(refused.value) == "--json, --jsonl -: both would be on standard output\n  repair: name a file"


def test_reports_that_cannot_all_be_made_leave_none_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[JsonLinesReport] = []
    plain = JsonLinesReport.close

    def close(report: JsonLinesReport) -> None:
        closed.append(report)
        plain(report)

    monkeypatch.setattr(JsonLinesReport, "close", close)

    with pytest.raises(UsageError):
        Reports.of(
            quiet=True, as_json=False, jsonl=tmp_path / "l", junit=tmp_path / "no" / "j", html=None, show_users=True
        )

    assert len(closed) == 1


def test_run_is_described_by_its_connector_and_stack() -> None:
    connector = Connector("usgov", "client-1", (), SecretReference("file", "f"), name="Outlook")
    stack = outputs(stack="prod", display_name="Acme Sync", tenant_id="home-1")

    alone, deployed = (describe(Options(each)) for each in (connector, replace(connector, outputs=stack)))

    assert alone == RunDescription("Outlook", "", "client-1", "", "usgov", "", __version__, alone.began)
    expected = RunDescription("Outlook", "Acme Sync", "client-1", "prod", "usgov", "home-1", __version__, NOW)
    assert replace(deployed, began=NOW) == expected
    assert abs((datetime.now(UTC) - alone.began).total_seconds()) < 60
