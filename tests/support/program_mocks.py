"""Pulumi programs in tests without an engine."""

from __future__ import annotations

import asyncio
import atexit
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import pulumi
from pulumi.runtime.mocks import MockMonitor

Test = TypeVar("Test", bound=Callable[..., object])


def program_test(function: Test) -> Test:
    """Decorates a test that returns an output: it ends when that output is known."""
    decorated: Test = pulumi.runtime.test(function)  # type: ignore[no-untyped-call]
    return decorated


class Engine(MockMonitor):
    """Keeps what the program asks of the engine.

    Attributes:
        registered: requests for resources, by their names and then the last words of their types.
        completed: outputs of components, by the same.
        invoked: calls of functions.
    """

    def __init__(self, mocks: pulumi.runtime.Mocks) -> None:
        super().__init__(mocks)
        self.registered: dict[tuple[str, str], Any] = {}
        self.completed: dict[tuple[str, str], dict[str, Any]] = {}
        self.invoked: list[Any] = []

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - as Pulumi calls it
        """Register a resource."""
        self.registered[request.name, request.type.rpartition(":")[2]] = request
        return super().RegisterResource(request)  # type: ignore[no-untyped-call]

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802
        """End a component."""
        kind, _, name = request.urn.rpartition("::")
        outputs = pulumi.runtime.rpc.deserialize_properties(request.outputs)
        self.completed[name, kind.rpartition(":")[2]] = outputs
        return super().RegisterResourceOutputs(request)  # type: ignore[no-untyped-call]

    def Invoke(self, request: Any) -> Any:  # noqa: N802
        """Call a function."""
        self.invoked.append(request)
        return super().Invoke(request)  # type: ignore[no-untyped-call]


def use_mocks(mocks: pulumi.runtime.Mocks, *, preview: bool = False) -> Engine:
    """Make `mocks` answer for every plugin in this test, as in an update (or a preview) of stack `prod`."""
    asyncio.set_event_loop(_event_loop())
    engine = Engine(mocks)
    pulumi.runtime.set_mocks(mocks, project="orgcal", stack="prod", preview=preview, monitor=engine)
    return engine


@cache
def _event_loop() -> asyncio.AbstractEventLoop:
    """The loop of all mocked programs, closed when the tests end.

    Pulumi takes the thread's event loop or makes one. `asyncio.run` in a later test removes it from the thread without
    closing it, and the warning about that would then fail whichever test runs when it is collected.
    """
    loop = asyncio.new_event_loop()
    atexit.register(loop.close)
    return loop
