"""Which tests show only that our own two sides agree: the product and our emulator of Microsoft's services.

Such a test is marked `closed_loop`. The rule marks each test that uses a fixture of an emulator; what starts one in
another way carries the marker itself. A test whose expectation is somebody else's (a table of `tests/contract/rules`,
an unmodified client, a recording) says by whom it is `judged`, and is none of them.
"""

from __future__ import annotations

from typing import NamedTuple

import pytest

FIXTURES = frozenset({"emulator", "start_emulator", "deployed", "started"})
"""Fixtures behind which an emulator runs; those that use them are found by pytest."""
FOLDERS = ("tests/engine/", "tests/browser/")
"""Here every test runs the product, with real programs, against an emulator."""
OWN = "emulator/tests/"
"""The emulator's own tests: requests and answers as literals, without the product."""
FEWEST = 100
"""Test functions of a run whose share is told; of fewer it says nothing."""
MOST = 12.0
"""Percent of the test functions of `make test` that may be closed loops; this many are too many."""


class Share(NamedTuple):
    """Test functions: closed loops, and all of them; a parametrized one counts once, however many cases it has."""

    closed: int
    every: int

    @property
    def percent(self) -> float:
        """Of all, those that are closed loops."""
        return 100 * self.closed / self.every if self.every else 0.0

    def __str__(self) -> str:
        return f"closed loop: {self.closed} of {self.every} test functions ({self.percent:.1f} %)"


def mark_closed_loops(items: list[pytest.Item]) -> None:
    """Mark what the rule finds."""
    for item in items:
        if _uses_an_emulator(item) and item.get_closest_marker("judged") is None:
            item.add_marker("closed_loop")


def share_of(items: list[pytest.Item]) -> Share:
    """How many of these are closed loops."""
    closed = {_function_of(item) for item in items if item.get_closest_marker("closed_loop")}
    return Share(len(closed), len({_function_of(item) for item in items}))


def _uses_an_emulator(item: pytest.Item) -> bool:
    if item.nodeid.startswith(OWN):
        return False
    return item.nodeid.startswith(FOLDERS) or not FIXTURES.isdisjoint(getattr(item, "fixturenames", ()))


def _function_of(item: pytest.Item) -> str:
    return item.nodeid.partition("[")[0]
