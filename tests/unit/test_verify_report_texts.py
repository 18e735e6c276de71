"""The words of reports, as people read them on a console, in a summary of a step and in a viewer of JUnit."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest

from orgcal.errors import UsageError
from verify.models import CheckResult, Mailbox, MailboxClass, Target, Verdict
from verify.report.console import ConsoleReport
from verify.report.github import MAX_ROWS, github_report, step_summary, worst_annotations
from verify.report.junit import junit
from verify.report.machine import JsonLinesReport, JsonReport
from verify.run_description import RunDescription
from verify.summary import Summary

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
RUN = RunDescription("Outlook", "Acme Sync", "client-1", "prod", "usgov", "home-1", "1.2.3", NOW)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def summary_of(*results: CheckResult) -> Summary:
    summary = Summary()
    for result in results:
        summary.add(result)
    return summary


def of_contoso(check: str, verdict: Verdict, sentence: str = "", repair: str = "", **evidence: object) -> CheckResult:
    return CheckResult(check, verdict, sentence, repair, "t0", "Contoso", evidence)  # type: ignore[arg-type]


READ = summary_of(
    of_contoso("token", Verdict.PASS, "given", proof="stack"),
    of_contoso("users", Verdict.PASS, "1,234 users listed", listed=1234),
    of_contoso(
        "calendars",
        Verdict.WARN,
        "some",
        calendars=2000,
        mailboxes={"ok": 1200, "no_mailbox": 11, "restricted": 12, "deleted": 5, "failed": 4, "not_read": 2},
    ),
)


def test_labels_of_a_run_are_the_terms_that_its_settings_use() -> None:
    assert dict(RUN.labelled(1234.56)) == {
        "connector": "Outlook",
        "application": "Acme Sync",
        "client id": "client-1",
        "stack": "prod",
        "cloud": "usgov",
        "home tenant": "home-1",
        "orgcal": "1.2.3",
        "began": "2026-11-23 10:00:00 UTC",
        "duration": "1,234.6 s",
    }


def test_run_as_json_has_a_key_for_each_fact() -> None:
    assert RUN.as_json() == {
        "connector": "Outlook",
        "application": "Acme Sync",
        "client_id": "client-1",
        "stack": "prod",
        "cloud": "usgov",
        "home_tenant": "home-1",
        "version": "1.2.3",
        "began": "2026-11-23T10:00:00Z",
    }
    unknown = RunDescription("", "", "c", "", "public", "", "1", NOW).as_json()
    assert [key for key, value in unknown.items() if value is None] == [
        "connector",
        "application",
        "stack",
        "home_tenant",
    ]


def test_console_table_names_each_column_in_words_and_counts_below_it() -> None:
    out = io.StringIO()
    ConsoleReport(out=out).end(READ)

    head, row = out.getvalue().splitlines()[1:3]
    assert head.split("  ")[0] == "organisation"
    columns = [cell.strip() for cell in head.split("  ") if cell.strip()]
    assert columns == [
        "organisation",
        "verdict",
        "users",
        "calendars",
        "no mailbox",
        "restricted",
        "deleted",
        "failed",
        "not read",
    ]
    assert row.split() == ["Contoso", "warning", "1,234", "2,000", "11", "12", "5", "4", "2"]


def test_console_table_has_no_column_for_mailboxes_not_read_where_all_were() -> None:
    out = io.StringIO()
    ConsoleReport(out=out).end(summary_of(of_contoso("users", Verdict.PASS, "1", listed=1)))

    assert "not read" not in out.getvalue()


def test_console_tells_the_run_at_its_beginning_and_its_time_at_the_end() -> None:
    out = io.StringIO()
    report = ConsoleReport(out=out)
    report.begin(RUN)
    READ.run, READ.duration_s = RUN, 1234.56
    report.end(READ)
    READ.run = None

    lines = out.getvalue().splitlines()
    assert lines[0].startswith("connector Outlook, application Acme Sync, client id client-1, stack prod")
    assert "verified in 1,234.6 s" in lines


def test_console_names_the_connector_where_a_result_is_of_no_organisation_and_repairs_nothing_that_passed() -> None:
    out = io.StringIO()
    report = ConsoleReport(out=out)
    report.result(CheckResult("expiry", Verdict.PASS, "lasts", "nothing to do"))
    report.result(CheckResult("expiry", Verdict.SKIP, "never", "look"))

    assert out.getvalue().splitlines() == [
        "ok      connector  expiry: lasts",
        "skipped connector  expiry: never",
        "        → look",
    ]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("TERM", "xterm")
    for name in ("CI", "NO_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    return Terminal()


def test_console_on_a_terminal_shows_how_many_of_the_users_were_read(terminal: Terminal) -> None:
    report = ConsoleReport(out=io.StringIO(), progress=terminal)
    target = Target("t0", "Contoso")
    report.started(target, None)
    report.started(target, 57)
    report.progress(target, 57, 23)
    report.progress(target, 57, 44)
    report.close()

    shown = terminal.getvalue()
    assert "Contoso" in shown
    assert "44/57" in shown
    assert "users" in shown


def test_console_on_a_terminal_shows_nothing_of_an_organisation_that_is_done(terminal: Terminal) -> None:
    report = ConsoleReport(out=io.StringIO(), progress=terminal)
    report.started(Target("t0"), 57)
    report.finished(Target("t0"))
    report.finished(Target("t0"))
    report.progress(Target("t0"), 57, 44)
    report.close()

    assert "44/57" not in terminal.getvalue()


@pytest.mark.parametrize(("name", "value"), [("TERM", "dumb"), ("CI", "true")])
def test_console_shows_no_progress_where_nobody_could_see_it(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    report = ConsoleReport(out=io.StringIO(), progress=terminal)
    report.started(Target("t0"), 5)
    report.progress(Target("t0"), 5, 5)
    report.finished(Target("t0"))
    report.close()

    assert terminal.getvalue() == ""


def test_console_that_is_quiet_shows_no_progress(terminal: Terminal) -> None:
    report = ConsoleReport(quiet=True, out=io.StringIO(), progress=terminal)
    report.started(Target("t0"), 5)
    report.close()

    assert terminal.getvalue() == ""


def test_step_summary_shows_each_number_of_an_organisation_and_what_proved_it() -> None:
    text = step_summary(READ)

    assert "| organisation | verdict | users | calendars | no mailbox | restricted | failed | proved by |" in text
    assert "| Contoso | ⚠️ warning | 1234 | 2000 | 11 | 12 | 4 | the stack's copy of the credential |" in text
    assert "- ⚠️ **Contoso** calendars: some\n" in text
    assert "interrupted" not in text


def test_step_summary_that_shows_everything_speaks_of_no_more() -> None:
    text = step_summary(READ)

    assert "What is not well" in text
    assert "in the full report" not in text


def test_step_summary_says_how_many_details_it_leaves_out() -> None:
    many = summary_of(
        *(CheckResult("token", Verdict.FAIL, "x", "", f"t{number}", "Org") for number in range(MAX_ROWS + 7))
    )

    text = step_summary(many)

    assert "- 7 more are in the full report\n" in text
    assert "\n7 more organisations are in the full report.\n" in text
    assert text.count("- ❌ **Org** token: x\n") == MAX_ROWS


def test_step_summary_of_a_run_where_all_is_well_has_no_details() -> None:
    assert "<details>" not in step_summary(summary_of(of_contoso("token", Verdict.PASS, "given")))


def test_annotation_of_a_warning_is_one_and_tells_the_repair() -> None:
    found = worst_annotations(
        summary_of(
            CheckResult("expiry", Verdict.WARN, "ends soon", "orgcal rotate"),
            of_contoso("token", Verdict.ERROR, "who knows"),
        )
    )

    assert found == [
        ("error", "Contoso: token", "who knows"),
        ("warning", "connector: expiry", "ends soon → orgcal rotate"),
    ]


def test_github_report_appends_to_the_summary_of_the_step_and_annotates_beside_standard_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "summary.md"
    path.write_text("before\n")
    report = github_report({"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(path)})
    assert report is not None
    report.end(READ)

    assert path.read_text(encoding="utf-8").startswith("before\n## Calendar access of organisations\n\n")
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "::warning title=Contoso%3A calendars::some" in shown.err


def cases(summary: Summary) -> dict[str, ElementTree.Element]:
    """The cases of a report by their names."""
    return {case.get("name", ""): case for case in ElementTree.fromstring(junit(summary, NOW)).iter("testcase")}


def test_junit_says_what_a_warning_is_about_and_the_plain_sentence_of_what_passed() -> None:
    found = cases(
        summary_of(
            of_contoso("roles", Verdict.WARN, "more than declared", "take it back"),
            of_contoso("token", Verdict.PASS, "given"),
        )
    )

    assert found["roles"].findtext("system-out") == "warning: more than declared\ntake it back"
    assert found["token"].findtext("system-out") == "given"
    assert list(cases(summary_of(of_contoso("token", Verdict.PASS)))["token"]) == []


def test_junit_tells_sentence_and_repair_of_what_is_not_well() -> None:
    found = cases(
        summary_of(
            of_contoso("token", Verdict.FAIL, "refused", "orgcal rotate"),
            of_contoso("users", Verdict.ERROR, "nobody knows", "later"),
            of_contoso("roles", Verdict.SKIP, "not looked at", "look"),
        )
    )

    said = {
        name: [(child.tag, child.get("message"), child.get("type"), child.text) for child in case]
        for name, case in found.items()
    }
    assert said == {
        "token": [("failure", "refused", "fail", "orgcal rotate")],
        "users": [("error", "nobody knows", "error", "later")],
        "roles": [("skipped", "not looked at", "skip", "look")],
    }
    assert {case.get("classname") for case in found.values()} == {"Contoso"}


def test_junit_tells_times_and_facts_of_a_suite() -> None:
    timed = CheckResult("calendars", Verdict.PASS, "read", "", "t0", "Contoso", duration_s=1.2345)
    summary = summary_of(CheckResult("expiry", Verdict.PASS, "lasts"), of_contoso("users", Verdict.PASS, "3"), timed)
    summary.run = RUN

    root = ElementTree.fromstring(junit(summary, NOW))

    assert (root.tag, root.get("name")) == ("testsuites", "orgcal verify")
    assert [suite.get("name") for suite in root] == ["connector", "Contoso"]
    assert (root[1].get("time"), root[1].get("timestamp")) == ("1.234", "2026-11-23T10:00:00")
    assert [case.get("time") for case in root[1].iter("testcase")] == ["0.000", "1.234"]
    facts = {item.get("name"): item.get("value") for item in root[1].iter("property")}
    assert (facts["stack"], facts["client id"]) == ("prod", "client-1")
    assert not list(ElementTree.fromstring(junit(READ, NOW)).iter("properties"))


def test_junit_has_a_failed_case_for_each_user_that_failed_with_reason_and_request() -> None:
    examples = [
        {"user_id": "u1", "reason": "500 x", "request_id": "r1"},
        {"user_id": "u2", "reason": "503", "request_id": ""},
    ]
    found = cases(summary_of(of_contoso("calendars", Verdict.FAIL, "2 failed", failed_examples=examples)))

    messages = {name: case[0].get("message") for name, case in found.items() if name.startswith("user")}
    assert messages == {"user u1": "500 x (request r1)", "user u2": "503 (request without id)"}
    assert {case[0].tag for case in found.values()} == {"failure"}


def test_junit_of_an_interrupted_run_counts_the_error_of_its_own_suite() -> None:
    summary = summary_of(of_contoso("token", Verdict.PASS, "given"))
    summary.complete = False

    run = ElementTree.fromstring(junit(summary, NOW))[-1]

    assert [run.get(name) for name in ("name", "tests", "failures", "errors", "skipped")] == ["run", "1", "0", "1", "0"]
    assert [(case.get("name"), case[0].get("message")) for case in run] == [("complete", "the run was interrupted")]


def test_json_lines_tell_what_is_known_of_a_user_and_how_the_run_ended(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    with JsonLinesReport(path, show_users=False) as report:
        target = Target("t0", "Contoso")
        report.mailbox(target, Mailbox("u1", MailboxClass.OK, 2))
        report.mailbox(target, Mailbox("u2", MailboxClass.FAILED, 0, "500 x", "r1"))
        report.result(of_contoso("token", Verdict.PASS, "given"))
        READ.run, READ.duration_s = RUN, 1.23456
        report.end(READ)
        READ.run = None

    read, failed, result, run, end = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    assert read == {
        "schema_version": 1,
        "type": "mailbox",
        "tenant_id": "t0",
        "user_id": "u1",
        "class": "ok",
        "calendars": 2,
    }
    assert {name: failed[name] for name in ("class", "reason", "request_id")} == {
        "class": "failed",
        "reason": "500 x",
        "request_id": "r1",
    }
    assert (result["type"], result["check"], result["sentence"]) == ("result", "token", "given")
    assert (run["type"], run["stack"], run["duration_s"]) == ("run", "prod", 1.235)
    assert end == {"schema_version": 1, "type": "end", "complete": True, "exit_code": 0}


def test_json_lines_into_a_folder_are_refused_before_the_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        JsonLinesReport(tmp_path, show_users=False)


def test_json_report_is_one_object_with_null_for_what_nobody_looked_at(capsys: pytest.CaptureFixture[str]) -> None:
    summary = summary_of(of_contoso("token", Verdict.SKIP, "invited"))
    JsonReport().end(summary)

    told = json.loads(capsys.readouterr().out)
    assert (told["schema_version"], told["run"], told["complete"], told["exit_code"]) == (1, None, True, 5)
    (organisation,) = told["organisations"]
    assert [organisation[name] for name in ("tenant_id", "organisation", "verdict", "proof")] == [
        "t0",
        "Contoso",
        "skipped",
        None,
    ]
    assert [organisation[name] for name in ("users", "calendars", "mailboxes")] == [None, None, None]


def test_summary_of_github_shows_markup_in_a_name_as_text() -> None:
    told = step_summary(summary_of(of_contoso("token", Verdict.FAIL, "<img src=x> & |b|")))

    assert "&lt;img src=x&gt; & \\|b\\|" in told
    assert "<img" not in told
