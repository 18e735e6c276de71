"""The tenant that witness tests speak to: one of an emulator, or, with `make live`, a real one of the user's own.

A real tenant is touched only after its owner has named it twice, by id and by a domain that it has verified.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import requests
from orgcal_emulator.server import RunningEmulator

RIGHTS = ("Application.ReadWrite.OwnedBy", "Application.Read.All", "User.Read.All", "Calendars.Read",
          "Organization.Read.All")  # fmt: skip
"""Application permissions that the witness tests need, granted by an administrator."""

VARIABLES = {
    "ORGCAL_LIVE_TENANT_ID": "id of the tenant",
    "ORGCAL_LIVE_DOMAIN": "a domain that the tenant has verified",
    "ORGCAL_LIVE_CLIENT_ID": "client id of an application with a secret there",
    "ORGCAL_LIVE_CLIENT_SECRET_FILE": "file with its client secret",
    "ORGCAL_LIVE_MAILBOX": "principal name of a user with a mailbox",
}
_TIMEOUT_S = 30.0


class LiveRefused(Exception):
    """The real tenant is not touched; the message says why, and what to do."""


@dataclass(frozen=True)
class WitnessTenant:
    """A tenant, and an application with `RIGHTS` in it.

    Attributes:
        login_url: address of Entra ID, without a slash at the end.
        graph_url: address of Microsoft Graph, likewise.
        mailbox: principal name of a user with a mailbox.
        ca_file: certificate authority of an emulator; None trusts what the machine trusts.
        pause_s: how long to wait before asking again for what replication has not brought yet.
    """

    tenant_id: str
    client_id: str
    secret: str = field(repr=False)
    login_url: str
    graph_url: str
    mailbox: str
    ca_file: str | None = None
    pause_s: float = 0.0

    @property
    def is_live(self) -> bool:
        """Whether it is a real one."""
        return self.ca_file is None


def emulated_tenant(emulator: RunningEmulator, domain: str = "contoso.example") -> WitnessTenant:
    """A tenant of an emulator, with a new application in it."""
    client = emulator.add_client(domain, *RIGHTS)
    base_url = emulator.ready["base_url"]
    return WitnessTenant(
        client.tenant_id, client.client_id, client.secret, base_url, base_url, f"admin@{domain}",
        emulator.ready["ca_file"],
    )  # fmt: skip


def live_tenant(environ: Mapping[str, str]) -> WitnessTenant:
    """The real tenant that the environment names; nothing is asked of it yet.

    Raises:
        LiveRefused: a variable is missing or wrong.
    """
    missing = [name for name in VARIABLES if not environ.get(name)]
    if missing:
        raise LiveRefused(
            f"no real tenant is named, so none is touched; set {', '.join(missing)} (docs/parity.md says to what)"
        )
    given = {name: environ[name] for name in VARIABLES}
    for name in ("ORGCAL_LIVE_TENANT_ID", "ORGCAL_LIVE_CLIENT_ID"):
        try:
            UUID(given[name])
        except ValueError:
            raise LiveRefused(f"{name} must be a GUID, not {given[name]!r}") from None
    path = Path(given["ORGCAL_LIVE_CLIENT_SECRET_FILE"])
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise LiveRefused(f"ORGCAL_LIVE_CLIENT_SECRET_FILE: {path} cannot be read: {reason}") from None
    return WitnessTenant(
        given["ORGCAL_LIVE_TENANT_ID"], given["ORGCAL_LIVE_CLIENT_ID"], secret, "https://login.microsoftonline.com",
        "https://graph.microsoft.com", given["ORGCAL_LIVE_MAILBOX"], pause_s=5.0,
    )  # fmt: skip


def check_domain(tenant: WitnessTenant, domain: str) -> None:
    """Refuse a tenant that has not verified `domain`. Reads only: a token, and the tenant's own record.

    Raises:
        LiveRefused: it has not, or it cannot be asked.
    """
    with requests.Session() as session:
        if tenant.ca_file is not None:
            session.trust_env = False
            session.verify = tenant.ca_file
        form = {
            "grant_type": "client_credentials", "client_id": tenant.client_id, "client_secret": tenant.secret,
            "scope": "https://graph.microsoft.com/.default",
        }  # fmt: skip
        token = _asked(session, "POST", f"{tenant.login_url}/{tenant.tenant_id}/oauth2/v2.0/token", data=form)
        record = _asked(
            session, "GET", f"{tenant.graph_url}/v1.0/organization?$select=id,verifiedDomains",
            headers={"Authorization": f"Bearer {token['access_token']}"},
        )["value"][0]  # fmt: skip
    verified = [each["name"].lower() for each in record["verifiedDomains"]]
    if record["id"].lower() != tenant.tenant_id.lower() or domain.lower() not in verified:
        raise LiveRefused(
            f"{domain} is no verified domain of tenant {tenant.tenant_id}, which has {', '.join(verified)}; nothing "
            "was written there; correct ORGCAL_LIVE_DOMAIN or ORGCAL_LIVE_TENANT_ID"
        )


def _asked(session: requests.Session, method: str, url: str, **arguments: Any) -> dict[str, Any]:
    try:
        answer = session.request(method, url, timeout=_TIMEOUT_S, **arguments)
        body: dict[str, Any] = answer.json()
    except requests.RequestException as error:
        raise LiveRefused(f"{url.partition('?')[0]} cannot be asked: {type(error).__name__}") from error
    if not answer.ok:
        reason = body.get("error_description") or body.get("error", {}).get("message", "")
        raise LiveRefused(f"{url.partition('?')[0]} answered {answer.status_code}: {str(reason)[:200]}")
    return body
