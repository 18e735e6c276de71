"""A stack's registry, outputs and consent service, opened for one command about organisations."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from orgcal.consent.service import ConsentService
    from orgcal.stack.environment import StackEnvironment
    from orgcal.stack.outputs import StackOutputs
    from orgcal.tenants.registry import Registry

StackOption = Annotated[str, typer.Option("--stack", "-s", help="Stack whose connector they use.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
JsonLinesOption = Annotated[bool, typer.Option("--json", help="Print JSON Lines, an object each.")]


@dataclass(frozen=True)
class Opened:
    """A stack's registry and what belongs to it.

    Attributes:
        environ: the process environment as the stack needs it.
        environment: what decides that.
    """

    registry: Registry
    environ: dict[str, str]
    environment: StackEnvironment


@contextmanager
def opened(stack: str) -> Iterator[Opened]:
    """The registry of `stack`, without asking the engine."""
    from orgcal.stack.environment import original_environment, stack_environment
    from orgcal.stack.files import project_dir
    from orgcal.tenants.registry import open_stack_registry

    environment = stack_environment(project_dir(), stack, original_environment(os.environ))
    environ = environment.to_environ(original_environment(os.environ))
    registry = open_stack_registry(environment.stack_dir, stack, os.environ)
    try:
        yield Opened(registry, environ, environment)
    finally:
        registry.close()


@contextmanager
def outputs_asked(stack: str) -> Iterator[Future[StackOutputs]]:
    """The outputs of `stack`, asked for at once: the engine needs half a second, in which a command can
    prepare the rest."""
    from orgcal.stack.prepare import prepare

    prepared = prepare(stack, os.environ, plugin=False)  # here: in a thread it would only fight for the interpreter
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(prepared.outputs)


@contextmanager
def service_of(found: Opened, asked: Future[StackOutputs]) -> Iterator[ConsentService]:
    """Consent for the connector whose outputs were `asked`."""
    endpoints = found.environment.running_endpoints()
    from orgcal.consent.service import ConsentService

    service = ConsentService(found.registry, asked.result(), endpoints, found.environ)
    try:
        yield service
    finally:
        service.close()
