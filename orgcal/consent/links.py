"""The address that an administrator opens, and the words that go with it.

Source: https://learn.microsoft.com/en-us/entra/identity-platform/v2-admin-consent
"""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import urlencode, urlsplit, urlunsplit

from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.tenant_ids import checked_tenant
from orgcal.errors import UsageError
from orgcal.stack.outputs import StackOutputs

LIFETIME = timedelta(days=7)
"""Long enough for an administrator's week, short enough that a forgotten mail does no harm."""


def consent_url(endpoints: CloudEndpoints, *, tenant_id: str, client_id: str, redirect_uri: str, state: str) -> str:
    """The v2 admin consent address of one tenant; `/.default` asks for everything that the application declares.

    Raises:
        UsageError: `tenant_id` is not a tenant id: with `common`, whoever opens the address would consent.
    """
    tenant_id = checked_tenant(tenant_id, where="consent link", domains=False)
    query = urlencode(
        {"client_id": client_id, "scope": endpoints.graph_scope, "redirect_uri": redirect_uri, "state": state}
    )
    return f"{endpoints.login_url}/{tenant_id}/v2.0/adminconsent?{query}"


def checked_redirect_uri(outputs: StackOutputs) -> str:
    """Our callback among the application's redirect URIs.

    Raises:
        UsageError: the stack has none, it is not registered, or it is not https outside the emulator.
    """
    uri, where = outputs.consent_redirect_uri, "orgcal:consent.public_url"
    if not uri:
        repair = f"set {where} to https://YOUR.HOST/consent/callback, then pulumi up"
        raise UsageError("the stack has no consent callback of ours", where=where, repair=repair)
    if uri not in outputs.redirect_uris:
        what = f"{uri} is not among the application's redirect URIs"
        raise UsageError(what, where=where, repair="pulumi up")
    if outputs.cloud != "emulator" and urlsplit(uri).scheme != "https":
        what = f"the callback {uri} is not https, and answers about consent would travel in the open"
        raise UsageError(what, where=where, repair="put a proxy that speaks https before `orgcal consent serve`")
    return uri


def with_port(uri: str, port: int) -> str:
    """`uri` with another port; Entra ID ignores the port when it compares redirect URIs of localhost.

    Source: https://learn.microsoft.com/en-us/entra/identity-platform/reply-url#localhost-exceptions
    """
    split = urlsplit(uri)
    return urlunsplit(split._replace(netloc=f"{split.hostname}:{port}"))


def message(
    *, organisation: str, application: str, publisher: str, url: str, expires_at: datetime, permissions: list[str]
) -> str:
    """A short text that can be sent to an organisation's administrator.

    Args:
        application: its name, as Microsoft's consent page shows it.
        publisher: who publishes it, as that page shows it; empty where nobody knows.
    """
    listed = "\n".join(f"  - {name}" for name in permissions)
    published = f", published by {publisher}" if publisher else ""
    return (
        f"To connect {organisation} to {application}{published}, a Global Administrator or Privileged Role "
        f"Administrator of {organisation} opens this link, signs in and chooses Accept:\n\n"
        f"  {url}\n\n"
        f"It asks for these application permissions of Microsoft Graph:\n{listed}\n\n"
        f"The link works once, until {expires_at:%Y-%m-%d %H:%M} UTC, and only for {organisation}. "
        "Consent can be taken back at any time under Enterprise applications in the Microsoft Entra admin center."
    )
