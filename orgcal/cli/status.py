"""`orgcal status`: permissions in three states, credentials, publisher, drift."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from orgcal.cli.common import JsonOption, StackOption, open_stack, print_result

if TYPE_CHECKING:
    from orgcal.operations.status import Status, TenantStatus


def status(
    stack: StackOption = "dev",
    as_json: JsonOption = False,
) -> None:
    """Tell where a stack stands; exit 1 on drift, or if a credential ends within 30 days."""
    from orgcal.operations.status import read_status

    with open_stack(stack) as opened:
        found = read_status(opened)
    print_result(found.as_json(), as_lines(found), as_json=as_json)
    if not found.ok:
        raise typer.Exit(1)


def as_lines(found: Status) -> Iterator[str]:
    """The status for people."""
    yield f"stack {found.stack}, application {found.client_id}"
    yield f"  declared   {', '.join(found.declared)}"
    known = found.publisher if found.publisher is not None else "cannot be read"
    yield f"  publisher  {known or 'not verified (docs/create.md)'}"
    for item in found.credentials:
        left = "does not end" if item.days_left is None else f"{item.days_left} days left"
        mark = "active" if item.active else "live"
        yield f"  generation {item.generation}  {mark}, {left}{'  <- orgcal rotate' if item.short else ''}"
    for tenant in found.tenants:
        yield f"  {tenant.name}  {tenant.state}"
        if tenant.effective is not None or tenant.granted is not None:
            yield from _permissions(found, tenant)
        if tenant.note:
            yield f"    {tenant.note}"
    for line in found.drift:
        yield f"  DRIFT  {line}"
    for line in found.unknown:
        yield f"  unknown  {line}"
    yield "all is well" if found.ok else "something is to be done"


def _permissions(found: Status, tenant: TenantStatus) -> Iterator[str]:
    """A line for each permission: declared, granted, effective."""
    names = sorted({*found.declared, *(tenant.granted or ()), *(tenant.effective or ())})
    width = max(map(len, names))
    for name in names:
        states = [
            "declared" if name in found.declared else "-",
            _mark("granted", name, tenant.granted),
            _mark("effective", name, tenant.effective),
        ]
        yield f"    {name:<{width}}  {states[0]:<9} {states[1]:<8} {states[2]}"


def _mark(word: str, name: str, names: tuple[str, ...] | None) -> str:
    if names is None:
        return "?"
    return word if name in names else "-"
