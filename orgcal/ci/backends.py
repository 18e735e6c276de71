"""Where a stack that CI deploys keeps its things: state, key of its secrets, registry. Never on the runner.

A runner's disk is gone after each job, so local files are refused here, before anything is made.
Sources: https://www.pulumi.com/docs/iac/concepts/state-and-backends/ and
https://www.pulumi.com/docs/iac/concepts/secrets/#available-encryption-providers
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qs, quote, urlsplit, urlunsplit

from orgcal.entra.clouds import is_loopback
from orgcal.entra.secret_text import SecretSource
from orgcal.errors import UsageError

Cloud = Literal["azure", "aws", "google", "pulumi", "vault"]

_BACKENDS: dict[str, Cloud] = {"azblob": "azure", "s3": "aws", "gs": "google", "https": "pulumi"}
_PROVIDERS: dict[str, Cloud] = {
    "azurekeyvault": "azure",
    "awskms": "aws",
    "gcpkms": "google",
    "hashivault": "vault",
    "default": "pulumi",
}
_BACKEND_REPAIR = (
    "--backend azblob://CONTAINER?storage_account=ACCOUNT, s3://BUCKET, gs://BUCKET or https://api.pulumi.com"
)
_PROVIDER_REPAIR = (
    "--secrets-provider azurekeyvault://VAULT.vault.azure.net/keys/KEY, awskms://KEY?region=REGION, gcpkms://NAME, or "
    "default with Pulumi Cloud"
)
_REGISTRY_REPAIR = "--registry postgresql://USER@HOST/DATABASE"


@dataclass(frozen=True, slots=True)
class Backends:
    """Checked addresses.

    Attributes:
        backend: of the state.
        secrets_provider: what encrypts the state's secrets.
        registry: of customer organisations, without a password.
        registry_password: may be empty, where the database knows the runner otherwise.
    """

    backend: str
    secrets_provider: str
    registry: str
    registry_password: str = field(default="", repr=False)

    @property
    def clouds(self) -> tuple[Cloud, ...]:
        """Which clouds a job must log in to for state and key, without repetition."""
        found = [_BACKENDS[_scheme(self.backend)], _PROVIDERS[_scheme(self.secrets_provider)]]
        return tuple(dict.fromkeys(found))

    @property
    def backend_decrypts(self) -> bool:
        """Whether the token that reads the state can decrypt its secrets too, as in Pulumi Cloud without a key service.

        Its own set of rights for readers, Stack Read, contains `stack:decrypt`.
        Source: https://www.pulumi.com/docs/administration/concepts/rbac/permission-sets/
        """
        return _PROVIDERS[_scheme(self.secrets_provider)] == "pulumi"

    @property
    def registry_url(self) -> str:
        """The registry's address as a job needs it, password included."""
        parts = urlsplit(self.registry)
        if not self.registry_password:
            return self.registry
        host = parts.netloc.rpartition("@")[2]
        login = f"{quote(parts.username or '', safe='')}:{quote(self.registry_password, safe='')}"
        return urlunsplit(parts._replace(netloc=f"{login}@{host}"))


def check_places(backend: str, secrets_provider: str, registry: str, password: str = "") -> Backends:
    """The addresses, if a runner can use them.

    Raises:
        UsageError: the first that it cannot use, with what to give instead.
    """
    check_backend(backend)
    scheme, where = _scheme(secrets_provider), secrets_provider or "--secrets-provider"
    if scheme in ("passphrase", ""):
        problem = "the secrets provider encrypts with a passphrase, which would have to be stored in CI"
    elif scheme not in _PROVIDERS:
        problem = "the secrets provider is none that Pulumi has"
    elif scheme == "default" and _scheme(backend) != "https":
        problem, where = "only Pulumi Cloud has a secrets provider of its own", "--secrets-provider"
    elif scheme != "default" and not secrets_provider.partition("://")[2].strip("/"):
        problem = "the secrets provider names no key"
    else:
        return Backends(backend, secrets_provider, _checked_registry(registry), password)
    raise UsageError(problem, where=where, repair=_PROVIDER_REPAIR)


def check_backend(url: str, option: str = "--backend") -> None:
    """Refuse an address that a runner cannot keep a state at; raises as `check_places` does."""
    scheme, parts = _scheme(url), urlsplit(url)
    if scheme in ("file", "") or url.startswith(("~", ".", "/")):
        problem = "the state lies in local files, and a runner's are gone after each job"
    elif scheme not in _BACKENDS:
        problem = "Pulumi has no backend of this kind"
    elif not parts.hostname:
        problem = "the backend names no bucket, container or host"
    elif parts.username or parts.password:
        raise UsageError("the backend's address holds a login; a job logs in with its token", where=option)
    elif scheme == "azblob" and not parse_qs(parts.query).get("storage_account"):
        problem = "the backend names no storage account"
    else:
        return
    raise UsageError(problem, where=url or option, repair=_BACKEND_REPAIR.replace("--backend", option))


def _checked_registry(url: str) -> str:
    """The registry with the driver that is installed; only PostgreSQL is shared between machines."""
    scheme, where = _scheme(url), url or "--registry"
    if scheme in ("sqlite", "file", "") or "://" not in url:
        problem = "the registry of organisations lies in a local file, and a runner's are gone after each job"
    elif scheme not in ("postgresql", "postgresql+psycopg"):
        problem, where = "the registry is kept in PostgreSQL only", "--registry"
    elif (parts := urlsplit(url)).password is not None:
        raise UsageError(
            "the registry's password stands in the command, where everybody on this machine can read it",
            where="--registry",
            repair="leave it out, and name a file that holds it: --registry-password-file FILE",
        )
    elif not parts.hostname or not parts.username or not parts.path.strip("/"):
        problem = "the registry lacks user, host or database"
    elif is_loopback(parts.hostname):
        problem = "the registry is on this machine, where no runner reaches it"
    else:
        return urlunsplit(parts._replace(scheme="postgresql+psycopg"))
    raise UsageError(problem, where=where, repair=_REGISTRY_REPAIR)


def _scheme(url: str) -> str:
    """What stands before `://`; of an address without it, the whole where that is a word of Pulumi's."""
    scheme, separator, _ = url.partition("://")
    return scheme.lower() if separator or scheme in ("passphrase", "default") else ""


def read_password(path: Path | None, environ: Mapping[str, str]) -> str:
    """The registry's password: from a file, or from the variable that PostgreSQL's own tools read.

    Raises:
        UsageError: the file cannot be read, or holds no text.
    """
    if path is None:
        return environ.get("PGPASSWORD", "")
    source = SecretSource.of_file(path)
    text = source.text().strip("\r\n")  # blanks and quotes may belong to a password
    if not text:
        raise source.error("is empty", "put the password into it, and nothing else")
    return text
