"""Rules about an application as a whole: redirect addresses, identifier URIs, limits, unique values."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from orgcal_emulator.directory.errors import already_exists, too_many, unverified_domain
from orgcal_emulator.directory.models import Directory
from orgcal_emulator.directory.objects import Application, Tenant
from orgcal_emulator.graph.errors import bad_request, invalid_value

MOST_REDIRECTS = {True: 100, False: 256}
"""Redirect URIs of an application, by whether personal accounts may sign in.

Source: https://learn.microsoft.com/en-us/entra/identity-platform/reply-url
"""

MOST_PERMISSIONS = 400
"""https://learn.microsoft.com/en-us/entra/identity/users/directory-service-limits-restrictions"""

_LOOPBACK = {"localhost", "127.0.0.1"}
_UNSUPPORTED = frozenset("!$'(),;")


def check_application(
    properties: dict[str, Any], application: Application | None, home: Tenant, directory: Directory, client_id: str
) -> None:
    """Refuse an application that Entra would refuse.

    Args:
        properties: the whole of it, as it would be kept.
        application: what it replaces, or None for a new one.
        home: its tenant.
        client_id: its `appId`.

    Raises:
        GraphFailure: 400.
    """
    _check_redirects(properties)
    _check_identifier_uris(properties, home, client_id)
    permissions = sum(len(each["resourceAccess"]) for each in properties["requiredResourceAccess"])
    if permissions > MOST_PERMISSIONS:
        raise too_many("requiredResourceAccess", "Application", MOST_PERMISSIONS)
    resources = [each["resourceAppId"] for each in properties["requiredResourceAccess"]]
    if len(set(resources)) != len(resources):
        raise bad_request("Request contains a property with duplicate values.")
    if len(properties["tags"]) > 100:
        raise too_many("tags", "Application", 100)
    role_ids = [each["id"] for each in properties["appRoles"]]
    role_ids += [each["id"] for each in properties["api"]["oauth2PermissionScopes"]]
    if len(set(role_ids)) != len(role_ids):
        raise bad_request("Request contains a property with duplicate values.")
    _check_unique(properties, application, home.tenant_id, directory)


def _check_redirects(properties: dict[str, Any]) -> None:
    personal = "Personal" in properties["signInAudience"]
    lists = {platform: properties[platform]["redirectUris"] for platform in ("web", "spa", "publicClient")}
    most = MOST_REDIRECTS[personal]
    if sum(map(len, lists.values())) > most:
        raise too_many("redirectUris", "Application", most)
    for platform, addresses in lists.items():
        for address in addresses:
            if not _redirect_allowed(address, platform, personal):
                raise invalid_value("redirectUris", "Application")


def _redirect_allowed(address: str, platform: str, personal: bool) -> bool:
    """Whether Entra takes this redirect address.

    Source: https://learn.microsoft.com/en-us/entra/identity-platform/reply-url (restrictions and limitations)
    """
    if (
        not address.isascii()
        or not address.isprintable()
        or any(c in _UNSUPPORTED or c in ' <>"\\^`{|}' for c in address)
    ):
        return False
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not parts.scheme or "#" in address:
        return False
    if platform == "publicClient" and parts.scheme not in ("http", "https"):
        return True
    if not host or parts.username is not None or parts.password is not None:
        return False
    if "*" in address and (personal or not host.startswith("*.") or "*" in host[1:] or "*" in parts.path):
        return False
    if personal and parts.query:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)


def _check_identifier_uris(properties: dict[str, Any], home: Tenant, client_id: str) -> None:
    """Source: https://learn.microsoft.com/en-us/entra/identity-platform/identifier-uri-restrictions."""
    for value in properties["identifierUris"]:
        try:
            parts = urlsplit(value)
            host = (parts.hostname or "").lower()
        except ValueError:
            raise invalid_value("identifierUris", "Application") from None
        if not parts.scheme or value.endswith("/") or "#" in value or any(c.isspace() for c in value):
            raise invalid_value("identifierUris", "Application")
        domain = home.default_domain.lower()
        if host in (client_id, home.tenant_id) and parts.scheme == "api":
            continue
        if parts.scheme in ("https", "http", "api", "ms-appx") and (host == domain or host.endswith("." + domain)):
            continue
        raise unverified_domain(value)


def _check_unique(
    properties: dict[str, Any], application: Application | None, tenant_id: str, directory: Directory
) -> None:
    name, uris = properties["uniqueName"], set(properties["identifierUris"])
    if not name and not uris:
        return
    for other in directory.applications.newest():
        if other.tenant_id != tenant_id or (application is not None and other.object_id == application.object_id):
            continue
        # A deleted application keeps its unique name until it is purged, but not its identifier URIs.
        if name and other.properties["uniqueName"] == name:
            raise already_exists("uniqueName")
        if other.deleted_at is None and uris.intersection(other.properties["identifierUris"]):
            raise already_exists("identifierUris")
