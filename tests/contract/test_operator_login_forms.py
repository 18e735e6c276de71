"""Whatever login a user has, commands, azuread plugin and what stands behind it decide alike.

`checked` and `configured` are the azuread plugin's two readings of the variables, as facts in our words:
- `getAuthConfig` and `configBoolValue` in provider/resources.go of pulumi-azuread, 2026-08-22 (b830e040), and
  `ConfigBoolValue` in pkg/tfbridge/info.go of pulumi-terraform-bridge 3.137.0: the check before configuration;
- `providerConfigure` in internal/provider/provider.go of terraform-provider-azuread 3.9.0: the configuration;
- `NewAuthorizerFromCredentials` in sdk/auth/auth.go of go-azure-sdk 0.20260212: the order in both.
"""

from __future__ import annotations

import base64
import random
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs12 import load_key_and_certificates

from orgcal.entra.login import (
    LOGIN_FORMS,
    LOGIN_VARIABLES,
    SECRET_VARIABLES,
    LoginForm,
    engine_login,
    login_table,
    read_login,
)
from orgcal.entra.operator import AUDIENCE, request_token
from orgcal.errors import EntraError, OrgcalError, UsageError
from orgcal.platforms.testing_server import Reply, Request, StrictServer
from tests.support.certificates import bundle, openssl, rsa_pair

REFUSED = "refused"
GO_BOOLEANS = dict.fromkeys(["1", "t", "T", "TRUE", "true", "True"], True) | dict.fromkeys(
    ["0", "f", "F", "FALSE", "false", "False"], False
)
"""What Go's strconv.ParseBool takes."""


def checked(environ: Mapping[str, str], tenant_id: str = "t") -> str:
    """The form by which the plugin's check before its configuration is content; `refused` where it is not."""
    cli = GO_BOOLEANS.get(environ.get("ARM_USE_CLI", "true"))
    if cli is None:
        return REFUSED
    oidc, msi = environ.get("ARM_USE_OIDC") == "true", environ.get("ARM_USE_MSI") == "true"
    token = environ.get("ARM_OIDC_TOKEN", "")
    path = environ.get("ARM_OIDC_TOKEN_FILE_PATH", "")
    if path:
        if not Path(path).is_file():
            return REFUSED
        content = Path(path).read_text().strip()
        if token and token != content:
            return REFUSED
        token = content
    url = environ.get("ARM_OIDC_REQUEST_URL") or environ.get("ACTIONS_ID_TOKEN_REQUEST_URL", "")
    key = environ.get("ARM_OIDC_REQUEST_TOKEN") or environ.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "")
    certificate = environ.get("ARM_CLIENT_CERTIFICATE_PATH", "")
    return _authorizer(
        tenant_id,
        environ.get("ARM_CLIENT_ID", ""),
        certificate=certificate,
        secret=environ.get("ARM_CLIENT_SECRET", ""),
        token=token if oidc else "",
        issuer=bool(oidc and url and key),
        msi=msi,
        cli=cli,
    )


def configured(environ: Mapping[str, str], tenant_id: str = "t") -> str:
    """The form by which the provider behind the check logs in; `refused` where it does not."""

    def either(direct: str, by_file: str) -> str | None:
        value, path = environ.get(direct, "").strip(), environ.get(by_file, "")
        if not path:
            return value
        if not Path(path).is_file():
            return None
        content = Path(path).read_text().strip()
        return None if value and value != content else content

    def flag(name: str, default: bool) -> bool | None:
        said = environ.get(name, "")
        return GO_BOOLEANS.get(said) if said else default

    client_id = either("ARM_CLIENT_ID", "ARM_CLIENT_ID_FILE_PATH")
    secret = either("ARM_CLIENT_SECRET", "ARM_CLIENT_SECRET_FILE_PATH")
    token = either("ARM_OIDC_TOKEN", "ARM_OIDC_TOKEN_FILE_PATH")
    flags = {name: flag(name, name == "ARM_USE_CLI") for name in ("ARM_USE_OIDC", "ARM_USE_MSI", "ARM_USE_CLI")}
    if client_id is None or secret is None or token is None or None in flags.values():
        return REFUSED
    url = (environ.get("ARM_OIDC_REQUEST_URL") or environ.get("ACTIONS_ID_TOKEN_REQUEST_URL")
           or environ.get("SYSTEM_OIDCREQUESTURI", ""))  # fmt: skip
    key = (environ.get("ARM_OIDC_REQUEST_TOKEN") or environ.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
           or environ.get("SYSTEM_ACCESSTOKEN", ""))  # fmt: skip
    certificate = environ.get("ARM_CLIENT_CERTIFICATE", "") or environ.get("ARM_CLIENT_CERTIFICATE_PATH", "")
    return _authorizer(
        tenant_id,
        client_id,
        certificate=certificate,
        secret=secret,
        token=token if flags["ARM_USE_OIDC"] else "",
        issuer=bool(flags["ARM_USE_OIDC"] and url and key),
        msi=bool(flags["ARM_USE_MSI"]),
        cli=bool(flags["ARM_USE_CLI"]),
    )


def _authorizer(
    tenant_id: str, client_id: str, *, certificate: str, secret: str, token: str, issuer: bool, msi: bool, cli: bool
) -> str:
    named = bool(tenant_id.strip() and client_id.strip())
    if named and certificate:
        return "certificate"
    if named and secret.strip():
        return "secret"
    if named and (token.strip() or issuer):
        return "federated token"
    if msi:
        return "managed identity"
    return "az login" if cli else REFUSED


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files that variables name, and an `az` on PATH."""
    path = tmp_path_factory.mktemp("login")
    for name, text in (("secret", "s3cret\n"), ("other", "another\n"), ("token", "t0ken\n"), ("id", "c1ient\n")):
        (path / name).write_text(text)
    (path / "bundle.pfx").write_bytes(bundle(rsa_pair()))
    (path / "az").write_text("#!/bin/sh\n")
    (path / "az").chmod(0o755)
    return path


def values(folder: Path) -> dict[str, list[str]]:
    """What each variable may say; the empty text stands for a variable that is not set."""
    flags = ["", "true", "True", "1", "false"]
    rarely = [""] * 20  # a certificate counts before every other login, and takes long to read
    return {
        "ARM_CLIENT_ID": ["", "c1ient"],
        "ARM_CLIENT_ID_FILE_PATH": ["", str(folder / "id")],
        "ARM_CLIENT_CERTIFICATE": ["", *rarely, base64.b64encode((folder / "bundle.pfx").read_bytes()).decode()],
        "ARM_CLIENT_CERTIFICATE_PATH": ["", *rarely, str(folder / "bundle.pfx")],
        "ARM_CLIENT_SECRET": ["", "s3cret"],
        "ARM_CLIENT_SECRET_FILE_PATH": ["", str(folder / "secret"), str(folder / "other"), str(folder / "missing")],
        "ARM_OIDC_TOKEN": ["", "t0ken"],
        "ARM_OIDC_TOKEN_FILE_PATH": ["", str(folder / "token"), str(folder / "missing")],
        "ARM_OIDC_REQUEST_URL": ["", "https://issuer.example/"],
        "ARM_OIDC_REQUEST_TOKEN": ["", "key"],
        "ACTIONS_ID_TOKEN_REQUEST_URL": ["", "https://github.example/"],
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": ["", "key"],
        "SYSTEM_OIDCREQUESTURI": ["", "https://azure.example/"],
        "SYSTEM_ACCESSTOKEN": ["", "key"],
        "ARM_ADO_PIPELINE_SERVICE_CONNECTION_ID": ["", "connection"],
        "AZURE_FEDERATED_TOKEN_FILE": ["", str(folder / "token")],
        "AZURE_CLIENT_ID": ["", "c1ient"],
        "ARM_USE_OIDC": flags,
        "ARM_USE_MSI": flags,
        "ARM_USE_CLI": flags,
        "ARM_USE_AKS_WORKLOAD_IDENTITY": flags,
    }


def handed(environ: Mapping[str, str]) -> tuple[str, str, str] | None:
    """The form that is read, and what check and configuration make of what the engine is given; None if refused."""
    try:
        login = read_login(environ)
        with engine_login(environ) as exact:
            return login.kind, checked(exact), configured(exact)
    except OrgcalError:
        return None


def test_login_is_read_alike_by_commands_and_by_both_readings_of_the_plugin(folder: Path) -> None:
    generator = random.Random(20261129)  # 500 of all that could be set
    choices = values(folder)
    for _ in range(500):
        picked = {name: generator.choice(each) for name, each in choices.items()}
        environ = {"PATH": str(folder), **{name: value for name, value in picked.items() if value}}

        found = handed(environ)

        if found is not None:
            kind, check, configuration = found
            assert (check, configuration) == (kind, kind), environ
        by_itself = checked(environ)
        if by_itself != REFUSED and by_itself == configured(environ) and found is not None:
            aks = environ.get("ARM_USE_AKS_WORKLOAD_IDENTITY") in ("true", "True", "1")  # no reading knows its token
            assert found[0] == by_itself or aks, environ


def example_of(variables: tuple[str, ...], folder: Path) -> dict[str, str]:
    """Variables of a form, set."""
    said = {"ARM_CLIENT_ID": "c1ient"} if variables and variables != ("ARM_USE_MSI",) else {}
    return said | {
        name: "true" if name.startswith("ARM_USE_") else next(filter(None, values(folder)[name])) for name in variables
    }


@pytest.mark.parametrize("form", LOGIN_FORMS, ids=lambda form: "+".join(form.variables) or form.kind)
def test_login_form_passes_by_itself_exactly_where_its_table_says_so(form: LoginForm, folder: Path) -> None:
    environ = {"PATH": str(folder), **example_of(form.variables, folder)}

    assert read_login(environ).form is form
    assert handed(environ) == (form.kind, form.kind, form.kind)
    assert (checked(environ) == configured(environ) == form.kind) is form.plugin
    assert form.plugin or not form.standin


def test_login_that_only_the_provider_behind_the_check_knows_reaches_both(folder: Path) -> None:
    by_file = {"ARM_CLIENT_ID_FILE_PATH": str(folder / "id"), "ARM_CLIENT_SECRET_FILE_PATH": str(folder / "secret")}

    assert checked({**by_file, "ARM_USE_CLI": "false"}) == REFUSED
    with engine_login(by_file) as exact:
        assert (exact["ARM_CLIENT_ID"], exact["ARM_CLIENT_SECRET"]) == ("c1ient", "s3cret")
        assert not any(name.endswith("_FILE_PATH") for name in exact)


@pytest.mark.parametrize("form", ["a bundle in a variable", "PEM in a variable", "PEM in a file", "an encrypted key"])
def test_certificate_that_is_no_bundle_file_becomes_one_that_ends_with_the_run(form: str, tmp_path: Path) -> None:
    environ = {"ARM_CLIENT_ID": "c", "ARM_CLIENT_CERTIFICATE_PASSWORD": "open"} | written(form, tmp_path)

    with engine_login(environ) as exact:
        path, password = Path(exact["ARM_CLIENT_CERTIFICATE_PATH"]), exact["ARM_CLIENT_CERTIFICATE_PASSWORD"]
        assert path.read_bytes() == path.read_bytes(), "the plugin reads it twice"
        key, certificate, _ = load_key_and_certificates(path.read_bytes(), password.encode())
        assert isinstance(key, RSAPrivateKey)
        assert certificate is not None
        assert certificate.public_bytes(Encoding.PEM).decode() == rsa_pair().certificate
        assert "ARM_CLIENT_CERTIFICATE" not in exact
    assert not path.exists()


def written(form: str, folder: Path) -> dict[str, str]:
    """The variables of a certificate in one of the forms that the plugin itself does not take."""
    if form == "a bundle in a variable":
        return {"ARM_CLIENT_CERTIFICATE": base64.b64encode(bundle(rsa_pair(), "open")).decode()}
    if form == "PEM in a variable":
        return {"ARM_CLIENT_CERTIFICATE": rsa_pair().pem.replace("\n", "\\n")}
    (folder / "own.pem").write_text(rsa_pair().pem)
    if form == "an encrypted key":
        openssl(folder, "pkey", "-in", "own.pem", "-aes256", "-passout", "pass:open", "-out", "closed.pem")
        (folder / "own.pem").write_text(rsa_pair().certificate + (folder / "closed.pem").read_text())
    return {"ARM_CLIENT_CERTIFICATE_PATH": str(folder / "own.pem")}


def test_bundle_in_a_file_is_handed_over_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "operator.pfx"
    path.write_bytes(bundle(rsa_pair(), "open"))
    environ = {
        "ARM_CLIENT_ID": "c",
        "ARM_CLIENT_CERTIFICATE_PATH": f'"{path}"',
        "ARM_CLIENT_CERTIFICATE_PASSWORD": "open\n",
    }

    with engine_login(environ) as exact:
        assert (exact["ARM_CLIENT_CERTIFICATE_PATH"], exact["ARM_CLIENT_CERTIFICATE_PASSWORD"]) == (str(path), "open")


@pytest.mark.parametrize("content", [b"\xef\xbb\xbft0ken\n", "t0ken\r\n".encode("utf-16"), b'"t0ken"'])
def test_token_file_that_the_plugin_would_misread_is_handed_over_as_a_value(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(content)
    by_file = {"ARM_CLIENT_ID": "c", "ARM_USE_OIDC": "true", "ARM_OIDC_TOKEN_FILE_PATH": str(tmp_path / "token")}

    with engine_login(by_file) as exact:
        assert exact["ARM_OIDC_TOKEN"] == "t0ken"
        assert "ARM_OIDC_TOKEN_FILE_PATH" not in exact


@pytest.mark.parametrize("variable", ["ARM_CLIENT_SECRET", "ARM_CLIENT_SECRET_FILE_PATH"])
@pytest.mark.parametrize("content", [b"s3cret\r\n", b'"s3cret"\n', b"\xef\xbb\xbfs3cret", "s3cret\n".encode("utf-16")])
def test_secret_is_handed_over_without_what_surrounds_it(variable: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(content)
    text = content.decode("utf-16" if content[:1] == b"\xff" else "utf-8")
    given = {"ARM_CLIENT_SECRET": text, "ARM_CLIENT_SECRET_FILE_PATH": str(tmp_path / "secret")}[variable]

    with engine_login({"ARM_CLIENT_ID": "c\n", "ARM_TENANT_ID": '"t"', variable: given}) as exact:
        assert (exact["ARM_CLIENT_ID"], exact["ARM_CLIENT_SECRET"]) == ("c", "s3cret")
        assert exact["ARM_TENANT_ID"] == "t"


def test_workload_identity_of_aks_is_a_federated_token_for_the_plugin(folder: Path) -> None:
    token = str(folder / "token")
    pod = {"ARM_USE_AKS_WORKLOAD_IDENTITY": "true", "AZURE_CLIENT_ID": "c1ient", "AZURE_FEDERATED_TOKEN_FILE": token}

    with engine_login(pod) as exact:
        assert exact["ARM_CLIENT_ID"] == "c1ient"
        assert exact["ARM_OIDC_TOKEN_FILE_PATH"] == token
        assert exact["ARM_USE_OIDC"] == "true"


@pytest.mark.parametrize(
    ("environ", "where", "repair"),
    [
        ({"ARM_OIDC_TOKEN": "t", "ARM_USE_CLI": "false"}, "ARM_USE_CLI", "ARM_USE_OIDC=true"),
        ({"ARM_USE_OIDC": "true", "ARM_USE_CLI": "false"}, "ARM_USE_CLI", "id-token: write"),
        ({"ARM_USE_AKS_WORKLOAD_IDENTITY": "1", "ARM_USE_CLI": "0"}, "ARM_USE_CLI", "AZURE_FEDERATED_TOKEN_FILE"),
        ({"ARM_USE_CLI": "false", "ARM_TENANT_ID": "t-1"}, "ARM_USE_CLI", "az login --tenant t-1"),
        ({"PATH": "/nowhere"}, "az is not on PATH", "az login"),
    ],
)
def test_login_that_is_none_names_what_it_lacks(environ: dict[str, str], where: str, repair: str) -> None:
    with pytest.raises(EntraError, match="no login of an operator") as caught, engine_login(environ):
        pass

    assert caught.value.where == where
    assert repair in caught.value.repair


@pytest.mark.parametrize(
    ("environ", "where"),
    [
        ({"ARM_CLIENT_SECRET": "s"}, "ARM_CLIENT_ID"),
        ({"ARM_CLIENT_ID": "c", "ARM_CLIENT_SECRET_FILE_PATH": "/nowhere"}, "ARM_CLIENT_SECRET_FILE_PATH"),
        ({"ARM_CLIENT_ID": "c", "ARM_CLIENT_CERTIFICATE": "%%"}, "ARM_CLIENT_CERTIFICATE"),
        ({"ARM_CLIENT_ID": "c", "ARM_CLIENT_CERTIFICATE_PATH": "/nowhere"}, "ARM_CLIENT_CERTIFICATE_PATH"),
        ({"ARM_CLIENT_ID": "c", "ARM_CLIENT_SECRET": "two\nlines"}, "ARM_CLIENT_SECRET"),
        ({"ARM_USE_MSI": "maybe"}, "ARM_USE_MSI"),
    ],
)
def test_login_that_cannot_be_used_names_its_variable(environ: dict[str, str], where: str) -> None:
    with pytest.raises(UsageError) as caught, engine_login(environ):
        pass

    assert caught.value.where == where
    assert caught.value.repair


def test_login_shows_no_secret(folder: Path) -> None:
    login = read_login({"ARM_CLIENT_ID": "c", "ARM_CLIENT_SECRET": "s3cret"})

    assert "s3cret" not in repr(login)
    assert {"ARM_CLIENT_SECRET", "ARM_OIDC_TOKEN"} <= SECRET_VARIABLES <= {*LOGIN_VARIABLES}


def test_token_of_azure_pipelines_is_asked_for_by_post_with_the_service_connection() -> None:
    def issuer(request: Request) -> Reply:
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = (request.method, request.query.get("serviceConnectionId"), headers.get("authorization"))
        fits = asked == ("POST", "connection", "Bearer job key") and request.query["api-version"] == "7.1"
        return Reply(201, {"oidcToken": "of the pipeline"}) if fits else Reply(400, {})

    environ = {"ARM_ADO_PIPELINE_SERVICE_CONNECTION_ID": "connection", "SYSTEM_ACCESSTOKEN": "job key"}
    with StrictServer(issuer).running() as server, requests.Session() as session:
        environ["SYSTEM_OIDCREQUESTURI"] = f"{server.base_url}/token"
        assert request_token(environ, session, AUDIENCE) == "of the pipeline"


def test_docs_table_is_printed_from_the_forms() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "create.md").read_text(encoding="utf-8")
    found = re.search(r"<!-- logins:.*?-->\n(.*?)<!-- end -->", text, re.DOTALL)
    assert found is not None
    assert found[1] == login_table(), "run: python -m orgcal.entra.login"
