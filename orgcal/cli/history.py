"""`orgcal history`: how verifications and checks of organisations ended, night by night."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from orgcal.cli.common import JsonLinesOption, StackOption, open_stack, print_json_line, print_lines
from orgcal.cli.completion import complete_tenant
from orgcal.errors import UsageError
from orgcal.printable import counted, printable
from orgcal.verdicts import told

if TYPE_CHECKING:
    from orgcal.tenants.history import Run


def history(
    tenant: Annotated[
        str, typer.Argument(help="Only this organisation.", metavar="TENANT", autocompletion=complete_tenant)
    ] = "",
    since: Annotated[
        str, typer.Option(help="Only what came later: 7d ago, or a date such as 2026-11-01.", metavar="TIME")
    ] = "",
    stack: StackOption = "dev",
    as_json: JsonLinesOption = False,
) -> None:
    """Show how each verification and each check of organisations ended, oldest first."""
    from orgcal.tenants.history import runs

    with open_stack(stack) as opened:
        later = moment_of(since, datetime.now(UTC)) if since else None
        tenant_id = opened.registry.wanted(tenant).tenant_id if tenant else ""
        names = {} if as_json else {item.tenant_id: item.label for item in opened.registry.tenants()}
        none = True
        for run in runs(opened.registry, tenant_id, since=later):
            none = False
            if as_json:
                print_json_line(run.as_json())
            else:
                print_lines([_line(run, names.get(run.tenant_id, run.tenant_id))])
    if none and not as_json:
        typer.echo(f"nothing was verified or checked yet; next: orgcal verify --stack {stack}")


def moment_of(text: str, now: datetime) -> datetime:
    """The moment that `--since` names.

    Args:
        text: a time before now, such as `7d`, or a date.

    Raises:
        UsageError: it names none.
    """
    from orgcal.durations import parse_duration, parse_moment

    try:
        return parse_moment(text.strip())
    except ValueError:
        pass
    try:
        return now - parse_duration(text, "--since")
    except UsageError:
        raise UsageError(
            f"found {text!r}; expected a time before now or a date",
            where="--since",
            repair="such as --since 7d, or --since 2026-11-01",
        ) from None


def _line(run: Run, name: str) -> str:
    """One row, for people."""
    numbers = [
        f"{counted(count, *noun)}{more}"
        for count, noun, more in (
            (run.users, ("user",), ""),
            (run.calendars, ("calendar",), ""),
            (run.readable, ("mailbox", "mailboxes"), " read"),
        )
        if count is not None
    ]
    throttled = [f"throttled for {run.throttled_s:.0f} s"] if run.throttled_s >= 1 else []
    read = ", ".join([*numbers, *throttled])
    when, what = f"{run.at:%Y-%m-%d %H:%M} UTC", f"{run.kind}: {run.state.value}"
    return printable("  ".join(filter(None, (when, f"{told(run.verdict):<7}", name, what, read, run.cause))))
