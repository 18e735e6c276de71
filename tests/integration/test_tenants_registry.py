"""The registry on SQLite and on a real PostgreSQL: states, links that work once, a log that only grows."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from orgcal.errors import UsageError
from orgcal.tenants import database, links
from orgcal.tenants.links import NewLink, Spent, digest, make_link, spend
from orgcal.tenants.model import State, Tenant
from orgcal.tenants.registry import Registry, RegistryUnavailable, operator_of, registry_url
from orgcal.tenants.schema import HEAD, Base
from tests.support.postgresql import PASSWORD, PostgresqlServer, running_postgresql

CLIENT = "cccccccc-0000-4000-8000-000000000001"
CONTOSO = "22222222-2222-2222-2222-222222222222"
WEEK = timedelta(days=7)
ROOT = Path(__file__).resolve().parents[2]


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresqlServer]:
    with running_postgresql() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/registry/tenants.sqlite"
    server: PostgresqlServer = request.getfixturevalue("server")
    return server.new_database(f"registry-{secrets.token_hex(6)}")


@pytest.fixture
def registry(url: str, clock: Clock) -> Iterator[Registry]:
    registry = Registry(url, connector="orgcal/prod", operator="ada", now=clock)
    registry.add(CONTOSO, "Contoso", domain="contoso.com")
    yield registry
    registry.close()


def link(registry: Registry, tenant_id: str = CONTOSO, client_id: str = CLIENT) -> NewLink:
    return make_link(
        registry,
        tenant_id,
        client_id=client_id,
        redirect_uri="https://a.example/consent/callback",
        permission_hash="h",
        lifetime=WEEK,
    )


def test_migrations_make_the_schema_that_the_code_has(url: str, registry: Registry) -> None:
    engine = create_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert context.get_current_revision() == HEAD
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


_OPEN_TWICE = """
import sys, threading
from orgcal.tenants.registry import Registry

def use():
    registry = Registry(url, connector="orgcal/prod", operator="ada")
    registry.note("push", "client", "pushed")
    registry.close()

url = sys.stdin.readline().strip()
threads = [threading.Thread(target=use) for _ in range(2)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


def test_registry_opened_by_many_at_once_is_migrated_once(url: str) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _OPEN_TWICE], cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    said = [process.communicate(url)[1] for process in processes]

    assert said == ["", "", ""]
    registry = Registry(url, connector="orgcal/prod", operator="ada")
    assert [(entry.action, entry.subject, entry.result) for entry in registry.log()] == [
        ("push", "client", "pushed")
    ] * 6
    registry.close()


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_registry_file_is_its_owners_only(tmp_path: Path, registry: Registry) -> None:
    folder = tmp_path / "registry"
    assert folder.stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())


def test_registry_of_a_newer_orgcal_is_refused(url: str, registry: Registry) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()

    with pytest.raises(
        UsageError, match=r"format 9999, and orgcal .* up to 0002.*\n  repair: use the orgcal that wrote it"
    ):
        Registry(url, connector="x", operator="x")


@pytest.mark.parametrize(
    "bad",
    [
        "nonsense",
        "mysql://a:secret@b/c",
        "postgresql://a:se@cret@b/c",
        "oracle+nothing://host/name",
        "sqlite:////proc/nowhere/x.sqlite",
    ],
)
def test_registry_at_an_impossible_address_is_refused(bad: str) -> None:
    with pytest.raises((UsageError, RegistryUnavailable)):
        Registry(bad, connector="x", operator="x")


def test_added_organisation_is_invited_and_found_by_id_domain_and_name(registry: Registry) -> None:
    for wanted in (CONTOSO.upper(), "contoso.com", "CONTOSO"):
        found = registry.get(wanted)
        assert found is not None
        assert (found.tenant_id, found.state) == (CONTOSO, State.INVITED)
    assert registry.get("fabrikam.com") is None
    with pytest.raises(UsageError, match=r"no organisation is called 'fabrikam\.com'"):
        registry.wanted("fabrikam.com")


def test_names_that_are_not_unique_are_refused(registry: Registry) -> None:
    registry.add("33333333-3333-3333-3333-333333333333", "Contoso", domain="contoso.org")
    with pytest.raises(UsageError, match="2 organisations are called"):
        registry.get("contoso")


def test_organisation_added_again_keeps_its_state(registry: Registry) -> None:
    registry.set_state(CONTOSO, State.VERIFIED)
    assert registry.add(CONTOSO, "Contoso Ltd").state is State.VERIFIED
    registry.remove(CONTOSO, reason="over")
    assert registry.add(CONTOSO, "Contoso Ltd").state is State.INVITED


def test_removed_organisation_is_found_and_not_worked_on(registry: Registry) -> None:
    assert registry.current("contoso.com").tenant_id == CONTOSO
    registry.remove(CONTOSO, reason="over")
    assert registry.wanted("contoso.com").tenant_id == CONTOSO
    with pytest.raises(UsageError, match="was removed") as refused:
        registry.current("contoso.com")
    assert "orgcal tenants add contoso.com --stack prod" in str(refused.value)


def test_connectors_in_one_database_do_not_see_each_other(url: str, registry: Registry) -> None:
    other = Registry(url, connector="orgcal/other", operator="bob")
    assert list(other.tenants()) == []
    made = link(registry)
    registry.note("push", CLIENT, "pushed")
    assert list(other.log()) == list(other.log(CONTOSO)) == []
    assert other.last("push", CLIENT) is None
    assert registry.last("push", CLIENT) is not None
    assert spend(other, made.state, client_id=CLIENT) == "unknown"
    assert links.look_up(other, made.link.state_hash) is None
    assert isinstance(spend(registry, made.state, client_id=CLIENT), Spent)
    other.close()


def test_every_change_is_in_the_log_with_time_operator_and_result(registry: Registry, clock: Clock) -> None:
    clock.now += timedelta(hours=1)
    made = link(registry)
    spend(registry, made.state, client_id=CLIENT)
    registry.set_state(CONTOSO, State.REVOKED, reason="gone")

    entries = list(registry.log(CONTOSO))
    assert [(entry.action, entry.result) for entry in entries] == [
        ("add", "added"),
        ("link", "made"),
        ("callback", "link used"),
        ("set", "revoked"),
    ]
    assert {entry.operator for entry in entries} == {"ada"}
    assert entries[-1].at == clock.now
    assert entries[-1].detail == {"before": "invited", "reason": "gone"}
    assert made.state not in json.dumps([entry.as_json() for entry in entries])


def test_log_takes_notes_about_what_changes_no_organisation(registry: Registry) -> None:
    registry.note("rotation", CLIENT, "added", generation=4, empty="")

    [entry] = registry.log(CLIENT)
    assert (entry.action, entry.result, entry.operator, entry.detail) == ("rotation", "added", "ada", {"generation": 4})


@pytest.mark.parametrize("change", ["UPDATE log SET operator = 'mallory'", "DELETE FROM log", "TRUNCATE log"])
def test_log_only_grows(url: str, registry: Registry, change: str) -> None:
    if change.startswith("TRUNCATE") and url.startswith("sqlite"):
        change = "DELETE FROM log"  # SQLite has no other way to empty a table
    engine = create_engine(url)
    with engine.connect() as connection, pytest.raises(SQLAlchemyError, match="only grows"):
        connection.execute(text(change))
    engine.dispose()


# --- links ---


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_state_is_long_random_and_not_kept(tmp_path: Path, registry: Registry) -> None:
    first, second = link(registry), link(registry)

    assert len(first.state) >= 43
    assert first.state != second.state
    assert first.state not in repr(first)
    kept = b"".join(path.read_bytes() for path in (tmp_path / "registry").iterdir())
    assert first.state.encode() not in kept
    assert digest(first.state).encode() in kept


def test_link_works_once(registry: Registry) -> None:
    made = link(registry)
    spent = spend(registry, made.state, client_id=CLIENT)

    assert isinstance(spent, Spent)
    assert spent.link.tenant_id == CONTOSO
    assert spent.result not in repr(spent)
    assert spend(registry, made.state, client_id=CLIENT) == "used"


def test_link_used_by_many_at_once_works_for_one(registry: Registry) -> None:
    made = link(registry)
    start = threading.Barrier(8)
    ended: list[object] = []

    def use() -> None:
        start.wait()
        ended.append(spend(registry, made.state, client_id=CLIENT))

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(isinstance(item, Spent) for item in ended) == 1
    assert ended.count("used") == 7


def test_link_that_expired_or_was_revoked_or_is_of_another_client_does_not_work(
    registry: Registry, clock: Clock
) -> None:
    old = link(registry)
    clock.now += WEEK
    assert spend(registry, old.state, client_id=CLIENT) == "expired"

    revoked = link(registry)
    assert links.revoke(registry, CONTOSO) == 2
    assert spend(registry, revoked.state, client_id=CLIENT) == "revoked"

    assert spend(registry, link(registry).state, client_id="another application") == "unknown"


@pytest.mark.parametrize("forge", [lambda state: state[:-1], lambda state: state + "x", str.lower, lambda state: ""])
def test_state_that_was_changed_is_unknown(registry: Registry, forge: object) -> None:
    assert callable(forge)
    assert spend(registry, forge(link(registry).state), client_id=CLIENT) == "unknown"


def test_result_is_found_by_its_handle_only(registry: Registry) -> None:
    made = link(registry)
    spent = spend(registry, made.state, client_id=CLIENT)
    assert isinstance(spent, Spent)

    assert [item.state_hash for item in links.unfinished(registry)] == [made.link.state_hash]
    links.finish(registry, spent.link, "done")
    found = links.by_result(registry, spent.result)
    assert found is not None
    assert found.outcome == "done"
    assert links.by_result(registry, made.state) is None
    assert links.by_result(registry, "") is None
    assert links.unfinished(registry) == []


# --- waiting is bounded ---


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
    url = server.new_database(f"registry-{secrets.token_hex(6)}")
    registry = Registry(url.replace("postgresql+psycopg", kind), connector="orgcal/prod", operator="ada")
    assert list(registry.tenants()) == []
    registry.close()


def test_registry_on_postgresql_without_its_driver_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)

    with pytest.raises(UsageError, match="the driver for PostgreSQL is not installed") as refused:
        database.open_database(f"postgresql://orgcal:{PASSWORD}@db.example/registry")

    assert refused.value.repair == "pip install 'orgcal[postgresql]'"
    assert PASSWORD not in str(refused.value)


def test_name_longer_than_a_database_keeps_is_refused_by_both(registry: Registry) -> None:
    with pytest.raises(UsageError, match="201 characters"):
        registry.add(CONTOSO, "x" * 201)


# --- moving, naming ---


def test_export_and_import_carry_everything_over(tmp_path: Path, registry: Registry) -> None:
    registry.set_state(CONTOSO, State.VERIFIED, permission_hash="h", consented_at=registry.now(), verdict="pass")
    exported = [json.loads(json.dumps(tenant.as_json())) for tenant in registry.tenants()]
    other = Registry(f"sqlite:///{tmp_path}/other.sqlite", connector="orgcal/prod", operator="bob")

    assert [other.take_in(Tenant.from_json(said)) for said in exported] == [True]
    assert list(other.tenants()) == list(registry.tenants())
    assert not other.take_in(Tenant.from_json(exported[0]))
    other.close()


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"state": "no"},
        {"state": "invited", "x": 1},
        {"state": "invited", "tenant_id": "t", "added_at": "yesterday"},
        [],
    ],
)
def test_import_refuses_what_is_no_organisation(said: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Tenant.from_json(said)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"tenant_id": "common"}, "'common' is not a tenant id"),
        ({"tenant_id": "../../evil?x="}, "is not a tenant id"),
        ({"tenant_id": 5}, "are texts"),
        ({"name": "x" * 5000}, "5000 characters"),
        ({"name": "Fab\x1b[2K"}, r"U\+001B"),
        ({"domain": "a/b#"}, "is not a domain"),
        ({"permissions": 5}, "not an organisation"),
        ({"permissions": [5]}, "are texts"),
        ({"state": "removed"}, "it was removed"),
        ({"added_at": None}, "a time is missing"),
        ({"changed_at": "2026-11-23T10:00:00"}, "a time without a zone"),
    ],
)
def test_import_refuses_what_no_organisation_can_have(registry: Registry, wrong: dict[str, object], says: str) -> None:
    exported = registry.wanted(CONTOSO).as_json()

    assert Tenant.from_json(exported) == registry.wanted(CONTOSO)
    with pytest.raises(ValueError, match=says):
        Tenant.from_json({**exported, **wrong})


def test_import_takes_what_an_orgcal_exported_that_kept_only_hashes(registry: Registry) -> None:
    exported = registry.wanted(CONTOSO).as_json()
    for newer in ("permissions", "checked_at"):
        del exported[newer]

    assert Tenant.from_json(exported) == registry.wanted(CONTOSO)


def test_registry_url_and_operator_come_from_the_environment(tmp_path: Path) -> None:
    assert registry_url(tmp_path, {}) == f"sqlite:///{tmp_path}/tenants.sqlite"
    assert registry_url(tmp_path, {"ORGCAL_REGISTRY_URL": "postgresql://x"}) == "postgresql://x"
    assert operator_of({"GITHUB_ACTOR": "octo"}) == "octo"
    assert operator_of({"ORGCAL_OPERATOR": "ada", "GITHUB_ACTOR": "octo"}) == "ada"
    assert operator_of({})
