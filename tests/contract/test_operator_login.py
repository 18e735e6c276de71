"""Who the operator is, by the variables that the azuread plugin reads; azure-identity against the emulator."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from orgcal.entra.auth import Tokens, roles_of
from orgcal.entra.clouds import CloudEndpoints, load_endpoints
from orgcal.entra.graph import GraphClient
from orgcal.entra.operator import AUDIENCE, federated_login, operator_tokens
from orgcal.entra.session import new_session
from orgcal.errors import EntraError, Unreachable, UsageError
from orgcal.platforms.testing_server import StrictServer
from tests.support.certificates import openssl
from tests.support.deployed_connector import HOME
from tests.support.oidc_issuer import OidcIssuer

RIGHTS = frozenset({"Application.ReadWrite.OwnedBy", "Application.Read.All"})


@pytest.fixture
def session(endpoints: CloudEndpoints) -> Iterator[requests.Session]:
    with new_session(endpoints, environ={}) as found:
        yield found


@pytest.fixture
def login(endpoints: CloudEndpoints, session: requests.Session) -> Callable[[Mapping[str, str]], Tokens]:
    """The operator of a cloud that is none of the emulator's, but has its address."""
    real = replace(endpoints, emulated=None)
    return lambda environ: operator_tokens(real, environ, HOME, session)


@pytest.fixture
def secret_file(endpoints: CloudEndpoints) -> Path:
    assert endpoints.emulated is not None
    return endpoints.emulated.operator_client_secret_file


def bundle(path: Path, password: str) -> str:
    """A PKCS#12 file at `path`; its certificate in base64."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "operator")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    dated = builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=5))
    certificate = dated.serial_number(7).sign(key, hashes.SHA256())
    closed = serialization.BestAvailableEncryption(password.encode())
    path.write_bytes(pkcs12.serialize_key_and_certificates(b"operator", key, certificate, None, closed))
    return base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()


def test_operator_with_a_secret_logs_in_by_value_and_by_file(
    login: Any, emulator_environ: Mapping[str, str], secret_file: Path
) -> None:
    client_id, secret = emulator_environ["ARM_CLIENT_ID"], secret_file.read_text().strip()
    by_value = {"ARM_CLIENT_ID": client_id, "ARM_CLIENT_SECRET": secret}

    assert roles_of(login(by_value).token()) == RIGHTS
    tokens = login({"ARM_CLIENT_ID": client_id, "ARM_CLIENT_SECRET_FILE_PATH": str(secret_file)})
    assert roles_of(tokens.token()) == RIGHTS
    assert roles_of(tokens.renewed("refused")) == RIGHTS
    assert secret not in repr(tokens)


def test_operator_with_a_certificate_logs_in(
    login: Any,
    endpoints: CloudEndpoints,
    session: requests.Session,
    emulator_environ: Mapping[str, str],
    tmp_path: Path,
) -> None:
    client_id = emulator_environ["ARM_CLIENT_ID"]
    certificate = bundle(tmp_path / "operator.pfx", "open")
    graph = GraphClient(endpoints, login(emulator_environ), session)
    made = graph.post("/applications", {"displayName": "deployer"})
    graph.post("/servicePrincipals", {"appId": made["appId"]})
    key = {"type": "AsymmetricX509Cert", "usage": "Verify", "key": certificate}
    graph.patch(f"/applications/{made['id']}", {"keyCredentials": [key]})
    by_file = {
        "ARM_CLIENT_ID": made["appId"],
        "ARM_CLIENT_CERTIFICATE_PATH": str(tmp_path / "operator.pfx"),
        "ARM_CLIENT_CERTIFICATE_PASSWORD": "open",
    }
    by_value = {
        **by_file,
        "ARM_CLIENT_CERTIFICATE": base64.b64encode((tmp_path / "operator.pfx").read_bytes()).decode(),
    }
    del by_value["ARM_CLIENT_CERTIFICATE_PATH"]
    openssl(tmp_path, "pkcs12", "-in", "operator.pfx", "-passin", "pass:open", "-nodes", "-out", "operator.pem")
    by_pem = {"ARM_CLIENT_ID": made["appId"], "ARM_CLIENT_CERTIFICATE_PATH": str(tmp_path / "operator.pem")}

    assert client_id != made["appId"]
    assert roles_of(login(by_file).token()) == frozenset()
    assert roles_of(login(by_value).token()) == frozenset()
    assert roles_of(login(by_pem).token()) == frozenset()
    with pytest.raises(UsageError, match="ARM_CLIENT_CERTIFICATE_PASSWORD does not open"):
        login({**by_file, "ARM_CLIENT_CERTIFICATE_PASSWORD": "wrong"})


def test_operator_with_a_wrong_secret_is_told_why_and_never_the_secret(
    login: Any, emulator_environ: Mapping[str, str]
) -> None:
    environ = {"ARM_CLIENT_ID": emulator_environ["ARM_CLIENT_ID"], "ARM_CLIENT_SECRET": "hush-hush"}

    with pytest.raises(EntraError) as caught:
        login(environ).token()

    assert caught.value.aadsts == 7000215
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("environ", "where"),
    [
        ({"ARM_CLIENT_SECRET": "x"}, "ARM_CLIENT_ID"),
        ({"ARM_CLIENT_ID": "x", "ARM_CLIENT_CERTIFICATE": "%%"}, "ARM_CLIENT_CERTIFICATE"),
        ({"ARM_CLIENT_ID": "x", "ARM_CLIENT_CERTIFICATE_PATH": "/nowhere.pfx"}, "ARM_CLIENT_CERTIFICATE_PATH"),
    ],
)
def test_operator_with_half_a_login_is_told_what_is_missing(login: Any, environ: Mapping[str, str], where: str) -> None:
    with pytest.raises(UsageError) as caught:
        login(environ)

    assert caught.value.where == where


def test_operator_by_oidc_without_a_token_is_told_what_to_set(login: Any) -> None:
    with pytest.raises(EntraError, match="no login of an operator") as caught:
        login({"ARM_CLIENT_ID": "x", "ARM_USE_OIDC": "true", "ARM_USE_CLI": "false"})

    assert "id-token: write" in caught.value.repair


def test_runner_is_at_the_emulator_only_if_its_variables_name_that_emulator(endpoints: CloudEndpoints) -> None:
    issuer = {"ACTIONS_ID_TOKEN_REQUEST_URL": "https://ci.example/", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "key"}
    runner = {"ARM_USE_OIDC": "true", "ARM_CLIENT_ID": "x", **issuer}
    here = {**runner, "ARM_METADATA_HOSTNAME": endpoints.metadata_host}

    assert federated_login(endpoints, here)
    assert not federated_login(endpoints, runner)
    assert not federated_login(endpoints, {**here, "ARM_METADATA_HOSTNAME": "localhost:1"})
    assert not federated_login(endpoints, {**here, "ARM_CLIENT_SECRET": "s"})
    assert not federated_login(load_endpoints("public", {}), {**runner, "ARM_METADATA_HOSTNAME": ""})


@pytest.mark.parametrize(
    ("skewed_s", "subject", "aadsts", "said"),
    [
        (0, "repo:acme/app:environment:production", 0, ""),
        (900, "repo:acme/app:environment:production", 700024, "set this machine's clock"),
        (0, "repo:acme/app:environment:other", 700213, "runs in another environment"),
        (0, "repo:Acme/App:environment:production", 7002138, "letter by letter"),
    ],
)
def test_runner_with_a_token_of_its_issuer_logs_in_or_is_told_why_not(
    login: Any,
    endpoints: CloudEndpoints,
    session: requests.Session,
    emulator_environ: Mapping[str, str],
    skewed_s: int,
    subject: str,
    aadsts: int,
    said: str,
) -> None:
    issuer = OidcIssuer("https://ci.example", subject)
    graph = GraphClient(endpoints, login(emulator_environ), session)
    made = graph.post("/applications", {"displayName": "runner"})
    graph.post("/servicePrincipals", {"appId": made["appId"]})
    trusted = {"issuer": issuer.issuer, "subject": "repo:acme/app:environment:production", "audiences": [AUDIENCE]}
    graph.post(f"/applications/{made['id']}/federatedIdentityCredentials", {**trusted, "name": "runner"})
    assert endpoints.emulated is not None
    control = {"Authorization": f"Bearer {endpoints.emulated.control_token_file.read_text().strip()}"}
    url = endpoints.emulated.control_url
    session.post(f"{url}/issuers", json={"issuer": issuer.issuer, "keys": issuer.keys()}, headers=control)
    if skewed_s:
        session.post(f"{url}/clock", json={"advance_s": skewed_s}, headers=control)
    with StrictServer(issuer).running() as server:
        tokens = login(
            {
                "ARM_CLIENT_ID": made["appId"],
                "ARM_USE_OIDC": "true",
                "ACTIONS_ID_TOKEN_REQUEST_URL": f"{server.base_url}/token",
                "ACTIONS_ID_TOKEN_REQUEST_TOKEN": issuer.key,
            }
        )
        if not aadsts:
            assert roles_of(tokens.token()) == frozenset()
            assert issuer.asked == [AUDIENCE]
            return
        with pytest.raises(EntraError) as caught:
            tokens.token()

    assert caught.value.aadsts == aadsts
    assert said in caught.value.repair
    assert "\n" not in caught.value.what


def test_operator_without_any_login_is_told_all_ways(
    login: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(EntraError, match="no login of an operator") as caught:
        login({}).token()

    assert f"az login --tenant {HOME}" in caught.value.repair


def test_operator_whose_entra_is_not_there_is_told_in_seconds(
    endpoints: CloudEndpoints, session: requests.Session
) -> None:
    gone = replace(endpoints, emulated=None, login_url="https://localhost:9", graph_url="https://localhost:9")

    with pytest.raises(Unreachable):
        operator_tokens(gone, {"ARM_CLIENT_ID": "x", "ARM_CLIENT_SECRET": "y"}, HOME, session).token()
