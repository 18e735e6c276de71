"""A pytest plugin for `make mutants`: records what each test calls, or runs chosen tests in a given order."""

from __future__ import annotations

import json
import os
import resource
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from benchmarks.mutants_trace import RECORD, Trace, areas, write_down

FAILED = "failed.jsonl"
"""Name of the file beside that list with the tests that failed."""
MEMORY_LIMIT = 8 * 1024**3
"""Bytes of address space of a process that tests a mutant: a change may make a loop endless."""
CHOSEN = "MUTANTS_CHOSEN"
"""Variable: a JSON list of the tests to run, in their order; the others of the collected files are left out."""


class Recorder:
    """Writes down, for each test that passes, the seconds it took and the functions that it called."""

    def __init__(self) -> None:
        self._trace, self._areas, self._passed = Trace(), areas(), True

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
        """Around the test and its fixtures; those of a module count for its first test. Says which modules are done."""
        self._trace.take(self._areas)
        self._trace.start()
        before, self._passed = time.perf_counter(), True
        yield
        seconds, ran = round(time.perf_counter() - before, 3), self._trace.take(self._areas)
        if self._passed:
            write_down("test", {"test": item.nodeid, "seconds": seconds, "ran": ran})
        if nextitem is None or nextitem.path != item.path:
            write_down("file", {"file": item.nodeid.partition("::")[0]})

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Says which modules are skipped as a whole."""
        if report.skipped:
            write_down("file", {"file": report.nodeid})

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Notes a test that failed or was skipped: such a one notices nothing."""
        self._passed = self._passed and report.passed


class Chooser:
    """Runs the chosen tests alone."""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Keeps what was chosen, in its order."""
        chosen = json.loads(Path(os.environ[CHOSEN]).read_text(encoding="utf-8"))
        places = {test: place for place, test in enumerate(chosen)}
        config.hook.pytest_deselected(items=[item for item in items if item.nodeid not in places])
        items[:] = sorted((item for item in items if item.nodeid in places), key=lambda item: places[item.nodeid])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Writes down which fail, a line each, beside the list of those that were chosen."""
        if report.failed:
            with Path(os.environ[CHOSEN]).with_name(FAILED).open("a", encoding="utf-8") as file:
                file.write(json.dumps(report.nodeid) + "\n")


def pytest_configure(config: pytest.Config) -> None:
    """Adds what the variables ask for."""
    if RECORD in os.environ:
        config.pluginmanager.register(Recorder(), "mutants-recorder")
    if CHOSEN in os.environ:
        with suppress(ValueError, OSError):  # not every system has this limit
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, resource.getrlimit(resource.RLIMIT_AS)[1]))
        config.pluginmanager.register(Chooser(), "mutants-chooser")
