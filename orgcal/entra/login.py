"""Which login of the operator the environment holds: read in one place for commands, azuread plugin and stand-in.

The order, and what belongs to each form, are those of the azuread plugin. It reads the variables twice: a check of its
own, before it configures itself, knows some of the forms only; the Terraform provider behind it knows more. So the
engine is never started with the user's variables, but with those of the one form that was read, in the spelling that
both of them take (`engine_login`).

Sources: `getAuthConfig` in provider/resources.go of pulumi-azuread (2026-08-22), `providerConfigure` in
internal/provider/provider.go of terraform-provider-azuread 3.9.0, `NewAuthorizerFromCredentials` in sdk/auth/auth.go of
hashicorp/go-azure-sdk 0.20260212.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from orgcal.entra.certificates import as_pkcs12, read_certificate
from orgcal.entra.credentials import ClientCertificate
from orgcal.entra.key_material import Password, is_pkcs12
from orgcal.entra.secret_text import SecretSource, bare
from orgcal.errors import EntraError, UsageError

LoginKind = Literal["certificate", "secret", "federated token", "managed identity", "az login"]


@dataclass(frozen=True, slots=True)
class LoginForm:
    """One way to tell who deploys.

    Attributes:
        kind: what it is.
        variables: what a user sets for it, besides `ARM_CLIENT_ID`; all of them.
        plugin: whether the azuread plugin takes these variables as they are, so that `pulumi` by hand works.
        standin: whether the azuread stand-in takes them; never more than the plugin does.
        note: for the docs: what else belongs to it.
    """

    kind: LoginKind
    variables: tuple[str, ...]
    plugin: bool = True
    standin: bool = True
    note: str = ""


LOGIN_FORMS: tuple[LoginForm, ...] = (
    LoginForm(
        "certificate",
        ("ARM_CLIENT_CERTIFICATE",),
        plugin=False,
        standin=False,
        note="the PKCS#12 bundle in base64, or PEM; ARM_CLIENT_CERTIFICATE_PASSWORD opens it",
    ),
    LoginForm(
        "certificate",
        ("ARM_CLIENT_CERTIFICATE_PATH",),
        note="a PKCS#12 file; PEM for orgcal's commands only; ARM_CLIENT_CERTIFICATE_PASSWORD opens it",
    ),
    LoginForm("secret", ("ARM_CLIENT_SECRET",)),
    LoginForm("secret", ("ARM_CLIENT_SECRET_FILE_PATH",), plugin=False, standin=False),
    LoginForm("federated token", ("ARM_USE_OIDC", "ARM_OIDC_TOKEN")),
    LoginForm(
        "federated token", ("ARM_USE_OIDC", "ARM_OIDC_TOKEN_FILE_PATH"), note="the file is read anew for each token"
    ),
    LoginForm(
        "federated token",
        ("ARM_USE_AKS_WORKLOAD_IDENTITY", "AZURE_FEDERATED_TOKEN_FILE"),
        plugin=False,
        standin=False,
        note="AKS sets AZURE_CLIENT_ID too, which stands for ARM_CLIENT_ID",
    ),
    LoginForm(
        "federated token",
        ("ARM_USE_OIDC", "ARM_ADO_PIPELINE_SERVICE_CONNECTION_ID", "ARM_OIDC_REQUEST_URL", "ARM_OIDC_REQUEST_TOKEN"),
        standin=False,
        note="in Azure Pipelines our commands take SYSTEM_OIDCREQUESTURI and SYSTEM_ACCESSTOKEN for the last two",
    ),
    LoginForm(
        "federated token",
        ("ARM_USE_OIDC", "ARM_OIDC_REQUEST_URL", "ARM_OIDC_REQUEST_TOKEN"),
        note="or as GitHub sets them: ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    ),
    LoginForm(
        "managed identity",
        ("ARM_USE_MSI",),
        standin=False,
        note="ARM_CLIENT_ID for a user-assigned one only; ARM_MSI_ENDPOINT where it is not the usual one",
    ),
    LoginForm(
        "az login", (), standin=False, note="az login --tenant TENANT --allow-no-subscriptions; no ARM_CLIENT_ID"
    ),
)
"""Every form, in the order in which they count."""

_STAND_FOR: Mapping[str, tuple[str, ...]] = {
    "ARM_OIDC_REQUEST_URL": ("ACTIONS_ID_TOKEN_REQUEST_URL", "SYSTEM_OIDCREQUESTURI"),
    "ARM_OIDC_REQUEST_TOKEN": ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "SYSTEM_ACCESSTOKEN"),
    "ARM_ADO_PIPELINE_SERVICE_CONNECTION_ID": ("ARM_OIDC_AZURE_SERVICE_CONNECTION_ID",),
}
"""Other names of a variable, for runners that set them."""
_FLAGS = frozenset({"ARM_USE_OIDC", "ARM_USE_MSI", "ARM_USE_CLI", "ARM_USE_AKS_WORKLOAD_IDENTITY"})
_TRUE, _FALSE = frozenset({"1", "t", "true"}), frozenset({"0", "f", "false"})

LOGIN_VARIABLES = frozenset(
    {
        "ARM_CLIENT_ID",
        "ARM_CLIENT_ID_FILE_PATH",
        "ARM_CLIENT_CERTIFICATE_PASSWORD",
        "ARM_MSI_ENDPOINT",
        "ARM_USE_CLI",
        "ARM_OIDC_AZURE_SERVICE_CONNECTION_ID",
        *(name for form in LOGIN_FORMS for name in form.variables if name.startswith("ARM_")),
    }
)
"""Every variable of ours and of the plugin's that says who deploys; those of runners belong to the runner."""
SECRET_VARIABLES = frozenset(
    {
        "ARM_CLIENT_SECRET",
        "ARM_CLIENT_CERTIFICATE",
        "ARM_CLIENT_CERTIFICATE_PASSWORD",
        "ARM_OIDC_TOKEN",
        "ARM_OIDC_REQUEST_TOKEN",
    }
)
"""Those that hold a secret as such."""


@dataclass(frozen=True, slots=True)
class Login:
    """The login that counts.

    Attributes:
        form: which one.
        client_id: of whoever logs in; empty for `az login` and a system-assigned managed identity.
        environ: where its variables are.
    """

    form: LoginForm
    client_id: str
    environ: Mapping[str, str] = field(repr=False)

    @property
    def kind(self) -> LoginKind:
        """What it is."""
        return self.form.kind

    def value(self, name: str) -> str:
        """A variable of the form, whatever name it goes by."""
        return variable(self.environ, name)

    def secret(self) -> str:
        """The client secret; `UsageError` where it cannot be read, or variable and file differ."""
        return _either(self.environ, "ARM_CLIENT_SECRET", "ARM_CLIENT_SECRET_FILE_PATH", "client secret")

    def certificate(self, source: SecretSource | None = None) -> ClientCertificate:
        """The certificate with its key; `UsageError` where it cannot be read, or Entra ID would not take it.

        Args:
            source: of `certificate_source`, where it was called already.
        """
        name = "ARM_CLIENT_CERTIFICATE_PASSWORD"
        return read_certificate(source or self.certificate_source(), Password(self.value(name), name))

    def certificate_source(self) -> SecretSource:
        """The content that holds the certificate; `UsageError` for a file that cannot be read."""
        if self.environ.get("ARM_CLIENT_CERTIFICATE"):
            return SecretSource.of_variable(self.environ, "ARM_CLIENT_CERTIFICATE")
        return _file(self.environ, "ARM_CLIENT_CERTIFICATE_PATH")

    def token(self) -> str:
        """The token of another issuer that is given as such or in a file; empty where it has to be asked for.

        Raises as `secret` does.
        """
        if "AZURE_FEDERATED_TOKEN_FILE" in self.form.variables:
            return _file(self.environ, "AZURE_FEDERATED_TOKEN_FILE").secret("token")
        return _either(self.environ, "ARM_OIDC_TOKEN", "ARM_OIDC_TOKEN_FILE_PATH", "token")


def read_login(environ: Mapping[str, str]) -> Login:
    """The login that counts, as the azuread plugin decides it.

    Args:
        environ: the process environment; files that it names are not read yet, but for the client id's.

    Raises:
        UsageError: a flag is neither true nor false, or a client id is missing or given in two ways that differ.
        EntraError: there is no login, since `az` is not to be used.
    """
    flags = {name: _flag(environ, name) for name in sorted(_FLAGS)}
    form = next(form for form in LOGIN_FORMS if _given(form, environ, flags))
    if form.kind == "az login":
        if environ.get("ARM_USE_CLI") and not flags["ARM_USE_CLI"]:
            raise no_login("ARM_USE_CLI", environ)
        return Login(form, "", environ)
    client_id = _either(environ, "ARM_CLIENT_ID", "ARM_CLIENT_ID_FILE_PATH", "client id")
    if "AZURE_FEDERATED_TOKEN_FILE" in form.variables:
        client_id = client_id or bare(environ.get("AZURE_CLIENT_ID", ""))
    if not client_id and form.kind != "managed identity":
        what = f"a {form.kind} is given, and it is not said whose"
        raise UsageError(what, where="ARM_CLIENT_ID", repair="export ARM_CLIENT_ID=...")
    return Login(form, client_id, environ)


def no_login(where: str, environ: Mapping[str, str], tenant_id: str = "") -> EntraError:
    """There is nobody to log in as; the repair says what a form that is half given lacks.

    Args:
        where: what stands against the last form, `az login`.
        tenant_id: the home tenant, where it is known.
    """
    tenant = tenant_id or environ.get("ARM_TENANT_ID") or "TENANT"
    token = next((name for name in ("ARM_OIDC_TOKEN", "ARM_OIDC_TOKEN_FILE_PATH") if environ.get(name)), "")
    if token:
        repair = f"export ARM_USE_OIDC=true, without which {token} does not count"
    elif _flag(environ, "ARM_USE_OIDC"):
        repair = "name a token in ARM_OIDC_TOKEN_FILE_PATH; in a GitHub workflow: permissions: id-token: write"
    elif _flag(environ, "ARM_USE_AKS_WORKLOAD_IDENTITY"):
        repair = "ARM_USE_AKS_WORKLOAD_IDENTITY wants AZURE_FEDERATED_TOKEN_FILE, which AKS sets for a labelled pod"
    else:
        repair = (
            f"az login --tenant {tenant} --allow-no-subscriptions, or set ARM_CLIENT_ID and one of "
            "ARM_CLIENT_SECRET_FILE_PATH, ARM_CLIENT_CERTIFICATE_PATH, ARM_USE_OIDC"
        )
    return EntraError("there is no login of an operator", where=where, repair=repair)


@contextlib.contextmanager
def engine_login(environ: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """The environment for a run of the engine that logs in: one form, in the spelling that the plugin takes.

    What it adds is a secret in the worst case, so it is for the engine's process alone; a certificate that has no file
    gets one that no name leads to.

    Raises:
        UsageError: what a variable names cannot be used.
        EntraError: there is no login.
    """
    login = read_login(environ)
    exact = {name: value for name, value in environ.items() if name not in LOGIN_VARIABLES}
    if environ.get("ARM_TENANT_ID"):
        exact["ARM_TENANT_ID"] = bare(environ["ARM_TENANT_ID"])
    with contextlib.ExitStack() as files:
        if login.client_id:
            exact["ARM_CLIENT_ID"] = login.client_id
        if login.kind == "certificate":
            exact |= _certificate(login, files)
        elif login.kind == "secret":
            exact["ARM_CLIENT_SECRET"] = login.secret()
        elif login.kind == "federated token":
            exact |= {"ARM_USE_OIDC": "true", **_federated(login)}
        elif login.kind == "managed identity":
            exact |= {"ARM_USE_MSI": "true", **_set(login, "ARM_MSI_ENDPOINT")}
        elif not shutil.which("az", path=environ.get("PATH", os.defpath)):
            raise no_login("az is not on PATH", environ)
        if login.kind != "az login":
            exact["ARM_USE_CLI"] = "false"
        yield exact


def _certificate(login: Login, files: contextlib.ExitStack) -> dict[str, str]:
    """The variables of a certificate's login; the plugin takes a PKCS#12 file only, so every other form becomes one."""
    source = login.certificate_source()
    certificate = login.certificate(source)  # also where it is handed over as it is: what is wrong is told here
    if source.path is not None and is_pkcs12(source.content):
        return {"ARM_CLIENT_CERTIFICATE_PATH": str(source.path), **_set(login, "ARM_CLIENT_CERTIFICATE_PASSWORD")}
    password = secrets.token_urlsafe(24)
    path = files.enter_context(_unnamed_file(as_pkcs12(certificate, password)))
    return {"ARM_CLIENT_CERTIFICATE_PATH": path, "ARM_CLIENT_CERTIFICATE_PASSWORD": password}


def _set(login: Login, *names: str) -> dict[str, str]:
    return {name: value for name in names if (value := login.value(name))}


def _federated(login: Login) -> dict[str, str]:
    """The variables of a federated login in the plugin's spelling."""
    environ, names = login.environ, login.form.variables
    if "ARM_OIDC_REQUEST_URL" in names:
        return {name: login.value(name) for name in names if name not in _FLAGS}
    token, aks = login.token(), "AZURE_FEDERATED_TOKEN_FILE"  # a missing file is reported here, in one sentence
    name = aks if aks in names else "ARM_OIDC_TOKEN_FILE_PATH"
    if environ.get(name):
        source = _file(environ, name)
        if source.content.strip() == token.encode():  # the plugin takes off blanks, and nothing else
            return {"ARM_OIDC_TOKEN_FILE_PATH": str(source.path)}
    return {"ARM_OIDC_TOKEN": token}


@contextlib.contextmanager
def _unnamed_file(content: bytes) -> Iterator[str]:
    """A path that leads to `content` for children of this user, and is gone with this process however that ends.

    Where the system has no files without a name (macOS), a private one that is removed at the end.
    """
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("certificate", os.MFD_CLOEXEC)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            yield f"/proc/{os.getpid()}/fd/{descriptor}"
        return
    with tempfile.NamedTemporaryFile() as file:  # 0600
        file.write(content)
        file.flush()
        yield file.name


def _given(form: LoginForm, environ: Mapping[str, str], flags: Mapping[str, bool]) -> bool:
    return all(flags[name] if name in _FLAGS else variable(environ, name) for name in form.variables)


def variable(environ: Mapping[str, str], name: str) -> str:
    """The value of a variable of a login, or of the name that a runner gives it; empty where it has none."""
    names = (name, *_STAND_FOR.get(name, ()))
    return next((value for each in names if (value := bare(environ.get(each, "")))), "")


def _flag(environ: Mapping[str, str], name: str) -> bool:
    text = bare(environ.get(name, "")).lower()
    if text and text not in _TRUE | _FALSE:
        raise UsageError(f"found {environ[name]!r}; expected true or false", where=name, repair=f"export {name}=true")
    return text in _TRUE


def _either(environ: Mapping[str, str], direct: str, by_file: str, what: str) -> str:
    """A value given as such or in a file; both only if they agree, as the plugin wants it."""
    given = bare(environ.get(direct, ""))
    value = SecretSource.of_variable(environ, direct).secret(what) if given else ""
    if not environ.get(by_file):
        return value
    content = _file(environ, by_file).secret(what)
    if value and value != content:
        raise UsageError(f"it and the file of {by_file} differ", where=direct, repair=f"unset {direct} or {by_file}")
    return content


def _file(environ: Mapping[str, str], name: str) -> SecretSource:
    """The file that a variable names."""
    return SecretSource.of_file(Path(bare(environ[name])), name)


def login_table() -> str:
    """The table of logins in `docs/create.md`, a row a form; `python -m orgcal.entra.login` prints it."""
    head = ["| login | variables | `orgcal` | `pulumi` by hand | stand-in |", "|---|---|---|---|---|"]
    return "\n".join([*head, *map(_row, LOGIN_FORMS)]) + "\n"


def _row(form: LoginForm) -> str:
    whose = form.variables and form.kind != "managed identity" and "ARM_USE_AKS_WORKLOAD_IDENTITY" not in form.variables
    named = [*(["ARM_CLIENT_ID"] if whose else []), *form.variables]
    variables = ", ".join(f"`{name}=true`" if name.startswith("ARM_USE_") else f"`{name}`" for name in named) or "none"
    note = re.sub(r"\b((?:ARM|AZURE|ACTIONS|SYSTEM)_[A-Z_]+)\b", r"`\1`", form.note)
    plugin, standin = ("yes" if takes else "no" for takes in (form.plugin, form.standin))
    return f"| {form.kind} | {variables}{f' ({note})' if note else ''} | yes | {plugin} | {standin} |"


if __name__ == "__main__":
    sys.stdout.write(login_table())
