"""Which tests can notice a mutant: what every fast test calls, recorded once, and the best of them for a place.

The record is kept in `.local/mutants/record.json`. A later run records only the test modules whose text has changed
since; with `--anew` it records all.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Set
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks.mutants_trace import RECORD

SUITES = ("tests/unit", "tests/contract", "tests/integration")
"""What `make test` runs, without the emulator's own tests, which import nothing of ours."""
LEFT_OUT = (
    "tests/integration/long/",
    "tests/contract/test_emulator_",
    "tests/contract/test_witness_",
    "tests/integration/test_dist",
    "tests/integration/test_engine_",
    "tests/integration/test_mutants",  # its tests record tests of their own
    "tests/integration/test_new_project",
)
"""Tests that take minutes, of the emulator alone, or that build or install: none of the changed code is theirs."""
BUDGET_S = 80.0
"""Seconds of tests, as they were recorded, that one mutant may cost."""
MOST_FILES = 20
"""Test modules that one mutant may cost: each has to be imported."""
_SITE = f"""\
import os
if {RECORD!r} in os.environ and "PYTEST_CURRENT_TEST" in os.environ:
    from benchmarks.mutants_trace import record_child
    record_child()
"""
"""Python runs it in each child that imports the copy's code."""


@dataclass(frozen=True)
class RecordedTest:
    """A test that passed: its node id, its seconds with its fixtures, and `path:function` of what it called."""

    name: str
    seconds: float
    ran: frozenset[str]

    @property
    def file(self) -> str:
        """The module that it stands in."""
        return self.name.partition("::")[0]

    @cached_property
    def calls(self) -> Counter[str]:
        """How many functions of each file it called."""
        return Counter(name.partition(":")[0] for name in self.ran)


def closest_tests(
    functions: Set[str], tests: Iterable[RecordedTest], importers: Set[str] = frozenset(), elsewhere: str = ""
) -> list[RecordedTest]:
    """The tests that can notice a change in any of these functions (`path:qualified name`), the closest first.

    Those are closest whose calls are for the largest part calls into the modules of these functions. Tests in modules
    that import the changed one (`importers`) may look at what it defines, and count as well. Where there is none, those
    that call anything in the module `elsewhere` stand in for them. No more are returned than `BUDGET_S` and
    `MOST_FILES` allow, and those of one file stand together.
    """
    tests = list(tests)
    places = {name.partition(":")[0] for name in functions}
    near = [test for test in tests if functions & test.ran or test.file in importers]
    if not near:
        places = {elsewhere}
        near = [test for test in tests if elsewhere in test.calls]

    def share(test: RecordedTest) -> float:
        return sum(test.calls[place] for place in places) / max(1, len(test.ran))

    by_file: dict[str, list[RecordedTest]] = defaultdict(list)
    left_s = BUDGET_S
    for test in sorted(near, key=lambda test: (-share(test), test.seconds, test.name)):
        if test.seconds <= left_s and (test.file in by_file or len(by_file) < MOST_FILES):
            by_file[test.file].append(test)
            left_s -= test.seconds
    return [test for chosen in by_file.values() for test in chosen]


def importers_of(root: Path, paths: Iterable[str]) -> dict[str, set[str]]:
    """For each file that one of these files imports, by path: which do."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in paths:
        for node in ast.walk(ast.parse((root / path).read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                modules = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            elif isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            else:
                continue
            for module in modules:
                place = module.replace(".", "/")
                found[f"{place}.py"].add(path)
                found[f"{place}/__init__.py"].add(path)
    return dict(found)


def fast_modules(root: Path) -> list[str]:
    """The modules of the fast tests."""
    found = (path.relative_to(root).as_posix() for suite in SUITES for path in (root / suite).rglob("test_*.py"))
    return sorted(file for file in found if not file.startswith(LEFT_OUT))


def recorded(
    copy: Path, kept: Path, areas: Iterable[str], environ: dict[str, str], *, jobs: int, limit_s: float
) -> tuple[list[RecordedTest], int]:
    """What the tests of a copy of the checkout call: from the record that is kept, and for changed modules recorded.

    A test that fails is not recorded, and so notices nothing. Recording ends after `limit_s`; the number of modules
    that are left for the next run comes second.
    """
    record: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    sums = {file: hashlib.sha256((copy / file).read_bytes()).hexdigest() for file in fast_modules(copy)}
    record = {file: record[file] for file in sums if record.get(file, {}).get("sha256") == sums[file]}
    if record.keys() != sums.keys():
        changed = sorted(sums.keys() - record.keys())
        print(f"recording what the tests of {len(changed)} modules call", file=sys.stderr, flush=True)
        found = _record(copy, changed, list(areas), environ, jobs=jobs, limit_s=limit_s)
        record |= {file: {"sha256": sums[file], "tests": tests} for file, tests in found.items()}
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(record), encoding="utf-8")
    tests = (test for module in record.values() for test in module["tests"])
    left = len(sums) - len(record)
    return [RecordedTest(test["test"], test["seconds"], frozenset(test["ran"])) for test in tests], left


def _record(
    copy: Path, files: list[str], areas: list[str], environ: dict[str, str], *, jobs: int, limit_s: float
) -> dict[str, list[dict[str, Any]]]:
    """The tests that passed of each module whose tests have all run."""
    site = copy / "sitecustomize.py"
    options = ["-p", "benchmarks.mutants_plugin", "--quiet", "--continue-on-collection-errors"]
    with tempfile.TemporaryDirectory(prefix="orgcal-record-", ignore_cleanup_errors=True) as name, ExitStack() as ends:
        folder, deadline = Path(name), time.monotonic() + limit_s
        (folder / "areas.json").write_text(json.dumps(areas), encoding="utf-8")
        site.write_text(_SITE, encoding="utf-8")
        ends.callback(site.unlink)
        processes = []
        for number in range(min(jobs, len(files))):
            processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", "pytest", *options, *files[number::jobs]],
                    cwd=copy,
                    env={**environ, RECORD: str(folder)},
                    stdout=sys.stderr,
                    start_new_session=True,
                )
            )
            ends.callback(end_session, processes[-1])
        with suppress(subprocess.TimeoutExpired):
            for process in processes:
                process.wait(max(0, deadline - time.monotonic()))
        done = {line["file"] for line in _lines(folder, "file")}
        ends.close()
        tests = [line for line in _lines(folder, "test") if line["test"].partition("::")[0] in done]
        return {file: [] for file in done} | _by_file(tests, list(_lines(folder, "child")))


def end_session(process: subprocess.Popen[bytes]) -> None:
    """Ends a process that began a session of its own, and whatever it started there."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _lines(folder: Path, kind: str) -> Iterator[dict[str, Any]]:
    for file in folder.glob(f"{kind}-*.jsonl"):
        for line in file.read_text(encoding="utf-8").splitlines():
            with suppress(ValueError):  # whoever wrote it was ended
                yield json.loads(line)


def _by_file(tests: list[dict[str, Any]], children: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The tests of each module, with what their children called."""
    of_children: dict[str, set[str]] = defaultdict(set)
    for child in children:
        of_children[child["test"]] |= set(child["ran"])
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for test in tests:
        ran = sorted({*test["ran"], *of_children[test["test"]]})
        found[test["test"].partition("::")[0]].append({**test, "ran": ran})
    return found
