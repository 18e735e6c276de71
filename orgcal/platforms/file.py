"""Kind `file`: an application that reads its settings from a YAML, JSON, TOML or dotenv file.

The file may hold anything else besides, which stays as it is.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, model_validator

from orgcal.entra.credentials import FIELDS
from orgcal.errors import PlatformError
from orgcal.fields import setting
from orgcal.files import dotenv, json_edit, toml_edit, yaml_edit
from orgcal.files.text_format import TextFormat, uncollected
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
Text = Literal["client_secret", "certificate_pem", "private_key_pem"]
FormatName = Literal["yaml", "json", "jsonc", "toml", "dotenv"]
_PATH = r"^[^\x00-\x1f]+$"
_Path = Annotated[str, Field(pattern=_PATH)]
_FORMATS: Mapping[FormatName, TextFormat] = {
    "yaml": yaml_edit,
    "json": json_edit.JSON,
    "jsonc": json_edit.JSONC,
    "toml": toml_edit,
    "dotenv": dotenv,
}
_SUFFIXES: Mapping[str, FormatName] = {
    ".yaml": "yaml",
    ".yml": "yaml",
    ".json": "json",
    ".jsonc": "jsonc",
    ".toml": "toml",
    ".env": "dotenv",
}


def format_of(name: str) -> FormatName | None:
    """Return the format that a file's name tells by convention, as `.env.production` does; None if it tells none."""
    name = name.lower()
    return _SUFFIXES.get(Path(f"x{name}").suffix) or ("dotenv" if name.startswith(".env.") else None)


class FileSettings(PlatformSettings):
    """Settings of the kind `file`."""

    kind: Literal["file"] = kind_setting("file", "An application that reads a YAML, JSON, TOML or dotenv file.")
    path: str = setting(
        expected="the path of a file",
        example=".local/calendar.yaml",
        about="The file, by its path from the project's folder; git must ignore it.",
        pattern=_PATH,
    )
    callback_url: str = callback_setting(about=CONFIGURED_CALLBACK, min_length=1)
    format: FormatName | None = setting(
        None,
        expected=f"one of {', '.join(get_args(FormatName))}; it may be absent for .env, .env.*, *.env, *.yaml, *.yml, "
        "*.json, *.jsonc and *.toml",
        example="yaml",
        about="The file's format; absent: what the file's name says by convention. jsonc is JSON with comments.",
    )
    at: str = setting(
        "connectors.{key}",
        expected="keys separated by dots",
        example="connectors.{key}",
        about="Where in a YAML, JSON or TOML file the connector is; `{key}` stands for its key.",
    )
    names: Mapping[FieldName, str] | None = setting(
        None,
        expected=f"field -> its name in the file, each another one, with client_id, and client_secret or "
        f"private_key_pem; fields are "
        f"{', '.join(get_args(FieldName))}",
        example="{client_id: MS_GRAPH_CLIENT_ID, client_secret: MS_GRAPH_CLIENT_SECRET}",
        about="Name of each field in the file; fields without one are not kept. Needed for dotenv; otherwise absent "
        "means all, under their own names.",
    )

    base64: tuple[Text, ...] = setting(
        (),
        expected=f"a list of {', '.join(get_args(Text))}",
        example="[private_key_pem]",
        about="Fields that the file has in base64, as no two readers of dotenv files take line breaks alike.",
    )
    files: Mapping[Text, _Path] = setting(
        {},
        expected=f"field -> the path of a file of its own; fields are {', '.join(get_args(Text))}",
        example="{private_key_pem: .local/calendar-key.pem}",
        about="Fields that are kept in files of their own, by their paths from the project's folder; git must ignore "
        "them. If `names` has the field too, it gets this path. `{key}` stands for the connector's key.",
    )

    @model_validator(mode="after")
    def _knows_format(self) -> FileSettings:
        if self.format is None and format_of(Path(self.path).name) is None:
            raise ValueError("format")
        return self

    @model_validator(mode="after")
    def _has_files_of_its_own(self) -> FileSettings:
        paths = [os.path.normpath(path) for path in (self.path, *self.files.values())]
        if len(set(paths)) < len(paths):
            raise ValueError("files")
        return self

    @model_validator(mode="after")
    def _has_names(self) -> FileSettings:
        kept = {*self.fields, *self.files}
        if "client_id" not in self.fields or not {"client_secret", "private_key_pem"} & kept:
            raise ValueError("names")
        if len(set(self.fields.values())) < len(self.fields):
            raise ValueError("names")
        return self

    @property
    def fields(self) -> Mapping[str, str]:
        """Field -> its name in the file, of those that are kept."""
        if self.names is None:
            return {} if self.text_format == "dotenv" else {field: field for field in get_args(FieldName)}
        return {str(field): name for field, name in self.names.items()}

    @property
    def text_format(self) -> FormatName:
        """The file's format."""
        found = self.format or format_of(Path(self.path).name)
        assert found is not None, "settings without a format are refused"
        return found

    @property
    def capabilities(self) -> Capabilities:
        """What fits into the fields that have names."""
        return Capabilities(
            callback="configured",
            reads_back="value",
            catalog=frozenset(field for field in CATALOG if field in self.fields),
            credential_kinds=kinds_kept_in({*self.fields, *self.files}),
            keyed=self.text_format != "dotenv" and all("{key}" in each for each in (self.at, *self.files.values())),
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
        self._folder = folder
        self._path = Path(os.path.realpath(self._lexical(settings.path)))
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
        """Return the fields that the file has for this connector, and the files beside it, with their values."""
        with uncollected():
            mapping = self._format.read(read_text(self._path), self._trail(key), where=self.place)
        found = {field: mapping[name] for field, name in self._names.items() if mapping.get(name) is not None}
        for field in self._settings.base64:
            if field in found:
                found[field] = _decoded(str(found[field]))
        for field in self._settings.files:
            found.pop(field, None)
            if text := read_text(self._file_of(field, key)):
                found[field] = text
        return found

    def _change(self, key: str, values: Mapping[str, Any], removed: Sequence[str]) -> None:
        """Set and remove fields, in one step for each file, while no other process writes it."""
        plain = {field: list(value) if isinstance(value, tuple) else value for field, value in values.items()}
        beside = {field: self._file_of(field, key) for field in self._settings.files if field in (*plain, *removed)}
        for field, path in beside.items():
            _refuse_link_out(self._lexical(self._written_path(field, key)), path, self._folder)
            refuse_tracked(path)
        if len({self._path, *beside.values()}) <= len(beside):
            raise PlatformError(
                "two settings of this file lead to the same file by symbolic links",
                where=self.place,
                repair="name files of their own by `files`",
            )
        _refuse_link_out(self._lexical(self._settings.path), self._path, self._folder)
        refuse_tracked(self._path)
        shown = {field: self._shown(field, value, key) for field, value in plain.items()}
        named = {self._names[field]: value for field, value in shown.items() if field in self._names}
        gone = [self._names[field] for field in removed if field in self._names]

        def changed() -> str | None:
            old = read_text(self._path)
            with uncollected():
                new = self._format.edit(old, self._trail(key), named, gone, where=self.place)
            for field, path in beside.items():  # once the other file is known to take its part
                if field in plain:
                    _put(path, str(plain[field]))
            return new if new != old else None

        edit_whole(self._path, changed, keep_access=True)
        for field, path in beside.items():
            if field not in plain:
                path.unlink(missing_ok=True)

    def _shown(self, field: str, value: Any, key: str) -> Any:
        """What the file itself gets for a field."""
        if field in self._settings.files:
            return self._written_path(field, key)
        return base64.b64encode(value.encode()).decode() if field in self._settings.base64 else value

    def _written_path(self, field: str, key: str) -> str:
        return {str(name): path for name, path in self._settings.files.items()}[field].replace("{key}", key)

    def _file_of(self, field: str, key: str) -> Path:
        return Path(os.path.realpath(self._lexical(self._written_path(field, key))))

    def _lexical(self, path: str) -> Path:
        """The absolute form of a path of the settings, its links not followed."""
        try:
            return Path(os.path.abspath(self._folder / Path(path).expanduser()))  # noqa: PTH100 - resolve follows links
        except RuntimeError:
            raise PlatformError("there is no such user", where=path, repair="write the folder out") from None

    def _trail(self, key: str) -> list[str]:
        return [step.replace("{key}", key) for step in self._settings.at.split(".")]


def _put(path: Path, text: str) -> None:
    edit_whole(path, lambda: text if text != read_text(path) else None, keep_access=True)


def _decoded(text: str) -> str:
    """Return what a text in base64 holds; nothing, if it was changed to something else."""
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _refuse_link_out(named: Path, real: Path, project: Path) -> None:
    """Refuse a path in the project that links lead out of it, as a foreign branch could have them."""
    inside = Path(os.path.abspath(project))  # noqa: PTH100 - see `_lexical`
    if named.is_relative_to(inside) and not real.is_relative_to(os.path.realpath(project)):
        raise PlatformError(
            f"a symbolic link leads from here out of the project, to {real}",
            where=str(named),
            repair="name that file itself by `path`, if it is the one that is meant",
        )
