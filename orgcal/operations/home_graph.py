"""Microsoft Graph of a stack's home tenant, as the operator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.graph import GraphClient
from orgcal.entra.operator import operator_tokens
from orgcal.entra.session import new_session
from orgcal.errors import UsageError

_BUDGET_S = 60.0


@contextmanager
def home_graph(endpoints: CloudEndpoints, tenant_id: str, environ: Mapping[str, str]) -> Iterator[GraphClient]:
    """Microsoft Graph of the home tenant.

    Args:
        endpoints: the stack's.
        tenant_id: the home tenant; empty on the emulator, which has its own.
        environ: the environment that the stack lives in (`StackEnvironment.to_environ`).

    Raises:
        UsageError: no home tenant is named, or a login variable cannot be used.
    """
    home = endpoints.home_tenant_id(tenant_id)
    if not home:
        raise UsageError(
            "the stack names no home tenant",
            where="orgcal:entra.tenant_id",
            repair="pulumi config set --path orgcal:entra.tenant_id YOUR-TENANT-ID",
        )
    with new_session(endpoints, environ=environ) as session:
        yield GraphClient(endpoints, operator_tokens(endpoints, environ, home, session), session, budget_s=_BUDGET_S)
