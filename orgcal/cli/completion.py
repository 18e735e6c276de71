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
    """The organisations of the stack that is named so far; none where another database than its own file is named."""
    with suppress(Exception):
        from orgcal.stack.environment import original_environment
        from orgcal.stack.files import stack_dir
        from orgcal.stack.open_stack import OpenStack
        from orgcal.stack.project import find_project
        from orgcal.tenants.registry import FILE_NAME, URL_VARIABLE

        stack, environ = str(ctx.params.get("stack") or "dev"), original_environment(os.environ)
        file = stack_dir(find_project(os.environ), stack, environ) / FILE_NAME
        if environ.get(URL_VARIABLE) or not file.exists():  # opening a stack makes its folders
            return
        with OpenStack(stack, os.environ) as opened:
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
