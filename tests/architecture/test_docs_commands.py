"""Commands in README and docs: the command line knows each, and each block is run by a test or says why not."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any
from unittest import mock

import pytest
import typer

from orgcal.cli import whole_app
from orgcal.cli.grammar import begin_line, moved_behind
from tests.support.docs_commands import BY_TEST, IN_ORDER, MARKS, ROOT, Block, blocks, shell_blocks


@pytest.fixture(autouse=True)
def _line_leaves_nothing() -> Iterator[None]:
    """Options that name a project or ask for quiet hold for the process."""
    with mock.patch.dict(os.environ):
        yield
    begin_line()


@cache
def command_line() -> Any:
    return typer.main.get_command(whole_app())


def read(words: Sequence[str]) -> None:
    """Read a command of orgcal as the command line does, without running it.

    Raises:
        typer.TyperException: it does not know a word, an option or a value.
    """
    command, name, rest = command_line(), "orgcal", moved_behind(list(words))
    while True:
        if {"--help", "-h"} & set(rest):
            return
        context = command.make_context(name, rest)
        if not hasattr(command, "resolve_command"):
            return
        name, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])


def commands_of(program: str) -> list[Any]:
    """Each use of a program in a block, by its place."""
    found = []
    for block in shell_blocks():
        for words in block.commands():
            where = next((place for place, word in enumerate(words) if word.rsplit("/", 1)[-1] == program), None)
            if where is not None and (where == 0 or words[0] in ("pipx", "sudo")):
                found.append(pytest.param(words[where + 1 :], id=f"{block.page}:{block.line} {' '.join(words)[:60]}"))
    return found


@pytest.mark.parametrize("words", commands_of("orgcal"))
def test_command_in_a_block_is_one_that_the_command_line_knows(words: list[str]) -> None:
    try:
        read(words)
    except typer.TyperException as error:
        pytest.fail(f"orgcal {' '.join(words)}: {error.format_message()}")


@pytest.mark.parametrize("words", commands_of("make"))
def test_target_in_a_block_is_one_of_the_makefile(words: list[str]) -> None:
    targets = re.findall(r"^([a-z][a-z0-9-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)

    assert {word for word in words if "=" not in word} <= set(targets)


@pytest.mark.parametrize("words", commands_of("python"))
def test_module_in_a_block_is_one_of_ours(words: list[str]) -> None:
    if words[:1] == ["-m"] and words[1] != "venv":
        name = words[1].replace(".", "/")
        places = [ROOT / f"{name}.py", ROOT / name / "__main__.py", ROOT / "emulator" / name / "__main__.py"]
        assert any(place.is_file() for place in places), words[1]


def test_reader_of_commands_refuses_what_the_command_line_does_not_know() -> None:
    for words in (["upp"], ["up", "--stak", "prod"], ["consent", "lnk"], ["rotate", "--if-expiring-within"]):
        with pytest.raises(typer.TyperException):
            read(words)
    read(["-C", "infra", "consent", "link", "Contoso", "--stack", "prod"])


@pytest.mark.parametrize("block", blocks(), ids=lambda block: f"{block.page}:{block.line}")
def test_block_says_its_language_and_only_marks_that_are_known(block: Block) -> None:
    assert block.language, "text, where it is none"
    assert set(block.marks) <= MARKS


@pytest.mark.parametrize("block", shell_blocks(), ids=lambda block: f"{block.page}:{block.line}")
def test_block_of_commands_is_run_by_a_test_or_says_why_not(block: Block) -> None:
    named = [test for key, test in BY_TEST.items() if block.is_called(*key)]
    if "cloud" in block.marks:
        assert named == [], "a block that is run needs no mark"
        return
    (test,) = [*named, *([IN_ORDER[block.page]] if block.page in IN_ORDER else [])]
    file, _, function = test.partition("::")
    assert f"def {function}(" in (ROOT / file).read_text(encoding="utf-8")


def test_table_of_tests_names_blocks_that_exist() -> None:
    shown = shell_blocks()

    assert [key for key in BY_TEST if not any(block.is_called(*key) for block in shown)] == []
    assert set(IN_ORDER) <= {block.page for block in shown}
