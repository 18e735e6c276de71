"""Where the stand-in finds its login, and how it names what is wrong there: the argument or the variable."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orgcal.entra.credentials import FederatedToken
from orgcal.errors import ConfigError
from orgcal.provider._sdk import UNKNOWN, Secret
from orgcal.provider.azuread.settings import CONFIG, Settings, read_settings
from tests.contract.rules.azuread import VARIABLES as DOCUMENTED
from tests.support.certificates import bundle, rsa_pair

BASE = {"ARM_TENANT_ID": "t", "ARM_CLIENT_ID": "c", "ARM_METADATA_HOSTNAME": "localhost:8443"}


def problems(environ: dict[str, str], **arguments: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read_settings(arguments, {**BASE, **environ})
    assert caught.value.where == "azuread stand-in"
    return list(caught.value.problems)


def read(environ: dict[str, str], **arguments: Any) -> Settings:
    found = read_settings(arguments, {**BASE, **environ})
    assert found is not None
    return found


@pytest.mark.parametrize("given_as", ["argument", "variable"])
def test_token_file_that_vanishes_is_told_when_the_token_is_needed(tmp_path: Path, given_as: str) -> None:
    path = tmp_path / "token"
    path.write_text("first", encoding="utf-8")
    if given_as == "argument":
        credential = read({}, useOidc=True, oidcTokenFilePath=str(path)).credential
        name = "the provider's argument oidcTokenFilePath"
    else:
        credential = read({"ARM_USE_OIDC": "true", "ARM_OIDC_TOKEN_FILE_PATH": str(path)}).credential
        name = "ARM_OIDC_TOKEN_FILE_PATH"
    assert isinstance(credential, FederatedToken)
    path.unlink()
    with pytest.raises(ConfigError) as caught:
        credential.read()
    (problem,) = caught.value.problems
    assert problem.startswith(f"{name}: ")
    assert str(path) in problem


def test_settings_hold_what_the_connection_needs(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("authority", encoding="utf-8")
    found = read({"SSL_CERT_FILE": str(tmp_path / "ca.pem"), "ARM_CLIENT_SECRET": " s "}, tenantId=" other ")
    assert (found.tenant_id, found.client_id, found.metadata_host) == ("other", "c", "localhost:8443")
    assert found.ca_file == tmp_path / "ca.pem"
    assert read({"ARM_CLIENT_SECRET": "s"}).ca_file is None


def test_trust_that_is_no_file_is_named(tmp_path: Path) -> None:
    wrong = problems({"ARM_CLIENT_SECRET": "s", "SSL_CERT_FILE": str(tmp_path)})
    assert wrong == [f"SSL_CERT_FILE names {tmp_path}, which is not a file"]


@pytest.mark.parametrize(
    ("given", "missing"), [({"tenantId": ""}, "ARM_TENANT_ID"), ({"clientId": None}, "ARM_CLIENT_ID")]
)
def test_argument_that_is_empty_leaves_it_to_the_variable(given: dict[str, Any], missing: str) -> None:
    assert read({"ARM_CLIENT_SECRET": "s"}, **given).tenant_id == "t"
    assert problems({"ARM_CLIENT_SECRET": "s", missing: ""}, **given) == [f"{missing} is missing"]


@pytest.mark.parametrize("environment", ["", "public", "Global", "PUBLIC"])
def test_public_cloud_is_no_contradiction_to_a_metadata_host(environment: str) -> None:
    assert read({"ARM_CLIENT_SECRET": "s", "ARM_ENVIRONMENT": environment}).client_id == "c"


def test_other_cloud_is_a_contradiction_to_a_metadata_host() -> None:
    (wrong,) = problems({"ARM_CLIENT_SECRET": "s"}, environment="usgovernment", metadataHost="localhost:1")
    assert wrong == (
        "the provider's argument environment is 'usgovernment', but every address comes from the provider's argument "
        "metadataHost; remove one of them"
    )


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("https://localhost:1", "and must be a host with a port, without https:// and without a path"),
        ("me@localhost", "and must be a host with a port, without https:// and without a path"),
        ("localhost:port", "which is no host with a port"),
        ("localhost:99999", "which is no host with a port"),
        ("example.com", "and the stand-in speaks to this machine only; use the real azuread plugin"),
        (":1", "and the stand-in speaks to this machine only; use the real azuread plugin"),
    ],
)
def test_metadata_host_that_is_wrong_is_told_why(host: str, words: str) -> None:
    (wrong,) = problems({"ARM_CLIENT_SECRET": "s", "ARM_METADATA_HOSTNAME": host})
    assert wrong.startswith(f"ARM_METADATA_HOSTNAME is {host!r}, {words}")


def test_metadata_host_that_is_missing_is_told_with_an_example() -> None:
    (wrong,) = problems({"ARM_CLIENT_SECRET": "s", "ARM_METADATA_HOSTNAME": ""})
    assert wrong.startswith(
        "ARM_METADATA_HOSTNAME is missing: the stand-in needs the emulator's host, such as localhost:"
    )


@pytest.mark.parametrize(
    ("variable", "argument"),
    [
        ("ARM_OIDC_TOKEN", "oidcToken"),
        ("ARM_OIDC_TOKEN_FILE_PATH", "oidcTokenFilePath"),
        ("ARM_USE_OIDC", "useOidc"),
        ("ARM_USE_AKS_WORKLOAD_IDENTITY", "useAksWorkloadIdentity"),
    ],
)
def test_half_of_a_login_is_named_with_the_logins_that_are_whole(variable: str, argument: str) -> None:
    value = "true" if "USE" in variable else "x"
    (by_variable,), (by_argument,) = problems({variable: value}), problems({}, **{argument: value})
    if variable != "ARM_USE_AKS_WORKLOAD_IDENTITY":
        assert f"({variable} alone is none)" in by_variable
        assert f"(the provider's argument {argument} alone is none)" in by_argument
    for login in ("ARM_CLIENT_SECRET", "ARM_CLIENT_CERTIFICATE_PATH", "ARM_USE_OIDC with ARM_OIDC_TOKEN"):
        assert login in by_variable


def test_no_login_at_all_is_told_without_a_half() -> None:
    (wrong,) = problems({})
    assert wrong.startswith("no credential is given; set one of ")


def test_login_that_only_the_product_knows_is_told_to_use_its_command(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hush", encoding="utf-8")
    (wrong,) = problems({"ARM_CLIENT_SECRET_FILE_PATH": str(tmp_path / "secret")})
    assert "ARM_CLIENT_SECRET_FILE_PATH, which the azuread plugin does not take by itself; set one of " in wrong
    assert wrong.endswith("or use orgcal up, which hands it over")
    assert "hush" not in wrong


def test_login_that_the_stand_in_cannot_use_is_told_to_use_the_real_plugin() -> None:
    (wrong,) = problems({}, useMsi=True)
    assert wrong.startswith("the provider's argument useMsi asks for a ")
    assert wrong.endswith("which the stand-in cannot use; use the real azuread plugin (AZUREAD_PLUGIN=real)")


def test_certificate_in_another_form_is_named_by_the_argument_that_gives_it(tmp_path: Path) -> None:
    (tmp_path / "c.pem").write_text(rsa_pair().pem, encoding="utf-8")
    (wrong,) = problems({}, clientCertificatePath=str(tmp_path / "c.pem"))
    assert wrong.startswith("the provider's argument clientCertificatePath names a file other than PKCS#12")
    (tmp_path / "c.pfx").write_bytes(bundle(rsa_pair(), "pw"))
    (wrong,) = problems({}, clientCertificatePath=str(tmp_path / "c.pfx"), clientCertificatePassword="no")
    assert wrong.startswith(f"the provider's argument clientCertificatePath: the file {tmp_path / 'c.pfx'} holds")


@pytest.mark.parametrize(
    ("argument", "value"),
    [("oidcRequestUrl", "https://ci.example/"), ("oidcRequestUrl", "http://10.0.0.1/")],
)
def test_issuer_on_another_machine_is_named_by_the_argument_that_gives_it(argument: str, value: str) -> None:
    (wrong,) = problems({}, useOidc=True, oidcRequestToken=Secret("hush"), **{argument: value})
    assert wrong.startswith("the provider's argument oidcRequestUrl would have to be asked for a token")
    assert wrong.endswith("set ARM_OIDC_TOKEN or ARM_OIDC_TOKEN_FILE_PATH")
    assert "hush" not in wrong


@pytest.mark.parametrize("value", [UNKNOWN, Secret(UNKNOWN)])
def test_argument_that_is_not_known_yet_waits_even_if_others_are_wrong(value: Any) -> None:
    assert read_settings({"clientSecret": value, "metadataHost": "example.com"}, {}) is None


def test_arguments_are_those_of_the_plugin_and_may_all_be_empty() -> None:
    assert CONFIG.keys() == DOCUMENTED.keys()
    assert read({"ARM_CLIENT_SECRET": "s"}, **dict.fromkeys(DOCUMENTED, "")).client_id == "c"


def test_secret_arguments_are_those_whose_value_proves_something() -> None:
    assert {name for name, prop in CONFIG.items() if prop.secret} == {
        "clientCertificate",
        "clientCertificatePassword",
        "clientSecret",
        "oidcRequestToken",
        "oidcToken",
    }
    assert read_settings({"clientSecret": Secret("s")}, BASE) is not None
