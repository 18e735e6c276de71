"""Reading a seed file and writing it into an empty directory."""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from orgcal_emulator.calendars.users import MAILBOX_CLASSES
from orgcal_emulator.clock import rfc3339
from orgcal_emulator.directory.credentials import hash_secret
from orgcal_emulator.directory.models import Directory
from orgcal_emulator.directory.objects import Application, ServicePrincipal, Tenant, new_guid
from orgcal_emulator.directory.properties import APPLICATION_DEFAULTS, APPLICATION_NESTED, PRINCIPAL_DEFAULTS
from orgcal_emulator.directory.service_principals import new_principal
from orgcal_emulator.errors import SeedError
from orgcal_emulator.graph.permissions import APPLICATION_PERMISSIONS_BY_NAME, GRAPH_CLIENT_ID

if TYPE_CHECKING:
    from orgcal_emulator.yaml_located import Field

DEFAULT_SEED = Path(__file__).parent / "seeds" / "default.yaml"

_DOMAIN = re.compile(r"(?=.{4,253}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+")
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_ADMINISTRATOR: dict[str, Any] = {"user": "admin", "name": "Administrator", "administrator": True}
"""Whoever consents in a tenant whose seed names nobody."""


@dataclass(frozen=True)
class SeedTenant:
    """A tenant as the seed describes it; `users` is the rule of `calendars.users.TenantUsers`."""

    tenant_id: str
    display_name: str
    domain: str
    home: bool
    users: dict[str, Any]


@dataclass(frozen=True)
class SeedApplication:
    """An application that exists from the start, with a service principal in its own tenant."""

    domain: str
    display_name: str
    client_id: str
    object_id: str
    principal_id: str
    permissions: tuple[str, ...]


@dataclass(frozen=True)
class Seed:
    """What a seed file says."""

    tenants: tuple[SeedTenant, ...]
    operator: SeedApplication
    applications: tuple[SeedApplication, ...] = field(default=())


@dataclass(frozen=True)
class SeedSource:
    """The text of a seed, not yet read.

    Attributes:
        text: YAML.
        name: file it came from, for errors.
    """

    text: str
    name: str

    def read(self) -> Seed:
        """What the text says.

        Raises:
            SeedError: naming file, line and field.
        """
        return deepcopy(_read_text(self.text, self.name))


def seed_source(source: Path | str | None = None) -> SeedSource:
    """The text of a seed file, by default of the built-in one.

    Args:
        source: a path, or the YAML text itself if it has more than one line.

    Raises:
        SeedError: the file cannot be read.
    """
    if isinstance(source, str) and "\n" in source:
        return SeedSource(source, "seed")
    path = Path(source) if source is not None else DEFAULT_SEED
    try:
        return SeedSource(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise SeedError(f"{path}: the file cannot be read ({getattr(error, 'strerror', None) or error})") from error


@lru_cache(maxsize=8)
def _read_text(text: str, name: str) -> Seed:
    """Read once in a process, as tests start many emulators with one seed, and reading takes most of a start."""
    # Imported here: an emulator that finds its state on disk needs no YAML, and starts faster without.
    from orgcal_emulator.yaml_located import read_yaml

    return _read(read_yaml(text, name))


def _read(root: Field) -> Seed:
    fields = root.fields(required=("tenants", "operator"), optional=("applications",))
    entries = fields["tenants"].entries()
    tenants = tuple(_tenant(each, alone=len(entries) == 1) for each in entries)
    for name, values in (("tenant_id", [t.tenant_id for t in tenants]), ("domain", [t.domain for t in tenants])):
        if len(set(values)) != len(values):
            raise fields["tenants"].error(f"two tenants have the same {name}")
    if sum(each.home for each in tenants) != 1:
        raise fields["tenants"].error("exactly one tenant must have `home: true`")
    domains = tuple(each.domain for each in tenants)
    applications = tuple(
        _application(each, domains) for each in (fields["applications"].entries() if "applications" in fields else ())
    )
    home = next(each.domain for each in tenants if each.home)
    operator = _application(fields["operator"], domains, {"tenant": home, "display_name": "operator"})
    clients = [each.client_id for each in (operator, *applications)]
    if len(set(clients)) != len(clients):
        raise root.error("two applications have the same client_id")
    return Seed(tenants, operator, applications)


def _tenant(entry: Field, *, alone: bool) -> SeedTenant:
    fields = entry.fields(required=("tenant_id", "domain", "users"), optional=("display_name", "home"))
    domain = fields["domain"].checked(lambda text: _DOMAIN.fullmatch(text) is not None, "a domain name")
    return SeedTenant(
        tenant_id=fields["tenant_id"].guid(),
        display_name=fields["display_name"].text() if "display_name" in fields else domain,
        domain=domain,
        home=fields["home"].flag() if "home" in fields else alone,
        users=_users(fields["users"]),
    )


def _users(entry: Field) -> dict[str, Any]:
    fields = entry.fields(required=("count",), optional=("mailboxes", "named", "exchange_online", "groups"))
    named = [_named(each) for each in fields["named"].entries()] if "named" in fields else [dict(_ADMINISTRATOR)]
    if not any(each.get("administrator") for each in named):
        raise entry.error("one of the `named` users must have `administrator: true`")
    if len({each["user"].lower() for each in named}) != len(named):
        raise fields["named"].error("two users have the same name")
    count = fields["count"].whole_number(smallest=1)
    mailboxes: dict[str, int] = {}
    for name, number in fields["mailboxes"].items() if "mailboxes" in fields else ():
        if name not in MAILBOX_CLASSES:
            raise number.error(f"there is no mailbox class {name!r}; known are {', '.join(MAILBOX_CLASSES)}")
        mailboxes[name] = number.whole_number()
    if len(named) + sum(mailboxes.values()) > count:
        raise fields["count"].error(f"{count} users are fewer than the named and special ones together")
    exchange = {"exchange_online": fields["exchange_online"].flag()} if "exchange_online" in fields else {}
    groups = {"groups": [_group(each) for each in fields["groups"].entries()]} if "groups" in fields else {}
    return {"count": count, "mailboxes": mailboxes, "named": named, **exchange, **groups}


def _group(entry: Field) -> dict[str, Any]:
    """A group: its name, names of users (before the @), names of groups in it, and whether a rule decides."""
    fields = entry.fields(required=("name",), optional=("members", "groups", "dynamic"))
    lists: dict[str, Any] = {
        name: [each.text() for each in fields[name].entries()] for name in ("members", "groups") if name in fields
    }
    dynamic = {"dynamic": fields["dynamic"].flag()} if "dynamic" in fields else {}
    return {"name": fields["name"].text(), **lists, **dynamic}


def _named(entry: Field) -> dict[str, Any]:
    fields = entry.fields(required=("user", "name"), optional=("mailbox", "administrator"))
    values: dict[str, Any] = {
        "user": fields["user"].checked(lambda text: _NAME.fullmatch(text) is not None, "letters, digits, . _ -"),
        "name": fields["name"].text(),
    }
    if "mailbox" in fields:
        values["mailbox"] = fields["mailbox"].one_of(MAILBOX_CLASSES)
    if "administrator" in fields:
        values["administrator"] = fields["administrator"].flag()
    return values


def _application(
    entry: Field, domains: tuple[str, ...], defaults: Mapping[str, str] = MappingProxyType({})
) -> SeedApplication:
    """What a seed says of an application; fields with a default may be left out."""
    named = ("tenant", "display_name")
    fields = entry.fields(
        required=("client_id", "permissions", *(name for name in named if name not in defaults)),
        optional=("application_object_id", "service_principal_id", *defaults),
    )
    permissions = tuple(each.one_of(tuple(APPLICATION_PERMISSIONS_BY_NAME)) for each in fields["permissions"].entries())
    return SeedApplication(
        domain=fields["tenant"].one_of(domains) if "tenant" in fields else defaults["tenant"],
        display_name=fields["display_name"].text() if "display_name" in fields else defaults["display_name"],
        client_id=fields["client_id"].guid(),
        object_id=fields["application_object_id"].guid() if "application_object_id" in fields else new_guid(),
        principal_id=fields["service_principal_id"].guid() if "service_principal_id" in fields else new_guid(),
        permissions=permissions,
    )


def load_seed(seed: Seed, directory: Directory, operator_secret: str) -> None:
    """Write a seed into an empty directory.

    Args:
        operator_secret: the operator's client secret; only its hash is written.
    """
    now = directory.clock.now()
    for each in seed.tenants:
        directory.tenants.put(
            each.tenant_id, Tenant(each.tenant_id, each.display_name, each.domain, each.home, now, each.users)
        )
        directory.put_principal(new_principal(each.tenant_id, GRAPH_CLIENT_ID))
    load_application(seed.operator, directory, operator_secret)
    for application in seed.applications:
        load_application(application, directory, None)


def load_application(
    seed: SeedApplication, directory: Directory, secret: str | None, *, audience: str = "AzureADMyOrg"
) -> None:
    """Write an application, its service principal and its grants.

    Args:
        secret: its client secret, or None for an application without one.
        audience: who may sign in: its `signInAudience`.
    """
    now = directory.clock.now()
    tenant = directory.tenant(seed.domain)
    assert tenant is not None
    properties: dict[str, Any] = {
        **APPLICATION_DEFAULTS,
        **{name: nested.check(None, name, "Application") for name, nested in APPLICATION_NESTED.items()},
        "createdDateTime": rfc3339(now),
        "displayName": seed.display_name,
        "signInAudience": audience,
        "publisherDomain": tenant.default_domain,
        "passwordCredentials": [],
    }
    application = Application(tenant.tenant_id, seed.object_id, seed.client_id, properties, [])
    if secret is not None:
        key_id = new_guid()
        properties["passwordCredentials"] = [
            {
                "customKeyIdentifier": None, "displayName": "made at first start", "hint": secret[:3],
                "startDateTime": rfc3339(now), "endDateTime": "2299-12-31T00:00:00Z", "keyId": key_id,
                "secretText": None,
            }
        ]  # fmt: skip
        application.secret_hashes[key_id] = hash_secret(secret)
    directory.put_application(application)
    principal = ServicePrincipal(
        tenant.tenant_id, seed.principal_id, seed.client_id,
        {**PRINCIPAL_DEFAULTS, "createdDateTime": rfc3339(now), "displayName": None, "appRoles": []}, [],
    )  # fmt: skip
    directory.put_principal(principal)
    graph = directory.principal_by_client(tenant.tenant_id, GRAPH_CLIENT_ID)
    assert graph is not None
    for name in seed.permissions:
        directory.grant(principal, graph, APPLICATION_PERMISSIONS_BY_NAME[name].permission_id)
