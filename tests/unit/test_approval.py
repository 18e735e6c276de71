"""Whether a command asks, refuses or goes on, on a terminal and without one."""

from __future__ import annotations

import io
import os
import pty
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

import pytest

from orgcal.cli.approval import approve, can_ask
from orgcal.errors import Refused


@dataclass
class Terminal:
    """Standard input and standard error are a terminal, once `connect` is called within the test."""

    monkeypatch: pytest.MonkeyPatch
    ours: int
    theirs: int
    streams: list[IO[str]] = field(default_factory=list)

    def connect(self, answer: str) -> None:
        self.streams = [os.fdopen(os.dup(self.theirs), mode) for mode in "rw"]
        for name, stream in zip(("stdin", "stderr"), self.streams, strict=True):
            self.monkeypatch.setattr(sys, name, stream)
        os.write(self.ours, answer.encode())

    def shown(self) -> str:
        text = ""
        while "[y/N] " not in text:
            text += os.read(self.ours, 4096).decode()
        return text


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    ours, theirs = pty.openpty()
    made = Terminal(monkeypatch, ours, theirs)
    yield made
    for stream in made.streams:
        stream.close()
    os.close(ours)
    os.close(theirs)


def ask(**given: bool) -> None:
    options = {"yes": False, "as_json": False, "needed": True} | given
    approve("Remove it all?", where="orgcal destroy", **options)


@pytest.mark.parametrize("answer", ["y\n", "Yes\n", " YES \n"])
def test_question_on_a_terminal_takes_yes(terminal: Terminal, answer: str) -> None:
    terminal.connect(answer)

    ask()

    assert "Remove it all? [y/N]" in terminal.shown()


@pytest.mark.parametrize("answer", ["n\n", "\n", "yesterday\n", "\x04"], ids=["no", "nothing", "other", "ctrl-d"])
@pytest.mark.parametrize("needed", [True, False])
def test_question_on_a_terminal_takes_everything_else_for_no(terminal: Terminal, answer: str, needed: bool) -> None:
    terminal.connect(answer)

    with pytest.raises(Refused, match="nobody agreed") as refused:
        ask(needed=needed)

    assert refused.value.exit_code == 1


def test_nobody_is_asked_for_json_or_after_yes(terminal: Terminal) -> None:
    terminal.connect("")
    assert can_ask(as_json=False)
    assert not can_ask(as_json=True)
    ask(yes=True)
    with pytest.raises(Refused, match="nobody can be asked"):
        ask(as_json=True)


@pytest.mark.parametrize("stdin", [io.StringIO("y\n"), None], ids=["pipe", "closed"])
def test_without_a_terminal_only_what_can_be_undone_goes_on(
    monkeypatch: pytest.MonkeyPatch, stdin: io.StringIO | None
) -> None:
    monkeypatch.setattr(sys, "stdin", stdin)

    ask(needed=False)
    ask(yes=True)
    with pytest.raises(Refused, match="nobody can be asked") as refused:
        ask()

    assert refused.value.repair == "the same command with --yes"
    assert refused.value.where == "orgcal destroy"
