"""Kind `nango`: an integration of Nango with its provider `microsoft-admin`.

`microsoft-admin` sends the administrator to the consent page, then asks for tokens with the
integration's id, secret and scopes. Entra ID grants application permissions to the scope `.default`
only, so `token_scopes` are what Nango keeps as scopes; the connector's own scopes are declared on the
application.

Nango refuses an integration of this provider without credentials, so the first push of a credential makes
the whole integration in one request; the callback URL, which the application needs before it has a
credential, is the same for all integrations of an environment. `docs/parity.md` names the rules of Nango's
server and where its sources (commit 2f4c0af) have them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import count
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from orgcal.entra.credentials import fields_of
from orgcal.errors import PlatformError, Unreachable
from orgcal.fields import setting
from orgcal.patience import Clock
from orgcal.platforms.model import (
    Capabilities,
    CatalogField,
    ConnectorEntry,
    ConnectorSettings,
    Platform,
    PlatformCredential,
    StoredCredential,
)
from orgcal.platforms.rest import RestClient, segment
from orgcal.platforms.settings import (
    Address,
    KeyedSettings,
    address_setting,
    callback_setting,
    key_file_setting,
    kind_setting,
)
from orgcal.printable import counted

PROVIDER = "microsoft-admin"
MAX_CLIENT_ID = 255
PAGE_SIZE = 1000
"""Connections asked for at once; Nango takes at most 2000 (controllers/connection/getConnections.ts:20)."""
MAX_TAG = 255
"""Characters of a tag's value (packages/shared/lib/services/tags/schema.ts:5)."""


class NangoSettings(KeyedSettings):
    """Settings of the kind `nango`."""

    capabilities: ClassVar[Capabilities] = Capabilities(
        callback="fixed",
        reads_back="value",
        catalog=frozenset({"display_name"}),
        credential_kinds=frozenset({"secret"}),
        connections="own flow",
        tokens=True,
        created_with="credential",
    )
    kind: Literal["nango"] = kind_setting("nango", "An integration of Nango with its provider `microsoft-admin`.")
    base_url: Address = address_setting("https://api.nango.dev")
    key_file_variable: str = key_file_setting("NANGO_API_KEY_FILE")
    callback_url: str = callback_setting("", about="Nango's callback, if it is not `base_url` with `/oauth/callback`.")
    token_scopes: tuple[Annotated[str, Field(pattern="^[0-9a-zA-Z:/_.*-]+$")], ...] = setting(
        ("https://graph.microsoft.com/.default",),
        expected="scopes of letters, digits and :/_.*- only, as Nango takes them",
        example='["https://graph.microsoft.com/.default"]',
        about="What Nango keeps as scopes; Entra ID gives application permissions for the scope `.default` only.",
    )

    @property
    def place(self) -> str:
        """The service's address; its API key decides which of its environments."""
        return self.base_url

    def open(self, environ: Mapping[str, str], clock: Clock | None = None) -> NangoPlatform:
        return NangoPlatform(self.client(self.base_url, environ, clock, name="Nango"), self)


class NangoPlatform(Platform):
    """A connector as an integration of Nango."""

    called = "Nango"

    capabilities = NangoSettings.capabilities

    def __init__(self, client: RestClient, settings: NangoSettings) -> None:
        self._client = client
        self._settings = settings
        self.place = settings.base_url

    def read_connector(self, key: str) -> ConnectorEntry | None:
        data = self._read(key)
        return None if data is None else self._entry(key, data)

    def create_connector(self, declared: ConnectorSettings) -> ConnectorEntry:
        """Return what the integration will be; the first push makes it."""
        return ConnectorEntry(declared.key, self._callback_url(), display_name=declared.display_name)

    def update_connector(self, declared: ConnectorSettings, changed: Sequence[CatalogField]) -> ConnectorEntry:  # noqa: ARG002
        body = {"display_name": declared.display_name}
        answer = self._client.call("PATCH", _integration(declared.key), body, absent=frozenset())
        return self._entry(declared.key, self._client.part(answer, "data", dict))

    def delete_connector(self, key: str, *, connected_too: bool = False) -> None:
        connected = [] if connected_too else self._connections(key)
        if connected:
            raise PlatformError(
                f"{counted(len(connected), 'connection uses', 'connections use')} the integration {key!r}, "
                "and deleting it would delete them too",
                where=self.place,
                repair="delete them, or set `delete_connected=True` on the connector and run pulumi up first",
            )
        self._client.call("DELETE", _integration(key))

    def push_credentials(self, key: str, credential: PlatformCredential) -> StoredCredential:
        if not 1 <= len(credential.client_id) <= MAX_CLIENT_ID:
            raise PlatformError(f"Nango takes client ids of 1 to {MAX_CLIENT_ID} characters", where=self.place)
        credentials = {
            "type": "OAUTH2",
            "client_id": credential.client_id,
            **fields_of(credential.credential),
            "scopes": ",".join(self._settings.token_scopes),
        }
        data = self._changed(key, credentials) or self._created(key, credential.display_name, credentials)
        return StoredCredential(credential.client_id, None, data.get("updated_at"))

    def read_credentials(self, key: str) -> StoredCredential | None:
        data = self._read(key, include="credentials")
        if data is None:
            return None
        # A key without the scope gets an answer without them (controllers/integrations/uniqueKey/getIntegration.ts:58).
        if "credentials" not in data:
            raise PlatformError(
                f"the API key may not read the credentials of the integration {key!r}",
                where=self.place,
                repair="give the key the scope environment:integrations:read_credentials",
            )
        credentials = data["credentials"]
        if not credentials or not credentials.get("client_id"):
            return None
        return StoredCredential(
            str(credentials["client_id"]),
            None,
            data.get("updated_at"),
            PlatformCredential.from_fields(credentials),
            intact=(credentials.get("scopes") or "") == ",".join(self._settings.token_scopes),
        )

    def remove_credentials(self, key: str) -> None:
        """Nothing: Nango cannot forget a credential, it goes with its integration."""

    def connections(self, key: str) -> list[str]:
        return sorted(self._by_tenant(key))

    def register_connection(self, key: str, tenant_id: str) -> None:
        raise PlatformError(
            f"Nango connects organisations in its own flow; start it there for {tenant_id} and {key!r}",
            where=self.place,
        )

    def consent_link(self, key: str, tenant_id: str, name: str) -> tuple[str, datetime]:
        """A link into Nango's own flow; it works for half an hour and for this organisation only.

        A default of the session wins over what the administrator's browser sends, so nobody can connect
        another tenant with it (controllers/oauth.controller.ts:200-222). `end_user` is deprecated in favour
        of `tags` (docs/spec.yaml, ConnectSessionInput).
        """
        tags = {"tenant_id": tenant_id, "tenant_name": name[:MAX_TAG]}
        body = {
            "tags": {tag: text for tag, text in tags.items() if text},
            "allowed_integrations": [key],
            "integrations_config_defaults": {key: {"connection_config": {"tenantId": tenant_id}}},
        }
        answer = self._client.part(
            self._client.call("POST", "/connect/sessions", body, absent=frozenset()), "data", dict
        )
        try:
            return str(answer["connect_link"]), datetime.fromisoformat(str(answer["expires_at"]))
        except (KeyError, ValueError):
            raise PlatformError(
                "Nango made no link",
                where=self.place,
                repair="update Nango, or share a connect link from its dashboard",
            ) from None

    def access_token(self, key: str, tenant_id: str) -> str:
        connection_id = self._by_tenant(key).get(tenant_id.lower())
        if connection_id is None:
            raise PlatformError(f"the organisation {tenant_id} is not connected to {key!r}", where=self.place)
        answer = self._connection(key, connection_id, force_refresh="true")
        token = (answer.get("credentials") or {}).get("access_token")
        if not token:
            raise PlatformError(f"Nango shows no token of the connection {connection_id!r}", where=self.place)
        return str(token)

    def _by_tenant(self, key: str) -> dict[str, str]:
        """Tenant id -> connection id; the list lacks tenants, so each connection is read once."""
        ids: dict[str, str] = {}
        for connection_id in self._connections(key):
            config = self._connection(key, connection_id).get("connection_config") or {}
            if config.get("tenantId"):
                ids[str(config["tenantId"]).lower()] = connection_id
        return ids

    def _connections(self, key: str) -> list[str]:
        """Ids of all connections of the integration, page by page: one answer holds 10,000 of them at most."""
        seen: dict[tuple[Any, Any], None] = {}
        for page in count():
            params = {"integrationId": key, "limit": str(PAGE_SIZE), "page": str(page)}
            answer = self._client.call("GET", "/connections", params=params, absent=frozenset())
            listed = self._client.part(answer, "connections", list)
            before = len(seen)
            seen |= {(each["provider_config_key"], each["connection_id"]): None for each in listed}
            if len(listed) < PAGE_SIZE or len(seen) == before:  # the latter where a server knows no pages
                break
        return [str(connection_id) for used_by, connection_id in seen if used_by == key]

    def _connection(self, key: str, connection_id: str, **params: str) -> dict[str, Any]:
        path = f"/connections/{segment(connection_id)}"
        return dict(self._client.call("GET", path, params={"provider_config_key": key, **params}) or {})

    def _read(self, key: str, **params: str) -> dict[str, Any] | None:
        """What Nango shows of the integration, None if there is none; refuses another provider's."""
        answer = self._client.call("GET", _integration(key), params=params)
        if answer is None:
            return None
        data = self._client.part(answer, "data", dict)
        if data.get("provider") != PROVIDER:
            raise PlatformError(
                f"the integration {key!r} has the provider {data.get('provider')!r}, not {PROVIDER!r}",
                where=self.place,
                repair="choose another key for the connector",
            )
        return data

    def _changed(self, key: str, credentials: Mapping[str, str]) -> dict[str, Any] | None:
        """The integration with these credentials, None if there is none."""
        if self._read(key) is None:
            return None
        answer = self._client.call("PATCH", _integration(key), {"credentials": credentials})
        return None if answer is None else self._client.part(answer, "data", dict)

    def _created(self, key: str, display_name: str, credentials: Mapping[str, str]) -> dict[str, Any]:
        """The new integration; one that is there after a refusal or a lost answer gets the credentials."""
        body = {"unique_key": key, "provider": PROVIDER, "credentials": credentials}
        if display_name:
            body["display_name"] = display_name
        try:
            data = self._client.part(self._client.call("POST", "/integrations", body, absent=frozenset()), "data", dict)
        except (PlatformError, Unreachable):
            found = self._changed(key, credentials)
            if found is None:
                raise
            return found
        kept = data.get("display_name")
        if display_name and kept != display_name:
            raise PlatformError(
                f"the platform did not keep what it accepted for {key!r} (display_name: {kept!r} -> {display_name!r})",
                where=self.place,
                repair="pulumi refresh, then pulumi up",
            )
        return data

    def _callback_url(self) -> str:
        return self._settings.callback_url or f"{self.place}/oauth/callback"

    def _entry(self, key: str, data: Mapping[str, Any]) -> ConnectorEntry:
        return ConnectorEntry(key, self._callback_url(), display_name=str(data.get("display_name") or ""))


def _integration(key: str) -> str:
    return f"/integrations/{segment(key)}"
