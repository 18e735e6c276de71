"""A registry that an older version wrote is read, worked with and kept; its links still end at their organisation."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from orgcal.tenants import links
from orgcal.tenants.model import State
from orgcal.tenants.registry import Registry
from orgcal.tenants.schema import HEAD

WRITTEN = Path(__file__).parents[2] / "engine/deployed_357bda2/registry.sql"
CONTOSO, FABRIKAM = "22222222-2222-2222-2222-222222222222", "33333333-3333-3333-3333-333333333333"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A registry as commit 357bda2 left it."""
    path = tmp_path / "tenants.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(WRITTEN.read_text())
    return path


@pytest.fixture
def registry(file: Path) -> Iterator[Registry]:
    opened = Registry(f"sqlite:///{file}", connector="orgcal/dev", operator="grace")
    yield opened
    opened.close()


def test_organisations_and_log_of_357bda2_are_read(registry: Registry) -> None:
    contoso, fabrikam = registry.tenants()

    assert (contoso.name, contoso.state, contoso.verdict) == ("Contoso", State.VERIFIED, "pass")
    assert (fabrikam.domain, fabrikam.state, fabrikam.invited_by) == ("fabrikam.example", State.INVITED, "ada")
    log = list(registry.log())
    assert (len(log), {entry.operator for entry in log}) == (19, {"ada"})
    assert [entry.action for entry in log if entry.subject == "generation 2"] == ["rotate"] * 4
    assert [entry.result for entry in registry.log(FABRIKAM)][-3:] == ["revoked", "removed", "added"]


def test_registry_of_357bda2_is_written_on_and_its_log_only_grows(registry: Registry, file: Path) -> None:
    registry.set_state(FABRIKAM, State.CONSENTED)
    made = links.make_link(
        registry,
        CONTOSO,
        client_id="client",
        redirect_uri="https://app.example",
        permission_hash="hash",
        lifetime=timedelta(days=7),
    )

    assert links.look_up(registry, made.link.state_hash) is not None
    assert registry.wanted("Fabrikam").state is State.CONSENTED
    assert [(entry.action, entry.operator) for entry in registry.log()][19:] == [
        ("set", "grace"),
        ("link", "grace"),
    ]
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]
        with pytest.raises(sqlite3.IntegrityError, match="the log only grows"):
            connection.execute("DELETE FROM log")


def test_used_link_of_357bda2_stays_used(registry: Registry, file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        hashes = [row[0] for row in connection.execute("SELECT state_hash FROM consent_links")]
    known = [links.look_up(registry, each) for each in hashes]

    ends = {link.tenant_id: (link.outcome, link.revoked_at is not None) for link in known if link is not None}
    assert ends == {CONTOSO: ("done", False), FABRIKAM: ("", True)}


def test_registry_of_357bda2_is_brought_up_without_losing_a_row(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        tables = ("tenants", "consent_links", "log")
        before = [connection.execute(f"SELECT count(*) FROM {table}").fetchone() for table in tables]
        connection.execute("UPDATE tenants SET name = 'ÉCOLE', verdict = 'fail' WHERE tenant_id = ?", (FABRIKAM,))
        connection.execute("UPDATE tenants SET verified_at = '2026-11-26 10:00:00' WHERE tenant_id = ?", (FABRIKAM,))
        connection.commit()

    registry = Registry(f"sqlite:///{file}", connector="orgcal/dev", operator="grace")
    contoso, fabrikam = registry.wanted(CONTOSO), registry.wanted("école")
    registry.close()

    with closing(sqlite3.connect(file)) as connection:
        assert [connection.execute(f"SELECT count(*) FROM {table}").fetchone() for table in tables] == before
    assert contoso.verified_at == contoso.checked_at is not None
    assert fabrikam.tenant_id == FABRIKAM
    assert fabrikam.verified_at is None, "its last verification failed"
    assert fabrikam.checked_at is not None
    assert (contoso.permissions, fabrikam.permissions) == ((), ())


def test_log_of_357bda2_takes_no_replacement_of_a_row(registry: Registry, file: Path) -> None:
    with (
        closing(sqlite3.connect(file)) as connection,
        pytest.raises(sqlite3.IntegrityError, match="the log only grows"),
    ):
        connection.execute(
            "INSERT OR REPLACE INTO log "
            "SELECT entry, at, connector, 'mallory', action, subject, result, detail FROM log"
        )
    assert {entry.operator for entry in registry.log()} == {"ada"}
