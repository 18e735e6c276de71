"""`-q` hides progress and no warning, `-v` shows traces, `--json` prints one object whatever happens."""

from __future__ import annotations

import io
import json

import pytest

from orgcal import cli
from orgcal.cli import grammar
from orgcal.cli.common import begin_output, print_error, print_result, progress_lines
from orgcal.cli.progress import StepPrinter
from orgcal.printable import counted
from orgcal.stack.runner import EngineStep

NOWHERE = ("status", "-s", "nowhere")


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """Exit code of a line that is typed."""
    monkeypatch.setattr("sys.argv", ["orgcal", *words])
    with pytest.raises(SystemExit) as exited:
        cli.main()
    assert isinstance(exited.value.code, int)
    return exited.value.code


@pytest.mark.parametrize("words", [("-q", *NOWHERE), (*NOWHERE, "-q"), (*NOWHERE, "--quiet")])
def test_quiet_hides_progress_and_leaves_warnings_and_errors(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    assert run(monkeypatch, *words) == 2
    assert "there is no stack 'nowhere' here" in capsys.readouterr().err
    stream = io.StringIO()
    with StepPrinter(stream=stream) as printer:
        printer(EngineStep("create", "azuread:index/application:Application", "calendar", done=True))
        printer(EngineStep("warning", "", "it costs consents", done=True))
    progress_lines(as_json=False)("working")

    assert stream.getvalue() == "  warning it costs consents\n"
    assert capsys.readouterr().out == ""
    grammar.begin_line()
    progress_lines(as_json=False)("working")
    assert capsys.readouterr().out == "working\n"


@pytest.mark.parametrize("words", [("-v", *NOWHERE), (*NOWHERE, "--verbose")])
def test_verbose_shows_the_trace_of_a_refusal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    monkeypatch.setenv("ORGCAL_DEBUG", "")

    assert run(monkeypatch, *NOWHERE) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert run(monkeypatch, *words) == 2
    told = capsys.readouterr().err
    assert told.startswith("Traceback (most recent call last):\n")
    assert "\norgcal: " in told


def test_refusal_is_one_object_with_its_sentence_on_standard_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, *NOWHERE, "--json") == 2

    told = capsys.readouterr()
    error = json.loads(told.out)["error"]
    assert error["kind"] == "usage"
    assert told.err == f"orgcal: {error['where']}: {error['what']}\n  repair: {error['repair']}\n"


def test_object_that_was_printed_already_is_the_only_one(capsys: pytest.CaptureFixture[str]) -> None:
    begin_output()
    print_result({"changes": {}}, (), as_json=True)
    print_error({"kind": "usage", "what": "", "where": "", "repair": ""})

    assert json.loads(capsys.readouterr().out) == {"schema_version": 1, "ok": True, "changes": {}}
    begin_output()
    print_error({"kind": "usage", "what": "", "where": "", "repair": ""})
    assert json.loads(capsys.readouterr().out)["ok"] is False


@pytest.mark.parametrize(
    ("number", "words", "said"),
    [
        (0, ("organisation",), "0 organisations"),
        (1, ("organisation",), "1 organisation"),
        (1200, ("organisation",), "1,200 organisations"),
        (1, ("secret or certificate", "secrets and certificates"), "1 secret or certificate"),
        (2, ("mailbox", "mailboxes"), "2 mailboxes"),
    ],
)
def test_counts_agree_in_number(number: int, words: tuple[str, ...], said: str) -> None:
    assert counted(number, *words) == said
