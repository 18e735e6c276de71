"""Arguments and `ARM_*` variables: what is missing or contradictory is named."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from orgcal.entra.credentials import ClientCertificate, ClientSecret, FederatedToken
from orgcal.errors import ConfigError
from orgcal.provider._sdk import UNKNOWN, Secret
from orgcal.provider.azuread.settings import read_settings
from tests.support.certificates import bundle, rsa_pair

BASE = {"ARM_TENANT_ID": "t", "ARM_CLIENT_ID": "c", "ARM_METADATA_HOSTNAME": "localhost:8443"}
SECRET = {**BASE, "ARM_CLIENT_SECRET": "s"}


def refused(environ: dict[str, str], **arguments: object) -> str:
    with pytest.raises(ConfigError) as caught:
        read_settings(arguments, environ)
    return str(caught.value)


def test_read_settings_variables_suffice() -> None:
    settings = read_settings({}, SECRET)
    assert settings is not None
    assert (settings.tenant_id, settings.client_id, settings.metadata_host) == ("t", "c", "localhost:8443")
    assert settings.credential == ClientSecret("s")
    assert "'s'" not in repr(settings)


def test_read_settings_argument_wins_over_its_variable() -> None:
    settings = read_settings({"tenantId": "other", "clientSecret": Secret("mine")}, SECRET)
    assert settings is not None
    assert settings.tenant_id == "other"
    assert settings.credential == ClientSecret("mine")


@pytest.mark.parametrize("variable", ["ARM_TENANT_ID", "ARM_CLIENT_ID", "ARM_METADATA_HOSTNAME", "ARM_CLIENT_SECRET"])
def test_read_settings_missing_variable_is_named(variable: str) -> None:
    text = refused({name: value for name, value in SECRET.items() if name != variable})
    assert text.count("\n  - ") == 1
    assert variable in text


def test_read_settings_everything_missing_is_told_at_once() -> None:
    text = refused({})
    for name in ("ARM_TENANT_ID", "ARM_CLIENT_ID", "ARM_METADATA_HOSTNAME", "ARM_CLIENT_CERTIFICATE_PATH"):
        assert name in text


@pytest.mark.parametrize(
    "host",
    ["https://localhost:1", "localhost/x", "graph.microsoft.com", "10.0.0.1:443", "localhost:port", "me@localhost"],
)
def test_read_settings_metadata_host_elsewhere_is_refused(host: str) -> None:
    assert "ARM_METADATA_HOSTNAME" in refused({**SECRET, "ARM_METADATA_HOSTNAME": host})


def test_read_settings_national_cloud_with_a_metadata_host_names_both() -> None:
    text = refused({**SECRET, "ARM_ENVIRONMENT": "china"})
    assert "ARM_ENVIRONMENT" in text
    assert "ARM_METADATA_HOSTNAME" in text
    assert read_settings({"environment": "public"}, SECRET) is not None


def test_read_settings_argument_at_fault_is_called_an_argument() -> None:
    assert "argument metadataHost" in refused(SECRET, metadataHost="example.com")


def test_read_settings_forms_that_the_real_plugin_refuses_are_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from file\n")
    (tmp_path / "id").write_text("c\n")
    by_file = {**BASE, "ARM_CLIENT_SECRET_FILE_PATH": str(tmp_path / "secret")}
    id_by_file = {**SECRET, "ARM_CLIENT_ID": "", "ARM_CLIENT_ID_FILE_PATH": str(tmp_path / "id")}
    inline = {**BASE, "ARM_CLIENT_CERTIFICATE": base64.b64encode(bundle(rsa_pair(), "pw")).decode()}
    assert "ARM_CLIENT_SECRET_FILE_PATH, which the azuread plugin does not take" in refused(by_file)
    assert "from file" not in refused(by_file)
    assert "ARM_CLIENT_ID is missing" in refused(id_by_file)
    assert "ARM_CLIENT_CERTIFICATE, which the azuread plugin does not take" in refused(inline)


def test_read_settings_value_and_file_that_differ_are_both_named(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("other")
    text = refused({**SECRET, "ARM_CLIENT_SECRET_FILE_PATH": str(tmp_path / "secret")})
    assert "ARM_CLIENT_SECRET: it and the file of ARM_CLIENT_SECRET_FILE_PATH differ" in text
    assert "other" not in text


def test_read_settings_missing_file_is_named_with_its_variable(tmp_path: Path) -> None:
    text = refused({**BASE, "ARM_CLIENT_CERTIFICATE_PATH": str(tmp_path / "none")})
    assert f"ARM_CLIENT_CERTIFICATE_PATH: the file {tmp_path / 'none'} cannot be read" in text


def test_read_settings_token_file_is_read_anew_each_time(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("first")
    settings = read_settings({}, {**BASE, "ARM_USE_OIDC": "true", "ARM_OIDC_TOKEN_FILE_PATH": str(path)})
    assert settings is not None
    assert isinstance(settings.credential, FederatedToken)
    assert settings.credential.read() == "first"
    path.write_text("second\n")
    assert settings.credential.read() == "second"


def test_read_settings_token_without_use_oidc_names_both() -> None:
    text = refused({**BASE, "ARM_OIDC_TOKEN": "x"})
    assert "ARM_OIDC_TOKEN" in text
    assert "ARM_USE_OIDC" in text


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ARM_USE_MSI", "true"),
        ("ARM_USE_AKS_WORKLOAD_IDENTITY", "true"),
        ("ARM_USE_OIDC", "yes please"),
        ("SSL_CERT_FILE", "/nowhere/ca.pem"),
    ],
)
def test_read_settings_what_it_cannot_do_is_named(variable: str, value: str) -> None:
    assert variable in refused({**BASE, variable: value})


def test_read_settings_secret_counts_before_a_managed_identity_as_in_the_real_plugin() -> None:
    settings = read_settings({}, {**SECRET, "ARM_USE_MSI": "true"})
    assert settings is not None
    assert settings.credential == ClientSecret("s")


def test_read_settings_issuer_elsewhere_is_refused_by_name() -> None:
    issuer = {"ACTIONS_ID_TOKEN_REQUEST_URL": "https://ci.example/", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "key"}
    assert "ARM_OIDC_REQUEST_URL would have to be asked" in refused({**BASE, "ARM_USE_OIDC": "true", **issuer})


def test_read_settings_request_url_on_this_machine_needs_its_key() -> None:
    environ = {**BASE, "ARM_USE_OIDC": "true", "ACTIONS_ID_TOKEN_REQUEST_URL": "http://127.0.0.1:1/token"}
    assert "ARM_OIDC_REQUEST_TOKEN" in refused(environ)
    settings = read_settings({}, {**environ, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "key"})
    assert settings is not None
    assert isinstance(settings.credential, FederatedToken)


def test_read_settings_boolean_argument_as_json_text_counts() -> None:
    settings = read_settings({"useOidc": "true", "oidcToken": Secret("t"), "useMsi": "false"}, BASE)
    assert settings is not None
    assert isinstance(settings.credential, FederatedToken)


def test_read_settings_unknown_argument_waits() -> None:
    assert read_settings({"tenantId": UNKNOWN}, {}) is None


def test_read_settings_certificate_counts_before_a_secret(tmp_path: Path) -> None:
    (tmp_path / "c.pfx").write_bytes(bundle(rsa_pair(), "pw"))
    given = {"ARM_CLIENT_CERTIFICATE_PATH": str(tmp_path / "c.pfx"), "ARM_CLIENT_CERTIFICATE_PASSWORD": "pw"}
    settings = read_settings({}, {**SECRET, **given})
    assert settings is not None
    assert isinstance(settings.credential, ClientCertificate)


def test_read_settings_certificate_with_a_wrong_password_names_the_variable(tmp_path: Path) -> None:
    (tmp_path / "c.pfx").write_bytes(bundle(rsa_pair(), "pw"))
    environ = {**BASE, "ARM_CLIENT_CERTIFICATE_PATH": str(tmp_path / "c.pfx"), "ARM_CLIENT_CERTIFICATE_PASSWORD": "no"}
    assert "ARM_CLIENT_CERTIFICATE_PASSWORD" in refused(environ)


def test_read_settings_certificate_in_pem_is_refused_as_the_real_plugin_does(tmp_path: Path) -> None:
    (tmp_path / "c.pem").write_text(rsa_pair().pem)
    text = refused({**BASE, "ARM_CLIENT_CERTIFICATE_PATH": str(tmp_path / "c.pem")})
    assert f"openssl pkcs12 -export -in {tmp_path / 'c.pem'}" in text


def test_read_settings_secret_in_quotes_is_refused_as_the_real_plugin_would_send_them() -> None:
    text = refused({**SECRET, "ARM_CLIENT_SECRET": "'hush'"})
    assert "ARM_CLIENT_SECRET has quotes around it" in text
    assert "hush" not in text
