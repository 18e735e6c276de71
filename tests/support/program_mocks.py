"""Pulumi programs in tests without an engine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

import pulumi

Test = TypeVar("Test", bound=Callable[..., object])


def program_test(function: Test) -> Test:
    """Decorates a test that returns an output: it ends when that output is known."""
    decorated: Test = pulumi.runtime.test(function)  # type: ignore[no-untyped-call]
    return decorated


def use_mocks(mocks: pulumi.runtime.Mocks) -> None:
    """Make `mocks` answer for every plugin in this test, as in an update of stack `prod`."""
    try:
        asyncio.get_event_loop_policy().get_event_loop()
    except RuntimeError:
        # Pulumi takes the thread's event loop, and a test that called `asyncio.run` before has left none.
        asyncio.set_event_loop(asyncio.new_event_loop())
    pulumi.runtime.set_mocks(mocks, project="orgcal", stack="prod", preview=False)
