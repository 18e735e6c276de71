"""Emulators in this process, and clients of them. A conftest imports the fixtures that its tests use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from orgcal_emulator.server import Keys, RunningEmulator


class EmulatorClient:
    """Calls an emulator as one application; answers are plain `requests.Response` objects, errors included."""

    def __init__(self, ready: dict[str, Any], tenant_id: str, client_id: str, secret: str) -> None:
        self.base_url: str = ready["base_url"]
        self.tenant_id = tenant_id
        self.client_id = client_id
        self._secret = secret
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = ready["ca_file"]
        self._token = ""

    def log_in(self, **form: str) -> requests.Response:
        """Ask for a token; fields given here replace the usual ones."""
        fields = {
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "client_secret": self._secret,
            "scope": "https://graph.microsoft.com/.default",
            **form,
        }
        fields = {name: value for name, value in fields.items() if value}
        return self.session.post(f"{self.base_url}/{self.tenant_id}/oauth2/v2.0/token", data=fields)

    def token(self) -> str:
        """A token, asked for once; `fresh` forgets it."""
        if not self._token:
            self._token = self.log_in().json()["access_token"]
        return self._token

    def fresh(self) -> EmulatorClient:
        """The same client without its token."""
        self._token = ""
        return self

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        """A Graph request; `path` begins after `/v1.0` unless it names a version or is an absolute address."""
        address = path if path.startswith("https://") else f"{self.base_url}/{_versioned(path)}"
        return self.session.request(
            method, address, json=body, headers={"Authorization": f"Bearer {self.token()}", **headers}
        )

    def get(self, path: str, **headers: str) -> requests.Response:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> requests.Response:
        return self.call("POST", path, body if body is not None else {}, **headers)

    def patch(self, path: str, body: Any) -> requests.Response:
        return self.call("PATCH", path, body)

    def delete(self, path: str) -> requests.Response:
        return self.call("DELETE", path)


def _versioned(path: str) -> str:
    return path if path.startswith(("beta/", "v1.0/")) else f"v1.0/{path}"


@pytest.fixture(scope="session")
def emulator_keys() -> Keys:
    """One authority and one signing key for the whole run: making an RSA key takes longer than most tests."""
    return Keys.new()


@pytest.fixture
def start_emulator(emulator_keys: Keys) -> Iterator[Callable[..., RunningEmulator]]:
    """Starts emulators (arguments of `RunningEmulator`) and stops them after the test."""
    running: list[RunningEmulator] = []

    def start(**arguments: Any) -> RunningEmulator:
        emulator = RunningEmulator(**{"keys": emulator_keys, **arguments})
        emulator.__enter__()
        running.append(emulator)
        return emulator

    yield start
    for emulator in reversed(running):
        emulator.__exit__(None, None, None)


@pytest.fixture
def emulator(start_emulator: Callable[..., RunningEmulator]) -> RunningEmulator:
    """A fresh emulator in memory with the default seed."""
    return start_emulator()


@pytest.fixture
def log_in_to(emulator: RunningEmulator) -> Iterator[Callable[..., EmulatorClient]]:
    """Makes clients: `log_in_to("contoso.example", "User.Read.All")` is a new application with that permission."""
    made: list[EmulatorClient] = []

    def log_in(tenant: str, *permissions: str, audience: str = "AzureADMyOrg") -> EmulatorClient:
        client = emulator.add_client(tenant, *permissions, audience=audience)
        made.append(EmulatorClient(emulator.ready, client.tenant_id, client.client_id, client.secret))
        return made[-1]

    yield log_in
    for client in made:
        client.session.close()


@pytest.fixture
def operator(emulator: RunningEmulator) -> Iterator[EmulatorClient]:
    """The seed's operator: it may manage what it owns, and read every application."""
    given = emulator.ready["operator"]
    secret = Path(given["client_secret_file"]).read_text()
    client = EmulatorClient(emulator.ready, given["tenant_id"], given["client_id"], secret)
    yield client
    client.session.close()
