"""The proof that an organisation consented: a token issued now, with every declared permission in it.

Neither the callback nor any cached answer counts. Grants need seconds, sometimes minutes, to arrive everywhere, so
`orgcal.consent.proofs` repeats the probe with growing pauses.
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
from orgcal.errors import OrgcalError, explained

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
    """

    endpoints: CloudEndpoints
    client_id: str
    declared: frozenset[str]
    credential: Callable[[], Credential]
    session: requests.Session

    def probe(
        self, tenant_id: str, declared: frozenset[str] | None = None, *, list_users: bool = False
    ) -> TenantAccess:
        """The access to a tenant as it is now; never raises, whatever a server answers.

        Args:
            declared: names of the permissions that it must have; those that the application declares unless given.
            list_users: also list one user, if a permission for that is there.
        """
        try:
            return self._probe(tenant_id, self.declared if declared is None else declared, list_users)
        except Exception as error:  # noqa: BLE001  # whatever an answer breaks is this organisation's, not the run's end
            known = explained(error)
            return TenantAccess("unknown", known.what, known.repair, error=known)

    def _probe(self, tenant_id: str, declared: frozenset[str], list_users: bool) -> TenantAccess:
        credential = self.credential()
        tokens = TokenSource(self.endpoints, tenant_id, self.client_id, credential, self.session)
        access = probe_tenant(self.endpoints, tokens, self.session, self.client_id, declared)
        if access.access == "granted" and list_users and (access.effective or frozenset()) & READS_USERS:
            return replace(access, users_readable=self._lists_users(tokens))
        return access

    def _lists_users(self, tokens: TokenSource) -> bool:
        graph = GraphClient(self.endpoints, tokens, self.session, budget_s=10.0)
        try:
            return isinstance(graph.get("/users", {"$select": "id", "$top": "1"}).get("value"), list)
        except OrgcalError:
            return False
