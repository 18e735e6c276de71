"""`orgcal rotate`: a connector's credential replaced without an outage."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from orgcal.errors import UsageError

if TYPE_CHECKING:
    from orgcal.rotation.report import RotationResult


def rotate(
    stack: Annotated[str, typer.Option("--stack", "-s", help="Stack whose credential is rotated.")] = "dev",
    within: Annotated[
        str, typer.Option("--if-expiring-within", help="Begin if the active one ends within this: 30d.", metavar="TIME")
    ] = "",
    now: Annotated[bool, typer.Option("--now", help="Begin whatever the dates say.")] = False,
    status: Annotated[bool, typer.Option("--status", help="Only tell generations, dates, and what is next.")] = False,
    overlap: Annotated[
        str, typer.Option(help="How long the superseded one lives on; 0s retires it at once.", metavar="TIME")
    ] = "7d",
    rollback: Annotated[bool, typer.Option("--rollback", help="Go back to the old one, while it lives.")] = False,
    revoke: Annotated[bool, typer.Option("--revoke", help="A secret leaked: replace it, without an overlap.")] = False,
    record: Annotated[
        Literal["file", "commit", "pull-request"] | None,
        typer.Option(help="Keep the stack's file so; commit where CI=true, else file."),
    ] = None,
    wait: Annotated[str, typer.Option(help="Longest wait for others that work on the stack.", metavar="TIME")] = "10m",
    patience: Annotated[
        str, typer.Option(help="Longest wait until a credential is accepted everywhere.", metavar="TIME")
    ] = "5m",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Do what is due: add a credential, prove it, make it active, prove it again, retire the old one.

    Every step can be repeated, and a run that died is continued by the next. Exit code 0 also where nothing was due; 1
    if a proof failed.
    """
    from orgcal.cli.progress import StepPrinter
    from orgcal.durations import parse_duration
    from orgcal.rotation.record import PullRequestRecord, open_record
    from orgcal.rotation.run import Rotation, RotationContext
    from orgcal.rotation.status import look
    from orgcal.rotation.steps import RotationRequest
    from orgcal.settings.credential_file import SettingsFile
    from orgcal.stack.files import project_dir
    from orgcal.stack.prepare import prepare

    _only_one(now=now, rollback=rollback, revoke=revoke, status=status)
    asked = RotationRequest(
        within=parse_duration(within, "--if-expiring-within") if within else None,
        now=now,
        revoke=revoke,
        rollback=rollback,
        overlap=parse_duration(overlap, "--overlap"),
    )
    waiting, patient = parse_duration(wait, "--wait"), parse_duration(patience, "--patience")
    tell = _silent if as_json else typer.echo
    prepared = prepare(stack, os.environ, plugin=not status)
    mode = record or ("commit" if os.environ.get("CI") == "true" else "file")
    emulated = prepared.environment.cloud == "emulator"
    file = SettingsFile(project_dir(), stack, emulated=emulated, overlay=mode == "file")
    if status:
        found = look(prepared, file, asked, datetime.now(UTC))
        typer.echo(json.dumps(found.as_json()) if as_json else "\n".join(found.lines()))
        return
    kept = open_record(mode, file, stack, prepared.environ, tell)
    with StepPrinter(quiet=as_json) as printer:
        around = RotationContext(prepared, file, kept, printer, tell, patience=patient, wait=waiting)
        outcome = Rotation(around, asked).run()
    problem = None
    if isinstance(kept, PullRequestRecord):
        outcome.pull_request, problem = kept.url, kept.problem
    typer.echo(json.dumps(outcome.as_json()) if as_json else "\n".join(_lines(outcome)))
    if problem is not None:
        raise problem
    if outcome.failed:
        raise typer.Exit(1)


def _lines(outcome: RotationResult) -> Iterator[str]:
    """The end of a run, for people."""
    failed = outcome.failed
    if failed is not None:
        yield f"stopped: {failed.words()}"
        yield f"  repair: {failed.repair}"
    if outcome.standing is not None:
        yield from outcome.standing.lines()


def _only_one(**asked: bool) -> None:
    named = [f"--{name}" for name, given in asked.items() if given]
    if len(named) > 1:
        raise UsageError(f"{' and '.join(named)} ask for different things", where="orgcal rotate", repair=named[0])


def _silent(line: str) -> None:
    """Where JSON is asked for, nothing else is printed."""
