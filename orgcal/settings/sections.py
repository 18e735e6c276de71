"""The sections of a stack's settings, and their reference; `Settings` puts them together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from orgcal.entra import tenant_ids
from orgcal.entra.clouds import Cloud
from orgcal.entra.permissions import CalendarsFrom
from orgcal.fields import NameText, Section, setting

GUID = f"^{tenant_ids.GUID}$"

REDIRECT_URI = r"^(https://[A-Za-z0-9._:\[\]-]+|http://(localhost|127\.0\.0\.1)(:[0-9]+)?)(/[^?#*!$'(),;\s]*)?$"
"""Entra's rule: https, or http on this machine, no wildcard, fragment, unsupported character, internationalized name.

Nor has it a user or a password.

Source: https://learn.microsoft.com/en-us/entra/identity-platform/reply-url
"""
REDIRECT_URI_LENGTH = 256
MAX_REDIRECT_URIS = 256
"""For applications of organisations; same source."""


def with_path(uri: str) -> str:
    """Return a redirect URI as an application has it: one without a path gets a slash.

    Entra ID adds it to its answers, and the azuread provider refuses a URI without it.
    Source: https://learn.microsoft.com/en-us/entra/identity-platform/reply-url
    """
    return uri if urlsplit(uri).path else f"{uri}/"


RedirectUri = Annotated[str, Field(pattern=REDIRECT_URI, max_length=REDIRECT_URI_LENGTH), AfterValidator(with_path)]

LINK = r"^https?://[^\s/@]+(/\S*)?$"
_REDIRECT_EXPECTED = (
    "an https address (or http://localhost) whose host is in ASCII, without a user, query or fragment, and with none "
    "of *!$'(),; in it"
)


class EntraSettings(Section):
    """In which cloud, and in which home tenant, the application lives."""

    cloud: Cloud = setting(
        expected="emulator, public, usgov or china", example="public", about="Cloud that the stack lives in."
    )
    tenant_id: str = setting(
        "",
        expected="the home tenant's id, a GUID",
        example="00000000-1111-2222-3333-444444444444",
        about="Home tenant of the application. The emulator has its own; elsewhere it must be given.",
        pattern=f"^$|{GUID}",
    )
    lookup: Literal["directory", "pinned"] = setting(
        "directory",
        expected="directory or pinned",
        example="pinned",
        about="Where names of permissions are looked up: in the home tenant, for which the operator needs "
        "Application.Read.All, or in orgcal's own table.",
    )


def _link(about: str, page: str) -> Any:
    example = f"https://example.com{page}"
    return setting("", expected="a web address", example=example, about=about, pattern=f"^$|{LINK}")


class Links(Section):
    """Addresses that administrators find on the consent page and users in their list of applications."""

    homepage: str = _link("Home page.", "")
    privacy: str = _link("Privacy statement.", "/privacy")
    terms: str = _link("Terms of service.", "/terms")
    support: str = _link("Support.", "/help")
    marketing: str = _link("Marketing.", "/product")


class ApplicationSettings(Section):
    """The app registration (steps 2 and 7)."""

    display_name: NameText = setting(
        expected="1 to 120 characters",
        example='"Contoso Calendar Sync"',
        about="Name that administrators see on the consent page.",
        min_length=1,
        max_length=120,
    )
    same_name: bool = setting(
        False,
        about="Whether it may be created although the tenant has another application of this name.",
    )
    notes: str = setting(
        "", expected="at most 1024 characters", example='"Run by team X"', about="Internal notes.", max_length=1024
    )
    owners: tuple[Annotated[str, Field(pattern=GUID)], ...] = setting(
        (),
        expected="object ids (GUIDs) of users or service principals",
        example="[00000000-1111-2222-3333-444444444444]",
        about="Owners besides the deploying principal, who always is one.",
        max_length=99,
    )
    tags: tuple[Annotated[str, Field(min_length=1, max_length=256, pattern=r"^\S.*$")], ...] = setting(
        (),
        expected="texts of 1 to 256 characters",
        example="[calendar]",
        about="Tags besides the one that names project and stack.",
        max_length=50,
    )
    logo: str = setting(
        "",
        expected="a PNG, JPEG or GIF file of at most 100 KB, by its path from the project's folder",
        example="logo.png",
        about="Picture on the consent page; 215 by 215 pixels look best.",
    )
    links: Links = setting(
        Links(), expected="a mapping", example="{privacy: https://example.com/privacy}", about=Links.__doc__ or ""
    )
    redirect_uris: tuple[RedirectUri, ...] = setting(
        (),
        expected=_REDIRECT_EXPECTED,
        example="[https://app.example.com/callback]",
        about="Redirect URIs besides the platform's callback and our consent callback.",
        max_length=MAX_REDIRECT_URIS - 2,
    )
    home_grants: bool = setting(
        False,
        about="Whether the home tenant grants the permissions too. The deploying principal then needs "
        "AppRoleAssignment.ReadWrite.All; the consent link for a person is the normal way.",
    )


class ConnectorSettings(Section):
    """The entry in the integration platform (steps 1, 5, 6)."""

    platform: Mapping[str, Any] = setting(
        expected="a mapping with `kind` and that platform's settings",
        example="{kind: local}",
        about="Integration platform that holds the connector.",
    )
    also_push_to: Mapping[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")], Mapping[str, Any]] = setting(
        {},
        expected="a name (lower-case letters, digits and dashes) -> a mapping as `platform`",
        example="{app: {kind: file, path: app.yaml, callback_url: https://app.example.com/callback}}",
        about="Further platforms that hold the connector and its credential too, each under a name of your choice; "
        "organisations connect, and proofs are made, through `platform`.",
    )
    key: str = setting(
        expected="lower-case letters, digits and dashes, at most 64",
        example="outlook-calendar-admin",
        about="The connector's key in the platform.",
        pattern=r"^[a-z0-9][a-z0-9-]{0,63}$",
    )
    name: NameText = setting(
        expected="1 to 120 characters",
        example='"Outlook Calendar Admin"',
        about="Name in the catalog.",
        min_length=1,
        max_length=120,
    )
    description: str = setting(
        "",
        expected="at most 1000 characters",
        example='"Calendars of your whole organisation"',
        about="Text in the catalog (step 5, optional).",
        max_length=1000,
    )
    scopes: tuple[str, ...] = setting(
        expected="names of Microsoft Graph application permissions",
        example="[Calendars.Read]",
        about="What the connector may do (step 6); decides the application's permissions (step 7).",
        min_length=1,
    )
    calendars: CalendarsFrom = setting(
        "consented",
        expected="consented, exchange or none",
        example="none",
        about="Where access to calendars comes from. `consented`: from the scopes, so one of them must open calendars. "
        "`exchange`: customers' Exchange administrators assign it (RBAC for Applications). `none`: the connector is "
        "about something else, and verification reads no calendars.",
    )
    purpose: Literal["availability", "read", "write"] | None = setting(
        None,
        expected="availability, read or write, or absent",
        example="read",
        about="What the connector does with calendars: sees when people are busy, reads events, or writes them. "
        "A preview warns of scopes that go beyond it.",
    )
    published: bool = setting(True, about="Shown to your users (step 8).")
    delete_connected: bool = setting(
        False,
        example="false",
        about="Whether destroy may delete the connector while organisations are connected.",
    )


class ConsentSettings(Section):
    """Where customers' administrators come back to after consenting."""

    public_url: RedirectUri = setting(
        expected=_REDIRECT_EXPECTED,
        example="https://app.example.com/consent/callback",
        about="Address of our consent callback, registered as a redirect URI.",
    )
    publisher: NameText = setting(
        "",
        expected="at most 120 characters in one line",
        example='"Acme Inc."',
        about="Who publishes the application, as Microsoft's consent page shows it: the verified publisher's name. Our "
        "pages and texts show it too; the application's publisher domain unless given.",
        max_length=120,
        pattern=r"^[^\x00-\x1f\x7f]*$",
    )


def redirect_problem(uri: str) -> str:
    """Why Entra would refuse this redirect URI; empty if it would not."""
    if len(uri) > REDIRECT_URI_LENGTH:
        return f"it has {len(uri)} characters, and {REDIRECT_URI_LENGTH} are allowed"
    if not re.fullmatch(REDIRECT_URI, uri):
        return f"expected {_REDIRECT_EXPECTED}"
    return ""
