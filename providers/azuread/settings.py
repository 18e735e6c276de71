"""Configuration of the plugin: arguments of the provider first, then `ARM_*` variables, as the real plugin reads them.

Source: https://www.pulumi.com/registry/packages/azuread/installation-configuration/ and
https://registry.terraform.io/providers/hashicorp/azuread/latest/docs#argument-reference
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from orgcal.errors import ConfigError
from orgcal.msgraph.credentials import ClientCertificate, ClientSecret, Credential, FederatedToken
from providers._sdk import UNKNOWN, Prop, reveal
from providers.azuread.loopback import REAL_PLUGIN, is_loopback

VARIABLES: Mapping[str, tuple[str, ...]] = {
    "clientCertificate": ("ARM_CLIENT_CERTIFICATE",),
    "clientCertificatePassword": ("ARM_CLIENT_CERTIFICATE_PASSWORD",),
    "clientCertificatePath": ("ARM_CLIENT_CERTIFICATE_PATH",),
    "clientId": ("ARM_CLIENT_ID",),
    "clientIdFilePath": ("ARM_CLIENT_ID_FILE_PATH",),
    "clientSecret": ("ARM_CLIENT_SECRET",),
    "clientSecretFilePath": ("ARM_CLIENT_SECRET_FILE_PATH",),
    "environment": ("ARM_ENVIRONMENT",),
    "metadataHost": ("ARM_METADATA_HOSTNAME",),
    "oidcToken": ("ARM_OIDC_TOKEN",),
    "oidcTokenFilePath": ("ARM_OIDC_TOKEN_FILE_PATH",),
    "oidcRequestToken": ("ARM_OIDC_REQUEST_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"),
    "oidcRequestUrl": ("ARM_OIDC_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_URL"),
    "tenantId": ("ARM_TENANT_ID",),
    "useAksWorkloadIdentity": ("ARM_USE_AKS_WORKLOAD_IDENTITY",),
    "useCli": ("ARM_USE_CLI",),
    "useMsi": ("ARM_USE_MSI",),
    "useOidc": ("ARM_USE_OIDC",),
}
"""Argument of the provider -> variables that stand for it, the first one set counts."""

_UNUSED = ("adoPipelineServiceConnectionId", "disableTerraformPartnerId", "msiEndpoint", "partnerId")
_SECRET = frozenset({"clientCertificate", "clientCertificatePassword", "clientSecret", "oidcRequestToken", "oidcToken"})

CONFIG: Mapping[str, Prop] = {name: Prop("any", secret=name in _SECRET) for name in sorted({*VARIABLES, *_UNUSED})}
"""Arguments of the provider resource; booleans arrive as JSON text."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a connection needs.

    Attributes:
        metadata_host: `localhost:PORT`, from which every other address is read.
        ca_file: file of trusted authorities, or None for those of the machine.
    """

    tenant_id: str
    client_id: str
    credential: Credential
    metadata_host: str
    ca_file: Path | None


def read_settings(arguments: Mapping[str, Any], environ: Mapping[str, str]) -> Settings | None:
    """The settings in the provider's `arguments` and in `environ`.

    Returns:
        None where an argument is not known yet, which happens in previews only.

    Raises:
        ConfigError: everything that is missing, unreadable or contradictory, each with its name.
    """
    if any(reveal(value) is UNKNOWN for value in arguments.values()):
        return None
    source = _Source(arguments, environ)
    host = source.text("metadataHost")
    if not host:
        source.problem(
            f"{source.name('metadataHost')} is missing: the stand-in needs the emulator's host, such as "
            f"localhost:8443; for a real cloud {REAL_PLUGIN}"
        )
    elif wrong := _wrong_host(host):
        source.problem(f"{source.name('metadataHost')} is {host!r}, {wrong}")
    if source.text("environment").lower() not in ("", "public", "global"):
        source.problem(
            f"{source.name('environment')} is {source.text('environment')!r}, but every address comes from "
            f"{source.name('metadataHost')}; remove one of them"
        )
    tenant_id, client_id = source.text("tenantId"), source.either("clientId", "clientIdFilePath")
    if not tenant_id:
        source.problem(f"{source.name('tenantId')} is missing")
    if not client_id:
        source.problem(f"{source.name('clientId')} (or {source.name('clientIdFilePath')}) is missing")
    credential = _credential(source)
    ca_file = environ.get("SSL_CERT_FILE", "")
    if ca_file and not Path(ca_file).is_file():
        source.problem(f"SSL_CERT_FILE names {ca_file}, which is not a file")
    if source.problems or credential is None:
        raise ConfigError(source.problems, where="azuread stand-in")
    return Settings(tenant_id, client_id, credential, host, Path(ca_file) if ca_file else None)


class _Source:
    """Arguments and variables together; collects what is wrong with them."""

    def __init__(self, arguments: Mapping[str, Any], environ: Mapping[str, str]) -> None:
        self._arguments = {name: reveal(value) for name, value in arguments.items()}
        self._environ = environ
        self.problems: list[str] = []

    def problem(self, sentence: str) -> None:
        self.problems.append(sentence)

    def name(self, argument: str) -> str:
        """What to call `argument` in a message: the variable, unless the program gave the argument itself."""
        if self._arguments.get(argument) not in (None, ""):
            return f"the provider's argument {argument}"
        return next((name for name in VARIABLES[argument] if self._environ.get(name)), VARIABLES[argument][0])

    def text(self, argument: str) -> str:
        value = self._arguments.get(argument)
        if value not in (None, ""):
            return str(value).strip()
        return next((self._environ[name].strip() for name in VARIABLES[argument] if self._environ.get(name)), "")

    def flag(self, argument: str) -> bool:
        said = self.text(argument).lower()
        if said not in ("", "true", "false", "1", "0"):
            self.problem(f"{self.name(argument)} is {said!r}, and must be true or false")
        return said in ("true", "1")

    def file(self, argument: str) -> bytes | None:
        """Content of the file that `argument` names, or None where nothing is named or it cannot be read."""
        path = self.text(argument)
        if not path:
            return None
        try:
            return Path(path).read_bytes()
        except OSError as error:
            self.problem(f"{self.name(argument)} names {path}, which cannot be read ({error.strerror})")
            return None

    def either(self, value: str, path: str) -> str:
        """A value given as such or in a file; both only if they agree."""
        direct, raw = self.text(value), self.file(path)
        if raw is None:
            return direct
        try:
            content = raw.decode().strip()
        except UnicodeDecodeError:
            self.problem(f"{self.name(path)} names a file that is not text")
            return direct
        if not content:
            self.problem(f"{self.name(path)} names an empty file")
        elif direct and direct != content:
            self.problem(f"{self.name(value)} and the file of {self.name(path)} differ; remove one of them")
        return direct or content


def _credential(source: _Source) -> Credential | None:
    """The first of certificate, secret and OpenID Connect token that is given: the real plugin's order."""
    before = len(source.problems)
    for argument, what in (
        ("useMsi", "a managed identity"),
        ("useAksWorkloadIdentity", "an AKS workload identity"),
    ):
        if source.flag(argument):
            source.problem(f"{source.name(argument)} asks for {what}, which the stand-in cannot use; {REAL_PLUGIN}")
    if source.text("clientCertificate") or source.text("clientCertificatePath"):
        return _certificate(source)
    secret = source.either("clientSecret", "clientSecretFilePath")
    if secret:
        return ClientSecret(secret)
    use_oidc = source.flag("useOidc")
    token = source.either("oidcToken", "oidcTokenFilePath")
    if token and use_oidc:
        return FederatedToken(_reader(source, token))
    if token:
        source.problem(f"{source.name('oidcToken')} is given, but {source.name('useOidc')} is not true")
    elif use_oidc and source.text("oidcRequestUrl"):
        return _requested(source)
    elif len(source.problems) == before:
        names = "clientSecret", "clientSecretFilePath", "clientCertificatePath", "oidcToken", "oidcTokenFilePath"
        source.problem(f"no credential is given; set one of {', '.join(source.name(name) for name in names)}")
    return None


def _reader(source: _Source, token: str) -> Callable[[], str]:
    """Reads the token anew each time where a file holds it: such tokens live for minutes, and the file is renewed."""
    path, name = source.text("oidcTokenFilePath"), source.name("oidcTokenFilePath")

    def read() -> str:
        try:
            return Path(path).read_text(encoding="utf-8").strip() if path else token
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError([f"{name} names {path}, which cannot be read ({type(error).__name__})"]) from error

    return read


def _requested(source: _Source) -> FederatedToken | None:
    """Asks a runner's issuer on this machine for a new token each time, as the real plugin asks GitHub's."""
    url, key = source.text("oidcRequestUrl"), source.text("oidcRequestToken")
    if not is_loopback(urlsplit(url).hostname or ""):
        source.problem(
            f"{source.name('oidcRequestUrl')} would have to be asked for a token, and the stand-in asks this machine "
            f"only; set {source.name('oidcToken')} or {source.name('oidcTokenFilePath')}"
        )
        return None
    if not key:
        source.problem(f"{source.name('oidcRequestToken')} is missing")
        return None

    def read() -> str:
        from orgcal.msgraph.operator import AUDIENCE, request_token
        from providers.azuread.guard import guarded_session

        environ = {"ARM_OIDC_REQUEST_URL": url, "ARM_OIDC_REQUEST_TOKEN": key}
        with guarded_session() as session:
            return request_token(environ, session, AUDIENCE)

    return FederatedToken(read)


def _certificate(source: _Source) -> ClientCertificate | None:
    """The certificate and key in a PKCS#12 bundle, given as base64 text or as a file."""
    from cryptography.hazmat.primitives import serialization  # here: slow to load, and rarely needed
    from cryptography.hazmat.primitives.serialization import pkcs12

    argument = "clientCertificate" if source.text("clientCertificate") else "clientCertificatePath"
    try:
        if argument == "clientCertificate":
            raw: bytes | None = base64.b64decode(source.text(argument), validate=True)
        else:
            raw = source.file(argument)
        if raw is None:
            return None
        password = source.text("clientCertificatePassword")
        key, certificate, _ = pkcs12.load_key_and_certificates(raw, password.encode() if password else None)
    except (ValueError, binascii.Error):
        source.problem(
            f"{source.name(argument)} is no PKCS#12 bundle that {source.name('clientCertificatePassword')} opens"
        )
        return None
    if key is None or certificate is None:
        source.problem(f"{source.name(argument)} lacks a private key or a certificate")
        return None
    key_pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return ClientCertificate(key_pem.decode(), certificate.public_bytes(serialization.Encoding.PEM).decode())


def _wrong_host(host: str) -> str:
    """What is wrong with a metadata host, or an empty text."""
    if "/" in host or "@" in host:
        return "and must be a host with a port, without https:// and without a path"
    try:
        parts = urlsplit(f"https://{host}")
        name, _ = parts.hostname or "", parts.port
    except ValueError:
        return "which is no host with a port"
    return "" if is_loopback(name) else f"and the stand-in speaks to this machine only; {REAL_PLUGIN}"
