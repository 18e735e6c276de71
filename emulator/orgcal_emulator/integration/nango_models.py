"""Integrations of Nango: what its public API keeps of one, and how strictly it reads bodies.

Sources: https://nango.dev/docs/reference/api/integration/create and the validation that the service's public code
does; where specification and code differ, the code is followed and docs/parity.md says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from orgcal_emulator.clock import Clock
from orgcal_emulator.integration.nango_errors import NangoFailure, invalid_body, invalid_query, unknown_integration
from orgcal_emulator.store import Database, Table

PROVIDERS: dict[str, tuple[str, str]] = {
    "microsoft-admin": ("OAUTH2", "Microsoft (Admin Consent)"),
    "microsoft": ("OAUTH2", "Microsoft (Entra ID)"),
    "microsoft-oauth2-cc": ("OAUTH2_CC", "Microsoft (Client Credentials)"),
    "outlook": ("OAUTH2", "Outlook"),
}
"""Providers that have to do with Microsoft: name -> kind of credentials and display name."""

_KEY = re.compile(r"[a-zA-Z0-9~:._-]{1,255}")
_SCOPES = re.compile(r"(?:\*|[^\s,]+(?:,[^\s,]+)*)?")


@dataclass
class Integration:
    """An integration. `credentials` is secret."""

    unique_key: str
    provider: str
    display_name: str
    forward_webhooks: bool
    created_at: float
    updated_at: float
    credentials: dict[str, Any] | None = None
    integration_config: dict[str, Any] | None = None
    custom: dict[str, Any] | None = None


class Nango:
    """Every integration."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._clock = clock
        self.integrations: Table[Integration] = Table("nangoIntegration", Integration, database, clock)

    def find(self, unique_key: str) -> Integration:
        """The integration with this key.

        Raises:
            NangoFailure: 404, or 400 for a key that can be none.
        """
        if _KEY.fullmatch(unique_key) is None:
            raise invalid_query("uniqueKey", "must match the pattern of keys")
        integration = self.integrations.get(unique_key)
        if integration is None:
            raise unknown_integration(unique_key)
        return integration

    def create(self, body: dict[str, Any]) -> Integration:
        """A new integration.

        Raises:
            NangoFailure: 400; a key that is taken is an invalid body too.
        """
        _check_fields(body, ("unique_key", "provider"), _OPTIONAL)
        if body["provider"] not in PROVIDERS:
            raise NangoFailure(400, "invalid_body", "invalid provider", [("invalid_string", "Invalid provider",
                                                                         ["provider"])])  # fmt: skip
        if self.integrations.get(body["unique_key"]) is not None:
            raise invalid_body("unique_key", "Unique key already exists")
        now = self._clock.now()
        mode, title = PROVIDERS[body["provider"]]
        integration = Integration(
            unique_key=body["unique_key"],
            provider=body["provider"],
            display_name=body.get("display_name", title),
            forward_webhooks=body.get("forward_webhooks", True),
            created_at=now,
            updated_at=now,
            credentials=_checked_credentials(body.get("credentials"), mode),
            integration_config=body.get("integration_config"),
            custom=body.get("custom"),
        )
        self.integrations.put(integration.unique_key, integration)
        return integration

    def change(self, unique_key: str, body: dict[str, Any]) -> Integration:
        """Change an integration. Credentials are replaced as a whole.

        Raises:
            NangoFailure: 400 or 404.
        """
        integration = self.find(unique_key)
        _check_fields(body, (), ("unique_key", *_OPTIONAL))
        new_key = body.get("unique_key", unique_key)
        if new_key != unique_key and self.integrations.get(new_key) is not None:
            raise invalid_body("unique_key", "Unique key already exists")
        changes = {name: body[name] for name in (*_OPTIONAL, "unique_key") if name in body}
        if "credentials" in changes:
            changes["credentials"] = _checked_credentials(changes["credentials"], PROVIDERS[integration.provider][0])
        changed = replace(integration, **changes, updated_at=self._clock.now())
        if new_key != unique_key:
            self.integrations.remove(unique_key)
        self.integrations.put(new_key, changed)
        return changed

    def remove(self, unique_key: str) -> None:
        """Remove an integration.

        Raises:
            NangoFailure: 404.
        """
        self.find(unique_key)
        self.integrations.remove(unique_key)


_OPTIONAL = ("display_name", "forward_webhooks", "credentials", "integration_config", "custom")


def _check_fields(body: dict[str, Any], required: tuple[str, ...], optional: tuple[str, ...]) -> None:
    for name in body:
        if name not in required and name not in optional:
            raise NangoFailure(400, "invalid_body", "", [("unrecognized_keys", f'Unrecognized key: "{name}"', [])])
    for name in required:
        if not isinstance(body.get(name), str):
            raise invalid_body(name, "Required")
    checks = {
        "unique_key": lambda value: isinstance(value, str) and _KEY.fullmatch(value) is not None,
        "display_name": lambda value: isinstance(value, str) and 1 <= len(value) <= 255,
        "forward_webhooks": lambda value: isinstance(value, bool),
        "credentials": lambda value: isinstance(value, dict),
        "integration_config": _texts,
        "custom": _texts,
    }
    for name, value in body.items():
        if name in checks and not checks[name](value):
            raise invalid_body(name, "Invalid input")


def _texts(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(each, str) for each in value.values())


def _checked_credentials(given: dict[str, Any] | None, mode: str) -> dict[str, Any] | None:
    """OAuth credentials as Nango takes them: a strict object whose type fits the provider."""
    if given is None:
        return None
    if given.get("type") not in ("OAUTH1", "OAUTH2", "TBA"):
        raise invalid_body("credentials.type", "Invalid discriminator value")
    if given["type"] != mode:
        raise NangoFailure(400, "invalid_body", "incompatible credentials auth type and provider auth")
    for name in given:
        if name not in ("type", "client_id", "client_secret", "scopes", "webhook_secret"):
            path = ["credentials"]
            raise NangoFailure(400, "invalid_body", "", [("unrecognized_keys", f'Unrecognized key: "{name}"', path)])
    if not isinstance(given.get("client_id"), str) or not 1 <= len(given["client_id"]) <= 255:
        raise invalid_body("credentials.client_id", "Invalid input")
    if not isinstance(given.get("client_secret"), str) or not given["client_secret"]:
        raise invalid_body("credentials.client_secret", "Invalid input")
    scopes = given.get("scopes", "")
    if not isinstance(scopes, str) or _SCOPES.fullmatch(scopes) is None:
        raise invalid_body("credentials.scopes", "Invalid scopes: a comma-separated list without spaces")
    if not isinstance(given.get("webhook_secret", ""), str):
        raise invalid_body("credentials.webhook_secret", "Invalid input")
    return {
        "type": given["type"],
        "client_id": given["client_id"],
        "client_secret": given["client_secret"],
        "scopes": scopes,
        "webhook_secret": given.get("webhook_secret"),
    }
