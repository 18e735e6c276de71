"""The registry on SQLite and on a real PostgreSQL: its schema, its organisations, and a log that only grows."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from orgcal.errors import UsageError
from orgcal.tenants import links
from orgcal.tenants.links import Spent, spend
from orgcal.tenants.model import State
from orgcal.tenants.registry import Registry, RegistryUnavailable, operator_of, registry_url
from orgcal.tenants.schema import HEAD, METADATA
from tests.support.deployed_connector import CONTOSO
from tests.support.registry import CLIENT, Clock, new_link

ROOT = Path(__file__).resolve().parents[3]


def test_migrations_make_the_schema_that_the_code_has(url: str, registry: Registry) -> None:
    engine = create_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert context.get_current_revision() == HEAD
        assert compare_metadata(context, METADATA) == []
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


def test_registry_opened_by_many_at_once_is_migrated_once(empty_url: str) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _OPEN_TWICE], cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    said = [process.communicate(empty_url)[1] for process in processes]

    assert said == ["", "", ""]
    registry = Registry(empty_url, connector="orgcal/prod", operator="ada")
    assert [(entry.action, entry.subject, entry.result) for entry in registry.log()] == [
        ("push", "client", "pushed")
    ] * 6
    registry.close()


def test_registry_file_is_its_owners_only(tmp_path: Path) -> None:
    folder = tmp_path / "registry"

    with closing(Registry(f"sqlite:///{folder}/tenants.sqlite", connector="orgcal/prod", operator="ada")) as registry:
        registry.add(CONTOSO, "Contoso")

        assert folder.stat().st_mode & 0o077 == 0
        assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())


def test_registry_of_a_newer_orgcal_is_refused(url: str, registry: Registry) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()

    with pytest.raises(
        UsageError, match=r"format 9999, and orgcal .* up to 0004.*\n  repair: use the orgcal that wrote it"
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
    made = new_link(registry)
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
    made = new_link(registry)
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


def test_name_longer_than_a_database_keeps_is_refused_by_both(registry: Registry) -> None:
    with pytest.raises(UsageError, match="201 characters"):
        registry.add(CONTOSO, "x" * 201)


def test_registry_url_and_operator_come_from_the_environment(tmp_path: Path) -> None:
    assert registry_url(tmp_path, {}) == f"sqlite:///{tmp_path}/tenants.sqlite"
    assert registry_url(tmp_path, {"ORGCAL_REGISTRY_URL": "postgresql://x"}) == "postgresql://x"
    assert operator_of({"GITHUB_ACTOR": "octo"}) == "octo"
    assert operator_of({"ORGCAL_OPERATOR": "ada", "GITHUB_ACTOR": "octo"}) == "ada"
    assert operator_of({})
