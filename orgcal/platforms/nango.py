"""Kind `nango`: an integration of Nango with its provider `microsoft-admin`.

    platform:
      kind: nango
      # base_url: http://localhost:3003               # self-hosted; the default is Nango's cloud
      # key_file_variable: NANGO_API_KEY_FILE         # names the file with the environment's API key
      # token_scopes: [https://graph.microsoft.com/.default]

`microsoft-admin` sends the administrator to the consent page, then asks for tokens with the
integration's id, secret and scopes. Entra ID grants application permissions to the scope `.default`
only, so `token_scopes` are what Nango keeps as scopes; the connector's own scopes are declared on the
application. Sources: https://nango.dev/docs/reference/api/integration/create and the service's validation
of request bodies, which is strict: an unknown field is refused, and id, secret and scopes are always
assigned together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from orgcal.entra.credentials import fields_of
from orgcal.errors import PlatformError
from orgcal.patience import Clock
from orgcal.platforms.access import read_address, read_key_file, session_for
from orgcal.platforms.model import (
    Capabilities,
    CatalogField,
    ConnectorEntry,
    ConnectorSettings,
    PlatformCredential,
    StoredCredential,
)
from orgcal.platforms.rest import RestClient, segment
from orgcal.platforms.settings import SettingsReader

PROVIDER = "microsoft-admin"
CLOUD_URL = "https://api.nango.dev"
MAX_CLIENT_ID = 255

CAPABILITIES = Capabilities(
    callback="fixed",
    reads_back="value",
    catalog=frozenset({"display_name"}),
    credential_kinds=frozenset({"secret"}),
    connections="own flow",
    tokens=True,
)


@dataclass(frozen=True, slots=True)
class NangoSettings:
    """Settings of this kind, read."""

    base_url: str
    callback_url: str
    key_file_variable: str
    token_scopes: tuple[str, ...]


def read_settings(settings: Mapping[str, Any]) -> NangoSettings:
    """The settings of this kind.

    Raises:
        ConfigError: all that is wrong.
    """
    reader = SettingsReader(settings)
    base_url = read_address(reader, "base_url", default=CLOUD_URL)
    callback_url = reader.text("callback_url", default=f"{base_url}/oauth/callback")
    variable = reader.text("key_file_variable", default="NANGO_API_KEY_FILE")
    scopes = reader.texts("token_scopes", default=("https://graph.microsoft.com/.default",))
    if any("," in scope or scope.strip() != scope or not scope for scope in scopes):
        reader.problem("token_scopes", "Nango separates scopes by commas, so none may hold one, or a space around it")
    reader.done()
    return NangoSettings(base_url, callback_url, variable, scopes)


def capabilities(settings: Mapping[str, Any]) -> Capabilities:
    """The same for all settings."""
    read_settings(settings)
    return CAPABILITIES


def place(settings: Mapping[str, Any]) -> str:
    """The service's address; its API key decides which of its environments."""
    return read_settings(settings).base_url


def open_nango(settings: Mapping[str, Any], environ: Mapping[str, str], clock: Clock | None = None) -> NangoPlatform:
    """Nango with the API key from the file that the environment names."""
    read = read_settings(settings)
    client = RestClient(
        session_for(read.base_url, environ),
        read.base_url,
        {"Authorization": f"Bearer {read_key_file(environ, read.key_file_variable)}"},
        name="Nango",
        key_hint=read.key_file_variable,
        clock=clock,
    )
    return NangoPlatform(client, read)


class NangoPlatform:
    """See `orgcal.platforms.model.Platform`."""

    capabilities = CAPABILITIES

    def __init__(self, client: RestClient, settings: NangoSettings) -> None:
        self._client = client
        self._settings = settings

    @property
    def place(self) -> str:
        return self._settings.base_url

    def read_connector(self, key: str) -> ConnectorEntry | None:
        found = self._client.call("GET", _integration(key))
        return None if found is None else self._entry(key, found["data"])

    def create_connector(self, declared: ConnectorSettings) -> ConnectorEntry:
        body = {"unique_key": declared.key, "provider": PROVIDER, "display_name": declared.display_name}
        found = self._client.call("POST", "/integrations", body, absent=frozenset())
        return self._entry(declared.key, found["data"])

    def update_connector(self, declared: ConnectorSettings, changed: Sequence[CatalogField]) -> ConnectorEntry:  # noqa: ARG002
        body = {"display_name": declared.display_name}
        found = self._client.call("PATCH", _integration(declared.key), body, absent=frozenset())
        return self._entry(declared.key, found["data"])

    def delete_connector(self, key: str, *, connected_too: bool = False) -> None:
        connected = [] if connected_too else self._connections(key)
        if connected:
            raise PlatformError(
                f"{len(connected)} connections use the integration {key!r}, and deleting it would delete them",
                where=self.place,
                repair="delete them, or set `delete_connected=True` on the connector and run pulumi up first",
            )
        self._client.call("DELETE", _integration(key))

    def push_credentials(self, key: str, credential: PlatformCredential) -> StoredCredential:
        if not 1 <= len(credential.client_id) <= MAX_CLIENT_ID:
            raise PlatformError(f"Nango takes client ids of 1 to {MAX_CLIENT_ID} characters", where=self.place)
        body = {
            "credentials": {
                "type": "OAUTH2",
                "client_id": credential.client_id,
                **fields_of(credential.credential),
                "scopes": ",".join(self._settings.token_scopes),
            }
        }
        found = self._client.call("PATCH", _integration(key), body)
        if found is None:
            raise PlatformError(f"there is no integration {key!r}", status=404, where=self.place)
        return StoredCredential(credential.client_id, None, found["data"].get("updated_at"))

    def read_credentials(self, key: str) -> StoredCredential | None:
        found = self._client.call("GET", _integration(key), params={"include": "credentials"})
        held = None if found is None else found["data"].get("credentials")
        if not held or not held.get("client_id"):
            return None
        credential = PlatformCredential.from_fields(held)
        scopes = tuple(str(held.get("scopes") or "").split(","))
        return StoredCredential(
            credential.client_id,
            None,
            found["data"].get("updated_at"),
            credential,
            intact=scopes == self._settings.token_scopes,
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
        """A link into Nango's own flow; it works for half an hour.

        Source: https://nango.dev/docs/reference/api/connect/sessions/create
        """
        body = {"end_user": {"id": tenant_id, "display_name": name}, "allowed_integrations": [key]}
        found = (self._client.call("POST", "/connect/sessions", body, absent=frozenset()) or {}).get("data") or {}
        try:
            return str(found["connect_link"]), datetime.fromisoformat(str(found["expires_at"]))
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
        found = self._connection(key, connection_id, force_refresh="true")
        token = found.get("credentials", {}).get("access_token")
        if not token:
            raise PlatformError(f"Nango shows no token of the connection {connection_id!r}", where=self.place)
        return str(token)

    def _by_tenant(self, key: str) -> dict[str, str]:
        """Tenant id -> connection id; the list lacks tenants, so each connection is read once."""
        found: dict[str, str] = {}
        for connection_id in self._connections(key):
            config = self._connection(key, connection_id).get("connection_config") or {}
            if config.get("tenantId"):
                found[str(config["tenantId"]).lower()] = connection_id
        return found

    def _connections(self, key: str) -> list[str]:
        listed = (self._client.call("GET", "/connections") or {}).get("connections", [])
        return [str(each["connection_id"]) for each in listed if each.get("provider_config_key") == key]

    def _connection(self, key: str, connection_id: str, **params: str) -> dict[str, Any]:
        path = f"/connections/{segment(connection_id)}"
        return dict(self._client.call("GET", path, params={"provider_config_key": key, **params}) or {})

    def _entry(self, key: str, data: Mapping[str, Any]) -> ConnectorEntry:
        if data.get("provider") != PROVIDER:
            raise PlatformError(
                f"the integration {key!r} has the provider {data.get('provider')!r}, not {PROVIDER!r}",
                where=self.place,
                repair="choose another key for the connector",
            )
        return ConnectorEntry(key, self._settings.callback_url, display_name=str(data.get("display_name") or ""))


def _integration(key: str) -> str:
    return f"/integrations/{segment(key)}"
