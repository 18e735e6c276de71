"""What reports make of results: exit codes, JUnit, GitHub, HTML, and nothing that does not belong there."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgcal.errors import UsageError
from verify.models import CheckResult, Mailbox, MailboxClass, Target, Verdict
from verify.report import Reports
from verify.report.base import FileReport
from verify.report.console import ConsoleReport
from verify.report.github import MAX_SUMMARY_BYTES, github_report, step_summary, worst_annotations
from verify.report.html import html
from verify.report.junit import junit
from verify.report.machine import JsonLinesReport
from verify.run_description import RunDescription
from verify.summary import Summary, conclusion, exit_code, worst

PASS, WARN, SKIP, FAIL, ERROR = Verdict.PASS, Verdict.WARN, Verdict.SKIP, Verdict.FAIL, Verdict.ERROR
NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


def summary_of(*organisations: dict[str, Verdict], deployment: dict[str, Verdict] | None = None) -> Summary:
    """Organisations by the verdicts of their checks."""
    summary = Summary()
    for check, verdict in (deployment or {}).items():
        summary.add(CheckResult(check, verdict, f"{check} was {verdict}"))  # type: ignore[arg-type]
    for number, verdicts in enumerate(organisations):
        for check, verdict in verdicts.items():
            evidence = {}
            if check == "users" and verdict in (PASS, WARN):
                evidence = {"listed": 3}
            elif check == "users" and verdict is ERROR:
                evidence = {"nobody": True}
            summary.add(
                CheckResult(check, verdict, f"{check} was {verdict}", "do", f"t{number}", f"Org {number}", evidence)  # type: ignore[arg-type]
            )
    return summary


GOOD = {"tenant": PASS, "token": PASS, "roles": PASS, "users": PASS, "calendars": PASS}
REFUSED = {"tenant": PASS, "token": FAIL, "roles": SKIP, "users": SKIP, "calendars": SKIP}
INVITED = {"token": SKIP}
EMPTY = {**GOOD, "users": ERROR, "calendars": ERROR}


@pytest.mark.parametrize(
    ("organisations", "deployment", "code"),
    [
        ([GOOD], {}, 0),
        ([{**GOOD, "roles": WARN}], {}, 0),
        ([GOOD, INVITED], {}, 0),
        ([], {}, 5),
        ([INVITED, INVITED], {}, 5),
        ([EMPTY], {}, 5),
        ([EMPTY, GOOD], {}, 1),
        ([{**EMPTY, "roles": FAIL}], {}, 1),
        ([REFUSED, REFUSED], {}, 4),
        ([REFUSED, GOOD], {}, 1),
        ([REFUSED, INVITED], {}, 4),
        ([{**GOOD, "calendars": FAIL}], {}, 1),
        ([{**GOOD, "calendars": ERROR}], {}, 1),
        ([GOOD], {"expiry": FAIL}, 1),
        ([GOOD], {"expiry": WARN}, 0),
        ([], {"agreement": FAIL}, 5),
    ],
)
def test_exit_code_follows_from_the_verdicts(
    organisations: list[dict[str, Verdict]], deployment: dict[str, Verdict], code: int
) -> None:
    assert exit_code(summary_of(*organisations, deployment=deployment)) == code


def test_exit_code_of_an_interrupted_run_is_130() -> None:
    summary = summary_of(GOOD)
    summary.complete = False
    assert exit_code(summary) == 130


@pytest.mark.parametrize(
    ("organisations", "why"),
    [
        ([], "no organisation is known; add one with orgcal tenants add, or name it with --tenant"),
        ([{"token": Verdict.SKIP}], "no organisation has consented yet"),
    ],
)
def test_conclusion_of_nothing_checked_says_why(organisations: list[dict[str, Verdict]], why: str) -> None:
    assert conclusion(summary_of(*organisations)) == f"nothing was checked: {why}"


def test_worst_of_nothing_is_skip() -> None:
    assert worst([]) is SKIP
    assert worst([PASS, WARN, ERROR, FAIL]) is FAIL


def test_junit_counts_failures_errors_and_skips_per_organisation() -> None:
    root = ElementTree.fromstring(junit(summary_of(GOOD, REFUSED, {**GOOD, "calendars": ERROR}), NOW))

    attributes = ("name", "tests", "failures", "errors", "skipped")
    assert [tuple(suite.get(name) for name in attributes) for suite in root] == [
        ("Org 0", "5", "0", "0", "0"),
        ("Org 1", "5", "1", "0", "3"),
        ("Org 2", "5", "0", "1", "0"),
    ]


def test_junit_of_an_interrupted_run_has_an_error() -> None:
    summary = summary_of(GOOD)
    summary.complete = False

    assert ElementTree.fromstring(junit(summary, NOW)).find("./testsuite[@name='run']/testcase/error") is not None


def test_junit_has_a_case_for_failed_users_up_to_a_cap() -> None:
    examples = [{"user_id": f"u{n}", "reason": "500 x", "request_id": ""} for n in range(500)]
    summary = Summary()
    summary.add(CheckResult("calendars", FAIL, "500 failed", "", "t", "Org", {"failed_examples": examples}))

    suite = ElementTree.fromstring(junit(summary, NOW))[0]

    assert suite.get("tests") == "101"


@given(st.text())
def test_junit_with_any_text_is_well_formed(text: str) -> None:
    summary = Summary()
    summary.add(CheckResult("token", FAIL, text, text, "t", text))
    ElementTree.fromstring(junit(summary, NOW).encode("utf-8", "surrogatepass").decode("utf-8", "replace"))


def test_annotations_are_at_most_ten_worst_first_and_a_line_each() -> None:
    summary = Summary()
    for number in range(30):
        verdict = WARN if number < 20 else FAIL
        summary.add(CheckResult("token", verdict, "50 %\nof: it", "", f"t{number}", f"A, {number}"))

    lines = worst_annotations(summary)

    assert len(lines) == 10
    assert lines[0] == ("error", "A, 20: token", "50 %\\u000aof: it")
    assert {kind for kind, _, _ in lines} == {"error"}


def test_step_summary_never_exceeds_what_github_takes() -> None:
    summary = Summary()
    for number in range(3000):
        summary.add(CheckResult("token", FAIL, "x" * 1000, "y" * 1000, f"t{number}", "z" * 200))

    assert len(step_summary(summary).encode()) <= MAX_SUMMARY_BYTES


def test_step_summary_of_many_shows_the_worst_and_says_how_many_more() -> None:
    summary = summary_of(*[GOOD] * 1500, {**GOOD, "calendars": FAIL})

    text = step_summary(summary)

    assert "| Org 1500 | ❌ failed |" in text.splitlines()[6]
    assert "501 more organisations are in the full report" in text


def test_step_summary_of_an_interrupted_run_says_so() -> None:
    summary = summary_of(GOOD)
    summary.complete = False

    assert "**interrupted**" in step_summary(summary)


def test_numbers_of_an_organisation_that_nobody_read_are_shown_as_such() -> None:
    out = io.StringIO()
    summary = summary_of(GOOD, INVITED, EMPTY)
    ConsoleReport(out=out).end(summary)

    rows = [line.split() for line in out.getvalue().splitlines() if line.startswith("Org")]
    assert [row[3] for row in rows] == ["3", "-", "0"]
    assert [organisation["users"] for organisation in summary.as_json()["organisations"]] == [3, None, 0]
    assert "| Org 1 | ⏭️ skipped | - | - | - | - | - | - |" in step_summary(summary)


def test_step_summary_lets_no_text_become_markup() -> None:
    summary = Summary()
    summary.add(CheckResult("token", FAIL, "<img src=x> | [a](b)", "", "t", "Evil | <b>"))

    text = step_summary(summary)

    assert "<img" not in text
    assert "<b>" not in text
    assert "\\|" in text


def test_github_report_is_made_in_actions_only() -> None:
    assert github_report({}) is None
    assert github_report({"GITHUB_ACTIONS": "true"}) is not None


def rich_summary() -> Summary:
    summary = summary_of(GOOD, REFUSED, deployment={"expiry": WARN})
    mailboxes = dict.fromkeys((item.value for item in MailboxClass), 0)
    batch_ms = {"p50": 20.0, "p95": 40.0, "buckets": [[10.0, 3], [20.0, 5], [40.0, 2]]}
    evidence = {
        "calendars": 7,
        "mailboxes": {**mailboxes, "ok": 2, "failed": 1},
        "batch_ms": batch_ms,
        "refusals": {"application access policy": 1200, "no mailbox": 3},
        "failed_examples": [{"user_id": "u<1>", "reason": "500 <script>", "request_id": "r"}],
    }
    summary.add(CheckResult("calendars", FAIL, "1 mailbox <b>failed</b>", "see", "t0", "Org 0", evidence))
    return summary


def test_html_is_one_file_without_outside_references_or_scripts() -> None:
    page = html(rich_summary(), NOW)

    assert not re.search(r"(?i)<script|<link|@import|url\(|src\s*=|https?://", page)
    assert "500 &lt;script&gt;" in page
    assert "<td>application access policy</td><td>1,200</td>" in page
    assert "Get-ApplicationAccessPolicy" in page
    assert "&lt;b&gt;failed&lt;/b&gt;" in page
    assert 'aria-label="Users of Org 0: 2 read, 1 failed"' in page
    assert "half within 20.0 milliseconds" in page


def test_html_of_nothing_says_so() -> None:
    page = html(Summary(), NOW)
    assert "No organisation was checked." in page
    assert "nothing was checked" in page


def test_html_is_balanced() -> None:
    page = html(rich_summary(), NOW)
    for tag in ("article", "table", "tr", "td", "svg", "main", "details", "dl"):
        assert len(re.findall(f"<{tag}[ >]", page)) == page.count(f"</{tag}>"), tag


def test_console_without_a_terminal_prints_plain_lines() -> None:
    out, progress = io.StringIO(), io.StringIO()
    report = ConsoleReport(out=out, progress=progress)
    summary = rich_summary()
    report.started(Target("t0", "Org [0]"), 3)
    for result in summary.results:
        report.result(result)
    report.end(summary)

    text = out.getvalue()
    assert "\x1b" not in text
    assert "failed  Org 0  calendars: 1 mailbox <b>failed</b>" in text
    assert "→ do" in text
    assert text.rstrip().endswith("a check failed or could not be decided")
    assert progress.getvalue() == ""


def test_console_that_is_quiet_prints_what_is_not_well() -> None:
    out = io.StringIO()
    report = ConsoleReport(quiet=True, out=out)
    summary = summary_of(GOOD, {**GOOD, "roles": WARN})
    for result in summary.results:
        report.result(result)
    report.end(summary)

    assert out.getvalue().splitlines() == [
        "warning Org 1  roles: roles was warn",
        "        → do",
        "2 of 2 organisations verified (1 with a warning)",
    ]


@pytest.mark.parametrize("show_users", [True, False])
def test_json_lines_name_users_only_where_asked(tmp_path: Path, show_users: bool) -> None:
    path = tmp_path / "details.jsonl"
    report = JsonLinesReport(path, show_users=show_users)
    report.mailbox(Target("t", "Org"), Mailbox("u1", MailboxClass.OK, 2, name="adele@contoso.example"))
    report.end(Summary())
    report.close()

    first = json.loads(path.read_text().splitlines()[0])
    assert first.get("user") == ("adele@contoso.example" if show_users else None)
    assert path.stat().st_mode & 0o777 == 0o600


def test_reports_tell_single_users_only_to_those_who_want_them(tmp_path: Path) -> None:
    assert not Reports([ConsoleReport(out=io.StringIO())]).wants_mailboxes
    with JsonLinesReport(tmp_path / "d", show_users=False) as lines:
        assert Reports([lines]).wants_mailboxes


def test_report_in_a_file_replaces_or_leaves(tmp_path: Path) -> None:
    path = tmp_path / "report"
    FileReport(path, "--html", lambda *_: "one").end(Summary())
    FileReport(path, "--html", lambda *_: "two").end(Summary())

    assert path.read_text() == "two"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(UsageError, match="cannot be written"):
        FileReport(tmp_path / "no" / "report", "--html", html)
    with pytest.raises(UsageError, match="cannot be written"):
        FileReport(tmp_path, "--html", html)


RUN = RunDescription("Outlook <Admin>", "Acme Sync", "client-1", "prod", "usgov", "home-1", "1.2.3", NOW)
TOLD = ("Acme Sync", "client-1", "prod", "usgov", "home-1", "1.2.3", "12.5 s")


def test_every_report_names_what_was_verified_and_when(tmp_path: Path) -> None:
    summary = rich_summary()
    summary.run, summary.duration_s = RUN, 12.5
    out, path = io.StringIO(), tmp_path / "d.jsonl"
    for report in (ConsoleReport(out=out), JsonLinesReport(path, show_users=False)):
        report.begin(RUN)
        report.end(summary)
        report.close()

    texts = [out.getvalue(), html(summary, NOW), junit(summary, NOW), step_summary(summary).replace("\\", "")]
    for text in texts:
        assert all(part in text for part in TOLD), text[:2000]
        assert f"{NOW:%Y-%m-%d %H:%M}" in text
    assert "Outlook &lt;Admin&gt;" in texts[1]
    line = json.loads(path.read_text().splitlines()[-2])
    assert (line["type"], line["client_id"], line["home_tenant"]) == ("run", "client-1", "home-1")
    told = summary.as_json()["run"]
    assert (told["stack"], told["version"], told["duration_s"]) == ("prod", "1.2.3", 12.5)


def test_report_of_a_run_without_a_stack_leaves_out_what_nobody_knows() -> None:
    run = replace(RUN, stack="", application="", home_tenant="")

    assert list(run.labelled()) == ["connector", "client id", "cloud", "orgcal", "began"]
    assert run.as_json()["stack"] is None


@pytest.mark.parametrize(
    ("organisations", "deployment", "says"),
    [
        ([GOOD, GOOD], {}, "all checks passed"),
        ([GOOD, GOOD, INVITED], {}, "2 of 3 organisations verified, 1 waits for consent"),
        ([GOOD, INVITED, INVITED], {}, "1 of 3 organisations verified, 2 wait for consent"),
        ([GOOD], {"expiry": WARN}, "1 of 1 organisation verified, the connector with a warning"),
        ([{**GOOD, "roles": WARN}], {}, "1 of 1 organisation verified (1 with a warning)"),
        (
            [GOOD, {**GOOD, "calendars": FAIL}, {**GOOD, "calendars": ERROR}],
            {},
            "1 of 3 organisations verified, 1 failed, 1 could not be decided; a check failed or could not be decided",
        ),
    ],
)
def test_conclusion_is_that_all_passed_only_where_all_did(
    organisations: list[dict[str, Verdict]], deployment: dict[str, Verdict], says: str
) -> None:
    summary = summary_of(*organisations, deployment=deployment)

    assert conclusion(summary) == says
    tone = {"all checks passed": PASS}.get(says, FAIL if "failed" in says else WARN)
    assert f'class="conclusion {tone}"' in html(summary, NOW)
