"""One grammar for all commands: what their help shows, which options each takes, and what a mistyped line is told."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

import pytest
import typer
from typer.core import TyperArgument, TyperGroup, TyperOption

from orgcal import cli
from orgcal.cli import whole_app
from orgcal.cli.common import colours_wanted, print_lines
from orgcal.cli.examples import EXAMPLES
from orgcal.cli.grammar import called_command, moved_behind
from orgcal.help_text import command_tree, explained, usage_of, written

TREE = {" ".join(path): command for path, command in command_tree(typer.main.get_command(whole_app()), ())}
LEAVES = {path: command for path, command in TREE.items() if not isinstance(command, TyperGroup)}
PYTHON = re.compile(r"<\w|list\[|\brange\b|<=|>=|\bNone\b|\{[A-Za-z]|\bPath\b|\bbool\b|\bint\b")


def help_of(path: str, columns: int) -> str:
    """The help of a command on a terminal of this width."""
    context: Any = None
    command = TREE[""]
    for name in ["orgcal", *path.split()]:
        command = command if context is None else command.commands[name]
        context = command.make_context(name, [], parent=context, resilient_parsing=True)
        context.terminal_width = columns - 2
    return str(context.get_help())


@pytest.mark.parametrize("columns", [80, 200])
@pytest.mark.parametrize("path", TREE)
def test_help_fits_the_terminal_and_shows_no_types_of_python(path: str, columns: int) -> None:
    text = help_of(path, columns)

    assert max(map(len, text.splitlines())) <= columns
    assert PYTHON.search(text) is None
    assert text.startswith(f"Usage: orgcal {path}".rstrip())
    assert "Examples:\n  " in text


def test_wide_terminal_is_used() -> None:
    assert max(map(len, help_of("rotate", 200).splitlines())) > 100


@pytest.mark.parametrize("path", LEAVES)
def test_every_command_takes_the_common_options(path: str) -> None:
    options = {name: item for item in LEAVES[path].params if isinstance(item, TyperOption) for name in item.opts}

    assert {"-C", "--project", "-q", "--quiet", "-v", "--verbose"} <= options.keys()
    assert "--json" in options or path == "consent serve"
    assert ("-s" in options) == ("--stack" in options)
    if (
        "--stack" in options and path != "verify"
    ):  # which reads the variable itself, after the file that it may be given
        assert options["--stack"].envvar == "ORGCAL_STACK"


def test_every_command_has_examples_and_every_example_is_of_a_command() -> None:
    assert EXAMPLES.keys() == TREE.keys()
    assert {path for path in LEAVES if not 1 <= len(EXAMPLES[path]) <= 3} == set()


@pytest.mark.parametrize("line", [line for lines in EXAMPLES.values() for line in lines])
def test_example_is_a_line_that_the_command_takes(line: str) -> None:
    parts = [part for part in re.split(r"\||>|\$\(|\)\"", line) if part.strip().startswith("orgcal ")]
    for part in parts:
        words = shlex.split(part.replace("...", ""))
        assert words.pop(0) == "orgcal"
        context = TREE[""].make_context("orgcal", words)
        while isinstance(context.command, TyperGroup):
            name, command, rest = context.command.resolve_command(context, [*context._protected_args, *context.args])
            assert command is not None, part
            context = command.make_context(name, rest, parent=context)
    assert len(line) <= 78


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("-s prod status", "status -s prod"),
        ("--json status", "status --json"),
        ("--stack=prod --json tenants list", "tenants list --stack=prod --json"),
        ("-C dir -s prod status", "-C dir status -s prod"),
        ("-sprod --yes destroy", "destroy -sprod --yes"),
        ("-s prod tenants add -- -x", "tenants add -s prod -- -x"),
        ("status --json", "status --json"),
        ("--help", "--help"),
        ("-s", "-s"),
        ("", ""),
    ],
)
def test_options_before_a_command_are_those_of_the_command(typed: str, meant: str) -> None:
    assert moved_behind(typed.split()) == meant.split()


def test_command_is_found_behind_the_folder_of_the_project() -> None:
    assert called_command(["-C", "status", "-v", "ci"]) == "ci"
    assert called_command(["--version"]) == ""


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """Exit code of a line that is typed."""
    monkeypatch.setattr("sys.argv", ["orgcal", *words])
    with pytest.raises(SystemExit) as exited:
        cli.main()
    assert isinstance(exited.value.code, int)
    return exited.value.code


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("status --stak x", "orgcal status: there is no option --stak; did you mean --stack?"),
        ("status --xyzzy", "orgcal status: there is no option --xyzzy\n"),
        ("statsu", "orgcal: no such command 'statsu'. Did you mean 'status'"),
        ("tenants lst", "orgcal tenants: no such command 'lst'. Did you mean 'list'?"),
        ("consent link X --days 200", "--days: found '200', expected 0.01 to 90"),
        ("verify --seed abc", "--seed: found 'abc', expected a whole number"),
        ("watch --record foo", "--record: found 'foo', expected file or commit or pull-request"),
        ("ephemeral create", "orgcal ephemeral create: STACK must be given\n"),
        ("status --stack", "requires an argument"),
        ("help consent chek", "did you mean 'check'?"),
    ],
)
def test_mistyped_line_is_told_what_is_wrong_and_where_help_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: str, said: str
) -> None:
    assert run(monkeypatch, *line.split()) == 2

    told = capsys.readouterr()
    assert said in told.err
    assert "\n  repair: " in told.err
    assert told.out == ""


@pytest.mark.parametrize("line", ["--json status --stak x", "status --stak x --json", "tenants --json lst"])
def test_mistyped_line_with_json_is_an_object_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    assert run(monkeypatch, *line.split()) == 2

    told = json.loads(capsys.readouterr().out)
    assert (told["schema_version"], told["ok"], told["error"]["kind"]) == (1, False, "usage")
    assert told["error"].keys() == {"kind", "what", "where", "repair"}


def test_variable_names_the_stack_where_no_option_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ORGCAL_STACK", "nowhere")

    assert run(monkeypatch, "status") == 2
    assert "there is no stack 'nowhere' here" in capsys.readouterr().err
    assert run(monkeypatch, "status", "-s", "elsewhere") == 2
    assert "there is no stack 'elsewhere' here" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["tenants"]])
def test_group_without_a_command_shows_its_help(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert run(monkeypatch, *words) == 2
    assert capsys.readouterr().err.startswith(f"Usage: {' '.join(['orgcal', *words])} [OPTIONS] COMMAND")


@pytest.mark.parametrize("topic", ["exit-codes", "json", "environment", "settings", "stacks", "glossary"])
def test_topic_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], topic: str) -> None:
    assert run(monkeypatch, "help", topic) == 0
    assert len(capsys.readouterr().out.splitlines()) > 5


def test_help_of_a_command_is_that_of_its_option(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "help", "consent", "link") == 0
    by_help = capsys.readouterr().out
    assert run(monkeypatch, "consent", "link", "-h") == 0
    assert capsys.readouterr().out == by_help


@pytest.mark.parametrize(
    ("environ", "terminal", "wanted"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": "1", "CLICOLOR_FORCE": "1"}, True, False),
        ({"CLICOLOR_FORCE": "1"}, False, True),
        ({"CLICOLOR_FORCE": "0"}, False, False),
        ({"TERM": "dumb"}, True, False),
    ],
)
def test_colours_are_for_terminals(environ: dict[str, str], terminal: bool, wanted: bool) -> None:
    assert colours_wanted(environ, terminal=terminal) is wanted


def test_words_of_results_are_coloured_and_texts_of_others_do_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CLICOLOR_FORCE", "1")
    print_lines(["failed  engine  \x1b[2Jgone", "  ok", "okay  no word of ours"])

    assert capsys.readouterr().out == (
        "\x1b[31mfailed\x1b[0m  engine  \\u001b[2Jgone\n  \x1b[32mok\x1b[0m\nokay  no word of ours\n"
    )


def param_of(command: str, name: str) -> TyperArgument | TyperOption:
    found: TyperArgument | TyperOption = next(item for item in LEAVES[command].params if item.name == name)
    return found


@pytest.mark.parametrize(
    ("command", "name", "typed", "told"),
    [
        ("consent link", "days", "--days DAYS", "[0.01 to 90; default: 7]"),
        ("verify", "sample", "--sample USERS", "[0 or more; default: 0]"),
        ("verify", "tenant", "--tenant TENANT", "[repeatable]"),
        ("watch", "rotate", "--rotate / --no-rotate", "[default: --rotate]"),
        ("watch", "record", "--record file|commit|pull-request", "[default: file]"),
        ("destroy", "stack", "-s, --stack STACK", "[variable ORGCAL_STACK; required]"),
        ("report", "html", "--html FILE", "[required]"),
    ],
)
def test_option_is_shown_with_limits_and_default_in_words(command: str, name: str, typed: str, told: str) -> None:
    assert written(param_of(command, name)) == typed
    assert explained(param_of(command, name)).endswith(f"  {told}")


def test_argument_is_in_brackets_where_it_may_be_left_out() -> None:
    shown = [usage_of(item) for item in LEAVES["consent check"].params if isinstance(item, TyperArgument)]
    assert shown == ["[TENANT]..."]
    assert "Usage: orgcal tenants show [OPTIONS] TENANT\n" in help_of("tenants show", 80)
