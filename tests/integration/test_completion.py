"""The scripts of `orgcal completion` in the shells that they are for, and what is completed."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.checkout import Checkout, make_checkout
from tests.support.warm_checkout import warm

ORGANISATION = {
    "tenant_id": "22222222-2222-4222-8222-222222222222",
    "name": "Contoso",
    "domain": "contoso.example",
    "state": "verified",
    "added_at": "2026-11-01T00:00:00Z",
    "changed_at": "2026-11-01T00:00:00Z",
}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout with two stacks and an organisation, whose command is on PATH; nothing runs."""
    made = warm(make_checkout(tmp_path_factory.mktemp("completion")))
    shutil.copy(made.path / "Pulumi.dev.yaml", made.path / "Pulumi.demo.yaml")
    (made.path / "one.jsonl").write_text(json.dumps(ORGANISATION) + "\n", encoding="utf-8")
    taken = made.orgcal("tenants", "import", "one.jsonl")
    assert taken.code == 0, taken.text
    programs = made.path / "programs"
    programs.mkdir()
    (programs / "orgcal").write_text(f'#!/bin/sh\nexec {shlex.join(made.command)} "$@"\n', encoding="utf-8")
    (programs / "orgcal").chmod(0o755)
    made.extra["PATH"] = f"{programs}:{made.environ['PATH']}"
    return made


def answers(checkout: Checkout, shell: str, line: str) -> list[str]:
    """What the protocol of a shell's script answers for a line that ends where the cursor is."""
    words = shlex.split(line) + ([""] if line.endswith(" ") else [])
    environ = {"_ORGCAL_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_ARGS": line}
    environ |= {"_TYPER_COMPLETE_FISH_ACTION": "get-args", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    ran = checkout.orgcal(environ=environ)
    assert (ran.code, ran.err) == (0, ""), ran.text
    if shell == "zsh":
        return re.findall(r'"([^"]*)"(?::"[^"]*")?', ran.out)
    return [each.split("\t")[0] for each in ran.out.splitlines() if each]


LINES = [
    ("orgcal tenants sh", ["show"]),
    ("orgcal consent check --al", ["--all"]),
    ("orgcal status --stack de", ["demo", "dev"]),
    ("orgcal status -s ", ["demo", "dev"]),
    ("orgcal tenants show cont", ["contoso.example"]),
    ("orgcal consent check --stack dev cont", ["contoso.example"]),
    ("orgcal consent check --stack demo cont", []),
    ("orgcal consent check --stack nowhere cont", []),
    ("orgcal new folder --platform nan", ["nango"]),
    ("orgcal new folder --cloud us", ["usgov"]),
    ("orgcal watch --record co", ["commit"]),
    ("orgcal help exit", ["exit-codes"]),
]
"""What stands before the cursor, and what is completed."""
FIRST = 4
"""Lines that every shell is asked for: a command, an option, a value of its own, and all values."""


@pytest.mark.parametrize(
    ("shell", "line", "completed"),
    [(shell, *line) for shell in ("bash", "zsh", "fish") for line in (LINES if shell == "bash" else LINES[:FIRST])],
)
def test_shell_completes(checkout: Checkout, shell: str, line: str, completed: list[str]) -> None:
    assert answers(checkout, shell, line) == completed


def test_stacks_of_a_project_that_an_option_names_are_completed(checkout: Checkout, tmp_path: Path) -> None:
    shutil.copy(checkout.path / "Pulumi.yaml", tmp_path)
    (tmp_path / "Pulumi.elsewhere.yaml").write_text("config: {}\n", encoding="utf-8")

    assert answers(checkout, "bash", f"orgcal -C {tmp_path} status --stack ") == ["elsewhere"]


def test_completing_leaves_nothing_behind(checkout: Checkout) -> None:
    before = sorted(str(path) for path in checkout.home.rglob("*"))
    answers(checkout, "bash", "orgcal tenants show --stack demo c")
    answers(checkout, "bash", "orgcal tenants show --stack nowhere c")

    assert sorted(str(path) for path in checkout.home.rglob("*")) == before


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_script_asks_by_the_variables_that_are_answered(checkout: Checkout, shell: str) -> None:
    script = checkout.run("orgcal", "completion", shell).out

    assert f"_ORGCAL_COMPLETE=complete_{shell}" in script
    assert ("COMP_WORDS=" if shell == "bash" else "_TYPER_COMPLETE_ARGS=") in script
    if program := shutil.which(shell):
        checked = subprocess.run([program, "-n"], input=script, capture_output=True, text=True, check=False)
        assert (checked.returncode, checked.stderr) == (0, "")


def test_bash_itself_completes_with_the_script(checkout: Checkout) -> None:
    ran = checkout.run(
        "bash",
        "-c",
        'eval "$(orgcal completion bash)"; complete -p orgcal; '
        "COMP_WORDS=(orgcal tenants l); COMP_CWORD=2; _orgcal_completion orgcal; printf '%s\\n' \"${COMPREPLY[@]}\"",
    )

    assert ran.out.splitlines() == ["complete -o default -F _orgcal_completion orgcal", "list"], ran.text
