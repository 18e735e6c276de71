"""Fixtures of the integration tests: a connector that is deployed on the emulator, and what is done with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from orgcal.consent import ConsentService
from orgcal.consent.links import consent_url
from orgcal.entra.clouds import CloudEndpoints
from orgcal.stack.outputs import StackOutputs
from orgcal.tenants.registry import Registry
from tests.support.administrator import answer
from tests.support.consent_steps import StartService
from tests.support.deployed_connector import CONSENT_URI, deploy
from tests.support.postgresql import PostgresqlServer, running_postgresql
from tests.support.registry import new_database, registry_of_customers
from tests.support.stack_repository import SETTINGS, StackRepository
from verify import Options
from verify.sources import from_outputs


@pytest.fixture
def outputs(endpoints: CloudEndpoints, emulator_environ: Mapping[str, str]) -> StackOutputs:
    """A connector that is deployed on the emulator, without an engine."""
    return deploy(endpoints, emulator_environ)


@pytest.fixture
def consent(endpoints: CloudEndpoints, outputs: StackOutputs) -> Callable[[str, str], None]:
    """Lets an administrator of a tenant consent."""

    def consent(tenant_id: str, account: str) -> None:
        url = consent_url(
            endpoints, tenant_id=tenant_id, client_id=outputs.client_id, redirect_uri=CONSENT_URI, state="not ours"
        )
        answered = answer(endpoints, url, account, follow=False)
        assert "admin_consent=True" in answered.headers["Location"]
        assert "error=" not in answered.headers["Location"]

    return consent


@pytest.fixture
def options(outputs: StackOutputs, emulator_environ: Mapping[str, str]) -> Options:
    """A verification of that connector, with the credential of its stack."""
    connector, given = from_outputs(outputs)
    return Options(connector, environ=emulator_environ, given_credential=given)


@pytest.fixture
def repository(tmp_path: Path) -> StackRepository:
    """A stack's file in a working copy of its own."""
    return StackRepository(tmp_path)


@pytest.fixture
def larger_repository(tmp_path: Path) -> StackRepository:
    """The project is a folder of a larger repository, and another project lies beside it."""
    made = StackRepository(tmp_path, "infra/orgcal")
    other = made.copy / "infra-orgcal" / "Pulumi.prod.yaml"
    other.parent.mkdir()
    other.write_text(SETTINGS)
    made.commit("another project")
    made.git("push", "-q")
    return made


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresqlServer]:
    """A PostgreSQL for every test of a process."""
    with running_postgresql() as server:
        yield server


@pytest.fixture
def server(postgresql: PostgresqlServer) -> Iterator[PostgresqlServer]:
    """A PostgreSQL that the test may stop."""
    yield postgresql
    postgresql.start()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/tenants.sqlite"
    server: PostgresqlServer = request.getfixturevalue("server")
    return server.new_database()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of each kind with the tables of a registry."""
    if request.param == "sqlite":
        return new_database(tmp_path)
    server: PostgresqlServer = request.getfixturevalue("server")
    return server.new_registry()


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    """A registry that knows the emulator's two customer organisations."""
    with registry_of_customers(tmp_path) as registry:
        yield registry


@pytest.fixture
def start_service(
    registry: Registry, outputs: StackOutputs, endpoints: CloudEndpoints, emulator_environ: Mapping[str, str]
) -> Iterator[StartService]:
    """Starts a consent service without a server; what is given replaces outputs, registry, times or logo."""
    services: list[ConsentService] = []

    def start(*, used: Registry = registry, told: StackOutputs = outputs, **more: Any) -> ConsentService:
        services.append(ConsentService(used, told, endpoints, emulator_environ, **more))
        return services[-1]

    yield start
    for service in services:
        service.close()
