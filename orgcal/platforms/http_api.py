"""Kind `http`: any REST platform, described in config; `docs/platforms.md` has worked examples.

Only what the platform's own documentation says goes into the description: paths, methods, bodies with
`{placeholders}`, and where the answers hold what. An operation that is left out is not possible:

- without `entry`, the platform has no entries of its own, or they are made with the credential;
- `credentials.read` tells whether there is one; with `credentials.create` a first push uses that
  instead of `push`;
- `credentials.fields` decide how drift is found: by value, by `updated_at`, or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from orgcal.entra.credentials import FIELDS
from orgcal.errors import PlatformError
from orgcal.patience import Clock
from orgcal.platforms import templates
from orgcal.platforms.access import read_key_file, session_for
from orgcal.platforms.http_settings import CATALOG, HttpSettings, PartTemplate, capabilities_of, read_settings
from orgcal.platforms.model import (
    Capabilities,
    CatalogField,
    ConnectorEntry,
    ConnectorSettings,
    PlatformCredential,
    StoredCredential,
)
from orgcal.platforms.rest import RestClient

_NEVER_ABSENT: frozenset[int] = frozenset()


def capabilities(settings: Mapping[str, Any]) -> Capabilities:
    """What the described requests can do."""
    return capabilities_of(read_settings(settings))


def place(settings: Mapping[str, Any]) -> str:
    """The platform's address."""
    return read_settings(settings).base_url


def open_http_api(settings: Mapping[str, Any], environ: Mapping[str, str], clock: Clock | None = None) -> HttpPlatform:
    """The described platform with the API key from the file that the environment names."""
    read = read_settings(settings)
    api_key = read_key_file(environ, read.key_file_variable)
    client = RestClient(
        session_for(read.base_url, environ),
        read.base_url,
        {read.auth_header: read.auth_value.replace("{api_key}", api_key)},
        name=read.name,
        key_hint=read.key_file_variable,
        clock=clock,
    )
    return HttpPlatform(client, read)


class HttpPlatform:
    """See `orgcal.platforms.model.Platform`."""

    def __init__(self, client: RestClient, settings: HttpSettings) -> None:
        self.capabilities = capabilities_of(settings)
        self._client = client
        self._settings = settings

    @property
    def place(self) -> str:
        return self._settings.base_url

    def read_connector(self, key: str) -> ConnectorEntry | None:
        part = self._settings.entry
        if "read" not in part.operations:
            return ConnectorEntry(key, self._settings.callback_url)
        found = self._ask(part, "read", {"key": key})
        return None if found is None else self._entry(key, found)

    def create_connector(self, declared: ConnectorSettings) -> ConnectorEntry:
        self._ask(self._settings.entry, "create", _values(declared), absent=_NEVER_ABSENT)
        return self._reread(declared.key)

    def update_connector(self, declared: ConnectorSettings, changed: Sequence[CatalogField]) -> ConnectorEntry:
        """Sends what the template of the body says, which may be more than `changed`."""
        part = self._settings.entry
        if "update" not in part.operations:
            raise PlatformError(
                f"{self._settings.name} cannot change {', '.join(changed)} of {declared.key!r}",
                where=self.place,
                repair="describe entry.update in the platform's settings, or change it by hand",
            )
        self._ask(part, "update", _values(declared), absent=_NEVER_ABSENT)
        return self._reread(declared.key)

    def delete_connector(self, key: str, *, connected_too: bool = False) -> None:  # noqa: ARG002 - the platform decides
        if "delete" in self._settings.entry.operations:
            self._ask(self._settings.entry, "delete", {"key": key})

    def push_credentials(self, key: str, credential: PlatformCredential) -> StoredCredential:
        part = self._settings.credentials
        values = {
            **dict.fromkeys(FIELDS, ""),  # a template may name those of the other kind
            **credential.fields(),
            "key": key,
            "scopes": credential.scopes,
        }
        first = "create" in part.operations and self.read_credentials(key) is None
        self._ask(part, "create" if first else "push", values, absent=_NEVER_ABSENT)
        held = self.read_credentials(key)
        return StoredCredential(credential.client_id, credential.generation, held.updated_at if held else None)

    def read_credentials(self, key: str) -> StoredCredential | None:
        part = self._settings.credentials
        if "read" not in part.operations:
            return StoredCredential()
        found = self._ask(part, "read", {"key": key})
        if found is None:
            return None
        held = {field: templates.at(found, path) for field, path in part.fields.items()}
        client_id = str(held["client_id"]) if held.get("client_id") else None
        generation = int(held["generation"]) if str(held.get("generation") or "").isdigit() else None
        updated_at = str(held["updated_at"]) if held.get("updated_at") else None
        if self.capabilities.reads_back == "timestamp" and updated_at is None:
            return None  # the entry is there, and nothing was ever stored in it
        credential = None
        if self.capabilities.reads_back == "value":
            if not client_id and not held.get("client_secret") and not held.get("private_key_pem"):
                return None
            scopes = tuple(templates.as_list(held.get("scopes")))
            credential = replace(PlatformCredential.from_fields(held), scopes=scopes)
        return StoredCredential(client_id, generation, updated_at, credential)

    def remove_credentials(self, key: str) -> None:
        if "remove" in self._settings.credentials.operations:
            self._ask(self._settings.credentials, "remove", {"key": key})

    def connections(self, key: str) -> list[str]:
        raise self._unable(f"list the organisations connected to {key!r}")

    def register_connection(self, key: str, tenant_id: str) -> None:
        raise self._unable(f"be told that {tenant_id} is connected to {key!r}")

    def access_token(self, key: str, tenant_id: str) -> str:
        raise self._unable(f"show a token of {tenant_id} for {key!r}")

    def _unable(self, what: str) -> PlatformError:
        return PlatformError(f"{self._settings.name}, as described in its settings, cannot {what}", where=self.place)

    def _ask(
        self, part: PartTemplate, operation: str, values: Mapping[str, Any], absent: frozenset[int] | None = None
    ) -> Any:
        request = part.operations[operation]
        body = None if request.body is None else templates.filled(request.body, values)
        path = templates.filled_path(request.path, values)
        return self._client.call(request.method, path, body, absent=request.absent if absent is None else absent)

    def _reread(self, key: str) -> ConnectorEntry:
        entry = self.read_connector(key)
        if entry is None:
            raise PlatformError(f"{self._settings.name} accepted the connector {key!r} and has none", where=self.place)
        return entry

    def _entry(self, key: str, found: Any) -> ConnectorEntry:
        fields = self._settings.entry.fields
        held = {field: templates.at(found, path) for field, path in fields.items()}
        callback_url = self._settings.callback_url or held.get("callback_url")
        if not callback_url:
            raise PlatformError(
                f"the answer of {self._settings.name} has no callback URL at {fields['callback_url']!r}",
                where=self.place,
                repair="correct entry.fields.callback_url in the platform's settings",
            )
        return ConnectorEntry(
            key=key,
            callback_url=str(callback_url),
            display_name=str(held["display_name"] or "") if "display_name" in fields else None,
            description=str(held["description"] or "") if "description" in fields else None,
            scopes=tuple(templates.as_list(held["scopes"])) if "scopes" in fields else None,
            published=bool(held["published"]) if "published" in fields else None,
        )


def _values(declared: ConnectorSettings) -> dict[str, Any]:
    return {"key": declared.key, **{field: getattr(declared, field) for field in CATALOG}}
