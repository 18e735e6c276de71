"""`make fuzz`: the generators at length, as one JSON object with `cases`, `crashes` and `wrong_results`.

Answers of servers (`tests.fuzz.answers`) by seeds; documents of the `file` platform and settings files by Hypothesis,
whose tests run with `ORGCAL_FUZZ_FACTOR` times their usual cases. A failed assertion is a wrong result, any other
exception a crash. What was found is told on standard error; the exit code is 1 where there is any.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import logging
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.fuzz.answers import Findings, odd_answers, runs
from tests.support.fuzzing import FACTOR_VARIABLE, examples_of

ROOT = Path(__file__).resolve().parents[2]
GENERATED = ("tests/unit/test_files_fuzz.py", "tests/unit/test_settings_agreement.py")


class _Counter:
    """A pytest plugin that counts Hypothesis' examples and sorts what failed."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
        report = yield
        if call.when == "call":
            self._findings.cases += examples_of(getattr(item, "obj", None))
        if call.excinfo is not None:
            wrong = call.excinfo.errisinstance(AssertionError)
            found = self._findings.wrong_results if wrong else self._findings.crashes
            found.append(f"{item.nodeid}\n{report.longreprtext[-2000:]}")
        return report


def main() -> int:
    parser = argparse.ArgumentParser(prog="make fuzz", description="Run the generators at length.")
    parser.add_argument("--cases", type=int, default=2000, help="odd answers for each seed")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="of the odd answers")
    parser.add_argument("--factor", type=int, default=10, help="times the usual documents and settings")
    asked = parser.parse_args()
    logging.getLogger().addHandler(logging.NullHandler())
    findings = Findings()
    with tempfile.TemporaryDirectory() as folder, runs(Path(folder)) as found:
        for seed in asked.seeds:
            more = odd_answers(found, seed, asked.cases)
            findings.cases += more.cases
            findings.crashes += more.crashes
            findings.wrong_results += more.wrong_results
    os.environ[FACTOR_VARIABLE] = str(asked.factor)
    with contextlib.redirect_stdout(io.StringIO()):
        paths = [str(ROOT / path) for path in GENERATED]
        code = pytest.main([*paths, "-q", "-p", "no:cacheprovider"], [_Counter(findings)])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        findings.crashes.append(f"the tests of documents and settings did not run ({code})")
    for text in (*findings.crashes, *findings.wrong_results):
        print(text, file=sys.stderr)
    counts = {"crashes": len(findings.crashes), "wrong_results": len(findings.wrong_results)}
    print(json.dumps({"cases": findings.cases, **counts}))
    return 1 if any(counts.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
