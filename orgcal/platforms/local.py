"""Kind `local`: the emulator's own integration platform, the stand-in for the one of the guide.

    platform: {kind: local}

Address, trust and API key come from the running emulator (`ORGCAL_EMULATOR_FILE`), so neither a port
nor a path of this machine gets into the stack's state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from orgcal.entra.clouds import load_endpoints
from orgcal.entra.secret_text import SecretSource
from orgcal.entra.session import new_session
from orgcal.errors import PlatformError, UsageError
from orgcal.patience import Clock
from orgcal.platforms.model import (
    CATALOG,
    Capabilities,
    CatalogField,
    ConnectorEntry,
    ConnectorSettings,
    Platform,
    PlatformCredential,
    StoredCredential,
)
from orgcal.platforms.rest import RestClient, segment
from orgcal.platforms.settings import PlatformSettings, kind_setting


class LocalSettings(PlatformSettings):
    """Settings of the kind `local`: none, since address, trust and API key come from the running emulator."""

    capabilities: ClassVar[Capabilities] = Capabilities(
        callback="created",
        reads_back="value",
        catalog=frozenset(CATALOG),
        credential_kinds=frozenset({"secret", "certificate"}),
        connections="registered",
        tokens=True,
        emulated=True,
    )
    kind: Literal["local"] = kind_setting("local", "The emulator's own platform, which no other cloud has.")

    @property
    def place(self) -> str:
        """All `local` platforms of a stack are one."""
        return "local"

    def open(self, environ: Mapping[str, str], clock: Clock | None = None) -> LocalPlatform:
        endpoints = load_endpoints("emulator", environ)
        assert endpoints.emulated is not None
        key_file = endpoints.emulated.platform_api_key_file
        try:
            api_key = SecretSource.of_file(key_file).secret("API key", ascii_only=True)
        except UsageError as error:
            error.repair = "orgcal emulator stop && orgcal emulator start"
            raise
        client = RestClient(
            new_session(endpoints, servers=[endpoints.emulated.platform_url]),
            endpoints.emulated.platform_url,
            {"Authorization": f"Bearer {api_key}"},
            name="the platform",
            key_hint=str(endpoints.emulated.platform_api_key_file),
            clock=clock,
        )
        return LocalPlatform(client)


class LocalPlatform(Platform):
    """A connector in the emulator's own platform."""

    called = "the platform"

    capabilities = LocalSettings.capabilities

    def __init__(self, client: RestClient) -> None:
        self._client = client
        self.place = client.base_url

    def read_connector(self, key: str) -> ConnectorEntry | None:
        answer = self._client.call("GET", _connector(key))
        return None if answer is None else self._entry(answer)

    def create_connector(self, declared: ConnectorSettings) -> ConnectorEntry:
        body = {"key": declared.key, **_body(declared, CATALOG)}
        return self._entry(self._client.call("POST", "/connectors", body, absent=frozenset()))

    def update_connector(self, declared: ConnectorSettings, changed: Sequence[CatalogField]) -> ConnectorEntry:
        body = _body(declared, changed)
        return self._entry(self._client.call("PATCH", _connector(declared.key), body, absent=frozenset()))

    def delete_connector(self, key: str, *, connected_too: bool = False) -> None:
        params = {"force": "true"} if connected_too else None
        try:
            self._client.call("DELETE", _connector(key), params=params)
        except PlatformError as error:
            if error.status != 409:
                raise
            raise PlatformError(
                f"organisations are connected to {key!r}, and deleting it would cut them off ({error.what})",
                status=409,
                where=self.place,
                repair="disconnect them, or set `delete_connected=True` on the connector and run pulumi up first",
            ) from error

    def push_credentials(self, key: str, credential: PlatformCredential) -> StoredCredential:
        answer = self._client.call("PUT", f"{_connector(key)}/credentials", credential.fields())
        if answer is None:
            raise _no_entry(self.place, key)
        updated_at = self._client.part(answer, "updated_at", str)
        return StoredCredential(credential.client_id, credential.generation, updated_at)

    def read_credentials(self, key: str) -> StoredCredential | None:
        answer = self._client.call("GET", f"{_connector(key)}/credentials")
        if answer is None:
            return None
        updated_at = self._client.part(answer, "updated_at", str)
        credential = PlatformCredential.from_fields(answer)
        return StoredCredential(credential.client_id, credential.generation, updated_at, credential)

    def remove_credentials(self, key: str) -> None:
        self._client.call("DELETE", f"{_connector(key)}/credentials")

    def connections(self, key: str) -> list[str]:
        answer = self._client.call("GET", f"{_connector(key)}/connections")
        if answer is None:
            raise _no_entry(self.place, key)
        return [self._client.part(each, "tenant_id", str) for each in self._client.part(answer, "connections", list)]

    def register_connection(self, key: str, tenant_id: str) -> None:
        try:
            answer = self._client.call("POST", f"{_connector(key)}/connections", {"tenant_id": tenant_id})
        except PlatformError as error:
            if error.status == 409 and tenant_id in self.connections(key):
                return
            raise
        if answer is None:
            raise _no_entry(self.place, key)

    def access_token(self, key: str, tenant_id: str) -> str:
        answer = self._client.call("POST", f"{_connector(key)}/connections/{segment(tenant_id)}/token", {})
        if answer is None:
            raise PlatformError(
                f"the organisation {tenant_id} is not connected to {key!r}", status=404, where=self.place
            )
        return self._client.part(answer, "access_token", str)

    def _entry(self, answer: Any) -> ConnectorEntry:
        return ConnectorEntry(
            key=self._client.part(answer, "key", str),
            callback_url=self._client.part(answer, "callback_url", str),
            display_name=str(answer.get("name") or ""),
            description=str(answer.get("description") or ""),
            scopes=tuple(answer.get("scopes") or ()),
            published=bool(answer.get("published")),
            connections=int(answer.get("connections") or 0),
        )


def _connector(key: str) -> str:
    return f"/connectors/{segment(key)}"


def _body(declared: ConnectorSettings, fields: Sequence[CatalogField]) -> dict[str, Any]:
    return {"name" if name == "display_name" else name: getattr(declared, name) for name in fields}


def _no_entry(where: str, key: str) -> PlatformError:
    return PlatformError(f"there is no connector {key!r}", status=404, where=where, repair="pulumi up --refresh")
