"""Configuration of the plugin: arguments of the provider first, then `ARM_*` variables, as the real plugin reads them.

Who logs in is read by `orgcal.entra.login`. The stand-in takes no form that the real plugin refuses.

Source: https://www.pulumi.com/registry/packages/azuread/installation-configuration/ and
https://registry.terraform.io/providers/hashicorp/azuread/latest/docs#argument-reference
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from orgcal.entra.clouds import is_loopback
from orgcal.entra.credentials import ClientCertificate, ClientSecret, Credential, FederatedToken
from orgcal.entra.key_material import is_pkcs12
from orgcal.entra.login import LOGIN_FORMS, Login, read_login
from orgcal.errors import ConfigError, OrgcalError, UsageError
from orgcal.provider._sdk import UNKNOWN, Prop, reveal
from orgcal.provider.azuread.loopback import REAL_PLUGIN

VARIABLES: Mapping[str, str] = {
    "adoPipelineServiceConnectionId": "ARM_ADO_PIPELINE_SERVICE_CONNECTION_ID",
    "clientCertificate": "ARM_CLIENT_CERTIFICATE",
    "clientCertificatePassword": "ARM_CLIENT_CERTIFICATE_PASSWORD",
    "clientCertificatePath": "ARM_CLIENT_CERTIFICATE_PATH",
    "clientId": "ARM_CLIENT_ID",
    "clientIdFilePath": "ARM_CLIENT_ID_FILE_PATH",
    "clientSecret": "ARM_CLIENT_SECRET",
    "clientSecretFilePath": "ARM_CLIENT_SECRET_FILE_PATH",
    "environment": "ARM_ENVIRONMENT",
    "metadataHost": "ARM_METADATA_HOSTNAME",
    "oidcToken": "ARM_OIDC_TOKEN",
    "oidcTokenFilePath": "ARM_OIDC_TOKEN_FILE_PATH",
    "oidcRequestToken": "ARM_OIDC_REQUEST_TOKEN",
    "oidcRequestUrl": "ARM_OIDC_REQUEST_URL",
    "tenantId": "ARM_TENANT_ID",
    "useAksWorkloadIdentity": "ARM_USE_AKS_WORKLOAD_IDENTITY",
    "useCli": "ARM_USE_CLI",
    "useMsi": "ARM_USE_MSI",
    "useOidc": "ARM_USE_OIDC",
}
"""Argument of the provider -> variable that stands for it."""

_HALF = ("ARM_OIDC_TOKEN", "ARM_OIDC_TOKEN_FILE_PATH", "ARM_USE_OIDC", "ARM_USE_AKS_WORKLOAD_IDENTITY")
"""Variables that are no login without another one."""

_UNUSED = ("disableTerraformPartnerId", "msiEndpoint", "partnerId")
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
    for argument in ("tenantId", "clientId"):
        if not source.text(argument):
            source.problem(f"{source.name(argument)} is missing")
    credential = _credential(source)
    ca_file = environ.get("SSL_CERT_FILE", "")
    if ca_file and not Path(ca_file).is_file():
        source.problem(f"SSL_CERT_FILE names {ca_file}, which is not a file")
    if source.problems or credential is None:
        raise ConfigError(source.problems, where="azuread stand-in")
    trust = Path(ca_file) if ca_file else None
    return Settings(source.text("tenantId"), source.text("clientId"), credential, host, trust)


class _Source:
    """Arguments and variables together; collects what is wrong with them."""

    def __init__(self, arguments: Mapping[str, Any], environ: Mapping[str, str]) -> None:
        given = {name: reveal(value) for name, value in arguments.items()}
        self._arguments = {name: str(value).strip() for name, value in given.items() if value not in (None, "")}
        self.environ: Mapping[str, str] = {
            **environ,
            **{VARIABLES[name]: value for name, value in self._arguments.items() if name in VARIABLES},
        }
        self.problems: list[str] = []

    def problem(self, sentence: str) -> None:
        self.problems.append(sentence)

    def name(self, argument: str) -> str:
        """What to call `argument` in a message: the variable, unless the program gave the argument itself."""
        return f"the provider's argument {argument}" if argument in self._arguments else VARIABLES[argument]

    def name_of(self, variable: str) -> str:
        """The same for a variable."""
        return next((self.name(argument) for argument, name in VARIABLES.items() if name == variable), variable)

    def text(self, argument: str) -> str:
        return self.environ.get(VARIABLES[argument], "").strip()


def _credential(source: _Source) -> Credential | None:
    """The credential of the login that counts, which must be one that the real plugin takes as it is."""
    try:
        login = read_login(source.environ)
        if not login.form.standin:
            source.problem(_unusable(source, login))
        elif login.kind == "certificate":
            return _certificate(source, login)
        elif login.kind == "secret":
            return _secret(source, login)
        else:
            return _federated(source, login)
    except OrgcalError as error:
        if error.where != "ARM_CLIENT_ID":  # said already
            source.problem(f"{source.name_of(error.where)}: {error.what}")
    return None


def _secret(source: _Source, login: Login) -> ClientSecret | None:
    secret = login.secret()
    if secret == source.text("clientSecret"):
        return ClientSecret(secret)
    source.problem(
        f"{source.name('clientSecret')} has quotes around it, which the azuread plugin takes for a part of it"
    )
    return None


def _unusable(source: _Source, login: Login) -> str:
    usable = [" with ".join(map(source.name_of, form.variables)) for form in LOGIN_FORMS if form.standin]
    if login.kind == "az login":
        half = [name for name in _HALF if source.environ.get(name)]
        given = f" ({source.name_of(half[0])} alone is none)" if half else ""
        return f"no credential is given{given}; set one of {', '.join(usable)}"
    named = " and ".join(source.name_of(name) for name in login.form.variables)
    if not login.form.plugin:
        return (
            f"a {login.kind} is given by {named}, which the azuread plugin does not take by itself; "
            f"set one of {', '.join(usable)}, or use orgcal up, which hands it over"
        )
    return f"{named} asks for a {login.kind}, which the stand-in cannot use; {REAL_PLUGIN}"


def _federated(source: _Source, login: Login) -> FederatedToken | None:
    """Reads or asks for the token anew each time, as such tokens live for minutes."""
    if login.token():

        def read() -> str:
            try:
                return login.token()
            except UsageError as error:
                raise ConfigError([f"{source.name_of(error.where)}: {error.what}"]) from error

        return FederatedToken(read)
    url = login.value("ARM_OIDC_REQUEST_URL")
    if not is_loopback(urlsplit(url).hostname or ""):
        source.problem(
            f"{source.name('oidcRequestUrl')} would have to be asked for a token, and the stand-in asks this machine "
            f"only; set {source.name('oidcToken')} or {source.name('oidcTokenFilePath')}"
        )
        return None

    def ask() -> str:
        from orgcal.entra.operator import AUDIENCE, request_token
        from orgcal.provider.azuread.guard import guarded_session

        with guarded_session() as session:
            return request_token(login.environ, session, AUDIENCE)

    return FederatedToken(ask)


def _certificate(source: _Source, login: Login) -> ClientCertificate | None:
    """The certificate and key in a PKCS#12 file, the only form that the real plugin takes."""
    given = login.certificate_source()
    certificate = login.certificate(given)
    if is_pkcs12(given.content):
        return certificate
    source.problem(
        f"{source.name('clientCertificatePath')} names a file other than PKCS#12, which alone the azuread "
        f"plugin takes; openssl pkcs12 -export -in {given.argument} -out NEW.pfx, or use orgcal up, which converts it"
    )
    return None


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
