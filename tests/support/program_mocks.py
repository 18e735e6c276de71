"""Pulumi programs in tests without an engine."""

from __future__ import annotations

import asyncio
import atexit
from collections.abc import Callable
from functools import cache
from typing import TypeVar

import pulumi

Test = TypeVar("Test", bound=Callable[..., object])


def program_test(function: Test) -> Test:
    """Decorates a test that returns an output: it ends when that output is known."""
    decorated: Test = pulumi.runtime.test(function)  # type: ignore[no-untyped-call]
    return decorated


def use_mocks(mocks: pulumi.runtime.Mocks) -> None:
    """Make `mocks` answer for every plugin in this test, as in an update of stack `prod`."""
    asyncio.set_event_loop(_event_loop())
    pulumi.runtime.set_mocks(mocks, project="orgcal", stack="prod", preview=False)


@cache
def _event_loop() -> asyncio.AbstractEventLoop:
    """The loop of all mocked programs, closed when the tests end.

    Pulumi takes the thread's event loop or makes one. `asyncio.run` in a later test removes it from the thread without
    closing it, and the warning about that would then fail whichever test runs when it is collected.
    """
    loop = asyncio.new_event_loop()
    atexit.register(loop.close)
    return loop
