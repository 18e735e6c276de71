"""Integrations of Nango: what its public API keeps of one.

Where Nango's specification and its code differ, the code is followed and docs/parity.md says so. Places are of its
public sources, commit 2f4c0af, below packages/server/lib unless they say otherwise.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from orgcal_emulator.clock import Clock
from orgcal_emulator.integration.nango_checks import KEY, OPTIONAL, check_integration
from orgcal_emulator.integration.nango_errors import NangoFailure, invalid_body, invalid_param, unknown_integration
from orgcal_emulator.integration.nango_records import Connection, ConnectSession, Integration
from orgcal_emulator.store import Database, Table

PROVIDERS: dict[str, tuple[str, str]] = {
    "microsoft-admin": ("OAUTH2", "Microsoft (Admin)"),
    "microsoft": ("OAUTH2", "Microsoft (Entra ID)"),
    "microsoft-oauth2-cc": ("OAUTH2_CC", "Microsoft (Client Credentials)"),
    "outlook": ("OAUTH2", "Outlook"),
}
"""Providers that have to do with Microsoft: name -> kind of credentials and display name."""

_CREDENTIALS_REQUIRED = {"OAUTH1", "OAUTH2", "APP", "CUSTOM"}
"""services/integration.service.ts:120, checked at :258."""


class Nango:
    """Every integration, and what connects organisations to it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.clock = clock
        self.integrations: Table[Integration] = Table("nangoIntegration", Integration, database, clock)
        self.sessions: Table[ConnectSession] = Table("nangoSession", ConnectSession, database, clock)
        self.connections: Table[Connection] = Table("nangoConnection", Connection, database, clock)

    def tables(self) -> list[Table[Any]]:
        """Every table."""
        return [self.integrations, self.sessions, self.connections]

    def clear(self) -> None:
        """Forget everything in memory."""
        for table in self.tables():
            table.clear()

    def find(self, unique_key: str) -> Integration:
        """The integration with this key.

        Raises:
            NangoFailure: 404, or 400 for a key that can be none.
        """
        if KEY.fullmatch(unique_key) is None:
            raise invalid_param("uniqueKey", "must match the pattern of keys")
        integration = self.integrations.get(unique_key)
        if integration is None:
            raise unknown_integration(unique_key)
        return integration

    def create(self, body: dict[str, Any]) -> Integration:
        """A new integration; one of OAuth needs its credentials at once.

        Raises:
            NangoFailure: 400; a key that is taken is an invalid body too.
        """
        check_integration(body, ("unique_key", "provider"), OPTIONAL)
        if body["provider"] not in PROVIDERS:
            raise invalid_body(["provider"], "Invalid provider", "invalid_string")
        mode, title = PROVIDERS[body["provider"]]
        credentials = _stored(body.get("credentials"), mode)
        if credentials is None and mode in _CREDENTIALS_REQUIRED:
            raise NangoFailure(400, "invalid_body", "Missing credentials")
        if self.integrations.get(body["unique_key"]) is not None:
            raise invalid_body(["uniqueKey"], "Unique key already exists", "invalid_string")
        _refuse_config(body)
        now = self.clock.now()
        integration = Integration(
            unique_key=body["unique_key"],
            provider=body["provider"],
            display_name=body.get("display_name", title),
            forward_webhooks=body.get("forward_webhooks", True),
            created_at=now,
            updated_at=now,
            credentials=credentials,
            custom=body.get("custom"),
        )
        self.integrations.put(integration.unique_key, integration)
        return integration

    def change(self, unique_key: str, body: dict[str, Any]) -> Integration:
        """Change an integration. Id, secret and scopes are replaced together, a webhook secret only if given.

        Raises:
            NangoFailure: 400 or 404.
        """
        check_integration(body, (), ("unique_key", *OPTIONAL))
        integration = self.find(unique_key)
        changes: dict[str, Any] = {name: body[name] for name in ("display_name", "forward_webhooks") if name in body}
        if "credentials" in body:
            given = _stored(body["credentials"], PROVIDERS[integration.provider][0]) or {}
            kept = {"webhook_secret": (integration.credentials or {}).get("webhook_secret")}
            changes["credentials"] = {**kept, **given}
        new_key = body.get("unique_key", unique_key)
        if new_key != unique_key:
            self._refuse_rename(unique_key, new_key)
        _refuse_config(body)
        if body.get("custom"):
            changes["custom"] = {**(integration.custom or {}), **body["custom"]}
        changed = replace(integration, **changes, unique_key=new_key, updated_at=self.clock.now())
        if new_key != unique_key:
            self.integrations.remove(unique_key)
        self.integrations.put(new_key, changed)
        return changed

    def remove(self, unique_key: str) -> None:
        """Remove an integration, and its connections with it (packages/shared/lib/services/config.service.ts:231).

        Raises:
            NangoFailure: 404, in other words than elsewhere (uniqueKey/deleteIntegration.ts:42).
        """
        try:
            self.find(unique_key)
        except NangoFailure as failure:
            if failure.status != 404:
                raise
            raise NangoFailure(404, "not_found", "Integration does not exist") from None
        for connection in self.connections_of(unique_key):
            self.connections.remove(connection.connection_id)
        self.integrations.remove(unique_key)

    def connections_of(self, unique_key: str) -> list[Connection]:
        """The integration's connections, the newest first."""
        return [each for each in reversed(self.connections.newest()) if each.provider_config_key == unique_key]

    def _refuse_rename(self, unique_key: str, new_key: str) -> None:
        """services/integration.service.ts:409-427."""
        if self.integrations.get(new_key) is not None:
            raise NangoFailure(400, "invalid_body", "uniqueKey is already used by another integration")
        if self.connections_of(unique_key):
            raise NangoFailure(400, "invalid_body", "Can't rename an integration with active connections")


def _refuse_config(body: dict[str, Any]) -> None:
    """services/integrationConfig.ts:55-57: none of the providers here has an `integration_config`."""
    if body.get("integration_config"):
        raise NangoFailure(400, "invalid_body", "This provider does not accept integration configuration")


def _stored(given: dict[str, Any] | None, mode: str) -> dict[str, Any] | None:
    """Checked credentials as they are kept: their type must be the provider's (services/integration.service.ts:250)."""
    if given is None:
        return None
    if given["type"] != mode:
        raise NangoFailure(400, "invalid_body", "incompatible credentials auth type and provider auth")
    webhook = {"webhook_secret": given["webhook_secret"] or None} if "webhook_secret" in given else {}
    texts = {name: given[name] for name in ("type", "client_id", "client_secret")}
    return {**texts, "scopes": given.get("scopes") or None, **webhook}
