"""Kind `hashicorp-vault`: a secret of HashiCorp Vault's KV version 2, through hvac.

Each write names the version that it follows (check-and-set), so that none is lost between two writers. The version
before stays, which a mount or secret with `max_versions` 1 would not keep; such a one is refused. What is removed is
the latest version, in the way that `vault kv undelete` brings back.

Sources: https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2, and hashicorp/vault-plugin-secrets-kv at commit
824fb96aa7a8aaea4be70e22a258f957235e4916: path_data.go (`validateCheckAndSetOption`, `pathDataRead`, and the versions
that are kept: the larger of the secret's and the mount's `max_versions`, else 10) and path_metadata.go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, WithJsonSchema, model_validator

from orgcal.entra.answers import retry_after_s
from orgcal.errors import PlatformError
from orgcal.fields import setting
from orgcal.platforms import secret_values
from orgcal.platforms.rest import read_key_file, session_for
from orgcal.platforms.secret_store import (
    CONNECT_TIMEOUT_S,
    SILENCE_S,
    Refusal,
    SecretStore,
    SecretStoreSettings,
    StoredVersion,
    load_sdk,
    name_setting,
    unanswered,
)
from orgcal.platforms.settings import Address, address_setting, kind_setting
from orgcal.redaction import hiding

_CALLED = "Vault"
_CONFLICT = "check-and-set parameter did not match"
_SEGMENT = r"(?:[A-Za-z0-9_-]|\{key\})(?:[A-Za-z0-9_.-]|\{key\})*"
"""Of a path; none begins with a dot, as `..` would lead out of the mount."""
_PATH = r"^[A-Za-z0-9_-][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*$"
_Auth = Literal["token", "approle", "jwt", "kubernetes"]


def _mapping(value: Any) -> Any:
    if isinstance(value, str):
        raise ValueError("must be a mapping: Vault keeps no plain texts")
    return secret_values.checked_value(value)


class VaultSettings(SecretStoreSettings):
    """Settings of the kind `hashicorp-vault`."""

    kind: Literal["hashicorp-vault"] = kind_setting("hashicorp-vault", "A secret of HashiCorp Vault's KV version 2.")
    address: Address = address_setting(example="https://vault.example.com:8200")
    name: str = name_setting(
        "orgcal/{key}",
        pattern=rf"^{_SEGMENT}(?:/{_SEGMENT})*$",
        expected="a path below the mount, of letters, digits and any of /_.-",
    )
    value: Annotated[Any, AfterValidator(_mapping), WithJsonSchema({"type": "object"})] = setting(
        secret_values.DEFAULT,
        expected=f"a mapping of texts with placeholders; placeholders are {', '.join(secret_values.KNOWN)}",
        example='{clientId: "{client_id}", clientSecret: "{client_secret}"}',
        about="The data of the secret, without the texts that the credential does not have.",
    )
    namespace: str | None = setting(
        None, expected="a namespace", example="acme/prod", about="Namespace of Vault Enterprise.", min_length=1
    )
    mount: str = setting(
        "secret",
        expected="the path of a mount",
        example="secret",
        about="Where the KV engine, version 2, is mounted.",
        pattern=_PATH,
    )
    auth: _Auth = setting(
        "token",
        expected=f"one of {', '.join(get_args(_Auth))}",
        example="approle",
        about="How we log in: with a token, or with an AppRole's secret id or a JWT, for which Vault gives a token.",
    )
    auth_mount: str | None = setting(
        None,
        expected="the path of a mount",
        example="approle",
        about="Where that method is mounted; absent: under its own name.",
        pattern=_PATH,
    )
    role: str | None = setting(
        None,
        expected="an AppRole's role id, or the name of a role; needed unless auth is token",
        example="orgcal",
        about="Who logs in.",
        min_length=1,
    )
    key_file_variable: str = setting(
        "VAULT_TOKEN_FILE",
        expected="the name of an environment variable",
        example="VAULT_TOKEN_FILE",
        about="Environment variable that names the file with the token, secret id or JWT; only you may read that file.",
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        secret=True,
    )

    @model_validator(mode="after")
    def _has_role(self) -> VaultSettings:
        if self.auth != "token" and not self.role:
            raise ValueError("role")
        return self

    @property
    def key_variable(self) -> str:
        return self.key_file_variable

    @property
    def store_address(self) -> str:
        """Address, namespace and mount."""
        return "/".join(filter(None, (self.address, self.namespace, self.mount)))

    @property
    def variables(self) -> tuple[str, ...]:
        """The file of the login, and what Vault's own programs read."""
        return (self.key_file_variable, "VAULT_*")

    def store(self, environ: Mapping[str, str]) -> Vault:
        return Vault(self, environ)


class Vault(SecretStore):
    """See `SecretStore`."""

    called = _CALLED
    keeps_mappings = True
    silence_s = SILENCE_S

    def __init__(self, settings: VaultSettings, environ: Mapping[str, str]) -> None:
        from requests import exceptions

        self._hvac = load_sdk("hvac", package="hvac", extra="vault")
        self._settings = settings
        self._environ = environ
        self._errors = self._hvac.exceptions
        self._unreachable = exceptions.RequestException
        self._redirected = exceptions.TooManyRedirects
        self.errors = (self._errors.VaultError, self._unreachable)
        self._key = read_key_file(environ, settings.key_file_variable)
        self._status, self._headers = 0, dict[str, str]()

    @cached_property
    def _client(self) -> Any:
        authority = self._environ.get("VAULT_CACERT")  # as Vault's own programs name it
        trusting = {"REQUESTS_CA_BUNDLE": authority} if authority else {}
        session = session_for(self._settings.address, {**self._environ, **trusting})
        session.hooks["response"].append(self._note)
        return self._hvac.Client(
            self._settings.address,
            self._key if self._settings.auth == "token" else "",
            timeout=(CONNECT_TIMEOUT_S, self.silence_s),
            session=session,  # follows no redirects, as the token would go along
            namespace=self._settings.namespace,
        )

    @property
    def _kv(self) -> Any:
        return self._client.secrets.kv.v2

    def _note(self, response: Any, *_: Any, **__: Any) -> None:
        """Keep what hvac's exceptions do not tell."""
        self._status, self._headers = response.status_code, dict(response.headers)

    def login_secrets(self) -> Sequence[str]:
        settings = self._settings
        if not self._client.token:
            with hiding(self._key):
                mount = settings.auth_mount or settings.auth
                if settings.auth == "approle":
                    self._client.auth.approle.login(settings.role, self._key, mount_point=mount)
                else:  # the method `jwt` has the same request
                    self._client.auth.kubernetes.login(settings.role, self._key, mount_point=mount)
        return self._key, self._client.token

    def read(self, name: str) -> StoredVersion | None:
        try:
            answer = self._kv.read_secret_version(name, mount_point=self._settings.mount, raise_on_deleted_version=True)
        except self._errors.InvalidPath as error:
            if error.errors == []:
                return None
            answer = error.json  # of a version that is deleted or destroyed
            if not isinstance(answer, dict) or "data" not in answer:
                raise
        found = _data(answer)
        about, value = found["metadata"], found.get("data")
        return StoredVersion(
            value, about["version"], about.get("custom_metadata") or {}, deleted=not isinstance(value, dict)
        )

    def write(self, name: str, value: Any, tags: Mapping[str, str], before: StoredVersion | None) -> None:
        about = self._metadata(name)
        self._refuse_forgetful(name, about)
        version = before.version if before is not None else 0
        _data(self._kv.create_or_update_secret(name, value, cas=version, mount_point=self._settings.mount))
        if tags != (about.get("custom_metadata") or {}):
            self._write_tags(name, tags, about)

    def write_tags(self, name: str, tags: Mapping[str, str], before: StoredVersion) -> None:  # noqa: ARG002 - of all versions
        self._write_tags(name, tags, self._metadata(name))

    def delete(self, name: str, before: StoredVersion) -> None:  # noqa: ARG002 - the latest version
        self._kv.delete_latest_version_of_secret(name, mount_point=self._settings.mount)

    def refusal(self, name: str, error: Exception) -> Refusal:
        if isinstance(error, self._redirected):
            repair = "name the address of the active server; redirects are not followed, as the token would go along"
            return Refusal("a redirect", 307, repair)
        if isinstance(error, self._unreachable):
            return unanswered(_CALLED, error)
        words = "; ".join(map(str, getattr(error, "errors", None) or ()))
        return Refusal(
            words,
            self._status,
            self._repair(name, words),
            again=_CONFLICT in words,  # another writer, or an answer of ours that got lost: the secret is read again
            retry_after_s=retry_after_s(self._headers),
        )

    def _repair(self, name: str, words: str) -> str:
        settings = self._settings
        if self._status in (401, 403) or not self._client.token:
            login = f"check the {settings.auth} login ({settings.key_file_variable})"
            return f"{login} and its policy for {settings.mount}/{name} (docs/platforms.md names what it needs)"
        if "no handler for route" in words:
            return f"vault secrets list shows the mounts; set mount to one of KV version 2, not {settings.mount}"
        if self._status == 503:
            return "vault status says whether the server is sealed"
        return ""

    def _metadata(self, name: str) -> Mapping[str, Any]:
        """Return the secret's metadata, of all versions; nothing where there is no such secret."""
        try:
            return _data(self._kv.read_secret_metadata(name, mount_point=self._settings.mount))
        except self._errors.InvalidPath:
            return {}

    def _refuse_forgetful(self, name: str, about: Mapping[str, Any]) -> None:
        """Refuse a secret of which Vault would not keep the version before, and an engine that has no versions."""
        mount, own = self._settings.mount, int(about.get("max_versions") or 0)
        if own >= 2:
            return
        where = f"{self._settings.store_address}, secret {name}"
        try:
            config = _data(self._kv.read_configuration(mount_point=mount))
        except self._errors.InvalidPath:
            repair = f"vault secrets list -detailed shows the mounts; set mount to one of KV version 2, not {mount}"
            raise PlatformError("the mount is no KV engine of version 2", where=where, repair=repair) from None
        if max(own, int(config.get("max_versions") or 0)) == 1:  # where neither says a number, 10 are kept
            raise PlatformError(
                "Vault keeps one version only of this secret, so that nothing could go back to the credential before",
                where=where,
                repair=f"vault kv metadata put -mount={mount} -max-versions=10 {name}",
            )

    def _write_tags(self, name: str, tags: Mapping[str, str], about: Mapping[str, Any]) -> None:
        self._kv.update_metadata(
            name,
            delete_version_after=about.get("delete_version_after", "0s"),  # hvac would set it back
            custom_metadata=dict(tags),
            mount_point=self._settings.mount,
        )


def _data(answer: Any) -> dict[str, Any]:
    found = answer["data"]
    if not isinstance(found, dict):
        raise TypeError("no data")
    return found
