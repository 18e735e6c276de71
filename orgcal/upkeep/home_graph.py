"""Microsoft Graph of a stack's home tenant, as the operator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from orgcal.errors import UsageError
from orgcal.msgraph.graph import GraphClient
from orgcal.msgraph.operator import operator_tokens
from orgcal.msgraph.session import new_session
from orgcal.msgraph.worlds import World

_BUDGET_S = 60.0


@contextmanager
def home_graph(world: World, tenant_id: str, environ: Mapping[str, str]) -> Iterator[GraphClient]:
    """Microsoft Graph of the home tenant.

    Args:
        world: the stack's.
        tenant_id: the home tenant; empty on the emulator, which has its own.
        environ: the environment that the stack lives in (`StackEnvironment.applied_to`).

    Raises:
        UsageError: no home tenant is named, or a login variable cannot be used.
    """
    home = tenant_id or (world.emulated.operator_tenant_id if world.emulated else "")
    if not home:
        raise UsageError(
            "the stack names no home tenant",
            where="orgcal:entra.tenant_id",
            repair="pulumi config set --path orgcal:entra.tenant_id YOUR-TENANT-ID",
        )
    with new_session(world, environ=environ) as session:
        yield GraphClient(world, operator_tokens(world, environ, home, session), session, budget_s=_BUDGET_S)
