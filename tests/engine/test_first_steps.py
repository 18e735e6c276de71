"""docs/first-steps.md: its blocks run in their order, and between them those of other pages that need what it made."""

from __future__ import annotations

import re

import pytest

from tests.support.checkout import Checkout
from tests.support.docs_commands import BY_TEST, FIRST_STEPS, Block, shell_blocks

PAGE = "docs/first-steps.md"
MISTAKE = re.compile(
    r"Pulumi\.dev\.yaml:\d+: orgcal:connector\.scopes\[0\]: found .* \(did you mean Calendars\.Read\?\)"
)
# The packages of the checkout's .venv are the tests' own: make is not to install them.
BEGIN = """set -e
make() { command make -o setup "$@"; }
"""


def as_script(block: Block) -> str:
    """The block as a part of a script, which says where it has come to."""
    told = f"echo '=== {block.page}:{block.line}'\n"
    if "refused" in block.marks:
        return f"{told}if ( {block.script.strip()} ); then echo 'it was not refused'; exit 9; fi\n"
    return told + block.script


@pytest.mark.timeout(400)
def test_every_block_runs_where_the_page_has_led(checkout: Checkout) -> None:
    steps = [block for block in shell_blocks() if block.page == PAGE]
    others = [
        block
        for block in shell_blocks()
        if any(test == FIRST_STEPS and block.is_called(*key) for key, test in BY_TEST.items())
    ]
    assert steps[-1].first_command == "make down"
    script = BEGIN + "".join(as_script(block) for block in [*steps[:-1], *others, steps[-1]])

    ran = checkout.run("/bin/sh", "-c", script, timeout_s=390)

    assert ran.code == 0, ran.text
    assert ran.out.count("===") == len(steps) + len(others)
    assert "stack dev: 6 changed, 0 unchanged" in ran.out
    assert MISTAKE.search(ran.err), "the mistake is refused with its line and with what to write instead"
    assert (checkout.path / ".local" / "report.html").is_file()
    assert "generation 2  active" in ran.out
    assert not (checkout.path / ".local/dev/emulator/ready.json").exists(), "make down has stopped it"
