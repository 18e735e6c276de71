"""What shells complete: stacks, organisations, kinds, clouds.

Whatever is wrong while somebody types is no error: nothing is completed then. No network is used.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress

import typer

COMPLETE_VARIABLE = "_ORGCAL_COMPLETE"


def complete_stack(incomplete: str) -> Iterator[str]:
    """The stacks of the project: those that have a file."""
    with suppress(Exception):
        from orgcal.stack.project import find_project

        names = (path.name for path in find_project(os.environ).glob("Pulumi.*.yaml"))
        stacks = sorted(name.removeprefix("Pulumi.").removesuffix(".yaml") for name in names)
        yield from (name for name in stacks if name.startswith(incomplete))


def complete_tenant(ctx: typer.Context, incomplete: str) -> Iterator[tuple[str, str]]:
    """The organisations of the stack that is named so far; none where the registry is on another machine."""
    with suppress(Exception):
        from orgcal.stack.open_stack import OpenStack
        from orgcal.tenants.database import URL_VARIABLE

        with OpenStack(str(ctx.params.get("stack") or "dev"), os.environ) as opened:
            address = opened.shell_environ.get(URL_VARIABLE, "")
            if not opened.has_registry or (address and not address.startswith("sqlite")):
                return
            found = [(item.domain or item.tenant_id, item.label) for item in opened.registry.tenants()]
        yield from ((name, label) for name, label in found if name.startswith(incomplete))


def complete_platform_kind(incomplete: str) -> Iterator[str]:
    """The kinds of integration platforms."""
    with suppress(Exception):
        from orgcal.platforms import kinds

        yield from (kind for kind in kinds() if kind.startswith(incomplete))


def complete_cloud(incomplete: str) -> Iterator[str]:
    """The clouds that a stack may live in."""
    with suppress(Exception):
        from orgcal.entra.clouds import CLOUDS

        yield from (cloud for cloud in CLOUDS if cloud.startswith(incomplete))
