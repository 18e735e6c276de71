"""What is wrong with the stand-in's configuration, in whole sentences, by argument or by variable."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from orgcal.entra.credentials import ClientCertificate, ClientSecret, FederatedToken
from orgcal.errors import ConfigError
from orgcal.provider._sdk import UNKNOWN, Secret
from orgcal.provider.azuread.settings import CONFIG, Settings, read_settings
from tests.support.certificates import bundle, rsa_pair

BASE = {"ARM_TENANT_ID": "t", "ARM_CLIENT_ID": "c", "ARM_METADATA_HOSTNAME": "localhost:8443"}
SECRET = {**BASE, "ARM_CLIENT_SECRET": "s"}
REAL = "use the real azuread plugin (AZUREAD_PLUGIN=real)"
MISSING_HOST = "{} is missing: the stand-in needs the emulator's host, such as localhost:8443; for a real cloud " + REAL
USABLE = (
    "ARM_CLIENT_CERTIFICATE_PATH, ARM_CLIENT_SECRET, ARM_USE_OIDC with ARM_OIDC_TOKEN, "
    "ARM_USE_OIDC with ARM_OIDC_TOKEN_FILE_PATH, "
    "ARM_USE_OIDC with ARM_OIDC_REQUEST_URL with ARM_OIDC_REQUEST_TOKEN"
)
"""The logins that the stand-in takes, in the order of the real plugin."""


def problems(environ: dict[str, str], **arguments: Any) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        read_settings(arguments, environ)
    assert caught.value.where == "azuread stand-in"
    return caught.value.problems


def test_settings_are_read_whole(tmp_path: Path) -> None:
    trust = tmp_path / "ca.pem"
    trust.write_text("authority", encoding="utf-8")
    assert read_settings({}, SECRET) == Settings("t", "c", ClientSecret("s"), "localhost:8443", None)
    given = {"tenantId": Secret(" u "), "clientId": "d", "clientSecret": Secret("r"), "metadataHost": "127.0.0.1:1"}
    environ = {**SECRET, "SSL_CERT_FILE": str(trust)}
    assert read_settings(given, environ) == Settings("u", "d", ClientSecret("r"), "127.0.0.1:1", trust)


def test_everything_that_is_missing_is_told_at_once_in_one_order() -> None:
    assert problems({}) == (
        MISSING_HOST.format("ARM_METADATA_HOSTNAME"),
        "ARM_TENANT_ID is missing",
        "ARM_CLIENT_ID is missing",
        f"no credential is given; set one of {USABLE}",
    )


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    environ = {**SECRET, "ARM_METADATA_HOSTNAME": "a/b", "ARM_ENVIRONMENT": "china", "ARM_TENANT_ID": " "}
    assert problems({**environ, "SSL_CERT_FILE": str(tmp_path)}) == (
        "ARM_METADATA_HOSTNAME is 'a/b', and must be a host with a port, without https:// and without a path",
        "ARM_ENVIRONMENT is 'china', but every address comes from ARM_METADATA_HOSTNAME; remove one of them",
        "ARM_TENANT_ID is missing",
        f"SSL_CERT_FILE names {tmp_path}, which is not a file",
    )


@pytest.mark.parametrize("environment", ["public", "GLOBAL", " Public ", ""])
def test_public_cloud_may_be_named(environment: str) -> None:
    assert read_settings({"environment": environment}, SECRET) is not None


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("https://localhost:1", "and must be a host with a port, without https:// and without a path"),
        ("me@localhost", "and must be a host with a port, without https:// and without a path"),
        ("localhost:port", "which is no host with a port"),
        ("localhost:65536", "which is no host with a port"),
        ("example.com", f"and the stand-in speaks to this machine only; {REAL}"),
        (":1", f"and the stand-in speaks to this machine only; {REAL}"),
    ],
)
def test_metadata_host_is_told_by_the_argument_that_gives_it(host: str, words: str) -> None:
    assert problems(SECRET, metadataHost=host) == (f"the provider's argument metadataHost is {host!r}, {words}",)


@pytest.mark.parametrize("host", ["localhost", "localhost:65535", "127.0.0.1:1", "[::1]:8443", "LOCALHOST:1"])
def test_metadata_host_on_this_machine_is_taken_as_it_is(host: str) -> None:
    found = read_settings({"metadataHost": host}, SECRET)
    assert found is not None
    assert found.metadata_host == host


# Logins -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "half"),
    [
        ({"ARM_OIDC_TOKEN": "x"}, "ARM_OIDC_TOKEN"),
        ({"ARM_OIDC_TOKEN_FILE_PATH": "x"}, "ARM_OIDC_TOKEN_FILE_PATH"),
        ({"ARM_USE_OIDC": "true"}, "ARM_USE_OIDC"),
        ({"ARM_USE_AKS_WORKLOAD_IDENTITY": "true"}, "ARM_USE_AKS_WORKLOAD_IDENTITY"),
        ({"ARM_OIDC_TOKEN": "x", "ARM_OIDC_TOKEN_FILE_PATH": "x"}, "ARM_OIDC_TOKEN"),
    ],
)
def test_variable_that_is_half_of_a_login_is_named(environ: dict[str, str], half: str) -> None:
    assert problems({**BASE, **environ}) == (f"no credential is given ({half} alone is none); set one of {USABLE}",)


def test_argument_that_is_half_of_a_login_is_named() -> None:
    (wrong,) = problems(BASE, oidcToken=Secret("hush"))
    assert wrong.startswith("no credential is given (the provider's argument oidcToken alone is none); set one of ")
    assert "ARM_USE_OIDC with the provider's argument oidcToken" in wrong
    assert "hush" not in wrong


def test_login_that_only_orgcal_takes_is_named_with_its_command(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hush", encoding="utf-8")
    inline = base64.b64encode(bundle(rsa_pair(), "pw")).decode()
    end = (
        f"which the azuread plugin does not take by itself; set one of {USABLE}, or use orgcal up, which hands it over"
    )
    assert problems({**BASE, "ARM_CLIENT_SECRET_FILE_PATH": str(tmp_path / "secret")}) == (
        f"a secret is given by ARM_CLIENT_SECRET_FILE_PATH, {end}",
    )
    assert problems({**BASE, "ARM_CLIENT_CERTIFICATE": inline}) == (
        f"a certificate is given by ARM_CLIENT_CERTIFICATE, {end}",
    )


def test_login_that_only_the_real_plugin_takes_is_named_with_it() -> None:
    (wrong,) = problems(BASE, useMsi="true")
    assert wrong == (
        f"the provider's argument useMsi asks for a managed identity, which the stand-in cannot use; {REAL}"
    )


@pytest.mark.parametrize("quoted", ["'s'", '"s"'])
def test_secret_in_quotes_is_named_without_its_text(quoted: str) -> None:
    end = "has quotes around it, which the azuread plugin takes for a part of it"
    assert problems({**BASE, "ARM_CLIENT_SECRET": quoted}) == (f"ARM_CLIENT_SECRET {end}",)
    assert problems(BASE, clientSecret=Secret(quoted)) == (f"the provider's argument clientSecret {end}",)


def test_certificate_is_taken_from_a_pkcs12_file_only(tmp_path: Path) -> None:
    pair, good, wrong = rsa_pair(), tmp_path / "c.pfx", tmp_path / "c.pem"
    good.write_bytes(bundle(pair, "pw"))
    wrong.write_text(pair.pem, encoding="utf-8")
    arguments = {"clientCertificatePath": str(good), "clientCertificatePassword": Secret("pw")}
    found = read_settings(arguments, BASE)
    assert found is not None
    assert found.credential == ClientCertificate(pair.key, pair.certificate)
    assert problems(BASE, clientCertificatePath=str(wrong)) == (
        "the provider's argument clientCertificatePath names a file other than PKCS#12, which alone the azuread plugin "
        f"takes; openssl pkcs12 -export -in {wrong} -out NEW.pfx, or use orgcal up, which converts it",
    )


def test_token_file_that_vanished_is_told_each_time_it_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("first\n", encoding="utf-8")
    found = read_settings({"useOidc": True}, {**BASE, "ARM_OIDC_TOKEN_FILE_PATH": str(path)})
    assert found is not None
    assert isinstance(found.credential, FederatedToken)
    assert found.credential.read() == "first"
    path.unlink()
    with pytest.raises(ConfigError) as caught:
        found.credential.read()
    (problem,) = caught.value.problems
    assert problem.startswith(f"ARM_OIDC_TOKEN_FILE_PATH: the file {path} cannot be read")


def test_issuer_elsewhere_is_told_with_the_ways_around_it() -> None:
    issuer = {"ARM_OIDC_REQUEST_URL": "https://ci.example/", "ARM_OIDC_REQUEST_TOKEN": "hush", "ARM_USE_OIDC": "true"}
    assert problems({**BASE, **issuer}) == (
        "ARM_OIDC_REQUEST_URL would have to be asked for a token, and the stand-in asks this machine only; "
        "set ARM_OIDC_TOKEN or ARM_OIDC_TOKEN_FILE_PATH",
    )


# What is not known yet ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("argument", sorted(CONFIG))
def test_any_argument_that_is_not_known_yet_waits(argument: str) -> None:
    assert read_settings({argument: UNKNOWN}, SECRET) is None
    assert read_settings({"metadataHost": "a/b", argument: Secret(UNKNOWN)}, {}) is None


@pytest.mark.parametrize("argument", ["disableTerraformPartnerId", "msiEndpoint", "partnerId"])
def test_argument_that_changes_nothing_here_is_taken(argument: str) -> None:
    assert read_settings({argument: "x"}, SECRET) == read_settings({}, SECRET)
