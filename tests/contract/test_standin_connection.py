"""Logging in with each credential, trust, and addresses that lead elsewhere."""

from __future__ import annotations

import http.server
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID
from orgcal_emulator.server import RunningEmulator

from benchmarks.azuread_directory import SeenDirectory
from benchmarks.azuread_stack import arm_variables, seed_with_rights
from orgcal.errors import EntraError, OrgcalError, Unreachable
from orgcal.provider.azuread.connection import METADATA_PATH, Connection, object_id_in
from orgcal.provider.azuread.settings import read_settings


@pytest.fixture
def emulator(tmp_path: Path, start_emulator: Callable[..., RunningEmulator]) -> RunningEmulator:
    """One whose operator may change its own application."""
    return start_emulator(seed=seed_with_rights(tmp_path))


@pytest.fixture
def directory(emulator: RunningEmulator) -> Iterator[SeenDirectory]:
    """What `emulator` holds."""
    seen = SeenDirectory(emulator.ready)
    yield seen
    seen.close()


def connected(environ: dict[str, str], **arguments: Any) -> Connection:
    connection = Connection()
    connection.configure(read_settings(arguments, environ))
    return connection


def own_application(directory: SeenDirectory, emulator: RunningEmulator) -> str:
    client_id = emulator.ready["operator"]["client_id"]
    found = list(directory.graph.pages("/applications", {"$filter": f"appId eq '{client_id}'"}))
    return f"/applications/{found[0]['id']}"


def assert_works_as_operator(connection: Connection, emulator: RunningEmulator) -> None:
    object_id = connection.directory.caller_object_id()
    found = connection.directory.get(f"/servicePrincipals/{object_id}")
    assert found["appId"] == emulator.ready["operator"]["client_id"]


def test_connection_with_the_operators_certificate_or_secret_works(emulator: RunningEmulator) -> None:
    environ = arm_variables(emulator.ready)
    assert_works_as_operator(connected(environ), emulator)
    secret = Path(emulator.ready["operator"]["client_secret_file"]).read_text()
    by_secret = {**environ, "ARM_CLIENT_CERTIFICATE_PATH": "", "ARM_CLIENT_SECRET": secret}
    assert_works_as_operator(connected(by_secret), emulator)


def test_connection_asks_nothing_before_it_is_used(emulator: RunningEmulator) -> None:
    before = len(emulator.journal())
    connected(arm_variables(emulator.ready))
    assert len(emulator.journal()) == before


def test_connection_trusts_ssl_cert_file_whatever_requests_variables_say(
    emulator: RunningEmulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "other.pem"))
    assert_works_as_operator(connected(arm_variables(emulator.ready)), emulator)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_connection_never_goes_through_a_proxy(
    emulator: RunningEmulator, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    environ = arm_variables(emulator.ready, host=f"{host}:{emulator.ready['port']}")
    assert_works_as_operator(connected(environ), emulator)


def test_connection_untrusted_emulator_names_the_variable(emulator: RunningEmulator, tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    connection = connected({**arm_variables(emulator.ready), "SSL_CERT_FILE": str(tmp_path / "other.pem")})
    with pytest.raises(Unreachable, match="not trusted") as caught:
        _ = connection.directory
    assert "SSL_CERT_FILE" in caught.value.repair


def test_connection_to_nobody_says_how_to_start_the_emulator(emulator: RunningEmulator) -> None:
    connection = connected({**arm_variables(emulator.ready), "ARM_METADATA_HOSTNAME": "127.0.0.1:1"})
    with pytest.raises(Unreachable, match="does not answer") as caught:
        _ = connection.directory
    assert "emulator start" in caught.value.repair


def test_connection_with_a_wrong_secret_is_refused_without_showing_it(emulator: RunningEmulator) -> None:
    environ = arm_variables(emulator.ready)
    del environ["ARM_CLIENT_CERTIFICATE_PATH"]
    connection = connected({**environ, "ARM_CLIENT_SECRET": "wr0ng-secret"})
    with pytest.raises(EntraError) as caught:
        connection.directory.get("/applications")
    assert "wr0ng-secret" not in str(caught.value)


def test_connection_used_before_its_arguments_are_known_says_so() -> None:
    with pytest.raises(OrgcalError, match="before its own arguments are known"):
        _ = Connection().directory


def test_connection_with_a_certificate_works(
    emulator: RunningEmulator, directory: SeenDirectory, tmp_path: Path
) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    certificate = _self_signed(key)
    der = certificate.public_bytes(serialization.Encoding.DER)
    directory.graph.patch(
        own_application(directory, emulator),
        {"keyCredentials": [{"type": "AsymmetricX509Cert", "usage": "Verify", "key": _base64(der)}]},
    )
    bundle = pkcs12.serialize_key_and_certificates(
        b"operator", key, certificate, None, serialization.BestAvailableEncryption(b"pw")
    )
    (tmp_path / "operator.pfx").write_bytes(bundle)
    environ = arm_variables(emulator.ready)
    environ |= {"ARM_CLIENT_CERTIFICATE_PATH": str(tmp_path / "operator.pfx"), "ARM_CLIENT_CERTIFICATE_PASSWORD": "pw"}
    assert_works_as_operator(connected(environ), emulator)


@pytest.mark.parametrize("given_as", ["ARM_OIDC_TOKEN", "ARM_OIDC_TOKEN_FILE_PATH"])
def test_connection_with_a_token_of_another_issuer_works(
    emulator: RunningEmulator, directory: SeenDirectory, tmp_path: Path, given_as: str
) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with issuer_at(key) as issuer:
        directory.graph.post(
            f"{own_application(directory, emulator)}/federatedIdentityCredentials",
            {"name": "pipeline", "issuer": issuer, "subject": "job", "audiences": ["api://AzureADTokenExchange"]},
        )
        now = datetime.now(UTC)
        claims = {"iss": issuer, "sub": "job", "aud": "api://AzureADTokenExchange", "jti": "1", "iat": now, "nbf": now}
        token = jwt.encode({**claims, "exp": now + timedelta(minutes=5)}, key, "RS256", {"kid": "k"})
        (tmp_path / "token").write_text(token)
        environ = arm_variables(emulator.ready)
        environ["ARM_CLIENT_CERTIFICATE_PATH"] = ""
        environ |= {"ARM_USE_OIDC": "true", given_as: str(tmp_path / "token") if "FILE" in given_as else token}
        assert_works_as_operator(connected(environ), emulator)


def test_connection_web_page_in_place_of_the_metadata_is_told_as_such(tmp_path: Path) -> None:
    page = metadata_at(tmp_path, "log in to this network", content_type="text/html; charset=utf-8")
    with page as (host, environ, _), pytest.raises(Unreachable, match="the answer is a web page") as caught:
        _ = connected({**environ, "ARM_METADATA_HOSTNAME": host}).directory
    assert caught.value.where == f"https://{host}{METADATA_PATH}"


def test_connection_is_opened_once_and_anew_after_other_settings(tmp_path: Path) -> None:
    with metadata_at(tmp_path, METADATA) as (host, login, seen):
        environ = {**login, "ARM_METADATA_HOSTNAME": host}
        connection = connected(environ)
        first = connection.directory
        assert connection.directory is first
        assert first.reference("x") == "https://localhost:2/v1.0/directoryObjects/x"
        assert first.client_id == "c"
        connection.configure(read_settings({"clientId": "other"}, environ))
        assert connection.directory.client_id == "other"
        assert seen == [METADATA_PATH] * 2
        connection.configure(None)
        with pytest.raises(OrgcalError, match="before its own arguments are known"):
            _ = connection.directory


METADATA = json.dumps(
    {"authentication": {"loginEndpoint": "https://localhost:1/"}, "microsoftGraphResourceId": "https://localhost:2/"}
)


@pytest.mark.parametrize("token", ["", "opaque", "a.b.c", "a.e30.c", "a.W10.c", "a.eyJvaWQ.c"])
def test_object_id_in_an_unreadable_token_is_empty(token: str) -> None:
    assert object_id_in(token) == ""


@contextmanager
def metadata_at(
    folder: Path, body: str, content_type: str = "application/json"
) -> Iterator[tuple[str, dict[str, str], list[str]]]:
    """A server with this one answer; gives its host, variables that trust it, and the paths it was asked for."""
    seen: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # name of http.server
            seen.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
            pass

    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with _serving(Handler, context) as port:
        environ = {
            "SSL_CERT_FILE": str(folder / "ca.pem"),
            "ARM_TENANT_ID": "00000000-1111-2222-3333-444444444444",
            "ARM_CLIENT_ID": "c",
            "ARM_CLIENT_SECRET": "s",
        }
        yield f"localhost:{port}", environ, seen


@contextmanager
def issuer_at(key: rsa.RSAPrivateKey) -> Iterator[str]:
    """An OIDC issuer on this machine that publishes `key`."""
    published = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())) | {"kid": "k", "use": "sig"}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # name of http.server
            base = f"http://{self.headers['Host']}"
            answer: Any = {"issuer": base, "jwks_uri": f"{base}/keys"}
            body = json.dumps({"keys": [published]} if self.path == "/keys" else answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
            pass

    with _serving(Handler, None) as port:
        yield f"http://localhost:{port}"


@contextmanager
def _serving(handler: type[http.server.BaseHTTPRequestHandler], context: ssl.SSLContext | None) -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _self_signed(key: rsa.RSAPrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "operator")])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=30)).sign(key, hashes.SHA256())
    )  # fmt: skip


def _base64(raw: bytes) -> str:
    import base64

    return base64.b64encode(raw).decode()
