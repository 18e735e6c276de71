"""Reports of a verification as a whole: every line of a summary, of JUnit, of a console and of a page."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from verify.models import CheckResult, Target, Verdict
from verify.report.console import ConsoleReport
from verify.report.github import _fitting, step_summary
from verify.report.junit import junit, legal
from verify.run_description import RunDescription
from verify.summary import Summary

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
RUN = RunDescription("Outlook", "", "client-1", "prod", "usgov", "", "1.2.3", NOW)
PASS, WARN, SKIP, FAIL, ERROR = Verdict.PASS, Verdict.WARN, Verdict.SKIP, Verdict.FAIL, Verdict.ERROR
MAILBOXES = {"ok": 1200, "no_mailbox": 11, "restricted": 12, "deleted": 5, "failed": 4, "not_read": 2}


def result(check: str, verdict: Verdict, tenant: str = "t0", repair: str = "", **evidence: Any) -> CheckResult:
    name = {"t0": "Contoso", "t1": "Fabrikam"}.get(tenant, tenant)
    return CheckResult(check, verdict, f"{check} told", repair, tenant, name, evidence)  # type: ignore[arg-type]


def summary(*results: CheckResult, run: RunDescription | None = RUN) -> Summary:
    found = Summary(run=run, duration_s=1234.56)
    for each in results:
        found.add(each)
    return found


READ = (
    result("expiry", WARN, "", "orgcal rotate"),
    result("token", PASS, proof="stack"),
    result("users", PASS, listed=1234),
    result("calendars", WARN, calendars=2000, mailboxes=MAILBOXES),
    result("token", FAIL, "t1", "send the link"),
)
FACTS = (
    "connector Outlook · client id client-1 · stack prod · cloud usgov · orgcal 1.2.3 · began 2026-11-23 10:00:00 UTC"
)
CONCLUSION = (
    "1 of 2 organisations verified (1 with a warning), 1 failed, the connector with a warning; a check failed or "
    "could not be decided"
)


def test_summary_of_a_step_is_this_text() -> None:
    assert step_summary(summary(*READ)).splitlines() == [
        "## Calendar access of organisations",
        "",
        CONCLUSION.replace("(", "\\(").replace(")", "\\)"),
        "",
        f"{FACTS} · duration 1,234.6 s",
        "",
        "| organisation | verdict | users | calendars | no mailbox | restricted | failed | proved by |",
        "|---|---|--:|--:|--:|--:|--:|---|",
        "| Fabrikam | ❌ failed | - | - | - | - | - | - |",
        "| Contoso | ⚠️ warning | 1234 | 2000 | 11 | 12 | 4 | the stack's copy of the credential |",
        "",
        "<details><summary>What is not well</summary>",
        "",
        "- ❌ **Fabrikam** token: token told → send the link",
        "- ⚠️ **connector** expiry: expiry told → orgcal rotate",
        "- ⚠️ **Contoso** calendars: calendars told",
        "",
        "</details>",
    ]


@pytest.mark.parametrize(
    ("proof", "words"),
    [
        ("connector", "the connector's own credential"),
        ("platform", "a token of the platform"),
        ("stack", "the stack's copy of the credential"),
        ("given", "the credential given"),
    ],
)
def test_summary_of_a_step_says_what_proved_an_organisation(proof: str, words: str) -> None:
    assert f"| {words} |" in step_summary(summary(result("token", PASS, proof=proof)))


def test_summary_of_a_step_leaves_out_a_run_that_nobody_told() -> None:
    found = summary(run=None)
    found.complete = False

    assert step_summary(found).splitlines() == [
        "## Calendar access of organisations",
        "",
        "interrupted; this is what was found so far",
        "",
        "**interrupted**",
        "",
    ]


def test_summary_of_a_step_gives_half_of_its_room_to_rows_and_a_third_to_details() -> None:
    many = summary(*(replace(result("token", FAIL, f"t{n}"), organisation="z" * 3000) for n in range(300)))

    lines = [f"{line}\n" for line in step_summary(many).splitlines()]

    rows = [line for line in lines if line.startswith("| zzz")]
    details = [line for line in lines if line.startswith("- ❌")]
    assert len(rows) == 450_000 // len(rows[0].encode())
    assert len(details) == 300_000 // len(details[0].encode())


def test_lines_fit_up_to_the_last_byte_and_none_after_one_that_does_not() -> None:
    assert _fitting(["ää", "b"], 5) == ["ää", "b"]
    assert _fitting(["ää", "b"], 4) == ["ää"]
    assert _fitting(["b", "ää", "c"], 4) == ["b"]
    assert len(_fitting(["x"] * 1001, 9999)) == 1000


def test_junit_is_this_text() -> None:
    examples = [{"user_id": "u1", "reason": "500", "request_id": "r"}]
    found = summary(
        result("expiry", WARN, "", "orgcal rotate"),
        result("token", PASS),
        replace(result("calendars", FAIL, repair="look", failed_examples=examples), duration_s=1.5),
    )
    found.complete = False

    assert junit(found, NOW).splitlines() == [
        "<?xml version='1.0' encoding='utf-8'?>",
        '<testsuites name="orgcal verify">',
        '  <testsuite name="connector" tests="1" failures="0" errors="0" skipped="0" time="0.000" '
        'timestamp="2026-11-23T10:00:00">',
        *(facts := [
            "    <properties>",
            '      <property name="connector" value="Outlook" />',
            '      <property name="client id" value="client-1" />',
            '      <property name="stack" value="prod" />',
            '      <property name="cloud" value="usgov" />',
            '      <property name="orgcal" value="1.2.3" />',
            '      <property name="began" value="2026-11-23 10:00:00 UTC" />',
            '      <property name="duration" value="1,234.6 s" />',
            "    </properties>",
        ]),
        '    <testcase classname="connector" name="expiry" time="0.000">',
        "      <system-out>warning: expiry told",
        "orgcal rotate</system-out>",
        "    </testcase>",
        "  </testsuite>",
        '  <testsuite name="Contoso" tests="3" failures="2" errors="0" skipped="0" time="1.500" '
        'timestamp="2026-11-23T10:00:00">',
        *facts,
        '    <testcase classname="Contoso" name="token" time="0.000">',
        "      <system-out>token told</system-out>",
        "    </testcase>",
        '    <testcase classname="Contoso" name="calendars" time="1.500">',
        '      <failure message="calendars told" type="fail">look</failure>',
        "    </testcase>",
        '    <testcase classname="Contoso" name="user u1" time="0.000">',
        '      <failure message="500 (request r)" type="fail" />',
        "    </testcase>",
        "  </testsuite>",
        '  <testsuite name="run" tests="1" failures="0" errors="1" skipped="0" time="0">',
        '    <testcase classname="run" name="complete" time="0">',
        '      <error message="the run was interrupted" type="interrupted" />',
        "    </testcase>",
        "  </testsuite>",
        "</testsuites>",
    ]  # fmt: skip


def test_junit_has_no_suite_of_a_connector_that_nobody_checked() -> None:
    assert 'name="connector"' not in junit(summary(result("token", PASS), run=None), NOW)


def test_characters_that_xml_forbids_are_replaced() -> None:
    assert legal("a\ufffe\U00010000\tb") == "a\ufffd\U00010000\tb"


# --- a console ---


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Terminal]:
    monkeypatch.setenv("TERM", "xterm")
    for name in ("CI", "NO_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    return Terminal


def plain(text: str) -> str:
    """What is left of a text without its colours and movements."""
    return re.sub(r"\x1b\[[0-9?;]*[a-zA-Z]", "", text)


def test_console_prints_these_lines() -> None:
    out = io.StringIO()
    report, found = ConsoleReport(out=out), summary(*READ)
    report.begin(RUN)
    for each in found.results:
        report.result(each)
    report.end(found)

    assert out.getvalue().splitlines() == [
        FACTS.replace(" · ", ", "),
        "warning connector  expiry: expiry told",
        "        → orgcal rotate",
        "ok      Contoso  token: token told",
        "ok      Contoso  users: users told",
        "warning Contoso  calendars: calendars told",
        "failed  Fabrikam  token: token told",
        "        → send the link",
        "",
        "organisation  verdict  users  calendars  no mailbox  restricted  deleted  failed  not read",
        "Contoso       warning  1,234      2,000          11          12        5       4         2",
        "Fabrikam      failed       -          -           -           -        -       -         -",
        "verified in 1,234.6 s",
        CONCLUSION,
    ]


def test_console_that_is_quiet_tells_nothing_of_the_run_and_no_table() -> None:
    out = io.StringIO()
    report, found = ConsoleReport(quiet=True, out=out), summary(result("token", PASS), result("users", SKIP))
    report.begin(RUN)
    for each in found.results:
        report.result(each)
    report.end(found)

    assert out.getvalue() == "1 of 1 organisation verified\n"


def test_console_of_nothing_has_no_table() -> None:
    out = io.StringIO()
    ConsoleReport(out=out).end(summary(run=None))

    assert out.getvalue().startswith("nothing was checked: ")


def test_console_that_is_no_terminal_breaks_no_sentence_and_cuts_a_table_at_200_columns() -> None:
    out = io.StringIO()
    report = ConsoleReport(out=out)
    long = replace(result("token", PASS), sentence="x " * 300, organisation="y" * 300)
    report.result(long)
    report.end(summary(long, run=None))

    sentence, _, _, row, _ = out.getvalue().splitlines()
    assert sentence == f"ok      {'y' * 300}  token: {'x ' * 300}"
    assert (len(row), row[:100]) == (200, "y" * 100)


def test_console_on_a_terminal_colours_verdicts_and_nothing_else(terminal: Callable[[], Terminal]) -> None:
    out = terminal()
    report = ConsoleReport(out=out)
    report.result(replace(result("token", PASS), sentence="5 users of 127.0.0.1"))
    report.end(summary(result("token", PASS), run=None))

    lines = out.getvalue().splitlines()
    assert lines[0] == "\x1b[32mok     \x1b[0m Contoso  token: 5 users of 127.0.0.1"
    assert lines[2].startswith("\x1b[1morganisation")
    assert lines[-1] == "\x1b[32mall checks passed\x1b[0m"


def test_progress_is_a_line_for_each_organisation_that_goes_when_it_is_over(terminal: Callable[[], Terminal]) -> None:
    out, shown = io.StringIO(), terminal()
    report = ConsoleReport(out=out, progress=shown)
    report.started(Target("t0", "Contoso [1]"), None)
    report.started(Target("t0", "Contoso [1]"), 57)
    report.progress(Target("t0"), 99, 44)
    report.started(Target("t1"), 9)
    report.progress(Target("unknown"), 99, 9)
    report.result(result("token", PASS))
    frames = plain(shown.getvalue()).replace("\r", "\n").split("\n")
    report.finished(Target("t0"))
    report.finished(Target("unknown"))
    at_end = len(shown.getvalue())
    report.close()
    report.close()
    left = plain(shown.getvalue()[at_end:])

    assert [line for line in frames if re.fullmatch(r"Contoso \[1\] [━╸╺ ]{40} +44/57 users 0:00:0\d", line)]
    assert [line for line in frames if re.fullmatch(r"t1 +[━╸╺ ]{40} +0/9 +users 0:00:0\d", line)]
    assert "Contoso" not in left
    assert out.getvalue() == "ok      Contoso  token: token told\n"
    assert shown.getvalue().endswith("\x1b[1A\x1b[2K"), "the last line is taken away"


def test_console_that_is_over_takes_its_progress_away_before_the_table(terminal: Callable[[], Terminal]) -> None:
    shown = terminal()
    report = ConsoleReport(out=shown, progress=shown)
    report.started(Target("t0", "Contoso"), 57)
    report.end(summary(result("token", PASS)))

    progress, _, table = shown.getvalue().rpartition("\x1b[1A\x1b[2K")
    assert "0/57" in progress
    assert "organisation" in plain(table)
    assert "0/57" not in table


@pytest.mark.parametrize(
    ("verdict", "symbol", "colour"),
    [(PASS, "✅", "32"), (WARN, "⚠️", "33"), (SKIP, "⏭️", "2"), (FAIL, "❌", "1;31"), (ERROR, "❓", "1;35")],
)
def test_each_verdict_has_its_symbol_and_its_colour(
    terminal: Callable[[], Terminal], verdict: Verdict, symbol: str, colour: str
) -> None:
    out, found = terminal(), result("token", verdict)
    ConsoleReport(out=out).result(found)

    assert out.getvalue().startswith(f"\x1b[{colour}m{verdict.word:<7}\x1b[0m Contoso")
    assert f"| Contoso | {symbol} {verdict.word} |" in step_summary(summary(found))
