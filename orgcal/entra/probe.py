"""The probe of an organisation: what a fresh token says about the application's access there, judged once.

Consent, rotation, verification and `orgcal status` decide by this and by nothing of their own.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from orgcal.entra.aadsts import Kind, meaning_of
from orgcal.entra.auth import Tokens, names_principal, roles_of
from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.graph import GraphClient
from orgcal.entra.permissions import names_of
from orgcal.entra.role_relation import compare
from orgcal.errors import EntraError, OrgcalError, Unreachable, explained

if TYPE_CHECKING:
    import requests

Access = Literal["granted", "partial", "none", "no tenant", "credential refused", "unknown"]
NOT_YET = "the application's service principal has not arrived everywhere in this organisation yet"
NOT_YET_REPAIR = "right after a consent, try again in some minutes; if it stays, send a new consent link"
_ACCESS_BY_KIND: dict[Kind, Access] = {
    Kind.NO_TENANT: "no tenant",
    Kind.NOT_CONSENTED: "none",
    Kind.CREDENTIAL: "credential refused",
}


@dataclass(frozen=True, slots=True)
class TenantAccess:
    """The access of the application to one organisation.

    Attributes:
        access: `granted` has every declared permission; `partial` some; `none` has no service principal or no
            permission; `no tenant` means that this cloud has no such tenant; `credential refused` that Entra ID does
            not accept the application's own credential; `unknown` that nobody could tell.
        sentence: for a person.
        repair: what to do about it, see `repair_for`; empty where nothing is to be done, or nothing is known.
        missing: declared permissions that are neither effective nor included in an effective one.
        surplus: effective permissions that are not declared.
        effective: names of the effective permissions; None where nobody can tell.
        source: what told `effective`: the `token`, the `grants` (app role assignments in the tenant), or nothing.
        users_readable: a user was listed with the token; None where that was not tried.
        error: why there is no token; None where there is one.
    """

    access: Access
    sentence: str
    repair: str = ""
    missing: tuple[str, ...] = ()
    surplus: tuple[str, ...] = ()
    effective: frozenset[str] | None = None
    source: Literal["token", "grants", ""] = ""
    users_readable: bool | None = None
    error: OrgcalError | None = None

    @property
    def decided(self) -> bool:
        """Whether this says anything about the organisation."""
        return self.access not in ("credential refused", "unknown")

    def repair_for(self, organisation: str) -> str:
        """The repair, with an organisation's name or tenant id where it stands for one."""
        return self.repair.replace("TENANT", shlex.quote(organisation))

    @property
    def may_change(self) -> bool:
        """Whether the same request may soon succeed: no answer came, Entra ID is busy, or a credential is new."""
        busy = isinstance(self.error, EntraError) and _kind(self.error) is Kind.BUSY
        return busy or self.access == "credential refused" or isinstance(self.error, Unreachable)


def token_refusal(tokens: Tokens, declared: frozenset[str] = frozenset()) -> TenantAccess | None:
    """Take a token, and judge the refusal; None where a token was issued.

    Args:
        tokens: of the organisation, with nothing in memory: the first token of a new `TokenSource` is a fresh one.
        declared: names of the permissions that the application declares.
    """
    try:
        tokens.token()
    except Exception as raised:  # noqa: BLE001  # whatever an answer breaks is this organisation's, not the run's end
        error = explained(raised)
        access = _ACCESS_BY_KIND.get(_kind(error), "unknown") if isinstance(error, EntraError) else "unknown"
        missing = tuple(sorted(declared)) if access == "none" else ()
        return TenantAccess(access, error.what, error.repair, missing, error=error)
    return None


def probe_tenant(
    endpoints: CloudEndpoints, tokens: Tokens, session: requests.Session, client_id: str, declared: frozenset[str]
) -> TenantAccess:
    """Take a token of an organisation and judge what it permits; never raises for what a server answers.

    Args:
        tokens: as `token_refusal` takes them.
        session: of `new_session(endpoints)`.
        declared: names of the permissions that the application declares.
    """
    refusal = token_refusal(tokens, declared)
    if refusal is not None:
        return refusal
    source: Literal["token", "grants"] = "token"
    try:
        token = tokens.token()
        if not names_principal(token):
            not_yet = Unreachable(NOT_YET, repair=NOT_YET_REPAIR)
            return TenantAccess("unknown", not_yet.what, not_yet.repair, error=not_yet)
        effective = roles_of(token)
        if effective is None:  # Microsoft calls tokens opaque, so that one that cannot be read is no error
            effective, source = granted_roles(endpoints, tokens, session, client_id), "grants"
    except OrgcalError:
        return TenantAccess("unknown", "the token cannot be read, and neither can the grants")
    compared = compare(declared, effective)
    missing, surplus = tuple(sorted(compared.missing)), tuple(sorted(compared.surplus))
    if missing:
        access: Access = "partial" if effective else "none"
        return TenantAccess(access, f"not effective: {', '.join(missing)}", "", missing, surplus, effective, source)
    more = f"; more than declared: {', '.join(surplus)}" if surplus else ""
    sentence = f"every declared permission is effective{more}"
    return TenantAccess("granted", sentence, "", (), surplus, effective, source)


def granted_roles(
    endpoints: CloudEndpoints, tokens: Tokens, session: requests.Session, client_id: str
) -> frozenset[str]:
    """Names of the permissions that an organisation has assigned to the application; raises as `GraphClient.get` does.

    Needs a permission to read the directory, such as `Directory.Read.All`.
    """
    graph = GraphClient(endpoints, tokens, session, budget_s=30.0)
    path = f"/servicePrincipals(appId='{client_id}')/appRoleAssignments"
    return names_of(str(item.get("appRoleId") or "") for item in graph.pages(path))


def _kind(error: EntraError) -> Kind:
    return meaning_of(error.aadsts, error.error).kind
