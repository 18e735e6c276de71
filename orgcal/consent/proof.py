"""The proof that an organisation consented: a token issued now, with every declared permission in it.

Neither the callback nor any cached answer counts. Grants need seconds, sometimes minutes, to arrive everywhere, so the
question is repeated with growing pauses.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from orgcal.entra.auth import TokenSource
from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.credentials import Credential
from orgcal.entra.graph import GraphClient
from orgcal.entra.permissions import READS_USERS
from orgcal.entra.roles import effective_roles
from orgcal.errors import EntraError, OrgcalError

if TYPE_CHECKING:
    import requests

PATIENCE_S = 300.0
FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 15.0

NOT_CONSENTED = frozenset({700016, 7000229, 650052})
"""The service principal is not there (yet). Source: see `orgcal.entra.auth`."""

GONE = frozenset({90002})


@dataclass(frozen=True, slots=True)
class ConsentProbe:
    """What a fresh token said.

    Attributes:
        access: `granted` has every declared permission; `partial` some; `none` has no service principal or no
            permission; `no tenant` means that the tenant is gone; `unknown` that we could not tell.
        sentence: for a person.
        missing: declared permissions that are not effective.
        surplus: effective permissions that are not declared.
        users_readable: a user was listed with the token; None where that was not tried.
    """

    access: Literal["granted", "partial", "none", "no tenant", "unknown"]
    sentence: str
    missing: tuple[str, ...] = ()
    surplus: tuple[str, ...] = ()
    users_readable: bool | None = None


class ConsentProber:
    """Asks Entra ID about one application in any tenant; safe to share between threads.

    Args:
        endpoints: where Entra ID and Graph are.
        client_id: the application.
        declared: names of the permissions it declares.
        credential: gives the connector's credential, as it is now.
        session: of `new_session(endpoints)`.
        sleep: waits so many seconds; may raise to end a proof.
        monotonic: for tests.
    """

    def __init__(
        self,
        endpoints: CloudEndpoints,
        client_id: str,
        declared: frozenset[str],
        credential: Callable[[], Credential],
        session: requests.Session,
        *,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._endpoints = endpoints
        self._client_id = client_id
        self._declared = declared
        self._credential = credential
        self._session = session
        self._sleep = sleep
        self._monotonic = monotonic

    def look(self, tenant_id: str, *, list_users: bool = False) -> ConsentProbe:
        """What is true of a tenant now.

        Args:
            tenant_id: of the tenant.
            list_users: also list one user, if the permission for that is effective.
        """
        try:
            tokens = TokenSource(self._endpoints, tenant_id, self._client_id, self._credential(), self._session)
            tokens.fresh_token()
            roles = effective_roles(self._endpoints, tokens, self._session, self._client_id)
        except EntraError as error:
            if error.aadsts in NOT_CONSENTED:
                return ConsentProbe("none", error.what, missing=tuple(sorted(self._declared)))
            return ConsentProbe("no tenant" if error.aadsts in GONE else "unknown", error.what)
        except OrgcalError as error:
            return ConsentProbe("unknown", error.what)
        if roles.names is None:
            return ConsentProbe("unknown", "the token cannot be read, and neither can the grants")
        missing = tuple(sorted(self._declared - roles.names))
        surplus = tuple(sorted(roles.names - self._declared))
        if missing:
            access: Literal["partial", "none"] = "partial" if roles.names else "none"
            return ConsentProbe(access, f"not effective: {', '.join(missing)}", missing, surplus)
        readable = self._lists_users(tokens) if list_users and roles.names & READS_USERS else None
        more = f"; more than declared: {', '.join(surplus)}" if surplus else ""
        return ConsentProbe("granted", f"every declared permission is effective{more}", (), surplus, readable)

    def prove(self, tenant_id: str, *, patience_s: float = PATIENCE_S) -> ConsentProbe:
        """As `look`, repeated until everything is granted or `patience_s` is over; the last finding."""
        deadline = self._monotonic() + patience_s
        for pause_s in pauses():
            finding = self.look(tenant_id, list_users=True)
            if finding.access == "granted" or self._monotonic() + pause_s > deadline:
                return finding
            self._sleep(pause_s)
        raise AssertionError("pauses never end")

    def _lists_users(self, tokens: TokenSource) -> bool:
        graph = GraphClient(self._endpoints, tokens, self._session, budget_s=10.0)
        try:
            return isinstance(graph.get("/users", {"$select": "id", "$top": "1"}).get("value"), list)
        except OrgcalError:
            return False


def pauses() -> Iterator[float]:
    """Seconds to wait between tries, growing from `FIRST_PAUSE_S` to `LONGEST_PAUSE_S`; never ends."""
    pause_s = FIRST_PAUSE_S
    while True:
        yield pause_s
        pause_s = min(LONGEST_PAUSE_S, pause_s * 2)
