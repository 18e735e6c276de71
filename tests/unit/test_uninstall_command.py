"""`orgcal uninstall`: asks on a terminal, refuses without one, and says what it keeps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from orgcal.cli import approval, build_app, uninstall
from orgcal.errors import Refused, UsageError
from tests.support.machine import Machine


class Command:
    """The command on a machine with an engine, a stack that holds a resource, and one that holds none."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.machine = Machine(root)
        self.engine = self.machine.engine()
        self.old, self.prod = self.machine.folder("old"), self.machine.folder("prod")
        self.machine.state("old")
        self.machine.held_state("prod")
        self._patch = monkeypatch
        for name, value in self.machine.environ.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("PULUMI_BACKEND_URL", raising=False)
        monkeypatch.setattr(uninstall, "_project", lambda: self.machine.project)

    def run(self, *words: str, typed: str | None = None) -> Result:
        """`typed` is what somebody types on a terminal; None stands for no terminal."""
        self._patch.setattr(approval, "_is_terminal", lambda _: typed is not None)
        return CliRunner().invoke(build_app(["uninstall"]), ["uninstall", *words], input=typed)

    @property
    def untouched(self) -> bool:
        return self.engine.exists() and (self.old / "passphrase").exists() and (self.prod / "passphrase").exists()


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    return Command(tmp_path, monkeypatch)


def test_dry_run_lists_everything_with_sizes_and_removes_nothing(command: Command) -> None:
    ran = command.run("--dry-run")

    assert ran.exit_code == 0
    assert "removable  1.0 kB  the Pulumi engine" in ran.output
    assert f"    {command.old}" in ran.output
    assert "kept  stack prod: it holds 1 resource" in ran.output
    assert "→ orgcal destroy --stack prod, in its project" in ran.output
    assert "pip uninstall orgcal orgcal-emulator" in ran.output
    assert command.untouched


def test_yes_removes_without_a_question(command: Command) -> None:
    ran = command.run("--yes", "--json")

    told = json.loads(ran.output)
    assert (ran.exit_code, told["removed"]) == (0, True)
    assert [kept["what"] for kept in told["kept"]] == ["stack prod"]
    assert not command.engine.exists()
    assert not command.old.exists()
    assert (command.prod / "passphrase").exists()


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_without_terminal_and_flag_it_refuses(command: Command, words: tuple[str, ...]) -> None:
    ran = command.run(*words)

    assert isinstance(ran.exception, Refused)
    assert "nobody can be asked" in ran.exception.what
    assert "--yes" in ran.exception.repair
    assert command.untouched


@pytest.mark.parametrize("typed", ["n\n", "\n", ""])
def test_on_a_terminal_only_yes_removes(command: Command, typed: str) -> None:
    ran = command.run(typed=typed)

    assert isinstance(ran.exception, Refused)
    assert "removable  1.0 kB  the Pulumi engine" in ran.output
    assert command.untouched


def test_on_a_terminal_yes_removes_what_was_listed(command: Command) -> None:
    ran = command.run(typed="y\n")

    assert ran.exit_code == 0
    assert "removed  1.0 kB  the Pulumi engine" in ran.output
    assert not command.engine.exists()
    assert (command.prod / "passphrase").exists()


def test_what_changes_while_somebody_reads_the_list_is_not_removed(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deployed_meanwhile(*_: object, **__: object) -> None:
        command.machine.held_state("new")

    monkeypatch.setattr(uninstall, "approve", deployed_meanwhile)

    ran = command.run(typed="")

    assert isinstance(ran.exception, Refused)
    assert "something has changed meanwhile" in ran.exception.what
    assert command.untouched


def test_dry_run_and_yes_exclude_each_other(command: Command) -> None:
    assert isinstance(command.run("--dry-run", "--yes").exception, UsageError)
    assert command.untouched
