"""`make live` without its variables: one sentence, and no test has run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.witness_tenant import VARIABLES

ROOT = Path(__file__).parents[2]
WITNESSES = "tests/contract/test_witness_msgraph.py"
OTHERS = "tests/contract/test_verify_unforeseen.py"


def test_live_without_a_named_tenant_refuses_before_any_test(tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--live", WITNESSES, "-q", "-p", "no:cacheprovider"],
        cwd=ROOT, env=environ, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    said = done.stdout + done.stderr
    assert "live: no real tenant is named, so none is touched; set ORGCAL_LIVE_TENANT_ID" in said
    assert " passed" not in said
    assert "Traceback" not in said


def test_live_runs_witnesses_only() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--live", OTHERS, WITNESSES, "--collect-only", "-q", "-p", "no:cacheprovider"],
        cwd=ROOT, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    tests = [line for line in done.stdout.splitlines() if "::" in line]
    assert tests
    assert all(line.startswith(WITNESSES) for line in tests)
