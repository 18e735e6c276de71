"""`orgcal watch`: verification, consent, rotation and alerts in one process, for those without CI."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from orgcal.cli.common import JsonLinesOption, StackOption, open_stack, print_json_line

if TYPE_CHECKING:
    from orgcal.health.watch import Watch
    from orgcal.stack.open_stack import OpenStack


def watch(
    every: Annotated[str, typer.Option(help="How often each organisation is verified.", metavar="DURATION")] = "24h",
    red_every: Annotated[str, typer.Option(help="How often one that is not well.", metavar="DURATION")] = "1h",
    within: Annotated[
        str, typer.Option("--rotate-within", help="Rotate a credential that ends within this.", metavar="DURATION")
    ] = "30d",
    rotate: Annotated[bool, typer.Option("--rotate/--no-rotate", help="Whether to rotate when it is due.")] = True,
    record: Annotated[
        Literal["file", "commit", "pull-request"], typer.Option(help="How a rotation keeps the stack's file.")
    ] = "file",
    listen: Annotated[
        str, typer.Option(help="Serve the page, /metrics and /healthz there.", metavar="127.0.0.1:PORT")
    ] = "",
    dask: Annotated[
        str, typer.Option(help="Address of a Dask scheduler whose workers verify.", metavar="tcp://HOST:PORT")
    ] = "",
    once: Annotated[bool, typer.Option("--once", help="Do what is due, and end.")] = False,
    stack: StackOption = "dev",
    as_json: JsonLinesOption = False,
) -> None:
    """Verify organisations in turn, check consent, rotate when due, and send alerts, until Ctrl-C or SIGTERM."""
    import logging

    from orgcal.durations import parse_duration
    from orgcal.health.schedule import Intervals
    from orgcal.health.watch import Commands, Watch, Work
    from orgcal.tenants.claims import Claims

    intervals = Intervals(parse_duration(every, "--every"), parse_duration(red_every, "--red-every"))
    parse_duration(within, "--rotate-within")
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%Y-%m-%dT%H:%M:%S%z")
    logging.getLogger("orgcal.watch").setLevel(logging.INFO)
    rotation = ("--if-expiring-within", within, "--record", record) if rotate else None
    work = Work(stack, intervals, rotation, ("--dask", dask) if dask else ())
    stopping = threading.Event()
    with open_stack(stack) as opened, ExitStack() as closing:
        registry = opened.registry
        claims = Claims(registry, opened.stack_dir)
        closing.callback(claims.close)
        commands = Commands(opened.project_dir, opened.shell_environ, ("--json",) if as_json else ())
        watching = Watch(registry, claims, work, commands.run)
        page = closing.enter_context(_served(opened, watching, listen)) if listen else None
        if as_json:
            print_json_line({"watching": stack, "page": page})
        elif page:
            typer.echo(f"the page at {page}, metrics at /metrics")
        with _asked_to_end(stopping, commands.end):
            if not as_json:
                typer.echo(f"watching stack {stack}; Ctrl-C ends")
            watching.run(stopping, once=once)


@contextmanager
def _served(opened: OpenStack, watching: Watch, address: str) -> Iterator[str]:
    """Serve the page and the metrics while the context lasts; gives the page's address."""
    from orgcal.health.metrics import CONTENT_TYPE, metrics_text
    from orgcal.health.server import HTML, listening_socket, make_app, serving
    from orgcal.health.snapshot import read_snapshot

    def page() -> str:
        from orgcal.health.page import page_of

        return page_of(opened.registry, opened.alerts)

    listening = listening_socket(address)
    app = make_app(
        lambda: metrics_text(read_snapshot(opened.registry)),
        CONTENT_TYPE,
        {"/": (HTML, page)},
        alive=lambda: watching.alive,
    )
    with serving(app, listening):
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"


@contextmanager
def _asked_to_end(stopping: threading.Event, end: Callable[[], object]) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the watch after what runs has ended; a second one ends the process at once."""

    def ask(number: int, frame: object) -> None:  # noqa: ARG001  # signal's signature
        if stopping.is_set():
            os._exit(130)
        stopping.set()
        threading.Thread(target=end, name="end").start()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
