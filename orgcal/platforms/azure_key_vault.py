"""Kind `azure-key-vault`: a secret of Azure Key Vault, through azure-keyvault-secrets, with the operator's own login.

Every version stays; a secret that is removed can be recovered as long as the vault keeps what is deleted.

Sources: https://learn.microsoft.com/en-us/azure/key-vault/general/soft-delete-overview,
https://learn.microsoft.com/en-us/rest/api/keyvault/secrets/ and the suffixes of vaults in
https://learn.microsoft.com/en-us/azure/key-vault/general/about-keys-secrets-certificates#vault-name-and-object-name
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Literal
from urllib.parse import urlsplit

from orgcal.entra.answers import retry_after_s
from orgcal.entra.clouds import load_endpoints
from orgcal.entra.operator import operator_credential
from orgcal.entra.session import new_session
from orgcal.entra.tenant_ids import GUID
from orgcal.errors import PlatformError, UsageError
from orgcal.fields import setting
from orgcal.platforms.model import PREFIX
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
from orgcal.platforms.settings import Address, kind_setting

SUFFIXES: Mapping[str, str] = {
    "vault.azure.net": "public",
    "vault.usgovcloudapi.net": "usgov",
    "vault.azure.cn": "china",
}
"""Domain of vaults -> the cloud whose Entra ID gives tokens for them."""

_ADDRESS = rf"[A-Za-z0-9-]{{3,24}}\.({'|'.join(map(re.escape, SUFFIXES))})"
_CALLED = "Key Vault"
_PURGEABLE_AT_ONCE = "Purgeable"
"""Recovery level of a vault without soft-delete."""


class KeyVaultSettings(SecretStoreSettings):
    """Settings of the kind `azure-key-vault`."""

    kind: Literal["azure-key-vault"] = kind_setting("azure-key-vault", "A secret of Azure Key Vault.")
    vault_url: Address = setting(
        expected=f"https://NAME.SUFFIX, where SUFFIX is one of {', '.join(SUFFIXES)}",
        example="https://acme-prod.vault.azure.net",
        about="Address of the vault; its suffix says in which cloud the operator logs in.",
        pattern=rf"^https://{_ADDRESS}/?$",
    )
    name: str = name_setting(
        "orgcal-{key}", pattern=r"^(?:[A-Za-z0-9-]|\{key\})+$", expected="letters, digits and dashes, at most 127"
    )
    tenant_id: str | None = setting(
        None,
        expected="the id of a tenant, a GUID",
        example="aaaaaaaa-0000-4000-8000-000000000001",
        about="The tenant of the vault's subscription; absent: ARM_TENANT_ID.",
        pattern=f"^{GUID}$",
    )

    @property
    def store_address(self) -> str:
        """The vault; hosts have no case."""
        return self.vault_url.lower()

    @property
    def variables(self) -> tuple[str, ...]:
        """What azure-identity reads besides the operator's login."""
        return ("AZURE_*",)

    def store(self, environ: Mapping[str, str]) -> KeyVault:
        return KeyVault(self, environ)


class KeyVault(SecretStore):
    """See `SecretStore`."""

    called = _CALLED
    keeps_mappings = False
    silence_s = SILENCE_S

    def __init__(self, settings: KeyVaultSettings, environ: Mapping[str, str]) -> None:
        self._settings = settings
        self._environ = environ
        self._sdk = load_sdk("azure.keyvault.secrets", package="azure-keyvault-secrets", extra="azure")
        self._exceptions = load_sdk("azure.core.exceptions", package="azure-core", extra="azure")
        self.errors = (self._exceptions.AzureError,)
        self._tenant_id = settings.tenant_id or environ.get("ARM_TENANT_ID", "")
        if environ.get("ARM_METADATA_HOSTNAME"):
            raise UsageError(
                "a stack on the emulator logs in at the emulator, whose tokens no Key Vault takes",
                where="ARM_METADATA_HOSTNAME",
                repair="give this stack the platform {kind: local}",
            )
        if not self._tenant_id:
            raise UsageError(
                "nothing says in which tenant the vault is",
                where=f"{PREFIX}.tenant_id",
                repair=f"pulumi config set --path {PREFIX}.tenant_id TENANT-ID, or export ARM_TENANT_ID=TENANT-ID",
            )

    @cached_property
    def _client(self) -> Any:
        from azure.core.pipeline.transport import RequestsTransport

        host = urlsplit(self._settings.store_address).hostname or ""
        endpoints = load_endpoints(SUFFIXES[host.partition(".")[2]], self._environ)
        session = new_session(
            endpoints, servers=[endpoints.login_url, self._settings.store_address], environ=self._environ
        )
        return self._sdk.SecretClient(
            self._settings.vault_url,
            operator_credential(endpoints, self._environ, self._tenant_id, session),
            transport=RequestsTransport(
                session=session,
                session_owner=False,
                connection_verify=session.verify,
                connection_timeout=CONNECT_TIMEOUT_S,
                read_timeout=self.silence_s,
            ),
            retry_total=0,  # `SecretStorePlatform` repeats
            permit_redirects=False,  # the token would go along
        )

    def login_secrets(self) -> Sequence[str]:
        return ()  # the session takes the token out of each refusal

    def read(self, name: str) -> StoredVersion | None:
        try:
            held = self._client.get_secret(name)
        except self._exceptions.ResourceNotFoundError as error:
            if getattr(error.error, "code", "") != "SecretNotFound":  # then it is some proxy's answer
                raise
            return None
        about = held.properties
        if not about.version:
            raise ValueError("no secret")
        return StoredVersion(held.value, about.version, about.tags or {}, details={"level": about.recovery_level})

    def write(self, name: str, value: Any, tags: Mapping[str, str], before: StoredVersion | None) -> None:  # noqa: ARG002 - each write is a version
        kind = "text/plain" if isinstance(self._settings.value, str) else "application/json"
        self._client.set_secret(name, value, tags=dict(tags), content_type=kind)

    def write_tags(self, name: str, tags: Mapping[str, str], before: StoredVersion) -> None:
        self._client.update_secret_properties(name, before.version, tags=dict(tags))

    def delete(self, name: str, before: StoredVersion) -> None:
        """Delete the secret with all versions; where nothing could bring it back, refuse."""
        if before.details["level"] == _PURGEABLE_AT_ONCE:
            raise PlatformError(
                "the vault has no soft-delete, so that nothing could bring the secret back",
                where=f"{self._settings.store_address}, secret {name}",
                repair=f"az keyvault update --name {self._vault} --enable-soft-delete true",
            )
        self._client.begin_delete_secret(name)  # the vault goes on with it by itself

    def refusal(self, name: str, error: Exception) -> Refusal:
        status = int(getattr(error, "status_code", 0) or 0)
        if isinstance(error, self._exceptions.DecodeError) and status < 300:
            return Refusal(f"{_CALLED} answered with something that is not JSON", repair="check vault_url")
        if not isinstance(error, self._exceptions.HttpResponseError):
            return unanswered(_CALLED, getattr(error, "inner_exception", None))
        about = getattr(error, "error", None)
        code, words = str(getattr(about, "code", "") or ""), str(getattr(about, "message", "") or "")
        inner_code = str((getattr(about, "innererror", None) or {}).get("code", ""))
        return Refusal(
            ": ".join(filter(None, (inner_code or code, words))),
            status,
            self._repair(name, status, inner_code),
            again=inner_code in ("ObjectIsBeingDeleted", "ObjectIsBeingRecovered"),
            retry_after_s=retry_after_s(error.response.headers if error.response is not None else {}),
        )

    def _repair(self, name: str, status: int, inner_code: str) -> str:
        secret = f"--vault-name {self._vault} --name {name}"
        if inner_code in ("ObjectIsDeletedButRecoverable", "ObjectIsBeingDeleted"):
            return f"az keyvault secret recover {secret}, then pulumi up"
        if inner_code == "SecretDisabled":
            return f"az keyvault secret set-attributes {secret} --enabled true"
        if inner_code == "ForbiddenByFirewall":
            return (
                f"let this machine's address through: az keyvault network-rule add --name {self._vault} --ip-address IP"
            )
        if status in (401, 403):
            return "give the operator the role Key Vault Secrets Officer on this secret (docs/platforms.md)"
        if 300 <= status < 400:
            return "check vault_url; redirects are not followed, as the token would go along"
        return ""

    @property
    def _vault(self) -> str:
        return (urlsplit(self._settings.store_address).hostname or "").partition(".")[0]
