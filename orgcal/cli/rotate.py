"""`orgcal rotate`: a connector's credential replaced without an outage."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from orgcal.cli.approval import YesOption, approve, can_ask
from orgcal.cli.common import JsonOption, StackOption, open_stack, print_object, print_result, progress_lines
from orgcal.errors import OrgcalError, UsageError

if TYPE_CHECKING:
    from orgcal.rotation.status import RotationResult
    from orgcal.rotation.steps import RotationRequest
    from orgcal.settings.credential_file import SettingsFile
    from orgcal.stack.open_stack import OpenStack


def rotate(
    stack: StackOption = "dev",
    within: Annotated[
        str,
        typer.Option("--if-expiring-within", help="Begin if the active one ends within this: 30d.", metavar="DURATION"),
    ] = "",
    now: Annotated[bool, typer.Option("--now", help="Begin whatever the dates say.")] = False,
    status: Annotated[bool, typer.Option("--status", help="Only show generations, dates, and the next step.")] = False,
    overlap: Annotated[
        str, typer.Option(help="How long the superseded one lives on; 0s retires it at once.", metavar="DURATION")
    ] = "7d",
    rollback: Annotated[bool, typer.Option("--rollback", help="Go back to the old one, while it lives.")] = False,
    revoke: Annotated[bool, typer.Option("--revoke", help="A secret leaked: replace it, without an overlap.")] = False,
    deploy_all: Annotated[
        bool,
        typer.Option("--deploy-all", help="While one is revoked, also deploy what else the checkout changes."),
    ] = False,
    record: Annotated[
        Literal["file", "commit", "pull-request"] | None,
        typer.Option(help="Keep the stack's file so; commit where CI=true, else file."),
    ] = None,
    wait: Annotated[
        str, typer.Option(help="Longest wait for others that work on the stack.", metavar="DURATION")
    ] = "10m",
    patience: Annotated[
        str, typer.Option(help="Longest wait until a credential is accepted everywhere.", metavar="DURATION")
    ] = "5m",
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Rotate the credential as far as it is due: add one, prove it, make it active, prove it again, retire the old one.

    --now, --rollback and --revoke show what is next and ask.

    Every step can be repeated, and a run that died is continued by the next. Exit code 0 also where nothing was due; 1
    if a proof failed.
    """
    from orgcal.cli.progress import StepPrinter
    from orgcal.durations import parse_duration
    from orgcal.rotation.log import RotationLog
    from orgcal.rotation.record import PullRequestRecord, open_record
    from orgcal.rotation.run import Rotation
    from orgcal.rotation.status import read_status
    from orgcal.rotation.steps import RotationRequest
    from orgcal.settings.credential_file import SettingsFile

    _only_one(now=now, rollback=rollback, revoke=revoke, status=status)
    request = RotationRequest(
        within=parse_duration(within, "--if-expiring-within") if within else None,
        now=now,
        revoke=revoke,
        rollback=rollback,
        overlap=parse_duration(overlap, "--overlap"),
        deploy_all=deploy_all,
    )
    waiting, patient = parse_duration(wait, "--wait"), parse_duration(patience, "--patience")
    tell = progress_lines(as_json)
    mode = record or ("commit" if os.environ.get("CI") == "true" else "file")
    with open_stack(stack) as opened:
        file = SettingsFile(opened.project_dir, stack, emulated=opened.cloud == "emulator", overlay=mode == "file")
        if status:
            current = read_status(opened, file, request, datetime.now(UTC))
            print_result(current.as_json(), current.lines(), as_json=as_json, ok=not current.revoking)
            return
        if now or rollback or revoke:
            _approve(opened, file, request, yes=yes, as_json=as_json)
        try:
            opened.choose_plugin()
        except OrgcalError as error:  # alerts tell of it, as of a step that was refused
            RotationLog(opened, tell).ended(error.what)
            raise
        kept = open_record(mode, file, stack, opened.shell_environ, tell)
        with StepPrinter(quiet=as_json) as printer:
            rotation = Rotation(opened, request, file, kept, on_step=printer, tell=tell, patience=patient, wait=waiting)
            result = rotation.run()
    problem = None
    if isinstance(kept, PullRequestRecord):
        result.pull_request, problem = kept.url, kept.problem
    well = not (result.failed or (result.status and result.status.revoking))
    told = result.as_json() if problem is None else {**result.as_json(), "error": problem.as_json()}
    if problem is not None and as_json:
        print_object(told, ok=False)
        raise problem
    print_result(told, _lines(result), as_json=as_json, ok=well or problem is not None)
    if problem is not None:
        raise problem


def _approve(stack: OpenStack, file: SettingsFile, request: RotationRequest, *, yes: bool, as_json: bool) -> None:
    """Show generations, what is next and whom it concerns, and ask; refuse where nobody can be asked and it matters."""
    from orgcal.operations.plan import consented_organisations
    from orgcal.rotation.question import meaning_for_customers, rotation_question
    from orgcal.rotation.status import read_status

    question = ""
    if not yes and can_ask(as_json=as_json):
        current = read_status(stack, file, request, datetime.now(UTC))
        typer.echo("\n".join(current.lines()))
        meaning = meaning_for_customers(request, current, len(consented_organisations(stack)))
        typer.echo(f"for customers: {meaning}")
        question = rotation_question(request, current)
    approve(
        question,
        where=f"orgcal rotate --stack {stack.name}",
        yes=yes,
        as_json=as_json,
        needed=request.revoke or stack.core.protected,
    )


def _lines(result: RotationResult) -> Iterator[str]:
    """The end of a run, for people."""
    failed = result.failed
    if failed is not None:
        yield f"stopped: {failed.words()}"
        yield f"  repair: {failed.repair}"
    if result.status is not None:
        yield from result.status.lines()


def _only_one(**options: bool) -> None:
    named = [f"--{name}" for name, given in options.items() if given]
    if len(named) > 1:
        raise UsageError(f"{' and '.join(named)} ask for different things", where="orgcal rotate", repair=named[0])
