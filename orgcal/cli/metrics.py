"""`orgcal metrics`: what the registry knows, for Prometheus and OpenTelemetry."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from orgcal.cli.common import JsonOption, StackOption, open_stack, print_object, print_result
from orgcal.errors import UsageError


def metrics(
    output: Annotated[
        Path | None, typer.Option(help="Write this file in one step, for node_exporter's textfile collector.")
    ] = None,
    listen: Annotated[
        str, typer.Option(help="Serve /metrics and /healthz there until Ctrl-C.", metavar="127.0.0.1:PORT")
    ] = "",
    otlp: Annotated[str, typer.Option(help="Send them to a collector once.", metavar="URL")] = "",
    names: Annotated[bool, typer.Option("--names", help="Also name organisations, not only by tenant id.")] = False,
    stack: StackOption = "dev",
    as_json: JsonOption = False,
) -> None:
    """Print metrics of a stack's organisations and credentials as OpenMetrics; asks nothing but the registry."""
    chosen = [name for name, value in (("--output", output), ("--listen", listen), ("--otlp", otlp)) if value]
    if len(chosen) > 1:
        raise UsageError(f"{' and '.join(chosen)} say where they go", where="orgcal metrics", repair=chosen[0])
    from orgcal.health.metrics import CONTENT_TYPE, gauges_of, metrics_object, metrics_text
    from orgcal.health.snapshot import read_snapshot

    with open_stack(stack) as opened:
        registry = opened.registry

        def text() -> str:
            return metrics_text(read_snapshot(registry), names=names)

        if output is not None:
            from orgcal.files.whole import write_whole

            write_whole(output, text(), private=False)
            if as_json:
                print_object({"file": str(output)}, ok=True)
        elif listen:
            from orgcal.health.server import listening_socket, make_app, serve

            listening = listening_socket(listen)
            address = f"http://127.0.0.1:{listening.getsockname()[1]}/metrics"
            print_result({"metrics_at": address}, [f"metrics at {address}; Ctrl-C ends"], as_json=as_json)
            with suppress(KeyboardInterrupt):
                serve(make_app(text, CONTENT_TYPE), listening)
        elif otlp:
            from orgcal.health.otlp import send_metrics

            snapshot = read_snapshot(registry)
            send_metrics(otlp, gauges_of(snapshot, names=names), snapshot.at, os.environ)
            if as_json:
                print_object({"sent_to": otlp}, ok=True)
        elif as_json:
            print_object(metrics_object(gauges_of(read_snapshot(registry), names=names)), ok=True)
        else:
            typer.echo(text(), nl=False)
