"""Every command block of docs/emulator.md runs, in order, in an empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_every_block_of_the_page_is_one_that_runs() -> None:
    page = (ROOT / "docs" / "emulator.md").read_text(encoding="utf-8")
    fences = re.findall(r"^\s*(?:```|~~~)(.*)$", page, re.MULTILINE)
    assert set(fences[::2]) == {"sh", "python"}
    assert set(fences[1::2]) == {""}
    assert len(BLOCK.findall(page)) == len(fences) // 2


def script(folder: Path) -> str:
    """The page's blocks as one shell script; Python blocks become programs of their own."""
    lines = ["set -eu"]
    for number, (kind, text) in enumerate(BLOCK.findall((ROOT / "docs" / "emulator.md").read_text())):
        if kind == "sh":
            lines.append(text)
            continue
        program = folder / f"block{number}.py"
        program.write_text(f"import os\nCLIENT_ID = os.environ.get('CLIENT_ID', '')\n{text}")
        lines.append(f'CLIENT_ID="$CLIENT_ID" python {program.name} > block{number}.out')
    return "\n".join(lines)


@pytest.mark.needs("curl")
def test_every_command_block_of_the_page_runs(tmp_path: Path) -> None:
    environ = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'emulator'}",
        "NO_PROXY": "localhost",
    }
    done = subprocess.run(
        ["sh", "-c", script(tmp_path)],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "admin_consent=True" in done.stdout
    assert "state=my-state" in done.stdout
    assert '"displayName":"Microsoft Graph"' in done.stdout
    outputs = sorted(tmp_path.glob("block*.out"))
    assert len(outputs) == 2
    first = outputs[0].read_text()
    assert "admin@contoso.example 200" in first
    assert len(first.splitlines()) == 5
    assert not (tmp_path / "emulator-state" / "ready.json").exists()
