"""Kind `nango`: an integration of Nango with its provider `microsoft-admin`.

`microsoft-admin` sends the administrator to the consent page, then asks for tokens with the
integration's id, secret and scopes. Entra ID grants application permissions to the scope `.default`
only, so `token_scopes` are what Nango keeps as scopes; the connector's own scopes are declared on the
application. Sources: https://nango.dev/docs/reference/api/integration/create and the service's validation
of request bodies, which is strict: an unknown field is refused, and id, secret and scopes are always
assigned together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from orgcal.entra.credentials import fields_of
from orgcal.errors import PlatformError
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

PROVIDER = "microsoft-admin"
MAX_CLIENT_ID = 255


class NangoSettings(KeyedSettings):
    """Settings of the kind `nango`."""

    capabilities: ClassVar[Capabilities] = Capabilities(
        callback="fixed",
        reads_back="value",
        catalog=frozenset({"display_name"}),
        credential_kinds=frozenset({"secret"}),
        connections="own flow",
        tokens=True,
    )
    kind: Literal["nango"] = kind_setting("nango", "An integration of Nango with its provider `microsoft-admin`.")
    base_url: Address = address_setting("https://api.nango.dev")
    key_file_variable: str = key_file_setting("NANGO_API_KEY_FILE")
    callback_url: str = callback_setting("", about="Nango's callback, if it is not `base_url` with `/oauth/callback`.")
    token_scopes: tuple[Annotated[str, Field(pattern="^[^,]+$")], ...] = setting(
        ("https://graph.microsoft.com/.default",),
        expected="scopes without commas, by which Nango separates them",
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
        answer = self._client.call("GET", _integration(key))
        return None if answer is None else self._entry(key, answer["data"])

    def create_connector(self, declared: ConnectorSettings) -> ConnectorEntry:
        body = {"unique_key": declared.key, "provider": PROVIDER, "display_name": declared.display_name}
        answer = self._client.call("POST", "/integrations", body, absent=frozenset())
        return self._entry(declared.key, answer["data"])

    def update_connector(self, declared: ConnectorSettings, changed: Sequence[CatalogField]) -> ConnectorEntry:  # noqa: ARG002
        body = {"display_name": declared.display_name}
        answer = self._client.call("PATCH", _integration(declared.key), body, absent=frozenset())
        return self._entry(declared.key, answer["data"])

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
        answer = self._client.call("PATCH", _integration(key), body)
        if answer is None:
            raise PlatformError(f"there is no integration {key!r}", status=404, where=self.place)
        return StoredCredential(credential.client_id, None, answer["data"].get("updated_at"))

    def read_credentials(self, key: str) -> StoredCredential | None:
        answer = self._client.call("GET", _integration(key), params={"include": "credentials"})
        credentials = None if answer is None else answer["data"].get("credentials")
        if not credentials or not credentials.get("client_id"):
            return None
        credential = PlatformCredential.from_fields(credentials)
        scopes = tuple(str(credentials.get("scopes") or "").split(","))
        return StoredCredential(
            credential.client_id,
            None,
            answer["data"].get("updated_at"),
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
        answer = (self._client.call("POST", "/connect/sessions", body, absent=frozenset()) or {}).get("data") or {}
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
        token = answer.get("credentials", {}).get("access_token")
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
        callback_url = self._settings.callback_url or f"{self.place}/oauth/callback"
        return ConnectorEntry(key, callback_url, display_name=str(data.get("display_name") or ""))


def _integration(key: str) -> str:
    return f"/integrations/{segment(key)}"
