"""Kind `github-environment`: variables and secrets of a GitHub environment, for applications deployed by Actions.

What is no secret becomes a variable (`ORGCAL_CLIENT_ID`, `ORGCAL_SCOPES`, ...), the rest a sealed secret
(`ORGCAL_CLIENT_SECRET`). Secrets cannot be read back, only when they were changed; so drift shows as a
time that is not ours. The environment itself must exist: its protection rules are its owner's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from orgcal.entra.credentials import FIELDS, fields_of
from orgcal.errors import PlatformError
from orgcal.fields import setting
from orgcal.numbers import whole_number
from orgcal.patience import Clock
from orgcal.platforms.github_values import API_VERSION, EnvironmentValues
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
from orgcal.platforms.rest import RestClient
from orgcal.platforms.settings import (
    CONFIGURED_CALLBACK,
    Address,
    KeyedSettings,
    address_setting,
    callback_setting,
    key_file_setting,
    kind_setting,
)
from orgcal.platforms.templates import as_text

MAX_VARIABLE = 48 * 1024
"""Source: https://docs.github.com/en/actions/reference/workflows-and-actions/variables#limits-for-configuration-variables"""

VARIABLES = ("CLIENT_ID", "CREDENTIAL_GENERATION")
SECRETS = {field.upper(): field for field in FIELDS}


class GithubSettings(KeyedSettings):
    """Settings of the kind `github-environment`."""

    capabilities: ClassVar[Capabilities] = Capabilities(
        callback="configured",
        reads_back="timestamp",
        catalog=frozenset(CATALOG),
        credential_kinds=frozenset({"secret", "certificate"}),
        limits={"display_name": MAX_VARIABLE, "description": MAX_VARIABLE},
        keyed=False,  # one connector a prefix
    )
    kind: Literal["github-environment"] = kind_setting(
        "github-environment", "Variables and secrets of a GitHub environment."
    )
    repository: str = setting(
        expected="owner/name",
        example="acme/calendar-app",
        about="The repository.",
        pattern=r"^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$",
    )
    environment: str = setting(
        expected="the name of an environment",
        example="production",
        about="The environment, which must exist: its reviewers and branch rules are yours.",
        min_length=1,
    )
    callback_url: str = callback_setting(about=CONFIGURED_CALLBACK, min_length=1)
    prefix: str = setting(
        "ORGCAL_",
        expected="capitals, digits and underscores, not beginning with GITHUB_",
        example="ORGCAL_",
        about="Beginning of the names of variables and secrets.",
        pattern=r"^(?!GITHUB_)[A-Z_][A-Z0-9_]*$",
    )
    key_file_variable: str = key_file_setting("GITHUB_TOKEN_FILE")
    api_url: Address = address_setting("https://api.github.com")

    @property
    def place(self) -> str:
        """The environment, and which names in it."""
        return f"{self.api_url}/{self.repository}/{self.environment}/{self.prefix}"

    def open(self, environ: Mapping[str, str], clock: Clock | None = None) -> GithubEnvironment:
        headers = {"Authorization": "Bearer {api_key}", "X-GitHub-Api-Version": API_VERSION}
        return GithubEnvironment(self.client(self.api_url, environ, clock, name="GitHub", headers=headers), self)


class GithubEnvironment(Platform):
    """See `orgcal.platforms.model.Platform`."""

    capabilities = GithubSettings.capabilities
    called = "a GitHub environment"

    def __init__(self, client: RestClient, settings: GithubSettings) -> None:
        self._settings = settings
        self._values = EnvironmentValues(client, settings.repository, settings.environment, settings.prefix)
        self.place = f"{settings.repository}, environment {settings.environment}"

    def read_connector(self, key: str) -> ConnectorEntry | None:
        values = {field: self._values.variable(field.upper()) for field in CATALOG}
        if all(value is None for value in values.values()):
            return None
        scopes = values["scopes"] or ""  # a variable that is missing stands for an empty text
        return ConnectorEntry(
            key=key,
            callback_url=self._settings.callback_url,
            display_name=values["display_name"] or "",
            description=values["description"] or "",
            scopes=tuple(scope for scope in scopes.split(",") if scope),
            published=values["published"] == "true",
        )

    def update_connector(self, declared: ConnectorSettings, changed: Sequence[CatalogField]) -> ConnectorEntry:
        for field in changed:
            self._values.set_variable(field.upper(), as_text(getattr(declared, field)))
        entry = self.read_connector(declared.key)
        if entry is None:
            raise PlatformError("GitHub accepted the variables and has none", where=self.place)
        return entry

    def delete_connector(self, key: str, *, connected_too: bool = False) -> None:  # noqa: ARG002 - nobody connects
        for field in CATALOG:
            self._values.remove_variable(field.upper())

    def push_credentials(self, key: str, credential: PlatformCredential) -> StoredCredential:  # noqa: ARG002 - one a prefix
        texts = fields_of(credential.credential)
        self._values.set_secrets({name: texts.get(field, "") for name, field in SECRETS.items()})
        self._values.set_variable("CLIENT_ID", credential.client_id)
        self._values.set_variable("CREDENTIAL_GENERATION", str(credential.generation))
        return StoredCredential(credential.client_id, credential.generation, self._updated_at())

    def read_credentials(self, key: str) -> StoredCredential | None:  # noqa: ARG002 - one a prefix
        updated_at = self._updated_at()
        if not updated_at:
            return None
        number = whole_number(str(self._values.variable("CREDENTIAL_GENERATION"))) or 0
        return StoredCredential(self._values.variable("CLIENT_ID") or "", number, updated_at)

    def remove_credentials(self, key: str) -> None:  # noqa: ARG002 - one a prefix
        for name in SECRETS:
            self._values.remove_secret(name)
        for name in VARIABLES:
            self._values.remove_variable(name)

    def _updated_at(self) -> str:
        """When each secret was changed last, as one text: any of them changed elsewhere is drift."""
        times = (self._values.secret_updated_at(name) for name in SECRETS)
        return " ".join(filter(None, times))
