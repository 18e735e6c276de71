"""docs/your-program.md: its blocks run in their order, with the clients as they are."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.client_installs import azure_cli, node, node_packages

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "your-program.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

pytestmark = [pytest.mark.judged("Azure CLI, CLI for Microsoft 365, azure-identity, MSAL"), pytest.mark.timeout(900)]


def script(folder: Path) -> str:
    """The page's blocks as one shell script; those in Python and JavaScript become programs of their own."""
    lines = ["set -eu"]
    runners = {"python": ("py", shlex.quote(sys.executable)), "js": ("mjs", shlex.quote(str(node())))}
    for number, (kind, text) in enumerate(BLOCK.findall(PAGE)):
        if kind == "sh":
            lines.append(text)
        elif kind in runners:
            suffix, runner = runners[kind]
            (folder / f"block{number}.{suffix}").write_text(text, encoding="utf-8")
            lines.append(f"{runner} block{number}.{suffix}")
    return "\n".join(lines)


def programs(folder: Path) -> Path:
    """A folder for PATH with the commands that the page calls."""
    m365 = node_packages("m365") / "node_modules" / "@pnp" / "cli-microsoft365" / "dist" / "index.js"
    commands = {
        "az": azure_cli(),
        "m365": [str(node()), str(m365)],
        "orgcal-emulator": [sys.executable, "-m", "orgcal_emulator"],
    }
    (folder / "bin").mkdir()
    for name, command in commands.items():
        # Azure CLI must not import what the tests' own Python does.
        path = "PYTHONPATH= " if name == "az" else ""
        program = folder / "bin" / name
        program.write_text(f'#!/bin/sh\n{path}exec {shlex.join(command)} "$@"\n', encoding="utf-8")
        program.chmod(0o700)
    return folder / "bin"


def test_every_block_of_the_page_runs_in_order(tmp_path: Path) -> None:
    (tmp_path / "node_modules").symlink_to(node_packages("graph_js") / "node_modules")
    environ = {
        "PATH": f"{programs(tmp_path)}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "AZURE_CORE_COLLECT_TELEMETRY": "no",
        "CLIMICROSOFT365_NOUPDATE": "1",
    }
    ended = subprocess.run(
        ["sh", "-c", script(tmp_path)], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip
    if ended.returncode != 0 and (tmp_path / "emulator.env").exists():
        subprocess.run(["sh", "-c", ". ./emulator.env; orgcal-emulator stop"], cwd=tmp_path, env=environ, check=False)
    assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-2000:]
    assert '"displayName": "my connector"' in ended.stdout
    assert '"isDefaultCalendar": true' in ended.stdout
    assert ended.stdout.endswith("the emulator has stopped\n")


def test_fragments_in_go_stand_in_programs_that_run() -> None:
    sources = [ROOT / "docs/examples/emulator/go/calendars_test.go", ROOT / "tests/support/clients/msal_go/main.go"]
    text = "".join(path.read_text(encoding="utf-8") for path in sources)
    for call in ("azidentity.NewEnvironmentCredential(&azidentity.EnvironmentCredentialOptions{", "confidential.New("):
        assert call in text
        assert call in PAGE
