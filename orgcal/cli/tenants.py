"""`orgcal tenants` and `orgcal log`: the customer organisations of a stack's connector, and what was done."""

from __future__ import annotations

import enum
import json
import shlex
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orgcal.cli.approval import YesOption, approve
from orgcal.cli.common import (
    JsonLinesOption,
    JsonOption,
    StackOption,
    TenantArgument,
    consent_service,
    open_stack,
    print_json_line,
    print_result,
)
from orgcal.cli.completion import complete_tenant
from orgcal.cli.grammar import CommandGroup
from orgcal.errors import UsageError
from orgcal.printable import counted, printable

if TYPE_CHECKING:
    from orgcal.tenants.model import LogEntry, Tenant

app = CommandGroup(help="Customer organisations of a connector.")


class AccessChoice(enum.StrEnum):
    """As `orgcal.tenants.model.Access`, for the command line."""

    ALL = "all"
    SCOPED = "scoped"


@app.command(short_help="Add an organisation")
def add(
    tenant: Annotated[str, typer.Argument(help="Tenant id or domain.", metavar="TENANT")],
    name: Annotated[
        str, typer.Option(help="Name for reports; the known one, or the domain, unless given.", metavar="NAME")
    ] = "",
    access: Annotated[
        AccessChoice | None, typer.Option(help="Which mailboxes it lets the connector read; the known, or all.")
    ] = None,
    group: Annotated[
        str, typer.Option(help="With --access scoped: name or id of the group of them.", metavar="GROUP")
    ] = "",
    inside: Annotated[str, typer.Option(help="Object id of a user in the scope, to test with.", metavar="ID")] = "",
    outside: Annotated[str, typer.Option(help="Object id of a user outside of it.", metavar="ID")] = "",
    stack: StackOption = "dev",
    as_json: JsonOption = False,
) -> None:
    """Add an organisation; its domain is resolved to the tenant id now.

    With --access scoped it limits the connector to some mailboxes in Exchange, and no consent page is used.
    """
    from orgcal.entra.discovery import resolve_tenant
    from orgcal.entra.session import new_session
    from orgcal.entra.tenant_ids import is_guid
    from orgcal.tenants.scope import AccessProfile

    profile = None
    if access is not None:
        profile = AccessProfile(access.value, group.strip(), inside.strip(), outside.strip())
    elif group or inside or outside:
        what = "a group or a test mailbox is named without the profile"
        raise UsageError(what, where="orgcal tenants add", repair="--access scoped")
    began = datetime.now(UTC)
    tenant, name = tenant.strip(), name.strip() or name
    domain = "" if is_guid(tenant) else tenant.lower()
    with open_stack(stack) as opened:
        endpoints = opened.endpoints
        with new_session(endpoints) as session:
            tenant_id = resolve_tenant(endpoints, tenant, session)
        added = opened.registry.add(tenant_id, name or None, domain=domain, since=began, profile=profile)
    named = added.domain or added.tenant_id
    lines = [f"{added.label} ({added.tenant_id}) is {added.state.value}"]
    if name and added.name != name:
        rename = f"orgcal tenants add {named} --name {shlex.quote(printable(name))} --stack {stack}"
        lines.append(f"  somebody else gave it that name meanwhile, which stays; to change it: {rename}")
    if added.reason:
        lines.append(f"  {added.reason}")
    lines.append(f"  next: orgcal {_next_command(added)} {named} --stack {stack}")
    print_result(added.as_json(), lines, as_json=as_json)


def _next_command(added: Tenant) -> str:
    """What is to be done about an organisation that was added, or added again."""
    if added.access == "scoped":
        return "consent script"
    return "verify --tenant" if added.state.value in ("consented", "verified") else "consent link"


@app.command("list", short_help="List all organisations with their states")
def list_tenants(
    stack: StackOption = "dev",
    as_json: JsonOption = False,
) -> None:
    """List all organisations with their states."""
    with open_stack(stack) as opened:
        tenants = list(opened.registry.tenants())
    lines = _table(tenants) if tenants else [f"no organisations yet; next: orgcal tenants add DOMAIN --stack {stack}"]
    print_result({"organisations": [tenant.as_json() for tenant in tenants]}, lines, as_json=as_json)


def _table(tenants: Sequence[Tenant]) -> Iterator[str]:
    rows = [("name", "state", "consented", "verified", "checked", "tenant id")]
    for tenant in tenants:
        days = _day(tenant.consented_at), _day(tenant.verified_at), _day(tenant.checked_at)
        rows.append((tenant.label, tenant.state.value, *days, tenant.tenant_id))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:  # never cut: tenant ids are there to be copied
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()


@app.command(short_help="One organisation, and what was done about it")
def show(tenant: TenantArgument, stack: StackOption = "dev", as_json: JsonOption = False) -> None:
    """Show one organisation and what was done about it."""
    with open_stack(stack) as opened:
        known = opened.registry.wanted(tenant)
        entries = list(opened.registry.log(known.tenant_id))
    found = {**known.as_json(), "log": [entry.as_json() for entry in entries]}
    print_result(found, _details(known, entries), as_json=as_json)


def _details(known: Tenant, entries: Sequence[LogEntry]) -> Iterator[str]:
    for name, value in known.as_json().items():
        if value:
            yield f"{name:<16} {printable(', '.join(value) if isinstance(value, tuple) else str(value))}"
    for entry in entries:
        what = f"{entry.operator}  {entry.action}: {entry.result}{_detail(entry)}"
        yield f"  {entry.at:%Y-%m-%d %H:%M} UTC  {printable(what)}"


@app.command(short_help="Remove an organisation")
def remove(
    tenant: TenantArgument,
    force: Annotated[bool, typer.Option("--force", help="Also while its consent still works.")] = False,
    stack: StackOption = "dev",
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Remove an organisation: checks that its consent is revoked, and says how the customer revokes it."""
    from orgcal.tenants.model import ACTIVE

    with open_stack(stack) as opened:
        known = opened.registry.wanted(tenant)
        access, named = "none", "the application"
        if known.state in ACTIVE:
            with consent_service(opened) as service:
                access = service.prober.probe(known.tenant_id).access
                named = f"{service.outputs.display_name} (application id {service.outputs.client_id})"
        if access not in ("none", "no tenant") and not force:
            raise UsageError(
                f"{known.label} has not revoked its consent"
                if access in ("granted", "partial")
                else f"nobody can tell whether {known.label} has revoked its consent",
                where=known.tenant_id,
                repair=(
                    f"its administrator deletes {named} under Enterprise applications in the Microsoft Entra admin "
                    "center; then run this again, or use --force"
                ),
            )
        approve(
            f"Remove {known.label} ({known.state.value}), so that its consent links become useless?",
            where="orgcal tenants remove",
            yes=yes,
            as_json=as_json,
            needed=known.state in ACTIVE,
        )
        reason = f"access was {access}" + (", by --force" if access not in ("none", "no tenant") else "")
        removed = opened.registry.remove(known.tenant_id, reason=reason, known=known.state)
    print_result(removed.as_json(), [f"{known.label} is removed; its log is kept"], as_json=as_json)


@app.command("export", short_help="Print all organisations as JSON Lines")
def export_tenants(stack: StackOption = "dev", as_json: JsonLinesOption = False) -> None:  # noqa: ARG001
    """Print all organisations as JSON Lines, with or without --json, for `import` elsewhere."""
    with open_stack(stack) as opened:
        for tenant in opened.registry.tenants():
            print_json_line(tenant.as_json())


_AS_EXPORTED = "write an organisation a line, as `orgcal tenants export` prints them; nothing was imported"


@app.command("import", short_help="Import exported organisations")
def import_tenants(
    file: Annotated[Path, typer.Argument(help="What `export` printed; - reads standard input.", metavar="FILE")],
    stack: StackOption = "dev",
    as_json: JsonOption = False,
) -> None:
    """Take organisations over; known and removed ones stay as they are. Then run `orgcal consent check --all`."""
    from orgcal.tenants.model import State, Tenant

    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UsageError(f"the file cannot be read: {reason}", where=str(file)) from error
    tenants = []
    # Not `splitlines`: JSON's texts may hold other characters that end a line.
    for number, line in enumerate(text.removesuffix("\n").split("\n") if text else (), start=1):
        try:
            tenants.append(Tenant.from_json(json.loads(line)))
        except (json.JSONDecodeError, RecursionError):
            raise UsageError("this line is not JSON", where=f"{file}:{number}", repair=_AS_EXPORTED) from None
        except ValueError as error:
            raise UsageError(str(error), where=f"{file}:{number}", repair=_AS_EXPORTED) from None
    with open_stack(stack) as opened:
        left = [tenant for tenant in tenants if not opened.registry.take_in(tenant)]
        removed = [item for item in left if opened.registry.wanted(item.tenant_id).state is State.REMOVED]
    counts = {"new": len(tenants) - len(left), "known": len(left) - len(removed), "removed": len(removed)}
    lines = [f"{counted(counts['new'], 'organisation')} taken over, {counts['known']} known already"]
    lines += [
        f"{item.label} was removed here and stays so; next: orgcal tenants add {item.tenant_id} --stack {stack}"
        for item in removed
    ]
    print_result(counts, lines, as_json=as_json)


def log(
    tenant: Annotated[
        str, typer.Argument(help="Only this organisation.", metavar="TENANT", autocompletion=complete_tenant)
    ] = "",
    stack: StackOption = "dev",
    as_json: JsonLinesOption = False,
) -> None:
    """Show what was done about organisations, by whom, and when."""
    from orgcal.consent.answers import told_of

    with open_stack(stack) as opened:
        subject = opened.registry.wanted(tenant).tenant_id if tenant else ""
        names = {known.tenant_id: f"{known.label} ({known.tenant_id})" for known in opened.registry.tenants()}
        for entry in opened.registry.log(subject):
            if as_json:
                print_json_line(entry.as_json())
            else:
                when = f"{entry.at:%Y-%m-%d %H:%M:%S} UTC"
                result = told_of(entry) or f"{entry.result}{_detail(entry)}"
                what = f"{entry.action}  {names.get(entry.subject, entry.subject)}  {result}"
                typer.echo(f"{when}  {printable(f'{entry.operator}  {what}')}")


def _detail(entry: LogEntry) -> str:
    """What else a row of the log says, in brackets."""
    detail = ", ".join(f"{name} {value}" for name, value in entry.detail.items())
    return f" ({detail})" if detail else ""


def _day(moment: object) -> str:
    return str(moment)[:10] if moment else "–"
