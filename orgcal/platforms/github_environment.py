"""Kind `github-environment`: variables and secrets of a GitHub environment, for applications deployed by Actions.

    platform:
      kind: github-environment
      repository: acme/calendar-app
      environment: production
      callback_url: https://app.example.com/oauth/callback
      # prefix: ORGCAL_                                  # of variables and secrets
      # key_file_variable: GITHUB_TOKEN_FILE
      # api_url: https://api.github.com

What is no secret becomes a variable (`ORGCAL_CLIENT_ID`, `ORGCAL_SCOPES`, ...), the rest a sealed secret
(`ORGCAL_CLIENT_SECRET`). Secrets cannot be read back, only when they were changed; so drift shows as a
time that is not ours. The environment itself must exist: its protection rules are its owner's.

Sources: https://docs.github.com/en/rest/actions/variables and https://docs.github.com/en/rest/actions/secrets
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orgcal.entra.credentials import FIELDS, fields_of
from orgcal.errors import PlatformError
from orgcal.patience import Clock
from orgcal.platforms.access import read_address, read_key_file, session_for
from orgcal.platforms.github_values import API_VERSION, EnvironmentValues
from orgcal.platforms.model import (
    Capabilities,
    CatalogField,
    ConnectorEntry,
    ConnectorSettings,
    PlatformCredential,
    StoredCredential,
)
from orgcal.platforms.rest import RestClient
from orgcal.platforms.settings import SettingsReader

MAX_VARIABLE = 48 * 1024
"""Source: https://docs.github.com/en/actions/reference/workflows-and-actions/variables#limits-for-configuration-variables"""

CATALOG: tuple[CatalogField, ...] = ("display_name", "description", "scopes", "published")
VARIABLES = ("CLIENT_ID", "CREDENTIAL_GENERATION")
SECRETS = {field.upper(): field for field in FIELDS}

CAPABILITIES = Capabilities(
    callback="configured",
    reads_back="timestamp",
    catalog=frozenset(CATALOG),
    credential_kinds=frozenset({"secret", "certificate"}),
    connections="none",
    tokens=False,
    limits={"display_name": MAX_VARIABLE, "description": MAX_VARIABLE},
)


@dataclass(frozen=True, slots=True)
class GithubSettings:
    """Settings of this kind, read."""

    api_url: str
    repository: str
    environment: str
    callback_url: str
    prefix: str
    key_file_variable: str


def read_settings(settings: Mapping[str, Any]) -> GithubSettings:
    """The settings of this kind.

    Raises:
        ConfigError: all that is wrong.
    """
    reader = SettingsReader(settings)
    api_url = read_address(reader, "api_url", default="https://api.github.com")
    repository = reader.text("repository", example="acme/calendar-app")
    if repository and not re.fullmatch(r"[A-Za-z0-9._-]+/[A-Za-z0-9._-]+", repository):
        reader.problem("repository", f"found {repository!r}, expected owner/name")
    environment = reader.text("environment", example="production")
    callback_url = reader.text("callback_url", example="https://app.example.com/oauth/callback")
    prefix = reader.text("prefix", default="ORGCAL_")
    if not re.fullmatch(r"[A-Z_][A-Z0-9_]*", prefix) or prefix.startswith("GITHUB_"):
        reader.problem("prefix", f"found {prefix!r}, expected capitals and underscores, not beginning with GITHUB_")
    variable = reader.text("key_file_variable", default="GITHUB_TOKEN_FILE")
    reader.done()
    return GithubSettings(api_url, repository, environment, callback_url, prefix, variable)


def capabilities(settings: Mapping[str, Any]) -> Capabilities:
    """The same for all settings."""
    read_settings(settings)
    return CAPABILITIES


def place(settings: Mapping[str, Any]) -> str:
    """The environment, and which names in it."""
    read = read_settings(settings)
    return f"{read.api_url}/{read.repository}/{read.environment}/{read.prefix}"


def open_github_environment(
    settings: Mapping[str, Any], environ: Mapping[str, str], clock: Clock | None = None
) -> GithubEnvironment:
    """The environment, with a token from the file that the environment variable names."""
    read = read_settings(settings)
    headers = {
        "Authorization": f"Bearer {read_key_file(environ, read.key_file_variable)}",
        "X-GitHub-Api-Version": API_VERSION,
    }
    session = session_for(read.api_url, environ)
    client = RestClient(session, read.api_url, headers, name="GitHub", key_hint=read.key_file_variable, clock=clock)
    return GithubEnvironment(client, read)


class GithubEnvironment:
    """See `orgcal.platforms.model.Platform`."""

    capabilities = CAPABILITIES

    def __init__(self, client: RestClient, settings: GithubSettings) -> None:
        self._settings = settings
        self._values = EnvironmentValues(client, settings.repository, settings.environment)

    @property
    def place(self) -> str:
        return f"{self._settings.repository}, environment {self._settings.environment}"

    def read_connector(self, key: str) -> ConnectorEntry | None:
        held = {field: self._variable(field.upper()) for field in CATALOG}
        if all(value is None for value in held.values()):
            return None
        scopes = held["scopes"] or ""  # a variable that is missing stands for an empty text
        return ConnectorEntry(
            key=key,
            callback_url=self._settings.callback_url,
            display_name=held["display_name"] or "",
            description=held["description"] or "",
            scopes=tuple(scope for scope in scopes.split(",") if scope),
            published=held["published"] == "true",
        )

    def create_connector(self, declared: ConnectorSettings) -> ConnectorEntry:
        return self.update_connector(declared, CATALOG)

    def update_connector(self, declared: ConnectorSettings, changed: Sequence[CatalogField]) -> ConnectorEntry:
        for field in changed:
            self._set_variable(field.upper(), _text(getattr(declared, field)))
        entry = self.read_connector(declared.key)
        if entry is None:
            raise PlatformError("GitHub accepted the variables and has none", where=self.place)
        return entry

    def delete_connector(self, key: str, *, connected_too: bool = False) -> None:  # noqa: ARG002 - nobody connects
        for field in CATALOG:
            self._values.remove_variable(f"{self._settings.prefix}{field.upper()}")

    def push_credentials(self, key: str, credential: PlatformCredential) -> StoredCredential:  # noqa: ARG002 - one a prefix
        texts = fields_of(credential.credential)
        self._values.set_secrets(
            {f"{self._settings.prefix}{name}": texts.get(field, "") for name, field in SECRETS.items()}
        )
        self._set_variable("CLIENT_ID", credential.client_id)
        self._set_variable("CREDENTIAL_GENERATION", str(credential.generation))
        return StoredCredential(credential.client_id, credential.generation, self._updated_at())

    def read_credentials(self, key: str) -> StoredCredential | None:  # noqa: ARG002 - one a prefix
        updated_at = self._updated_at()
        if not updated_at:
            return None
        generation = self._variable("CREDENTIAL_GENERATION") or ""
        number = int(generation) if generation.isdigit() else 0
        return StoredCredential(self._variable("CLIENT_ID") or "", number, updated_at)

    def remove_credentials(self, key: str) -> None:  # noqa: ARG002 - one a prefix
        for name in SECRETS:
            self._values.remove_secret(f"{self._settings.prefix}{name}")
        for name in VARIABLES:
            self._values.remove_variable(f"{self._settings.prefix}{name}")

    def connections(self, key: str) -> list[str]:
        raise self._unable(f"which organisations are connected to {key!r}")

    def register_connection(self, key: str, tenant_id: str) -> None:
        raise self._unable(f"of organisations such as {tenant_id}, connected to {key!r}")

    def access_token(self, key: str, tenant_id: str) -> str:
        raise self._unable(f"a token of {tenant_id} for {key!r}")

    def _unable(self, what: str) -> PlatformError:
        return PlatformError(f"a GitHub environment does not know {what}", where=self.place)

    def _updated_at(self) -> str:
        """When each secret was changed last, as one text: any of them changed elsewhere is drift."""
        times = (self._values.secret_updated_at(f"{self._settings.prefix}{name}") for name in SECRETS)
        return " ".join(filter(None, times))

    def _variable(self, name: str) -> str | None:
        return self._values.variable(f"{self._settings.prefix}{name}")

    def _set_variable(self, name: str, value: str) -> None:
        self._values.set_variable(f"{self._settings.prefix}{name}", value)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(value) if isinstance(value, tuple) else str(value)
