"""Connectors of the platform `local`: catalog entry, credentials, connected organisations."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any

from orgcal_emulator.clock import Clock, rfc3339
from orgcal_emulator.directory.objects import is_guid
from orgcal_emulator.integration.errors import in_the_way, invalid, unknown
from orgcal_emulator.store import Database, Table

_KEY = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


@dataclass
class Connector:
    """A connector.

    Attributes:
        credentials: what the connector logs in with; secret, so never in a list, a page or the journal.
        connections: tenant id -> time of registration.
    """

    key: str
    name: str
    description: str
    scopes: list[str]
    published: bool
    created_at: float
    credentials: dict[str, Any] | None = None
    connections: dict[str, float] = field(default_factory=dict)


class Platform:
    """Every connector of the platform."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._clock = clock
        self.connectors: Table[Connector] = Table("connector", Connector, database, clock)

    def create(self, body: dict[str, Any]) -> Connector:
        """A new connector.

        Raises:
            PlatformFailure: 400 or 409.
        """
        given = _fields(body, required=("key", "name"), optional=("description", "scopes", "published"))
        if _KEY.fullmatch(given["key"]) is None:
            raise invalid("`key` must be 1 to 63 lower-case letters, digits, dots, dashes or underlines")
        if self.connectors.get(given["key"]) is not None:
            raise in_the_way("duplicate_key", f"there is a connector {given['key']!r} already")
        connector = Connector(
            key=given["key"],
            name=given["name"],
            description=given.get("description", ""),
            scopes=given.get("scopes", []),
            published=given.get("published", False),
            created_at=self._clock.now(),
        )
        self.connectors.put(connector.key, connector)
        return connector

    def find(self, key: str) -> Connector:
        """The connector `key`.

        Raises:
            PlatformFailure: 404.
        """
        connector = self.connectors.get(key)
        if connector is None:
            raise unknown("connector", key)
        return connector

    def change(self, key: str, body: dict[str, Any]) -> Connector:
        """Change a connector's catalog entry.

        Raises:
            PlatformFailure: 400 or 404.
        """
        connector = self.find(key)
        given = _fields(body, optional=("name", "description", "scopes", "published"))
        changed = replace(connector, **given)
        self.connectors.put(key, changed)
        return changed

    def remove(self, key: str, *, force: bool) -> None:
        """Remove a connector.

        Raises:
            PlatformFailure: 404, or 409 if organisations are connected and `force` is not set.
        """
        connector = self.find(key)
        if connector.connections and not force:
            raise in_the_way("connected", f"{len(connector.connections)} organisations are connected; use force=true")
        self.connectors.remove(key)

    def set_credentials(self, key: str, body: dict[str, Any]) -> Connector:
        """Store what the connector logs in with.

        Raises:
            PlatformFailure: 400 or 404.
        """
        connector = self.find(key)
        kind = "certificate" if "certificate_pem" in body or "private_key_pem" in body else "secret"
        parts = ("certificate_pem", "private_key_pem") if kind == "certificate" else ("client_secret",)
        given = _fields(body, required=("client_id", *parts, "generation"))
        if not is_guid(given["client_id"]):
            raise invalid("`client_id` must be a GUID")
        stored = {**given, "kind": kind, "updated_at": rfc3339(self._clock.now())}
        changed = replace(connector, credentials=stored)
        self.connectors.put(key, changed)
        return changed

    def credentials(self, key: str) -> dict[str, Any]:
        """What the connector logs in with.

        Raises:
            PlatformFailure: 404.
        """
        stored = self.find(key).credentials
        if stored is None:
            raise unknown("credentials of the connector", key)
        return stored

    def remove_credentials(self, key: str) -> None:
        """Forget what the connector logs in with.

        Raises:
            PlatformFailure: 404.
        """
        self.credentials(key)
        self.connectors.put(key, replace(self.find(key), credentials=None))

    def connect(self, key: str, body: dict[str, Any]) -> str:
        """Register an organisation with a connector; registering it again changes nothing.

        Raises:
            PlatformFailure: 400 or 404.
        """
        connector = self.find(key)
        given = _fields(body, required=("tenant_id",))
        if not is_guid(given["tenant_id"]):
            raise invalid("`tenant_id` must be a GUID")
        tenant_id = str(given["tenant_id"]).lower()
        connections = {tenant_id: self._clock.now(), **connector.connections}
        self.connectors.put(key, replace(connector, connections=connections))
        return tenant_id

    def disconnect(self, key: str, tenant_id: str) -> None:
        """Remove an organisation from a connector.

        Raises:
            PlatformFailure: 404.
        """
        connector = self.find(key)
        if tenant_id.lower() not in connector.connections:
            raise unknown("connected organisation", tenant_id)
        left = {name: at for name, at in connector.connections.items() if name != tenant_id.lower()}
        self.connectors.put(key, replace(connector, connections=left))

    def clear(self) -> None:
        """Forget everything in memory."""
        self.connectors.clear()


_KINDS: dict[str, str] = {
    "key": "text", "name": "text", "client_id": "text", "client_secret": "text", "certificate_pem": "text",
    "private_key_pem": "text", "tenant_id": "text", "description": "any text", "scopes": "list of texts",
    "published": "true or false", "generation": "whole number",
}  # fmt: skip


def _fields(body: dict[str, Any], *, required: tuple[str, ...] = (), optional: tuple[str, ...] = ()) -> dict[str, Any]:
    """The checked fields of a body; an unknown one is refused."""
    for name in body:
        if name not in required and name not in optional:
            raise invalid(f"there is no field `{name}` here; known are {', '.join((*required, *optional))}")
    for name in required:
        if name not in body:
            raise invalid(f"the field `{name}` is missing")
    for name, value in body.items():
        if not _fits(value, _KINDS[name]):
            raise invalid(f"`{name}` must be a {_KINDS[name]}")
    return dict(body)


def _fits(value: object, kind: str) -> bool:
    if kind == "text":
        return isinstance(value, str) and 0 < len(value) <= 20_000
    if kind == "any text":
        return isinstance(value, str) and len(value) <= 20_000
    if kind == "true or false":
        return isinstance(value, bool)
    if kind == "whole number":
        return type(value) is int and 1 <= value < 1_000_000_000
    return isinstance(value, list) and len(value) <= 1000 and all(_fits(each, "text") for each in value)
