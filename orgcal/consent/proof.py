"""The proof that an organisation consented: a token issued now, with every declared permission in it.

Neither the callback nor any cached answer counts. Grants need seconds, sometimes minutes, to arrive everywhere, so the
probe is repeated with growing pauses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orgcal.entra.auth import TokenSource
from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.credentials import Credential
from orgcal.entra.graph import GraphClient
from orgcal.entra.permissions import READS_USERS
from orgcal.entra.probe import TenantAccess, probe_tenant
from orgcal.errors import OrgcalError
from orgcal.patience import Clock, Patience

if TYPE_CHECKING:
    import requests

PATIENCE_S = 300.0
FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 15.0


@dataclass(eq=False)
class ConsentProber:
    """Probes any tenant for one application; safe to share between threads.

    Attributes:
        declared: names of the permissions that the application declares.
        credential: gives the connector's credential, as it is now.
        session: of `new_session(endpoints)`.
        clock: its `sleep` may raise to end a proof.
    """

    endpoints: CloudEndpoints
    client_id: str
    declared: frozenset[str]
    credential: Callable[[], Credential]
    session: requests.Session
    clock: Clock

    def probe(self, tenant_id: str, *, list_users: bool = False) -> TenantAccess:
        """The access to a tenant as it is now; `list_users` also lists one user, if a permission for that is there."""
        try:
            credential = self.credential()
        except OrgcalError as error:
            return TenantAccess("unknown", error.what, error.repair, error=error)
        tokens = TokenSource(self.endpoints, tenant_id, self.client_id, credential, self.session)
        access = probe_tenant(self.endpoints, tokens, self.session, self.client_id, self.declared)
        if access.access == "granted" and list_users and (access.effective or frozenset()) & READS_USERS:
            return replace(access, users_readable=self._lists_users(tokens))
        return access

    def prove(self, tenant_id: str, *, patience_s: float = PATIENCE_S) -> TenantAccess:
        """As `probe`, repeated until everything is granted or `patience_s` is over; the last answer."""
        patience = Patience(patience_s, self.clock, first_s=FIRST_PAUSE_S, longest_s=LONGEST_PAUSE_S)
        return patience.until(lambda access: access.access == "granted", lambda: self.probe(tenant_id, list_users=True))

    def _lists_users(self, tokens: TokenSource) -> bool:
        graph = GraphClient(self.endpoints, tokens, self.session, budget_s=10.0)
        try:
            return isinstance(graph.get("/users", {"$select": "id", "$top": "1"}).get("value"), list)
        except OrgcalError:
            return False
