"""The blocks of commands in README and docs, what kind each is of, and the commands in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted(page for page in (ROOT / "docs").rglob("*.md") if "examples" not in page.parts)]
SHELLS = frozenset({"sh", "console"})
MARKS = frozenset({"cloud", "refused"})
"""What a block may say of itself beside its language: it needs a tenant, an account, a package index or a server of
one's own; it is run, and is refused."""

FIRST_STEPS = "tests/engine/test_first_steps.py::test_every_block_runs_where_the_page_has_led"
IN_ORDER: Mapping[str, str] = {
    "docs/emulator.md": "tests/integration/test_emulator_documentation.py::test_every_command_block_of_the_page_runs",
    "docs/first-steps.md": FIRST_STEPS,
    "docs/reference/commands.md": (
        "tests/engine/test_every_command.py::test_every_command_does_what_is_right_wherever_its_output_goes"
    ),
    "docs/your-program.md": (
        "tests/witnesses/long/test_your_program_page.py::test_every_block_of_the_page_runs_in_order"
    ),
}
"""Pages whose blocks a test takes out of the page and runs, one after the other."""

BY_TEST: Mapping[tuple[str, str], str] = {
    ("README.md", "make demo"): "tests/engine/test_demo.py::test_demo_again_changes_nothing_and_verifies_again",
    ("docs/command-line.md", "orgcal -h"): "tests/unit/test_grammar.py::test_topic_is_told",
    ("docs/command-line.md", 'eval "$(orgcal completion bash)"'): (
        "tests/integration/test_completion.py::test_script_asks_by_the_variables_that_are_answered"
    ),
    ("docs/consent.md", "orgcal log --json"): FIRST_STEPS,
    ("docs/engine.md", "python -m orgcal.engine ensure"): FIRST_STEPS,
    ("docs/ephemeral.md", "orgcal ephemeral create"): (
        "tests/engine/test_ephemeral.py::test_ephemeral_stack_is_made_deployed_verified_and_leaves_nothing"
    ),
    ("docs/health.md", "orgcal history"): FIRST_STEPS,
    ("docs/verify.md", "orgcal verify"): FIRST_STEPS,
    ("docs/your-repository.md", "orgcal uninstall --dry-run"): FIRST_STEPS,
}
"""Page and beginning of the first command of a block -> the test that runs its commands, on the emulator."""

_FENCE = re.compile(r"(?ms)^(?P<indent> *)```(?P<info>[^\n`]*)\n(?P<text>.*?)^(?P=indent)```\s*$")
_INSIDE = re.compile(r"\$\(([^()]*)\)")
_ASSIGNED = re.compile(r"[A-Za-z_]\w*=")
_ENDS = frozenset({"&&", "||", ";", "|", "&", "(", ")", "\n"})


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page.

    Attributes:
        page: from the root of the repository.
        line: of its first line.
        language: the first word after the fence; empty where there is none.
        marks: the further words.
    """

    page: str
    line: int
    language: str
    marks: tuple[str, ...]
    text: str

    @property
    def script(self) -> str:
        """What is typed: the whole block; where it shows answers too, the lines after `$ ` and what continues them."""
        lines = self.text.splitlines()
        if not any(line.lstrip().startswith("$ ") for line in lines):
            return self.text
        typed: list[str] = []
        goes_on = False
        for line in lines:
            if goes_on or line.lstrip().startswith("$ "):
                typed.append(line if goes_on else line.lstrip().removeprefix("$ "))
                goes_on = line.endswith("\\")
        return "\n".join(typed) + "\n"

    @property
    def first_command(self) -> str:
        """Its first line that is not a comment, with which a table names it."""
        lines = (line.strip() for line in self.script.splitlines())
        return next((line for line in lines if line and not line.startswith("#")), "")

    def is_called(self, page: str, beginning: str) -> bool:
        """Whether a table that names page and first command means this block."""
        return self.page == page and self.first_command.startswith(beginning)

    def commands(self) -> Iterator[list[str]]:
        """The words of each command, those in `$( )` too; assignments before it and redirections are left out."""
        for line in re.sub(r"\\\n\s*", " ", _without_documents(self.script)).splitlines():
            yield from _commands(line)
            for inside in _INSIDE.findall(line):
                yield from _commands(inside)


def blocks() -> list[Block]:
    """Every fenced block of the pages."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for fence in _FENCE.finditer(text):
            language, *marks = fence["info"].split() or [""]
            line = text.count("\n", 0, fence.start()) + 2
            found.append(Block(str(page.relative_to(ROOT)), line, language, tuple(marks), fence["text"]))
    return found


def shell_blocks() -> list[Block]:
    """Those that are typed into a shell."""
    return [block for block in blocks() if block.language in SHELLS]


def _without_documents(script: str) -> str:
    """The script without the lines of its here-documents."""
    return re.sub(r"(?ms)<<'?(\w+)'?([^\n]*)\n.*?^\1$", r"\2", script)


def _commands(line: str) -> Iterator[list[str]]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars="();<>|&")
    lexer.whitespace_split = True
    try:
        words = list(lexer)
    except ValueError:  # a quote that is closed on a later line: data of a program
        return
    command: list[str] = []
    skip = False
    for word in [*words, ";"]:
        if word in _ENDS or set(word) <= set("();|&"):
            if command:
                yield command
            command = []
        elif set(word) <= set("<>&") or skip:
            skip = not skip and set(word) <= set("<>&")
        elif command or not _ASSIGNED.match(word):
            command.append(word)
