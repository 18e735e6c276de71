"""Where the stand-in sends its requests: the addresses that the emulator's metadata and Entra's description name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
import trustme

from orgcal.errors import CloudMismatch, Unreachable
from orgcal.platforms.testing_server import Reply, Request, StrictServer
from orgcal.provider.azuread.connection import Connection
from orgcal.provider.azuread.settings import read_settings

TENANT = "00000000-1111-2222-3333-444444444444"
CALLER = "00000000-0000-0000-0000-0000000000ca"
TOKEN = jwt.encode({"oid": CALLER}, "k" * 32, "HS256")


class Cloud:
    """An emulator whose answers a test gives; `login`, `graph` and `tokens` are addresses that it tells."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        self.ca_file = folder / "ca.pem"
        authority.cert_pem.write_to_path(self.ca_file)
        self.server = StrictServer(self.answer, ca=authority)
        self.restart()

    def restart(self) -> None:
        """It tells its own address for everything, and was asked nothing yet."""
        base = self.server.base_url
        self.login, self.graph, self.tokens = base, base, f"{base}/tokens"
        self.metadata: dict[str, Any] | None = None
        self.server.seen.clear()

    def answer(self, request: Request) -> Reply:
        if request.path == "/metadata/endpoints":
            told = {"authentication": {"loginEndpoint": self.login}, "microsoftGraphResourceId": self.graph}
            return Reply(200, told if self.metadata is None else self.metadata)
        if request.path.endswith("openid-configuration"):
            return Reply(
                200,
                {
                    "authorization_endpoint": f"{self.login}authorize",
                    "issuer": f"{self.login}{TENANT}/v2.0",
                    "token_endpoint": self.tokens,
                },
            )
        if request.path == "/tokens":
            return Reply(200, {"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"})
        return Reply(200, {"id": "found"})

    def connection(self, ca_file: Path | None = None) -> Connection:
        connection = Connection()
        environ = {
            "ARM_CLIENT_ID": "client",
            "ARM_CLIENT_SECRET": "secret",
            "ARM_METADATA_HOSTNAME": f"localhost:{self.server.port}",
            "ARM_TENANT_ID": TENANT,
            "SSL_CERT_FILE": str(ca_file or self.ca_file),
        }
        connection.configure(read_settings({}, environ))
        return connection


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    cloud = Cloud(tmp_path_factory.mktemp("cloud"))
    with cloud.server.running():
        yield cloud


@pytest.fixture
def cloud(running: Cloud) -> Cloud:
    """One that tells its own address for everything."""
    running.restart()
    return running


def test_requests_go_to_the_addresses_in_the_metadata_whatever_their_paths(cloud: Cloud) -> None:
    """A slash at the end is not repeated; everything before it stays."""
    cloud.login += "/loginX/"
    cloud.graph += "/graphX/"
    directory = cloud.connection().directory

    assert directory.caller_object_id() == CALLER
    assert directory.get("/me", {"$select": "id"}) == {"id": "found"}
    assert directory.reference("x") == f"{cloud.server.base_url}/graphX/v1.0/directoryObjects/x"
    assert [(request.method, request.path, request.query) for request in cloud.server.seen] == [
        ("GET", "/metadata/endpoints", {"api-version": "2022-09-01"}),
        ("GET", f"/loginX/{TENANT}/v2.0/.well-known/openid-configuration", {}),
        ("POST", "/tokens", {}),
        ("GET", "/graphX/v1.0/me", {"$select": "id"}),
    ]
    asked, sent = cloud.server.seen[2:]
    assert (asked.body["client_id"], asked.body["client_secret"]) == ("client", "secret")
    assert asked.body["scope"] == f"{cloud.server.base_url}/graphX/.default"
    assert sent.headers["authorization"] == f"Bearer {TOKEN}"


def test_graph_on_this_machine_may_be_another_server_without_tls(cloud: Cloud) -> None:
    with StrictServer(lambda request: Reply(200, {"id": request.path})).running() as graph:
        cloud.graph = graph.base_url
        directory = cloud.connection().directory

        assert directory.get("/me") == {"id": "/v1.0/me"}
        assert [request.path for request in graph.seen] == ["/v1.0/me"]


def test_token_is_asked_of_this_machine_only_whatever_entra_says_of_itself(cloud: Cloud) -> None:
    cloud.tokens = "https://10.0.0.1/tokens"
    with pytest.raises(CloudMismatch) as caught:
        cloud.connection().directory.get("/me")

    assert caught.value.what == (
        "the azuread stand-in speaks to the local emulator only, and an address it was told to call names '10.0.0.1'"
    )
    assert cloud.server.writes() == []


@pytest.mark.parametrize("part", ["login", "graph"])
@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("https://graph.microsoft.com", "graph.microsoft.com"),
        ("http://10.0.0.1:1/", "10.0.0.1"),
        ("x", "no host"),
    ],
)
def test_metadata_that_leads_to_another_machine_is_refused(cloud: Cloud, part: str, address: str, host: str) -> None:
    setattr(cloud, part, address)
    with pytest.raises(CloudMismatch) as caught:
        _ = cloud.connection().directory

    assert caught.value.what == (
        f"the azuread stand-in speaks to the local emulator only, and the metadata answer names '{host}'"
    )
    assert caught.value.repair == "use the real azuread plugin (AZUREAD_PLUGIN=real)"


LOGIN = {"loginEndpoint": "https://localhost"}


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"authentication": LOGIN},
        {"authentication": LOGIN, "microsoftGraphResourceId": None},
        {"authentication": LOGIN, "microsoftGraphResourceId": 2},
        {"microsoftGraphResourceId": "https://localhost"},
        {"authentication": {}, "microsoftGraphResourceId": "https://localhost"},
        {"authentication": {"loginEndpoint": 1}, "microsoftGraphResourceId": "https://localhost"},
        {"authentication": "https://localhost", "microsoftGraphResourceId": "https://localhost"},
    ],
)
def test_metadata_without_one_of_the_two_addresses_is_refused(cloud: Cloud, metadata: dict[str, Any]) -> None:
    cloud.metadata = metadata
    with pytest.raises(Unreachable) as caught:
        _ = cloud.connection().directory

    assert caught.value.what == "the metadata lacks authentication.loginEndpoint or microsoftGraphResourceId"
    assert caught.value.where == f"{cloud.server.base_url}/metadata/endpoints?api-version=2022-09-01"


@pytest.mark.parametrize(
    ("told", "what"),
    [
        (Reply(201, {}), "the emulator's metadata answers 201"),
        (Reply(404, {}), "the emulator's metadata answers 404"),
        (Reply(500, {}), "the emulator's metadata answers 500"),
        (Reply(302, {}, {"Location": "/x"}), "the metadata answer leads to another address, which is not followed"),
        (
            Reply(302, {}, {"Location": "https://management.azure.com/metadata/endpoints"}),
            "the metadata answer leads to another address, which is not followed",
        ),
        (Reply(200, []), "the answer is a JSON list, not an object"),
        (Reply(200, b"{"), "the answer is not JSON, or was cut off"),
    ],
)
def test_answer_that_is_no_metadata_is_told_with_its_address(cloud: Cloud, told: Reply, what: str) -> None:
    cloud.server.arm("status", reply=told)
    with pytest.raises(Unreachable) as caught:
        _ = cloud.connection().directory

    assert caught.value.what == what
    assert caught.value.where == f"{cloud.server.base_url}/metadata/endpoints?api-version=2022-09-01"
    assert len(cloud.server.seen) == 1


def test_emulator_that_is_silent_or_not_trusted_is_told_by_its_host(cloud: Cloud, tmp_path: Path) -> None:
    host = f"localhost:{cloud.server.port}"
    cloud.server.arm("dropped")
    with pytest.raises(Unreachable) as caught:
        _ = cloud.connection().directory
    assert caught.value.what == "the emulator does not answer (ConnectionError)"
    assert (caught.value.where, caught.value.repair) == (host, "orgcal emulator start")

    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    with pytest.raises(Unreachable) as caught:
        _ = cloud.connection(tmp_path / "other.pem").directory
    assert caught.value.what == "the emulator's certificate is not trusted"
    repair = 'set SSL_CERT_FILE to the emulator\'s authority: eval "$(orgcal env)"'
    assert (caught.value.where, caught.value.repair) == (host, repair)
