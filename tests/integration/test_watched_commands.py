"""What the leak scan of the engine tests hears of a command, and of what the command starts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.leak_scan import LeakedSecretError, LeakScan
from tests.support.watched_commands import WatchedCommands

SECRET = "abc8Q~" + "x" * 34
SHOWS = "import os, sys; print('abc8' + 'Q~' + 'x' * 34, file=sys.stderr, flush=True)"
PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1], 'abc8' + 'Q~' + 'x' * 34])"


@pytest.fixture
def watched() -> Iterator[WatchedCommands]:
    watched = WatchedCommands(LeakScan())
    with watched.watching():
        yield watched


def run(script: str, *words: str, **options: Any) -> None:
    subprocess.run([sys.executable, "-c", script, *words], check=True, **options)


def read_by_line() -> None:
    with subprocess.Popen([sys.executable, "-c", SHOWS], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert SECRET in next(iter(process.stderr))


def left_unread() -> None:
    with subprocess.Popen([sys.executable, "-c", SHOWS], stderr=subprocess.PIPE):
        pass


@pytest.mark.parametrize(
    ("command", "place"),
    [
        (lambda: run(SHOWS, capture_output=True, text=True), "the output of"),
        (lambda: run(SHOWS, stderr=subprocess.DEVNULL), "the output of"),
        (read_by_line, "the output of"),
        (left_unread, "the output of"),
        (lambda: run("", SECRET), "the arguments of"),
        (lambda: run("", env={**os.environ, "ARM_CLIENT_SECRET": SECRET}), "variable ARM_CLIENT_SECRET of"),
    ],
    ids=["captured", "thrown-away", "read-by-line", "left-unread", "arguments", "variable"],
)
def test_secret_of_a_command_is_found(watched: WatchedCommands, command: Callable[[], None], place: str) -> None:
    command()
    with pytest.raises(LeakedSecretError, match=f"^a client secret is in {place} `") as error:
        watched.check()
    assert SECRET not in str(error.value)


def test_what_folders_that_nobody_watches_said_is_not_judged(watched: WatchedCommands) -> None:
    run(SHOWS, capture_output=True, text=True)
    run(SHOWS, stderr=subprocess.DEVNULL)
    watched.forget()
    watched.check()

    run(SHOWS, capture_output=True, text=True)
    with pytest.raises(LeakedSecretError):
        watched.check()


def test_secret_in_the_arguments_of_a_grandchild_is_found(watched: WatchedCommands) -> None:
    waiting = [sys.executable, "-c", PARENT, "print(flush=True); input()"]
    with subprocess.Popen(waiting, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        parent.stdout.readline()
        watched.look()
        parent.stdin.write("\n")
        parent.stdin.close()
    with pytest.raises(LeakedSecretError, match=r"^a client secret is in the arguments of `"):
        watched.check()


def test_secret_of_a_project_is_known_once_a_command_ran_in_it(watched: WatchedCommands, tmp_path: Path) -> None:
    kept = tmp_path / ".local" / "own"
    script = f"import os, pathlib; p = pathlib.Path({str(kept)!r}); p.mkdir(parents=True); "
    script += "(p / 'passphrase').write_text('correct-horse-' + 'battery'); print('correct-horse-' + 'battery')"
    run(script, cwd=tmp_path, capture_output=True)
    with pytest.raises(LeakedSecretError, match=r"^the content of passphrase is in the output of `"):
        watched.check()


def test_commands_without_a_secret_pass(watched: WatchedCommands, tmp_path: Path) -> None:
    run("print('all is well' * 9)", cwd=tmp_path, capture_output=True)
    run("print('all is well' * 9)", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    watched.check(tmp_path)
