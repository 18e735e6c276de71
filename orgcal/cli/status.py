"""`orgcal status`: permissions in three states, credentials, publisher, drift."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from orgcal.cli.common import JsonOption, StackOption, open_stack, print_result

if TYPE_CHECKING:
    from orgcal.operations.status import Status, TenantStatus


def status(stack: StackOption = "dev", as_json: JsonOption = False) -> None:
    """Show permissions, credentials and drift of a stack; exit 1 where something is to be done."""
    from orgcal.operations.status import read_status

    with open_stack(stack) as opened:
        report = read_status(opened)
    print_result(report.as_json(), as_lines(report), as_json=as_json, ok=report.ok)


def as_lines(report: Status) -> Iterator[str]:
    """The status for people."""
    yield f"stack {report.stack}, application {report.client_id}"
    yield f"  declared   {', '.join(report.declared)}"
    known = report.publisher if report.publisher is not None else "cannot be read"
    yield f"  publisher  {known or 'not verified (docs/create.md)'}"
    for item in report.credentials:
        left = "does not end" if item.days_left is None else f"{item.days_left} days left"
        mark = "active" if item.active else "live"
        yield f"  generation {item.generation}  {mark}, {left}{'  <- orgcal rotate' if item.short else ''}"
    for tenant in report.tenants:
        yield f"  {tenant.name}  {tenant.state}{'  <- has lost access' if tenant.state == 'revoked' else ''}"
        if tenant.effective is not None or tenant.granted is not None:
            yield from _permissions(report, tenant)
        if tenant.note:
            yield f"    {tenant.note}"
    if report.revocation:
        yield f"  revoked  {report.revocation}; repair: orgcal rotate --stack {report.stack}"
    yield from (f"  drift  {line}" for line in report.drift)
    yield from (f"  unknown  {line}" for line in report.unknown)
    yield "all is well" if report.ok else "something is to be done"


def _permissions(report: Status, tenant: TenantStatus) -> Iterator[str]:
    """A line for each permission: declared, granted, effective; `included` in another one that is."""
    names = sorted({*report.declared, *(tenant.granted or ()), *(tenant.effective or ())})
    width = max(map(len, names))
    for name in names:
        declared, granted = _mark("declared", name, report.declared), _mark("granted", name, tenant.granted)
        yield f"    {name:<{width}}  {declared:<9} {granted:<8} {_mark('effective', name, tenant.effective)}"


def _mark(word: str, name: str, names: tuple[str, ...] | None) -> str:
    from orgcal.entra.role_relation import included_in

    if names is None:
        return "?"
    included = "included" if word != "declared" and name in included_in(names) else "-"
    return word if name in names else included
