"""Kind `file`: an application that reads its settings from a YAML, JSON or dotenv file.

    platform:
      kind: file
      path: .local/calendar.yaml                       # relative to the project's folder
      callback_url: https://app.example.com/oauth/callback
      at: connectors.{key}                             # YAML and JSON; this is the default

    platform:
      kind: file
      path: .env
      callback_url: https://cal.example.com/api/integrations/office365calendar/callback
      names: {client_id: MS_GRAPH_CLIENT_ID, client_secret: MS_GRAPH_CLIENT_SECRET}

The file may hold anything else besides: comments and foreign keys of YAML and dotenv files stay as they are.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from orgcal.entra.credentials import FIELDS
from orgcal.errors import PlatformError
from orgcal.files import dotenv, json_edit, yaml_edit
from orgcal.files.mapping import TextFormat
from orgcal.files.whole import edit_whole, read_text, refuse_tracked
from orgcal.patience import Clock
from orgcal.platforms import templates
from orgcal.platforms.model import (
    Capabilities,
    CatalogField,
    ConnectorEntry,
    ConnectorSettings,
    PlatformCredential,
    StoredCredential,
)
from orgcal.platforms.settings import PROJECT_DIR_VARIABLE, SettingsReader

CATALOG: tuple[CatalogField, ...] = ("display_name", "description", "scopes", "published")
CREDENTIAL = ("client_id", *FIELDS, "generation")
_FORMATS: Mapping[str, TextFormat] = {"yaml": yaml_edit, "json": json_edit, "dotenv": dotenv}
_SUFFIXES = {".yaml": "yaml", ".yml": "yaml", ".json": "json", ".env": "dotenv"}


@dataclass(frozen=True, slots=True)
class FileSettings:
    """Settings of this kind, read.

    Attributes:
        names: field -> its name in the file; fields without one are not kept.
        at: dotted path of a connector's mapping, with `{key}`; unused for dotenv.
    """

    path: str
    format: str
    callback_url: str
    names: Mapping[str, str]
    at: str


def read_settings(settings: Mapping[str, Any]) -> FileSettings:
    """The settings of this kind.

    Raises:
        ConfigError: all that is wrong.
    """
    reader = SettingsReader(settings)
    path = reader.text("path", example=".local/calendar.yaml")
    suffix = Path(path).suffix or Path(path).name
    format_ = reader.choice("format", ("yaml", "json", "dotenv"), default=_SUFFIXES.get(suffix, "yaml"))
    callback_url = reader.text("callback_url", example="https://app.example.com/oauth/callback")
    at = reader.text("at", default="connectors.{key}")
    everything = {name: name for name in (*CATALOG, *CREDENTIAL)}
    named = reader.mapping("names", default=everything if format_ != "dotenv" else None)
    names = {str(field): str(name) for field, name in named.items()}
    for field in sorted(names.keys() - everything.keys()):
        reader.problem(f"names.{field}", f"unknown field; known are {', '.join(everything)}")
    if "client_id" not in names or not {"client_secret", "private_key_pem"} & names.keys():
        reader.problem("names", "needs client_id, and client_secret or certificate_pem with private_key_pem")
    reader.done()
    return FileSettings(path, format_, callback_url, names, at)


def capabilities(settings: Mapping[str, Any]) -> Capabilities:
    """What fits into the names that the settings give."""
    names = read_settings(settings).names
    kinds = {
        "secret": "client_secret" in names,
        "certificate": {"certificate_pem", "private_key_pem"} <= names.keys(),
    }
    return Capabilities(
        callback="configured",
        reads_back="value",
        catalog=frozenset(field for field in CATALOG if field in names),
        credential_kinds=frozenset(cast(Any, kind) for kind, able in kinds.items() if able),
        connections="none",
        tokens=False,
    )


def place(settings: Mapping[str, Any]) -> str:
    """The file, and where in it."""
    read = read_settings(settings)
    return read.path if read.format == "dotenv" else f"{read.path}#{read.at}"


def open_file(settings: Mapping[str, Any], environ: Mapping[str, str], clock: Clock | None = None) -> FilePlatform:  # noqa: ARG001
    """The file; nothing is read yet. Without the variable, as in a program of one's own, it lies where that runs."""
    folder = Path(environ.get(PROJECT_DIR_VARIABLE) or Path.cwd())
    return FilePlatform(read_settings(settings), capabilities(settings), folder)


class FilePlatform:
    """See `orgcal.platforms.model.Platform`."""

    def __init__(self, settings: FileSettings, able: Capabilities, folder: Path) -> None:
        self.capabilities = able
        self._settings = settings
        self._path = Path(os.path.realpath(folder / Path(settings.path).expanduser()))
        self._names = settings.names
        self._format = _FORMATS[settings.format]

    @property
    def place(self) -> str:
        return str(self._path)

    def read_connector(self, key: str) -> ConnectorEntry | None:
        found = self._fields(key)
        if self.capabilities.catalog and not any(field in found for field in CATALOG):
            return None
        kept = self.capabilities.catalog
        scopes = found.get("scopes", ())
        return ConnectorEntry(
            key=key,
            callback_url=self._settings.callback_url,
            display_name=str(found.get("display_name", "")) if "display_name" in kept else None,
            description=str(found.get("description", "")) if "description" in kept else None,
            scopes=tuple(templates.as_list(scopes)) if "scopes" in kept else None,
            published=found.get("published", True) in (True, "true") if "published" in kept else None,
        )

    def create_connector(self, declared: ConnectorSettings) -> ConnectorEntry:
        return self.update_connector(declared, CATALOG)

    def update_connector(self, declared: ConnectorSettings, changed: Sequence[CatalogField]) -> ConnectorEntry:
        self._change(declared.key, {field: getattr(declared, field) for field in changed}, ())
        entry = self.read_connector(declared.key)
        assert entry is not None
        return entry

    def delete_connector(self, key: str, *, connected_too: bool = False) -> None:  # noqa: ARG002 - nobody connects
        self._change(key, {}, CATALOG)

    def push_credentials(self, key: str, credential: PlatformCredential) -> StoredCredential:
        given = credential.fields()
        self._change(key, given, [field for field in CREDENTIAL if field not in given])
        return StoredCredential(credential.client_id, credential.generation)

    def read_credentials(self, key: str) -> StoredCredential | None:
        fields = {field: value for field, value in self._fields(key).items() if field in CREDENTIAL}
        if not fields:
            return None
        credential = PlatformCredential.from_fields(fields)
        known = credential.generation if "generation" in self._names else None
        return StoredCredential(credential.client_id, known, credential=credential)

    def remove_credentials(self, key: str) -> None:
        self._change(key, {}, CREDENTIAL)

    def connections(self, key: str) -> list[str]:
        raise self._unable(f"which organisations are connected to {key!r}")

    def register_connection(self, key: str, tenant_id: str) -> None:
        raise self._unable(f"of organisations such as {tenant_id}, connected to {key!r}")

    def access_token(self, key: str, tenant_id: str) -> str:
        raise self._unable(f"a token of {tenant_id} for {key!r}")

    def _unable(self, what: str) -> PlatformError:
        return PlatformError(f"a file does not know {what}", where=self.place)

    def _fields(self, key: str) -> dict[str, Any]:
        """Return the fields that the file has for this connector, with their values."""
        mapping = self._format.read(read_text(self._path), self._trail(key), where=self.place)
        return {field: mapping[name] for field, name in self._names.items() if mapping.get(name) is not None}

    def _change(self, key: str, values: Mapping[str, Any], removed: Sequence[str]) -> None:
        """Set and remove fields in one step, while no other process writes the file."""
        named = {self._names[field]: _plain(value) for field, value in values.items() if field in self._names}
        gone = [self._names[field] for field in removed if field in self._names]

        def changed() -> str | None:
            old = read_text(self._path)
            new = self._format.edit(old, self._trail(key), named, gone, where=self.place)
            return new if new != old else None

        refuse_tracked(self._path)
        edit_whole(self._path, changed)

    def _trail(self, key: str) -> list[str]:
        return [step.replace("{key}", key) for step in self._settings.at.split(".")]


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
