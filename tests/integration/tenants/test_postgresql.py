"""A registry on PostgreSQL: waiting is bounded, a server may come back, its address and driver are understood."""

from __future__ import annotations

import sys
from contextlib import ExitStack

import pytest
from sqlalchemy import Connection, create_engine, make_url, text

from orgcal.errors import UsageError
from orgcal.tenants import database
from orgcal.tenants.model import State
from orgcal.tenants.registry import Registry, RegistryUnavailable
from tests.support.deployed_connector import CONTOSO
from tests.support.postgresql import PASSWORD, PostgresqlServer
from tests.support.registry import Clock


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_registry_whose_table_is_locked_gives_up(server: PostgresqlServer, url: str, clock: Clock) -> None:
    registry = Registry(f"{url}&options=-c%20statement_timeout=300ms", connector="orgcal/prod", operator="ada")
    with server.connect(str(make_url(url).database)) as other, other.transaction():
        other.execute("LOCK TABLE tenants IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(RegistryUnavailable, match="cannot be asked now"):
            registry.add(CONTOSO, "Contoso")
    assert registry.add(CONTOSO, "Contoso").state is State.INVITED
    registry.close()


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_registry_whose_connections_are_all_in_use_gives_up(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "POOL_TIMEOUT_S", 0.2)
    registry = Registry(url, connector="orgcal/prod", operator="ada")
    with ExitStack() as held:
        for _ in range(20):
            held.enter_context(registry.transaction()).execute(text("SELECT 1"))
        with pytest.raises(RegistryUnavailable, match="all connections"):
            registry.add(CONTOSO, "Contoso")
    assert registry.add(CONTOSO, "Contoso").state is State.INVITED
    registry.close()


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_registry_goes_on_after_its_server_was_restarted(
    server: PostgresqlServer, registry: Registry, url: str
) -> None:
    server.stop()
    with pytest.raises(RegistryUnavailable) as away:
        list(registry.tenants())
    server.start()

    assert PASSWORD not in str(away.value)
    assert [tenant.name for tenant in registry.tenants()] == ["Contoso"]


@pytest.mark.parametrize("kind", ["postgres", "postgresql", "postgresql+psycopg"])
def test_registry_address_may_be_written_as_providers_do(server: PostgresqlServer, kind: str) -> None:
    url = server.new_registry()
    registry = Registry(url.replace("postgresql+psycopg", kind), connector="orgcal/prod", operator="ada")
    assert list(registry.tenants()) == []
    registry.close()


def test_registry_on_postgresql_without_its_driver_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)

    with pytest.raises(UsageError, match="the driver for PostgreSQL is not installed") as refused:
        database.open_database(f"postgresql://orgcal:{PASSWORD}@db.example/registry")

    assert refused.value.repair == "pip install 'orgcal[postgresql]'"
    assert PASSWORD not in str(refused.value)


@pytest.mark.parametrize("empty_url", ["postgresql"], indirect=True)
def test_others_wait_while_a_registry_is_migrated(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    upgrade, others = database._upgrade, create_engine(empty_url)
    seen: list[bool] = []

    def look_first(connection: Connection) -> None:
        with others.connect() as other:
            seen.append(bool(other.execute(text("SELECT pg_try_advisory_xact_lock(7215091)")).scalar()))
        upgrade(connection)

    monkeypatch.setattr(database, "_upgrade", look_first)
    Registry(empty_url, connector="orgcal/prod", operator="ada").close()
    others.dispose()

    assert seen == [False]
