"""Every command on a deployed stack: on terminals of 80 and 200 columns, in a pipe, as JSON, and in CI."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from orgcal.cli import whole_app
from orgcal.errors import EXIT_CODES
from orgcal.help_text import command_tree
from tests.support.checkout import Checkout, Ran, make_checkout
from tests.support.command_schema import SCHEMA, mistakes_in
from tests.support.every_command import CASES, Case, on_terminal, prepare
from tests.support.warm_checkout import warm

pytestmark = pytest.mark.timeout(900)

PYTHON = re.compile(r"<class|<int|<str|list\[|Traceback|\bNone\b|datetime\(")


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A checkout whose stack is up; these tests remove it at their end."""
    checkout = warm(make_checkout(tmp_path_factory.mktemp("every")))
    try:
        for words in (("emulator", "start"), ("up",)):
            done = checkout.orgcal(*words)
            assert done.code == 0, done.text
        yield checkout
    finally:
        checkout.orgcal("emulator", "stop")


def words_of(name: str, case: Case, number: int) -> list[str]:
    return [*name.split(), *(word.format(n=number) for word in case.words)]


def wrong_in_text(name: str, ran: Ran, case: Case, *, escapes: bool) -> list[str]:
    """What is wrong with a run whose output is for people."""
    found = [f"{name}: exit code {ran.code}, {ran.text[-600:]}"] if ran.code not in case.codes else []
    if not escapes and "\x1b" in ran.text:
        found.append(f"{name}: escape codes in a pipe")
    if ran.code not in (0, 5) and "repair:" not in ran.text and "→" not in ran.text:
        found.append(f"{name}: no repair in {ran.text[-300:]!r}")
    return found + [f"{name}: {match[0]!r} in its output" for match in [PYTHON.search(ran.text)] if match]


def wrong_in_json(name: str, ran: Ran, case: Case) -> list[str]:
    """What is wrong with a run whose output is for programs."""
    found = [f"{name}: exit code {ran.code}, {ran.text[-600:]}"] if ran.code not in case.codes else []
    lines = ran.out.splitlines()
    if len(lines) != 1 and not case.lines:
        return [*found, f"{name}: {len(lines)} lines instead of one object: {ran.out[:200]!r}"]
    for line in lines:
        printed = json.loads(line)
        found += [f"{name}: {mistake}" for mistake in mistakes_in(name, printed)]
        if not case.lines and printed["ok"] is not (ran.code == 0):
            found.append(f"{name}: ok is {printed['ok']}, and the exit code {ran.code}")
    if ran.code == 0 and ran.err:
        found.append(f"{name}: something on standard error: {ran.err[:200]!r}")
    return found


def test_every_command_has_a_case_and_every_code_is_of_the_table() -> None:
    tree = command_tree(typer.main.get_command(whole_app()), ())
    commands = {" ".join(path) for path, command in tree if not isinstance(command, TyperGroup)}

    assert commands == CASES.keys()
    assert {code for case in CASES.values() for code in case.codes} <= EXIT_CODES.keys()


@pytest.mark.parametrize("columns", [80, 200])
@pytest.mark.parametrize("path", ["", "tenants", "rotate", "ci setup"])
def test_help_on_a_terminal_is_as_wide_as_it(up: Checkout, path: str, columns: int) -> None:
    shown = on_terminal(up, *path.split(), "--help", columns=columns)

    assert shown.code == 0, shown.text
    assert max(map(len, shown.out.splitlines())) <= columns
    assert columns == 80 or len(shown.out.splitlines()) <= len(up.orgcal(*path.split(), "-h").out.splitlines())
    assert "Examples:" in shown.out


def test_every_command_does_what_is_right_wherever_its_output_goes(up: Checkout) -> None:
    """One test, as the commands work on one stack, one after another."""
    wrong = list[str]()
    for number, (name, case) in enumerate(CASES.items()):
        if name == "tenants import":
            prepare(up)
        as_json = up.orgcal(*words_of(name, case, number), "--json")
        wrong += wrong_in_json(name, as_json, case)
        if case.once:
            continue
        in_ci = up.orgcal(*words_of(name, case, number + 100), environ={"CI": "true"})
        wrong += wrong_in_text(f"{name} in CI", in_ci, case, escapes=False)
        columns = 80 if number % 2 else 200
        shown = on_terminal(up, *words_of(name, case, number + 200), columns=columns)
        wrong += wrong_in_text(f"{name} on {columns} columns", shown, case, escapes=True)

    assert not wrong, "\n".join(wrong)


def test_reader_of_a_pipe_that_goes_away_is_no_error(tmp_path: Path) -> None:
    fresh = warm(make_checkout(tmp_path))
    file = tmp_path / "many.jsonl"
    moments = {"state": "invited", "added_at": "2026-11-01T00:00:00Z", "changed_at": "2026-11-01T00:00:00Z"}
    many = [
        {"tenant_id": f"00000000-0000-4000-8000-{n:012}", "name": f"T{n}", "domain": "", **moments} for n in range(400)
    ]
    file.write_text("\n".join(map(json.dumps, many)) + "\n", encoding="utf-8")
    taken = fresh.orgcal("tenants", "import", str(file), timeout_s=180)

    ended = fresh.run(
        "/bin/bash", "-c", f'{" ".join(fresh.command)} tenants export | head -1; echo "${{PIPESTATUS[0]}}"'
    )

    assert taken.code == 0, taken.text
    assert ended.out.splitlines()[-1] == "0", ended.text
    assert ended.err == ""


def test_shapes_of_commands_that_print_lines_are_marked() -> None:
    marked = {name for name, shape in SCHEMA["commands"].items() if shape.get("x-lines")}
    assert marked == {name for name, case in CASES.items() if case.lines}
