"""Kind `file`: an application that reads its settings from a YAML, JSON or dotenv file.

The file may hold anything else besides: comments and foreign keys of YAML and dotenv files stay as they are.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import model_validator

from orgcal.entra.credentials import FIELDS
from orgcal.fields import setting
from orgcal.files import dotenv, json_edit, yaml_edit
from orgcal.files.text_format import TextFormat
from orgcal.files.whole import edit_whole, read_text, refuse_tracked
from orgcal.patience import Clock
from orgcal.platforms import templates
from orgcal.platforms.model import (
    CATALOG,
    PROJECT_VARIABLE,
    Capabilities,
    CatalogField,
    ConnectorEntry,
    ConnectorSettings,
    Platform,
    PlatformCredential,
    StoredCredential,
    kinds_kept_in,
)
from orgcal.platforms.settings import CONFIGURED_CALLBACK, PlatformSettings, callback_setting, kind_setting

CREDENTIAL = ("client_id", *FIELDS, "generation")
FieldName = Literal[CatalogField, "client_id", "client_secret", "certificate_pem", "private_key_pem", "generation"]
_FORMATS: Mapping[str, TextFormat] = {"yaml": yaml_edit, "json": json_edit.JSON, "dotenv": dotenv}
_SUFFIXES = {".yaml": "yaml", ".yml": "yaml", ".json": "json", ".env": "dotenv"}


class FileSettings(PlatformSettings):
    """Settings of the kind `file`."""

    kind: Literal["file"] = kind_setting("file", "An application that reads a YAML, JSON or dotenv file.")
    path: str = setting(
        expected="the path of a file",
        example=".local/calendar.yaml",
        about="The file, by its path from the project's folder; git must ignore it.",
        min_length=1,
    )
    callback_url: str = callback_setting(about=CONFIGURED_CALLBACK, min_length=1)
    format: Literal["yaml", "json", "dotenv"] | None = setting(
        None, expected="yaml, json or dotenv", example="yaml", about="The file's format; absent: by the file's suffix."
    )
    at: str = setting(
        "connectors.{key}",
        expected="keys separated by dots",
        example="connectors.{key}",
        about="Where in a YAML or JSON file the connector is; `{key}` stands for its key.",
    )
    names: Mapping[FieldName, str] | None = setting(
        None,
        expected=f"field -> its name in the file, with client_id, and client_secret or private_key_pem; fields are "
        f"{', '.join(get_args(FieldName))}",
        example="{client_id: MS_GRAPH_CLIENT_ID, client_secret: MS_GRAPH_CLIENT_SECRET}",
        about="Name of each field in the file; fields without one are not kept. Needed for dotenv; otherwise absent "
        "means all, under their own names.",
    )

    @model_validator(mode="after")
    def _has_names(self) -> FileSettings:
        if "client_id" not in self.fields or not {"client_secret", "private_key_pem"} & self.fields.keys():
            raise ValueError("names")
        return self

    @property
    def fields(self) -> Mapping[str, str]:
        """Field -> its name in the file, of those that are kept."""
        if self.names is None:
            return {} if self.text_format == "dotenv" else {field: field for field in get_args(FieldName)}
        return {str(field): name for field, name in self.names.items()}

    @property
    def text_format(self) -> str:
        """The file's format."""
        return self.format or _SUFFIXES.get(Path(self.path).suffix or Path(self.path).name, "yaml")

    @property
    def capabilities(self) -> Capabilities:
        """What fits into the fields that have names."""
        return Capabilities(
            callback="configured",
            reads_back="value",
            catalog=frozenset(field for field in CATALOG if field in self.fields),
            credential_kinds=kinds_kept_in(self.fields),
            keyed=self.text_format != "dotenv" and "{key}" in self.at,
        )

    @property
    def place(self) -> str:
        """The file, and where in it."""
        return self.path if self.text_format == "dotenv" else f"{self.path}#{self.at}"

    def open(self, environ: Mapping[str, str], clock: Clock | None = None) -> FilePlatform:  # noqa: ARG002
        """See `PlatformSettings.open`. Without `ORGCAL_PROJECT` the path counts from the working directory."""
        return FilePlatform(self, Path(environ.get(PROJECT_VARIABLE) or Path.cwd()))


class FilePlatform(Platform):
    """A connector's entry in a YAML, JSON or dotenv file."""

    called = "a file"

    def __init__(self, settings: FileSettings, folder: Path) -> None:
        self.capabilities = settings.capabilities
        self._path = Path(os.path.realpath(folder / Path(settings.path).expanduser()))
        self.place = str(self._path)
        self._settings = settings
        self._names = settings.fields
        self._format = _FORMATS[settings.text_format]

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

    def _fields(self, key: str) -> dict[str, Any]:
        """Return the fields that the file has for this connector, with their values."""
        mapping = self._format.read(read_text(self._path), self._trail(key), where=self.place)
        return {field: mapping[name] for field, name in self._names.items() if mapping.get(name) is not None}

    def _change(self, key: str, values: Mapping[str, Any], removed: Sequence[str]) -> None:
        """Set and remove fields in one step, while no other process writes the file."""
        plain = {field: list(value) if isinstance(value, tuple) else value for field, value in values.items()}
        named = {self._names[field]: value for field, value in plain.items() if field in self._names}
        gone = [self._names[field] for field in removed if field in self._names]

        def changed() -> str | None:
            old = read_text(self._path)
            new = self._format.edit(old, self._trail(key), named, gone, where=self.place)
            return new if new != old else None

        refuse_tracked(self._path)
        edit_whole(self._path, changed)

    def _trail(self, key: str) -> list[str]:
        return [step.replace("{key}", key) for step in self._settings.at.split(".")]
