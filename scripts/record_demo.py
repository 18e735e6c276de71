"""Records a real `make demo` as a moving picture: `python -m scripts.record_demo docs/pictures/demo.svg`.

Runs the demo in a pseudo terminal on a checkout of its own, notes when each line came, and draws the lines
as an SVG that shows them whole, and then in that order and time (waits over a second are cut to one). What is in the
picture is what the demo printed; only the path of the temporary checkout and the consent link's state, which whoever
has the link could use once, are replaced.
"""

from __future__ import annotations

import argparse
import io
import os
import pty
import re
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.text import Text

from tests.support.checkout import Checkout, make_checkout

COLUMNS, ROWS = 118, 60
LONGEST_WAIT_S = 1.0
WHOLE_AT_FIRST_S = 5.0  # so that a picture that stands still, or is only glanced at, shows the whole demo
PAUSE_AT_END_S = 8.0
_MOVED = re.compile(r"\r|\x1b\[\d*[AK]|\x1b\[\?25[lh]")
_LINK_STATE = re.compile(r"state=[\w-]+")
_SPINNER = re.compile(r"^(\x1b\[[0-9;]*m)*[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]")


def main() -> None:
    """Records and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("svg", type=Path)
    target = parser.parse_args().svg
    with tempfile.TemporaryDirectory() as folder:
        checkout = make_checkout(Path(folder))
        lines = record(checkout)
        shown = [(at, _LINK_STATE.sub("state=…", text.replace(str(checkout.path), "~/orgcal"))) for at, text in lines]
    target.write_text(draw(shown), encoding="utf-8")
    sys.stdout.write(f"{target}: {len(shown)} lines, {shown[-1][0]:.1f} s\n")


def record(checkout: Checkout) -> list[tuple[float, str]]:
    """Lines of a demo with the seconds at which they came; lines that only moved (spinners) are left out."""
    main_side, its_side = pty.openpty()
    environ = {**checkout.environ, "TERM": "xterm-256color", "COLUMNS": str(COLUMNS), "LINES": str(ROWS)}
    start = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "orgcal.cli", "demo"],
        cwd=checkout.path,
        env=environ,
        stdin=its_side,
        stdout=its_side,
        stderr=its_side,
        start_new_session=True,
    )
    os.close(its_side)
    raw, lines = "", [(0.0, "$ make demo")]
    while True:
        if select.select([main_side], [], [], 0.1)[0]:
            try:
                raw += os.read(main_side, 65536).decode("utf-8", "replace")
            except OSError:  # the other side is closed
                break
        elif process.poll() is not None:
            break
        *whole, raw = raw.split("\n")
        at = time.monotonic() - start
        # What stands before the cursor's last move was written over.
        texts = (_MOVED.split(line.rstrip("\r"))[-1] for line in whole)
        lines += [(at, text) for text in texts if not _SPINNER.match(text)]
    os.close(main_side)
    if process.wait():
        raise SystemExit("the demo failed: " + "\n".join(text for _, text in lines))
    return lines


def draw(lines: list[tuple[float, str]]) -> str:
    """The lines as an SVG whose rows appear one after the other, and all at first and at the end."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    for _, text in lines:
        console.print(Text.from_ansi(text), no_wrap=False)
    rows: list[float] = []
    shown_at, before = 0.5, 0.0
    for at, text in lines:
        shown_at += min(at - before, LONGEST_WAIT_S)
        before = at
        width = max(1, -(-len(Text.from_ansi(text).plain) // COLUMNS))
        rows += [shown_at] * width
    svg = console.export_svg(title="orgcal", unique_id="demo")
    # The picture must not fetch anything: fonts are the reader's own.
    return animate(re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL), rows)


def animate(svg: str, rows: list[float]) -> str:
    """Adds to rich's picture what lets row `n` appear at `rows[n]` seconds; its first frame shows all rows."""
    total = WHOLE_AT_FIRST_S + rows[-1] + PAUSE_AT_END_S
    gone = 100 * WHOLE_AT_FIRST_S / total
    rules = [
        f"@keyframes row{number} {{ 0%, {gone:.2f}% {{ opacity: 1 }} {gone + 0.01:.2f}%, {back:.2f}% {{ opacity: 0 }} "
        f"{back + 0.01:.2f}%, 100% {{ opacity: 1 }} }} "
        f"[clip-path='url(#demo-line-{number})'] {{ animation: row{number} {total:.1f}s infinite }}"
        for number, back in enumerate(100 * (WHOLE_AT_FIRST_S + at) / total for at in rows)
    ]
    motion = "@media (prefers-reduced-motion: no-preference) {\n" + "\n".join(rules) + "\n}"
    return svg.replace("</style>", f"{motion}\n</style>", 1)


if __name__ == "__main__":
    main()
